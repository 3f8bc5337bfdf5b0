"""The outputs that the README and the pages of docs/ print under their commands, as the commands print them now."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(
    r"^`([\w./-]+\.(?:toml|json|sh|py|csv|log|txt))`:\n\n```(?:toml|json|sh|python|csv|text)\n(.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
WIDTH = "100"
WHEN = "1795910400"
"""29 November 2026, in seconds: prices on the pages are as old as they were then."""


def pages() -> tuple[Path, ...]:
    """The README and every page of docs/ that shows what a command prints, but for the plugins' own."""
    found = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name != "plugins.md")]
    return tuple(path for path in found if CONSOLE.search(path.read_text(encoding="utf-8")))


def files() -> dict[Path, str]:
    """The pages."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # of threads, which wait for commands
        return dict(zip(pages(), pool.map(lambda path: page(path.read_text(encoding="utf-8")), pages()), strict=True))


def page(text: str) -> str:
    """With every console block run, in a folder with the files that the page shows."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(text, Path(folder))
        return CONSOLE.sub(lambda block: f"```console\n{session(block[1], Path(folder))}```", text)


def write_files(text: str, folder: Path) -> None:
    """The files that a page shows below their names."""
    for name, content in FILE.findall(text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def session(block: str, folder: Path) -> str:
    """Each command, and what it prints."""
    begins, *parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    return begins + "".join(f"$ {command}\n{output(command, folder)}" for command in map(command_of, parts))


def command_of(part: str) -> str:
    """All lines up to the first that does not end with a backslash."""
    lines = part.split("\n")
    end = next(index for index, line in enumerate(lines) if not line.endswith("\\"))
    return "\n".join(lines[: end + 1])


def output(command: str, folder: Path) -> str:
    """Errors first, as the test of the page has them."""
    scripts = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": WIDTH}
    environment |= {"SOURCE_DATE_EPOCH": WHEN, "XDG_CONFIG_HOME": str(folder)}
    environment.pop("FORCE_COLOR", None)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stderr + done.stdout
