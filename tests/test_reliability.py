"""docs/reliability.md: every test that it tells of is there, with as many cases, and none had failed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
_ROW = re.compile(r"^\| .*? ?\| \[(.*?)\]\(\.\./tests/(\w+)\.py\) \| ([\d,]+) \| (\d+) \|$", re.MULTILINE)


def test_the_page_tells_of_the_tests_as_they_are():
    """If it fails, the page promises what nobody tries any more: python tools/regenerate.py reliability."""
    spec = importlib.util.spec_from_file_location("reliability", ROOT / "tools" / "reliability.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    paths = [str(ROOT / "tests" / f"{module}.py") for module in tool.FAULTS]
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *paths]
    listed = subprocess.run(collect, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    there = Counter(re.findall(r"^tests/(\w+)\.py::(\w+)", listed, re.MULTILINE))
    tried = tool.examples()
    expected = {(tool.words_of(test), module): many * tried.get(test, 1) for (module, test), many in there.items()}
    rows = _ROW.findall(tool.PAGE.read_text("utf-8"))
    assert {(words, module): int(many.replace(",", "")) for words, module, many, _ in rows} == expected
    assert {failed for *_, failed in rows} == {"0"}
