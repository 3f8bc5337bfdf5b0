"""The table of plans that a search found: what all have in common on a line, what differs in columns, their figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from llmplan.catalogues.figures import every_figure
from llmplan.estimate.figure import Figure
from llmplan.estimate.figures import AT_CONFIDENCE, TRAIN, WALL_CLOCK
from llmplan.estimate.spread import EVEN
from llmplan.output.document import document, frontier_rows
from llmplan.output.plan_words import server_words, training_words
from llmplan.output.table import Column, Row, fitted
from llmplan.request import option_name
from llmplan.search.result import SearchResult
from llmplan.space.dimensions import DIMENSIONS, SERVED
from llmplan_report.columns import RANGE_COLUMNS, figure_columns, markdown_table
from llmplan_report.terminal.console import INDENT
from llmplan_report.words import dotted, value_words

_TITLED = ("model", "gpu", "dtype", "gpus")
_HEADS = {**{option_name(one.name): one.heading for one in DIMENSIONS if one.heading}, "gpus": "GPUs"}
_TIMES = (AT_CONFIDENCE, WALL_CLOCK)
"""Columns that show what plans are ranked by where the objective is time."""


def table_of(estimates: Sequence[Any], result: SearchResult, console: Console) -> Iterator[RenderableType]:
    """What all plans have in common on a line, what differs in columns, then their figures."""
    yield from table_of_rows(said_rows(estimates, result), result, console)


def in_markdown(plans: Sequence[Row], result: SearchResult) -> list[str]:
    """As a table of Markdown, after a line of what all have in common."""
    common, columns, rows = _columns(plans, result)
    return [*([f"All: {common}", ""] if common else []), *markdown_table(columns, rows)]


def said_rows(estimates: Sequence[Any], result: SearchResult) -> list[Row]:
    """What JSON has of each, and what it decides on."""
    described = _described(result)
    return [{**document(estimate), "said": described(estimate)} for estimate in estimates]


def table_of_rows(plans: Sequence[Row], result: SearchResult, console: Console) -> Iterator[RenderableType]:
    """The table of plans that are given as rows of the JSON."""
    common, columns, rows = _columns(plans, result)
    if common:
        yield Padding(Text(common), (0, 0, 0, INDENT))
    yield from fitted(columns, rows, console, INDENT)


def _columns(plans: Sequence[Row], result: SearchResult) -> tuple[str, list[Column], list[Row]]:
    """What all have in common, and the columns of what differs and of figures, with the rows that they read."""
    rows: list[Row] = [{**plan, "at": at} for at, plan in enumerate(plans, 1)]
    names = list(rows[0]["said"])
    differing = [name for name in names if len({value_words(row["said"][name]) for row in rows}) > 1]
    titled = [name for name in _TITLED if len(result.space.get(name, ())) == 1]
    same = [name for name in names if name not in (*differing, *titled)]
    usual = _usual()
    common = dotted(_in_words(name, value) for name in same if (value := rows[0]["said"][name]) != usual.get(name))
    asked = {result.objective, *result.pareto_of}

    def shown(figure: Figure) -> bool:
        return figure.drawn or figure.objective in asked or (figure is AT_CONFIDENCE and is_sure(result))

    def ranked(figure: Figure) -> bool:
        return figure.objective == result.objective or (result.objective == "time" and figure in _TIMES)

    columns = [Column("#", lambda row: str(row["at"])), *(_varying(name, rows) for name in differing)]
    behind = (column for column in RANGE_COLUMNS if column.said(rows))
    return common, [*columns, *figure_columns(rows, shown, ranked), *behind], rows


def _varying(name: str, rows: Sequence[Row]) -> Column:
    right = not any(isinstance(row["said"][name], str) for row in rows)
    return Column(_HEADS.get(name, name), lambda row: value_words(row["said"][name]), right)


def _described(result: SearchResult) -> Callable[[Any], dict[str, Any]]:
    """What a search decides on, in the words of options, of an estimate."""
    if result.command == TRAIN:
        return lambda estimate: training_words(estimate.plan)
    return lambda estimate: {"gpus": estimate.server.gpus, **server_words(estimate)}


def is_sure(result: SearchResult) -> bool:
    """Whether plans are ranked by anything but their estimates."""
    return result.confidence is not None and result.confidence > EVEN


def points_of(result: SearchResult, points: Sequence[Any]) -> list[Row]:
    """The points of a frontier of servers as rows, in closed form."""
    return [_point(row) for row in frontier_rows(result, points)]


def _point(row: Row) -> Row:
    """What it decides on, beside its figures."""
    keys = {figure.key for figure in every_figure()} | {"requests_per_second", "concurrency", "feasible"}
    said = {option_name(name): value for name, value in row.items() if name not in keys}
    ends = {"at once": round(row["concurrency"]), "within limits": "yes" if row["feasible"] else "no"}
    return {**row, "said": {**said, **ends}}


def _in_words(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"{name.replace('-', ' ')}{'' if value else ' off'}"
    return f"{_HEADS.get(name, name)} {value_words(value)}"


def _usual() -> dict[str, Any]:
    """What needs no words where all plans have it."""
    of_servers = {option_name(name): one.unsaid for name, one in SERVED.items()}
    return {**of_servers, **{option_name(one.name): one.unsaid for one in DIMENSIONS if not one.always_said}}
