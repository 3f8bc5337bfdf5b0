"""``llmplan validate SET``: llmplan beside published figures."""

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmplan.catalogues import SITES, registry
from llmplan.cli.options import completer
from llmplan.cli.said import plain
from llmplan.cli.tables import print_table
from llmplan.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmplan_validation import Checked, Validation
    from llmplan_validation.score import Summary

_FAR_OFF = 0.1
_MANY = 10_000.0


NAME = Annotated[
    str,
    typer.Argument(help="Set of figures: llmplan list validation-sets.", autocompletion=completer("validation-sets")),
]
ROWS = Annotated[
    str | None,
    typer.Option(
        "--rows", metavar="FILE.csv", help="Other measurements, with the set's columns; or a dump, where it reads one."
    ),
]
PICTURE = Annotated[
    str | None,
    typer.Option("--picture", metavar="FILE", help="Draw predicted against measured: .png, .svg or .pdf."),
]
COST_MODEL = Annotated[
    str | None,
    typer.Option("--cost-model", metavar="NAME", help="Price the rows by it.", autocompletion=completer("cost-models")),
]
SITE = Annotated[
    str | None,
    typer.Option("--site", metavar="NAME", help="Price the rows by it.", autocompletion=completer("sites")),
]


def add_validate(app: typer.Typer, summary: str) -> None:
    """Add ``llmplan validate`` to the app."""

    @app.command("validate", help=f"{summary} Exit code 1 where an exact set is missed.")
    def validate_set(
        name: NAME,
        rows: ROWS = None,
        picture: PICTURE = None,
        cost_model: COST_MODEL = None,
        site: SITE = None,
        json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    ) -> int:
        from llmplan_validation import validate

        if cost_model is not None:
            registry().cost_models[cost_model]  # refused before any row is
        painted = _painter(picture)
        table = None if rows is None else Path(rows)
        options = {"cost_model": cost_model, "site": _found(site)}
        result = validate(registry().validation_sets[name], table, **options)
        painted(result)
        if json_:
            print(json.dumps(result.document(), indent=2))
        else:
            _print(result)
        return 0 if result.passed else 1


def _found(site: str | None) -> Any:
    """Read once, and refused before any row is priced."""
    if site is None:
        return None
    from llmplan.space.choice import find_record

    return find_record(site, "site", SITES)


def _painter(picture: str | None) -> "Callable[[Validation], None]":
    """What draws the result, looked for before anything is priced."""
    if picture is None:
        return lambda _: None
    from llmplan.output.files import contents_of, painter_of, write_whole

    painter = painter_of(picture)
    draw = painter.export_validation
    if draw is None:
        raise BadInputError(f"picture: {painter.name} has no form for published figures")
    return lambda result: write_whole(picture, contents_of(painter, draw, result.document()), "picture")


def _print(result: "Validation") -> None:
    head = ("", "", ">published", ">llmplan", "") if result.exact else ("", "", ">measured", ">llmplan", ">error", "")
    for table, rows in groupby(result.checked, key=lambda checked: checked.row.table):
        print_table(head, [_row(checked, exact=result.exact) for checked in rows], table)
        print()
    for note in dict.fromkeys(checked.row.note for checked in result.checked if checked.row.note and not result.exact):
        print(plain(f"note: {note}"))
    for row_id, reason in result.skipped:
        print(plain(f"skipped {row_id}: {reason}"))
    if not result.exact:
        _print_sources(result)
    print(_verdict(result))


def _print_sources(result: "Validation") -> None:
    """Time and memory by source: rows, mean absolute and worst error."""
    from llmplan_validation.score import GROUPS, by_source

    sources = by_source(result.checked)
    if not sources:
        return
    head = ("source", *(f">{group} {column}" for group in GROUPS for column in ("rows", "mean", "worst")))
    lines = [
        (source, *(cell for group in GROUPS for cell in _cells(groups[group]))) for source, groups in sources.items()
    ]
    print_table(head, lines, "By source: mean absolute and worst error")
    print()


def _cells(found: "Summary | None") -> tuple[str, str, str]:
    if found is None:
        return ("", "", "")
    return (f"{found['rows']}", f"{found['mean_absolute_error']:.1%}", f"{found['worst_error']:+.1%}")


def _verdict(result: "Validation") -> str:
    rows, skipped = len(result.checked), len(result.skipped)
    if result.exact:
        agreed = sum(checked.agrees for checked in result.checked)
        return f"{agreed} of {rows} rows agree to every printed digit; {skipped} skipped"
    left_out = sum(not checked.row.counts for checked in result.checked)
    not_counted = f", {left_out} of them {_why_not(result)} and not counted" if left_out else ""
    inside = [] if result.inside is None else [f"inside their ranges: {result.inside:.0%} of the rows"]
    return "\n".join([*_metrics(result), *_score(result), *inside, f"{rows} rows{not_counted}; {skipped} skipped"])


def _why_not(result: "Validation") -> str:
    """``recalled``, ``of grade B or C``, or both."""
    left_out = [checked.row for checked in result.checked if not checked.row.counts]
    grades = sorted({row.grade for row in left_out if row.grade not in ("", "A")})
    recalled = ["recalled"] if any(row.provenance == "memory" for row in left_out) else []
    return " or ".join([*recalled, *([f"of grade {' or '.join(grades)}"] if grades else [])])


def _metrics(result: "Validation") -> list[str]:
    from llmplan_validation.score import summary

    return [
        f"{metric}: mean absolute error {of['mean_absolute_error']:.1%}, worst {of['worst_error']:+.1%}"
        for metric, of in summary(checked for checked in result.checked if checked.row.counts).items()
    ]


def _score(result: "Validation") -> list[str]:
    """The mean of the sources' means, where rows have sources."""
    from llmplan_validation.score import score

    said = [f"{group} {mean:.1%}" for group, mean in score(result.checked).items() if mean is not None]
    return [f"score, the mean of the sources' mean absolute errors: {', '.join(said)}"] if said else []


def _row(checked: "Checked", *, exact: bool) -> tuple[str, ...]:
    """An exact set is marked where it agrees, any other where it is far off."""
    row = checked.row
    name, shown = row.id.removeprefix(f"{row.metric}."), _digits(row.shown(checked.predicted))
    if exact:
        return ("ok" if checked.agrees else "MISS", name, _digits(row.measured), shown, row.note)
    left_out = "" if row.counts else "recalled" if row.provenance == "memory" else f"grade {row.grade}"
    marks = ["off" if abs(checked.error) > _FAR_OFF else "", left_out]
    return (name, row.metric, _digits(row.measured), shown, f"{checked.error:+.1%}", " ".join(filter(None, marks)))


def _digits(value: float) -> str:
    return f"{value:,.0f}" if isinstance(value, int) or value >= _MANY else f"{value:.4g}"
