"""The table of figures, with those that options of plugins add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from llmplan.catalogues.guard import hushed
from llmplan.catalogues.offered import Registry, registry
from llmplan.estimate.figure import Figure
from llmplan.estimate.figures import FIGURES


def every_figure() -> tuple[Figure, ...]:
    """Of all kinds of estimates, in the order of the JSON and of the report."""
    return _every(registry())


def figures_of(kind: str) -> Iterator[Figure]:
    """Those of a kind of estimate, in order."""
    return (figure for figure in every_figure() if kind in figure.on)


@lru_cache(maxsize=4)
def _every(plugins: Registry) -> tuple[Figure, ...]:
    found = list(FIGURES)
    by_distribution = {plugin.distribution: plugin for plugin in plugins.plugins.loaded}
    for name, distribution, one in plugins.plan_options.entries():
        try:
            with hushed():
                added = [(figure, _place(found, figure)) for figure in one.figures()]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - every plan would fail for figures that nobody asked for
            plugins.plugins.note(by_distribution[distribution], error, f"figures of {name}: ")
        else:
            for figure, _ in added:
                found.insert(_place(found, figure), figure)
    return tuple(found)


def _place(found: Sequence[Figure], figure: Figure) -> int:
    """Behind the one that it names, of the same estimates; at the end, where it names none."""
    behind = [at for at, one in enumerate(found, start=1) if one.key == figure.after and {*figure.on} & {*one.on}]
    return behind[-1] if behind else len(found)
