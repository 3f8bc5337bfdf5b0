"""docs/how-to/launch.md, run as it is printed; what a plan is expected to take may change with the cost model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "launch.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SCRIPT = re.search(r"^`run.sh`:\n\n```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]


def sessions():
    """Each command with the output that the page prints under it."""
    for block in CONSOLE:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.split("\n")
            end = next(index for index, line in enumerate(lines) if not line.endswith("\\"))
            yield "\n".join(lines[: end + 1]), "\n".join(lines[end + 1 :])


def without_figures(text):
    """The lines of expectations say what they are about, not how much."""
    return re.sub(r"^# expected: .*$", lambda line: re.sub(r"[\d.,]*\d", "N", line[0]), text, flags=re.MULTILINE)


SESSIONS = list(sessions())


def test_the_page_has_something_to_run():
    """The blocks would no longer be found, and nothing of the page would be tested."""
    assert len(SESSIONS) >= 8


@pytest.mark.parametrize(("command", "output"), SESSIONS, ids=[command[:60] for command, _ in SESSIONS])
def test_command(command, output, tmp_path):
    """A reader would type a command of the page and see something else than it prints."""
    (tmp_path / "run.sh").write_text(SCRIPT, encoding="utf-8")
    scripts = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}
    environment.pop("FORCE_COLOR", None)
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    printed = without_figures(done.stderr + done.stdout)
    assert printed == without_figures(output)


def test_python():
    """A script copied from the page would fail, or an assertion in it not hold."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    exec(compile(code, "launch.md", "exec"), {})
