"""``--compare OPTION=VALUES``, ranges of options and ``--picture``: several plans in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from llmplan.catalogues import registry
from llmplan.cli.options import completer
from llmplan.cli.progress import OutOfTimeError, limit_of, progress
from llmplan.errors import BadInputError
from llmplan.output.files import contents_of, text_of, write_whole
from llmplan.request import PlanRequest, TrainRequest, option_name, options_of
from llmplan.request.changes import options_in, several

if TYPE_CHECKING:
    from llmplan.estimate import Comparison, Exporter

T = TypeVar("T")


def _all_options() -> list[str]:
    """Of training and inference, as they are completed."""
    from llmplan.request import InferRequest

    names = (option_name(name) for request in (InferRequest, TrainRequest) for name in options_of(request))
    return [f"{name}=" for name in dict.fromkeys(names)]


COMPARING: Mapping[str, Any] = {
    "compare": Annotated[
        list[str] | None,
        typer.Option(
            "--compare",
            metavar="OPTION=VALUES",
            help="One table of several plans: gpu=a,b. Again for every combination; numbers take --batch 1,8 or 1..256 "
            "too (doubling; 8..64+8 in steps); gpu+tp=a+4,b+2 changes both together.",
            autocompletion=completer(_all_options),
        ),
    ],
    "picture": Annotated[
        list[str] | None,
        typer.Option(
            "--picture",
            metavar="[KIND:]FILE",
            help="Draw it too: .png, .svg or .pdf; KIND is one of `llmplan list exporters`. May be repeated.",
        ),
    ],
}


def changes_of(asked: Iterable[str] | None, request: type[PlanRequest], given: Mapping[str, Any]) -> dict[str, str]:
    """What ``--compare`` says, by the options that it names; none of them may be given by itself too."""
    changes: dict[str, str] = {}
    for one in asked or ():
        names, equals, text = one.partition("=")
        if not equals:
            raise BadInputError(f"compare: {one!r} is not OPTION=VALUES, like gpu=NAME,NAME")
        options = options_in(request, names)
        for option in options:
            if option in given:
                raise BadInputError(f"compare: {option_name(option)} is given by --{option_name(option)} too")
        joined = "+".join(options)
        if joined in changes:
            raise BadInputError(f"compare: {names} is given twice")
        changes[joined] = text
    return changes


def is_comparison(request: type[PlanRequest], options: Mapping[str, Any], changes: Mapping[str, str]) -> bool:
    """Whether any option is given several values."""
    return bool(changes) or any(several(request, name, value) is not None for name, value in options.items())


def print_comparison(
    price: Callable[..., Any],
    changes: Mapping[str, str],
    options: Mapping[str, Any],
    extra: Mapping[str, Any],
    reporter: str,
    files: Sequence[tuple[str, str, Exporter]],
) -> bool:
    """Price, write and print; whether a plan fits. The ways out are looked at before anything is priced."""
    if extra.get("explain"):
        raise BadInputError("explain: explains one plan, not a comparison")
    render = _for_comparisons(f"reporter: {reporter}", registry().reporters[reporter].render_comparison)
    exports = [
        (option, path, exporter, _for_comparisons(f"{option}: {exporter.suffix}", exporter.export_comparison))
        for option, path, exporter in files
    ]
    from llmplan.api import compare

    try:
        with progress(_said, limit_of(extra)) as watch:
            comparison = compare(price, changes, watch=watch, **options)
    except OutOfTimeError:
        raise BadInputError("time-limit: passed before a plan was priced") from None
    for option, path, exporter, export in exports:
        write_whole(path, contents_of(exporter, export, comparison), option)
    print(text_of(reporter, render, comparison), end="")
    if not comparison.feasible:
        from llmplan.cli.advice import tell

        tell(f"none of {len(comparison.variants):,} plans is feasible", "infeasible", comparison)
    return comparison.feasible


def _said(state: Any, _elapsed: float) -> str:
    """Plans, and the best so far by what it costs or makes."""
    from llmplan.estimate.comparison import best_of

    best = best_of([variant for variant in state.variants if variant.feasible])
    return f"{state.done:,} of {state.roots:,} plans{f', best {best.label}' if best else ''}"


def _for_comparisons(what: str, way_out: Callable[[Comparison], T] | None) -> Callable[[Comparison], T]:
    if way_out is None:
        raise BadInputError(f"{what} has no form for comparisons")
    return way_out
