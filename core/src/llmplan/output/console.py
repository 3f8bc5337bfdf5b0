"""Rich renderables as text: as wide as the terminal, coloured where it is one, no blanks at the end of lines."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType


def rendered(console: Console, renderables: Iterable[RenderableType]) -> str:
    """What the console would print."""
    with console.capture() as captured:
        for renderable in renderables:
            console.print(renderable)
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))
