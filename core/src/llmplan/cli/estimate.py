"""The commands that price plans: ``llmplan train`` and ``llmplan infer``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmplan.catalogues import registry
from llmplan.cli.command_options import begun, options_read, plugin_options
from llmplan.cli.compare import COMPARING, changes_of, is_comparison, print_comparison
from llmplan.cli.help import PlanningCommand
from llmplan.cli.options import completer, with_options
from llmplan.cli.progress import TIME_LIMIT, OutOfTimeError, limit_of, progress
from llmplan.errors import BadInputError
from llmplan.estimate import Asking
from llmplan.output.files import text_of
from llmplan.request import PlanRequest, TrainRequest
from llmplan.request.options import joined_options

if TYPE_CHECKING:
    from llmplan.estimate import Estimate, Exporter

DOES_NOT_FIT = 3

SOURCES = Annotated[bool | None, typer.Option("--sources", help="Print what was assumed in full, with its sources.")]
EXTRA: Mapping[str, Any] = {
    "plan": Annotated[
        str | None,
        typer.Option(
            "--plan", metavar="FILE", help="Any of these options from a .toml file, or what a .json result was asked."
        ),
    ],
    "json": Annotated[bool | None, typer.Option("--json", help="Print one JSON object.")],
    "reporter": Annotated[
        str | None,
        typer.Option("--reporter", metavar="NAME", help="What to print.", autocompletion=completer("reporters")),
    ],
    "output": Annotated[
        list[str] | None,
        typer.Option(
            "--output", metavar="FILE", help="Write to a file too: .json, .csv, .md or .txt; may be repeated."
        ),
    ],
    "time_limit": TIME_LIMIT,
    "sources": SOURCES,
    **COMPARING,
}

_INSTEAD = (
    ({"global_batch"}, {"global_batch_tokens"}),
    ({"rate"}, {"concurrency", "trace"}),
    ({"concurrency"}, {"trace"}),
    ({"mfu"}, {"flops_efficiency", "hbm_efficiency", "scale_up_efficiency", "scale_out_efficiency"}),
)
"""Options that say the same in two ways: one given on the command line replaces the other of a plan file."""


_EXPLAIN = Annotated[
    bool | None, typer.Option("--explain", help="Print each line's formula with its numbers and source.")
]


def add_train(app: typer.Typer, summary: str, words: Sequence[str] = ()) -> None:
    """Add ``llmplan train`` to the app."""
    from llmplan.search.train import train

    _add(app, "train", summary, TrainRequest, train, {**EXTRA, **plugin_options(), "explain": _EXPLAIN}, words)


def add_infer(app: typer.Typer, summary: str, words: Sequence[str] = ()) -> None:
    """Add ``llmplan infer`` to the app."""
    from llmplan.request import InferRequest
    from llmplan.search.infer import infer

    _add(app, "infer", summary, InferRequest, infer, {**EXTRA, **plugin_options(), "explain": _EXPLAIN}, words)


def _add(
    app: typer.Typer,
    name: str,
    summary: str,
    request: type[PlanRequest],
    price: Callable[[Any], Any],
    extras: Mapping[str, Any],
    words: Sequence[str],
) -> None:
    def run(given: dict[str, Any], extra: dict[str, Any]) -> int | None:
        reporter, files = reporter_of(extra), _ways_out(extra)
        changes = changes_of(extra["compare"], request, given)
        options = _merged(name, extra, given, changes, request)
        several = is_comparison(request, options, changes)
        made = begun(extra, Asking(command=name, given=options, as_json=reporter == "json", several=several))
        if several:
            fits = print_comparison(price, changes, options, extra, reporter, files)
            return None if fits else DOES_NOT_FIT
        asked = request(**options)
        estimate = _priced(price, asked, limit_of(extra))
        written = made(estimate)
        for option, path, exporter in files:
            from llmplan.output.files import contents_of, write_whole

            write_whole(path, contents_of(exporter, exporter.export, estimate), option)
        if text := written():
            print(text, end="")
        else:
            _print(estimate, reporter, extra)
        if estimate.feasible:
            return None
        from llmplan.cli.advice import tell

        tell("the plan does not fit, or does not keep to what was asked", "infeasible", estimate)
        return DOES_NOT_FIT

    app.command(name, cls=PlanningCommand, help=summary)(with_options(request, extras, run, words))


def _print(estimate: Estimate, reporter: str, extra: Mapping[str, Any]) -> None:
    if extra.get("explain"):
        _explain(estimate, reporter)
        return
    print(text_of(reporter, registry().reporters[reporter].render, estimate), end="")
    if extra["sources"]:
        from llmplan.cli.sources import print_sources

        print_sources(estimate.plan.assumptions)


def _priced(price: Callable[..., Any], asked: PlanRequest, limit: float | None) -> Any:
    """With progress, where all plans are looked at, or many requests simulated."""
    trains = isinstance(asked, TrainRequest)
    try:
        with progress(limit=limit) as watch:
            return price(asked, watch=watch) if trains else price(asked)
    except OutOfTimeError:
        missed = (
            "all plans were looked at; llmplan search train has the best so far" if trains else "there was a result"
        )
        raise BadInputError(f"time-limit: passed before {missed}") from None


def _explain(estimate: Estimate, reporter: str) -> None:
    """The report, and how each of its lines comes about."""
    from llmplan.cli.explain import explained, print_json, print_lines

    lines = explained(estimate)
    if reporter == "json":
        print_json(estimate, lines)
    else:
        used = registry().reporters[reporter]
        print(text_of(reporter, used.render, estimate), end="")
        if used.render_parts is not None:
            print(text_of(reporter, used.render_parts, estimate), end="")
        print_lines(lines)


def _merged(
    name: str, extra: Mapping[str, Any], given: dict[str, Any], changes: Mapping[str, str], request: type[PlanRequest]
) -> dict[str, Any]:
    """The command line, with what it compares, wins over the plan file, and that over what options of plugins read."""
    options, named = dict(given), given.keys() | {option for joined in changes for option in joined.split("+")}
    if extra["plan"] is not None:
        from llmplan.request.plan_file import read_plan

        options = {**what_is_left(read_plan(extra["plan"], request), named), **options}
    read = options_read(extra, Asking(command=name, given=options))
    return {**what_is_left(read, named | options.keys()), **options}


def what_is_left(from_file: Mapping[str, Any], named: Collection[str]) -> dict[str, Any]:
    """Of a plan file's options, beside those that the command line names."""
    left = {name: value for name, value in from_file.items() if name not in named}
    if not left:
        return left
    from llmplan.request import InferRequest

    added = {**joined_options(TrainRequest), **joined_options(InferRequest)}
    for one, other in (*_INSTEAD, *(({name}, {*of["instead"]}) for name, of in added.items())):
        for mine, theirs in ((one, other), (other, one)):
            if not mine.isdisjoint(named):
                left = {name: value for name, value in left.items() if name not in theirs}
    return left


def _ways_out(extra: Mapping[str, Any]) -> list[tuple[str, str, Exporter]]:
    """The option, the file and what writes it, of --output and --picture, looked for before anything is priced."""
    outputs, pictures = extra["output"] or (), extra["picture"] or ()
    if not outputs and not pictures:
        return []
    from llmplan.output.files import exporter_of, painter_of

    files = [("output", path, exporter_of(path)) for path in outputs]
    return [*files, *(("picture", path, painter_of(path)) for path in pictures)]


def reporter_of(extra: Mapping[str, Any]) -> str:
    """The name of the reporter that was asked for."""
    named: str | None = extra["reporter"]
    if extra["json"] and named not in (None, "json"):
        raise BadInputError(f"reporter: {named!r} contradicts --json")
    if extra["sources"] and (extra["json"] or named == "json"):
        raise BadInputError("sources: --json has them all, under assumptions")
    return "json" if extra["json"] else named or ("table" if "table" in registry().reporters else "json")
