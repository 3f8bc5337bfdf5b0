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


def add_validate(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("validate", help="Published figures beside llmplan's own; exit code 1 where an exact set is missed.")
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
    for table, rows in groupby(result.checked, key=lambda checked: checked.row.table):
        print_table(("", "row", ">published", ">llmplan", ">difference", "note"), map(_row, rows), table)
        print()
    for row_id, reason in result.skipped:
        print(f"skipped {row_id}: {reason}")
    agreed = sum(checked.agrees for checked in result.checked)
    print(f"{agreed} of {len(result.checked)} rows agree to every printed digit; {len(result.skipped)} skipped")


def _row(checked: "Checked") -> tuple[str, ...]:
    row = checked.row
    shown = row.shown(checked.predicted)
    mark = "ok" if checked.agrees else "MISS"
    return (mark, row.id, _digits(row.measured), _digits(shown), f"{checked.error:+.2%}", row.note)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if isinstance(value, int) else f"{value:g}"
