"""``llmplan train`` and ``llmplan infer``."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from llmplan.api import infer, train
from llmplan.catalogues import registry
from llmplan.cli.compare import COMPARING, changes_of, is_comparison, print_comparison
from llmplan.cli.options import EXPORT, FROM, Request, completer, with_options
from llmplan.errors import BadInputError
from llmplan.estimate import Estimate, Exporter, InferenceEstimate, ServerEstimate, TrainingEstimate
from llmplan.output.words import gib
from llmplan.records import Recompute
from llmplan.request import InferRequest, TrainRequest

DOES_NOT_FIT = 3
_MOST_ZERO = 3

_EXTRA: Mapping[str, Any] = {
    "plan": Annotated[
        str | None, typer.Option("--plan", metavar="FILE.toml", help="Any of these options from a file.")
    ],
    "json": Annotated[bool | None, typer.Option("--json", help="Print one JSON object.")],
    "reporter": Annotated[
        str | None,
        typer.Option("--reporter", metavar="NAME", help="What to print.", autocompletion=completer("reporters")),
    ],
    "output": Annotated[
        str | None, typer.Option("--output", metavar="FILE", help="Write to a file too: .json, .csv, .md or .txt.")
    ],
    "export": EXPORT,
    "from_": FROM,
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


def add_train(app: typer.Typer, summary: str) -> None:
    """Add ``llmplan train``."""
    _add(app, "train", summary, TrainRequest, train, {**_EXTRA, "explain": _EXPLAIN})


def add_infer(app: typer.Typer, summary: str) -> None:
    """Add ``llmplan infer``."""
    _add(app, "infer", summary, InferRequest, infer, {**_EXTRA, "explain": _EXPLAIN})


def _add(
    app: typer.Typer,
    name: str,
    summary: str,
    request: type[Request],
    price: Callable[[Any], Any],
    extras: Mapping[str, Any],
) -> None:
    def run(given: dict[str, Any], extra: dict[str, Any]) -> int | None:
        reporter, exporter = _reporter(extra), _exporter(extra["output"])
        exports = _exports(name, extra, reporter)
        changes = changes_of(extra["compare"], request, given)
        options = _merged(name, extra, given, changes, request)
        if is_comparison(request, options, changes):
            if exports:
                raise BadInputError(f"export: {exports[0].name} writes one plan, and these are several")
            fits = print_comparison(price, changes, options, extra, reporter, exporter)
            return None if fits else DOES_NOT_FIT
        if extra["picture"]:
            raise BadInputError("picture: draws a comparison; give --compare, or several values like --batch 1..64")
        asked = request(**options)
        estimate = _priced(price, asked)
        launched = _launched(exports, estimate)
        if exporter is not None:
            from llmplan.output.whole import write_whole

            write_whole(extra["output"], exporter.export(estimate))
        if launched():
            return None
        if extra.get("explain"):
            _explain(estimate, reporter)
        else:
            print(registry().reporters[reporter].render(estimate), end="")
        return None if estimate.feasible else _say_why_not(estimate, asked)

    app.command(name, help=summary)(with_options(request, extras, run))


def _priced(price: Callable[..., Any], asked: Request) -> Any:
    """With progress, where all plans are looked at."""
    if not isinstance(asked, TrainRequest) or not sys.stderr.isatty():
        return price(asked)
    from llmplan.cli.progress import progress

    with progress() as watch:
        return price(asked, watch=watch)


def _exports(name: str, extra: Mapping[str, Any], reporter: str) -> Sequence[Any]:
    """The launch files that are asked for."""
    if not extra["export"]:
        return ()
    from llmplan.cli.launching import exports_of

    return exports_of(extra["export"], name, as_json=reporter == "json")


def _launched(exports: Sequence[Any], estimate: Estimate) -> Callable[[], bool]:
    """Made already, written when it is called; says whether one was printed, in place of the report."""
    if not exports:
        return lambda: False
    from llmplan.cli.launching import launch

    return launch(exports, estimate)


def _explain(estimate: Estimate, reporter: str) -> None:
    """The report, and how each of its lines comes about."""
    from llmplan.cli.explain import explained, print_json, print_lines

    lines = explained(estimate)
    if reporter == "json":
        print_json(estimate, lines)
    else:
        print(registry().reporters[reporter].render(estimate), end="")
        print_lines(lines)


def _merged(
    name: str, extra: Mapping[str, Any], given: dict[str, Any], changes: Mapping[str, str], request: type[Request]
) -> dict[str, Any]:
    """The command line, with what it compares, wins over the plan file, and that over a launch file."""
    options, named = dict(given), given.keys() | {option for joined in changes for option in joined.split("+")}
    if extra["plan"] is not None:
        from llmplan.request.plan_file import read_plan

        options = {**what_is_left(read_plan(extra["plan"], request), named), **options}
    if extra["from_"] is not None:
        from llmplan.cli.launching import options_from, without_load

        read = without_load(options_from(extra["from_"], name, request), options)
        options = {**what_is_left(read, named | options.keys()), **options}
    return options


def what_is_left(from_file: Mapping[str, Any], named: Collection[str]) -> dict[str, Any]:
    """Of a plan file's options, beside those that the command line names."""
    left = {name: value for name, value in from_file.items() if name not in named}
    for one, other in _INSTEAD:
        for mine, theirs in ((one, other), (other, one)):
            if not mine.isdisjoint(named):
                left = {name: value for name, value in left.items() if name not in theirs}
    return left


