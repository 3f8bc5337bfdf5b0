"""What the commands of ``llmplan search`` have in common: options beside the space, and how a result is printed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmplan.cli.estimate import DOES_NOT_FIT
from llmplan.cli.options import EXPORT
from llmplan.request import options_of

if TYPE_CHECKING:
    from llmplan.search.result import SearchResult

_INTERRUPTED = 130


def extra_options(priced: str) -> dict[str, Any]:
    """A plan file, and what becomes of the result; `priced` is what there is one of in each row of a table."""
    help_text = f"Write the best plan to a .toml file, all priced {priced} to .csv, .json or .parquet; may be repeated."
    return {
        "plan": Annotated[
            str | None, typer.Option("--plan", metavar="FILE.toml", help="Any of these options from a file.")
        ],
        "json": Annotated[bool | None, typer.Option("--json", help="Print one JSON object.")],
        "output": Annotated[list[str] | None, typer.Option("--output", metavar="FILE", help=help_text)],
        "export": EXPORT,
    }


def split(given: Mapping[str, Any], plan: str | None, of_space: Any, of_search: Any) -> tuple[dict[str, Any], ...]:
    """Options of the space, and those of the search; what is given on the command line wins over the plan file."""
    joined = {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}
    if plan is not None:
        from llmplan.cli.estimate import what_is_left
        from llmplan.request.plan_file import read_plan

        joined = {**what_is_left(read_plan(plan, of_space, of_search), joined), **joined}
    searched = options_of(of_search)
    return (
        {name: value for name, value in joined.items() if name not in searched},
        {name: value for name, value in joined.items() if name in searched},
    )


def say_why_not(why: str, changes: Iterable[str]) -> None:
    """One line: what kills the last plans, and what would do."""
    would = " or ".join(changes)
    print(f"llmplan: no plan is feasible: {why}{would and f'; {would} would do'}", file=sys.stderr)


def exports_of(extra: Mapping[str, Any], command: str) -> Sequence[Any]:
    """The launch files that are asked for, of the best plan."""
    if not extra["export"]:
        return ()
    from llmplan.cli import launching

    return launching.exports_of(extra["export"], command, as_json=bool(extra["json"]))


def launched(exports: Sequence[Any], result: SearchResult) -> bool:
    """Write them; whether one was printed, in place of the report."""
    if not exports:
        return False
    from llmplan.cli import launching

    return launching.launched(exports, result.best if result.feasible else ())


def exit_code(result: SearchResult) -> int | None:
    """Of a search that was printed."""
    if not result.complete:
        return _INTERRUPTED
    return None if result.feasible else DOES_NOT_FIT
