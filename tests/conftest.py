"""What several of these tests share, and the way to their helpers, which ``--import-mode=importlib`` does not open."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzzing.record import keep

DOCUMENT = Path(__file__).parents[1] / "docs" / "plugins.md"


def pytest_sessionfinish():
    """Keeps what a nightly run has tried."""
    keep()


@pytest.fixture(scope="module", autouse=True)
def _no_lines_of_progress():
    """What a command says of its progress each ten seconds would depend on how slow the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llmplan.cli.progress._LINE_SECONDS", float("inf"))
        yield


@pytest.fixture(scope="session")
def documented_plugin() -> dict[str, str]:
    """The files of the plugin that docs/plugins.md shows, by path: each stands in a fence below its path."""
    files = re.findall(
        r"^`(llmplan-acme/[\w.]+)`\n\n```\w+\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return dict(files)


@pytest.fixture(scope="session")
def documented_hooks() -> dict[str, str]:
    """The module that docs/plugins.md shows for each hook, by the hook's name."""
    examples = re.findall(
        r"^### (llmplan_\w+)\(.*?\)$.*?^```python\n(.*?)^```$",
        DOCUMENT.read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    return dict(examples)