def _reporter(extra: Mapping[str, Any]) -> str:
    named: str | None = extra["reporter"]
    if extra["json"] and named not in (None, "json"):
        raise BadInputError(f"reporter: {named!r} contradicts --json")
    return "json" if extra["json"] else named or "table"


def _exporter(output: str | None) -> Exporter | None:
    """Chosen before anything is computed, by the file's ending."""
    if output is None:
        return None
    entries = registry().exporters.entries()
    fitting = {f"{provider}:{name}": of for name, provider, of in entries if of.suffix == Path(output).suffix}
    if not fitting:
        suffixes = ", ".join(dict.fromkeys(exporter.suffix for _, _, exporter in entries))
        raise BadInputError(f"output: {output!r} does not end in {suffixes}")
    if len(fitting) > 1:
        raise BadInputError(f"output: {Path(output).suffix} is written by {' and '.join(fitting)}; uninstall one")
    return next(iter(fitting.values()))


def _say_why_not(estimate: Estimate, request: Request) -> int:
    if isinstance(estimate, ServerEstimate) and estimate.overloaded:
        from llmplan.cli.overloaded import overloaded

        print(f"llmplan: {overloaded(estimate, request.gpus)}", file=sys.stderr)
        return DOES_NOT_FIT
    return _say_it_does_not_fit(estimate, request)


def _say_it_does_not_fit(estimate: Estimate, request: Request) -> int:
    used, capacity = estimate.memory_bytes_per_gpu, estimate.memory_capacity_bytes
    parts = sorted(estimate.memory_breakdown.items(), key=lambda part: -part[1])
    listed = ", ".join(f"{name} {size:,.0f} ({gib(size)})" for name, size in parts)
    pool = estimate.fullest_pool if isinstance(estimate, ServerEstimate) else None
    where = f"the {pool} pool needs " if pool else ""
    print(
        f"llmplan: does not fit: {where}{used - capacity:,.0f} bytes ({gib(used - capacity)}) more than the "
        f"{gib(capacity)} of {estimate.plan.hardware.name}; {listed}{_way_out(estimate, request)}",
        file=sys.stderr,
    )
    return DOES_NOT_FIT


def _way_out(estimate: Estimate, request: Request) -> str:
    """Options that hold less, where they are not taken yet."""
    if not isinstance(estimate, TrainingEstimate):
        return _way_out_of_serving(estimate, request) if isinstance(request, InferRequest) else ""
    plan = estimate.plan
    ways = [
        "a smaller --micro-batch" if plan.micro_batch > 1 else "",
        f"--zero {_MOST_ZERO}" if plan.layout.zero < _MOST_ZERO and plan.layout.dp > 1 else "",
        "--recompute full" if plan.recompute != Recompute.FULL else "",
        "more --tp, --pp or --gpus",
    ]
    return f"; {', '.join(filter(None, ways))} hold less"


def _way_out_of_serving(estimate: InferenceEstimate | ServerEstimate, request: InferRequest) -> str:
    """The nearest settings that fit, tried out; and what else holds less."""
    from llmplan.search.serving.nearest import nearest_that_fit

    if isinstance(estimate, ServerEstimate) and estimate.fullest_pool == "prefill":
        return "; more --prefill-tp or --prefill-pp, or fewer bits (--dtype, --kv-bits) hold less"
    near = nearest_that_fit(request, estimate)
    longest = "; the cache is that of the longest sequence" if isinstance(estimate, ServerEstimate) else ""
    fits = f"; {' or '.join(near)} would fit" if near else ""
    return f"{longest}{fits}; fewer bits (--dtype, --kv-bits) hold less"
