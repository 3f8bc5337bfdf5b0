"""The table of figures, with those that options of plugins add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from llmplan.catalogues.offered import Registry, registry
from llmplan.estimate.figure import Figure
from llmplan.estimate.figures import FIGURES

if TYPE_CHECKING:
    from llmplan.estimate import PlanOptions


def every_figure() -> tuple[Figure, ...]:
    """Of all kinds of estimates, in the order of the JSON and of the report."""
    return _every(registry())


def figures_of(kind: str) -> Iterator[Figure]:
    """Those of a kind of estimate, in order."""
    return (figure for figure in every_figure() if kind in figure.on)


@lru_cache(maxsize=4)
def _every(plugins: Registry) -> tuple[Figure, ...]:
    found = list(FIGURES)
    for plugin, one in plugins.plan_options.offered():
        plugins.plugins.run(plugin, f"figures of {one.name}", partial(_join, found, one))
    return tuple(found)


def _join(found: list[Figure], options: PlanOptions) -> None:
    """All of them or, where one fails, none: every plan would fail for figures that nobody asked for."""
    whole = [*found]
    for figure in options.figures():
        whole.insert(_place(whole, figure), figure)
    found[:] = whole


def _place(found: Sequence[Figure], figure: Figure) -> int:
    """Behind the one that it names, of the same estimates; at the end, where it names none."""
    behind = [at for at, one in enumerate(found, start=1) if one.key == figure.after and {*figure.on} & {*one.on}]
    return behind[-1] if behind else len(found)
