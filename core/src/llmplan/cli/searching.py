"""What the commands of ``llmplan search`` have in common: options beside the space, and how a result is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmplan.catalogues import registry
from llmplan.cli.command_options import begun, options_read, plugin_options
from llmplan.cli.estimate import DOES_NOT_FIT, EXTRA, reporter_of, what_is_left
from llmplan.cli.progress import TIME_LIMIT
from llmplan.cli.said import say
from llmplan.errors import BadInputError
from llmplan.estimate import Asking
from llmplan.output.files import text_of
from llmplan.request import TrainRequest, options_of

if TYPE_CHECKING:
    from llmplan.estimate import Estimate
    from llmplan.search.result import SearchResult

_INTERRUPTED, _LOST = 130, 1


def extra_options(priced: str) -> dict[str, Any]:
    """A plan file, and what becomes of the result; `priced` is what there is one of in each row of a table."""
    help_text = (
        f"Write the best plan to a .toml file, all priced {priced} to .csv, .json or .parquet, the report to .txt; "
        "may be repeated."
    )
    return {
        "plan": Annotated[
            str | None,
            typer.Option(
                "--plan",
                metavar="FILE",
                help="Any of these options from a .toml file, or what a .json result was asked.",
            ),
        ],
        **{name: EXTRA[name] for name in ("json", "reporter", "sources", "picture")},
        "output": Annotated[list[str] | None, typer.Option("--output", metavar="FILE", help=help_text)],
        "time_limit": TIME_LIMIT,
        **plugin_options(),
    }


def split(
    given: Mapping[str, Any], extra: Mapping[str, Any], of_space: Any, of_search: Any
) -> tuple[dict[str, Any], ...]:
    """Options of the space, and those of the search. The command line wins over the plan file, and that over what
    options of plugins read, whose layout is what the search is to better, and so left open.
    """
    joined = {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}
    if extra["plan"] is not None:
        from llmplan.request.plan_file import read_plan

        joined = {**what_is_left(read_plan(extra["plan"], of_space, of_search), joined), **joined}
    command = "train" if issubclass(of_space, TrainRequest) else "infer"
    if read := options_read(extra, Asking(command=command, given=joined, searching=True)):
        from llmplan.space.dimensions import without_layout

        joined = {**what_is_left(without_layout(read, command), joined), **joined}
    searched = options_of(of_search)
    return (
        {name: value for name, value in joined.items() if name not in searched},
        {name: value for name, value in joined.items() if name in searched},
    )


def renderer_of(extra: Mapping[str, Any]) -> Callable[[SearchResult], str]:
    """What prints the result; BadInputError where a reporter has no words for searches."""
    reporter = reporter_of(extra)
    render = registry().reporters[reporter].render_search
    if render is None:
        raise BadInputError(f"reporter: {reporter} has no form for what a search finds")
    return partial(text_of, reporter, render)


def making(extra: Mapping[str, Any], command: str) -> Callable[[Estimate | None], Callable[[], str]]:
    """What options of plugins are to make of the best plan."""
    return begun(extra, Asking(command=command, given={}, searching=True, as_json=bool(extra["json"])))


def found(
    result: SearchResult,
    render: Callable[[SearchResult], str],
    made: Callable[[Estimate | None], Callable[[], str]],
    extra: Mapping[str, Any],
    *,
    in_time: bool,
) -> int | None:
    """What options of plugins make of the best plan, which may be printed in place of the report; the exit code."""
    if text := made(result.best[0] if result.feasible and result.best else None)():
        print(text, end="")
        return _exit_code(result, in_time)
    print(render(result), end="")
    if extra["sources"] and result.best:
        from llmplan.cli.sources import print_sources

        print_sources(result.best[0].plan.assumptions)
    if result.verdict is not None:
        from llmplan.cli.advice import tell

        tell(f"no plan is feasible: {result.verdict.constraint}", "infeasible", result)
    elif not in_time and not result.feasible:
        say("llmplan: time-limit: passed before a plan was found")
    return _exit_code(result, in_time)


def _exit_code(result: SearchResult, in_time: bool) -> int | None:
    """A search that was stopped by its time limit did what it was asked for."""
    if result.lost:
        say(f"llmplan: scheduler: {result.lost}; this is the best so far")
        return _LOST
    if in_time and not result.complete:
        return _INTERRUPTED
    return None if result.feasible else DOES_NOT_FIT
