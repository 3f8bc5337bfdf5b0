"""Draws the pictures of the README and of docs/serving_search.md: ``python docs/picture.py``."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.terminal_theme import MONOKAI

COMMAND = "llmplan train --model llama-65b --gpu h100-sxm-80gb --price-per-gpu-hour 2.5"
PICTURE = Path(__file__).with_name("train.svg")
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
    terminal = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    terminal.pop("NO_COLOR", None)
    return subprocess.run(shlex.split(COMMAND), env=terminal, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Write the pictures."""
    for command in (COMPARISON, FRONTIER):
        subprocess.run(shlex.split(command), cwd=PICTURE.parent, check=True, capture_output=True)
    console = Console(record=True, width=WIDTH, highlight=False, file=Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    console.print(f"[bold]$ {COMMAND}[/]\n")
    for line in AnsiDecoder().decode(coloured_output()):
        console.print(line)
    svg = console.export_svg(title="llmplan", theme=MONOKAI, unique_id="llmplan")
    # the reader's own monospace font, instead of one that is loaded from elsewhere
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")
    PICTURE.write_text("\n".join(line.rstrip() for line in svg.split("\n")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
