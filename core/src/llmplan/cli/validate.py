"""``llmplan validate SET``: llmplan beside published figures."""

import json
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from llmplan.catalogues import registry
from llmplan.cli.options import completer
from llmplan.cli.tables import print_table

if TYPE_CHECKING:
    from llmplan.validation import Checked, Validation


def add_validate(app: typer.Typer, summary: str) -> None:
    """Add the command."""

    @app.command("validate", help=f"{summary} Exit code 1 where an exact set is missed.")
    def validate_set(
        name: Annotated[str, typer.Argument(help="Set of figures.", autocompletion=completer("validation-sets"))],
        json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    ) -> int:
        from llmplan.validation import validate

        result = validate(registry().validation_sets[name])
        if json_:
            print(json.dumps(result.document(), indent=2))
        else:
            _print(result)
        return 0 if result.passed else 1


def _print(result: "Validation") -> None:
    head = ("", "", ">published", ">llmplan", "") if result.exact else ("", ">published", ">llmplan", ">error", "")
    for table, rows in groupby(result.checked, key=lambda checked: checked.row.table):
        print_table(head, [_row(checked, exact=result.exact) for checked in rows], table)
        print()
    for row_id, reason in result.skipped:
        print(f"skipped {row_id}: {reason}")
    print(_verdict(result))


def _verdict(result: "Validation") -> str:
    rows, skipped = len(result.checked), len(result.skipped)
    if result.exact:
        agreed = sum(checked.agrees for checked in result.checked)
        return f"{agreed} of {rows} rows agree to every printed digit; {skipped} skipped"
    errors = [
        f"{metric}: mean absolute error {of['mean_absolute_error']:.1%}, worst {of['worst_error']:+.1%}"
        for metric, of in result.summary().items()
    ]
    return "\n".join([*errors, f"{rows} rows; {skipped} skipped"])


def _row(checked: "Checked", *, exact: bool) -> tuple[str, ...]:
    """An exact set is marked, any other shows how far it is off."""
    row = checked.row
    name, shown = row.id.removeprefix(f"{row.metric}."), _digits(row.shown(checked.predicted))
    if exact:
        return ("ok" if checked.agrees else "MISS", name, _digits(row.measured), shown, row.note)
    return (name, _digits(row.measured), shown, f"{checked.error:+.2%}", row.note)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if isinstance(value, int) else f"{value:g}"
