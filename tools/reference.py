"""Fills in the tables of docs/reference.md that follow from the code: ``python tools/reference.py``.

A table stands between two comments, the first of which says what it is of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from llmplan.catalogues.figures import figures_of
from llmplan.estimate.figure import Figure
from llmplan.request import (
    LOADS,
    SERVER_OPTIONS,
    InferRequest,
    InferSearchRequest,
    PlanRequest,
    SearchRequest,
    TrainRequest,
    options_of,
)

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
_BLOCK = re.compile(r"(<!-- (figures|options): (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_UNITS = {"s": "seconds", "share": "of 1", "money": "in the currency of the price"}


def figure_rows(kind: str) -> Iterator[str]:
    """A row for each figure of an estimate, or of what is under ``server`` alone."""
    inside = kind == "under_server"
    for figure in figures_of("server" if inside else kind):
        depth = figure.key.count(".")
        if depth == (1 if inside else 0):
            yield _row(figure, figure.key.rpartition(".")[2])


def _row(figure: Figure, key: str) -> str:
    keys = f"`{key}`, `{key}_range`" if figure.range and "." not in figure.key else f"`{key}`"
    needs = f"; `null` without {figure.needs.replace('--', '`--', 1)}{'`' if '--' in figure.needs else ''}"
    return f"| {keys} | {_UNITS.get(figure.unit, figure.unit)} | {figure.words}{needs if figure.needs else ''} |"


def option_rows(command: str) -> Iterator[str]:
    """A row for each option of a command, with what its value looks like and the help of the command line."""
    request, names = _OPTIONS[command]
    for name, option in options_of(request).items():
        if names is None or name in names:
            value = "true or false" if option["flag"] else f"`{option['metavar']}`".replace("|", "\\|")
            yield f"| `{name}` | {value} | {option['help'].replace('|', chr(92) + '|')} |"


_LOADED = (*LOADS, *SERVER_OPTIONS)
_OPTIONS: Mapping[str, tuple[type[Any], Collection[str] | None]] = {
    "train": (TrainRequest, None),
    "infer": (InferRequest, options_of(InferRequest).keys() - options_of(PlanRequest).keys() - set(_LOADED)),
    "server": (InferRequest, _LOADED),
    "search_train": (SearchRequest, None),
    "search_infer": (InferSearchRequest, None),
}
_TABLES: Mapping[str, Callable[[str], Iterable[str]]] = {"figures": figure_rows, "options": option_rows}
_HEADS = {
    "figures": "| key | unit | meaning |\n| --- | --- | --- |\n",
    "options": "| option | value | meaning |\n| --- | --- | --- |\n",
}


def filled(text: str) -> str:
    """The page with its tables as the code has them now."""

    def table(match: re.Match[str]) -> str:
        begin, what, of, end = match.groups()
        return f"{begin}\n{_HEADS[what]}{''.join(f'{row}' + chr(10) for row in _TABLES[what](of))}\n{end}"

    return _BLOCK.sub(table, text)


def files() -> dict[Path, str]:
    """The page as it should be now."""
    return {PAGE: filled(PAGE.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
