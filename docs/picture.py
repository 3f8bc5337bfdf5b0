"""Draws the pictures of the README and of the pages: `tools/regenerate.py pictures`.

A page shows the command of each of its pictures in an `sh` block; `pictures/` beside the pages holds what they write.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.terminal_theme import MONOKAI

COMMAND = "llmplan train --model llama-65b --gpu h100-sxm-80gb --price-per-gpu-hour 2.5"
DOCS = Path(__file__).resolve().parent
PAGE, PICTURES = DOCS / "how-to" / "pictures.md", DOCS / "pictures"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMPARISON = (
    "llmplan infer --model llama-3.1-70b --gpu h100-sxm-80gb --tp 4 --pp 1 --dtype w16a16e16,fp8-inference,w4a16e16 "
    "--batch 1..256 --prompt-tokens 1024 --output-tokens 256 --price-per-gpu-hour 2.5 --picture compare.svg"
)
FRONTIER = (
    "llmplan search infer --model llama-3.1-70b --gpu h100-sxm-80gb --ttft 500ms --tpot 50ms --prompt-tokens 1024 "
    "--output-tokens 256 --picture frontier.svg"
)
WIDTH = 100


def coloured_output() -> str:
    """What the command prints on a terminal."""
    terminal = with_scripts() | {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    terminal.pop("NO_COLOR", None)
    return subprocess.run(shlex.split(COMMAND), env=terminal, check=True, capture_output=True, text=True).stdout


def with_scripts() -> dict[str, str]:
    """The environment, with the scripts of this Python first."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def files() -> dict[Path, str]:
    """The pictures."""
    found = {DOCS / "train.svg": terminal()}
    for command in (COMPARISON, FRONTIER):
        found |= drawn(command, DOCS)
    for command in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if "--picture" in command:
            found |= drawn(command, PICTURES)
    return found


def drawn(command: str, folder: Path) -> dict[Path, str]:
    """What a command writes with ``--picture``, and where it belongs."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["bash", "-c", command], cwd=place, env=with_scripts(), check=True, capture_output=True)
        return {folder / path.name: path.read_text(encoding="utf-8") for path in Path(place).iterdir()}


def terminal() -> str:
    """The command of the README on a terminal."""
    console = Console(record=True, width=WIDTH, highlight=False, file=io.StringIO())
    console.print(f"[bold]$ {COMMAND}[/]\n")
    for line in AnsiDecoder().decode(coloured_output()):
        console.print(line)
    svg = console.export_svg(title="llmplan", theme=MONOKAI, unique_id="llmplan")
    # the reader's own monospace font, instead of one that is loaded from elsewhere
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")
    return "\n".join(line.rstrip() for line in svg.split("\n")) + "\n"
