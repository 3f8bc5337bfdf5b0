"""``llmplan report``: any other command of llmplan, as a page."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import typer

from llmplan.catalogues import registry
from llmplan.cli.app import build_app
from llmplan.errors import BadInputError

_PRICES = ("train", "infer", "search")


def add_report(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        "report",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        help="A command's answer as one self-contained page: llmplan report train --model NAME --gpu NAME.",
    )
    def report(
        context: typer.Context,
        output: str = typer.Option("report.html", "--output", metavar="FILE.html", help="The page."),
    ) -> int | None:
        """Run the command with the page as one more thing to write, and say where it is."""
        asked = context.args
        if not asked or asked[0] not in _PRICES:
            raise BadInputError(f"report: {asked[0] if asked else 'nothing'!r} is none of {', '.join(_PRICES)}")
        if not output.endswith(".html"):
            raise BadInputError(f"output: {output!r} does not end in .html")
        words = [*asked, "--output", output]
        with redirect_stdout(io.StringIO()):
            code = build_app(registry(), words)(args=words, prog_name="llmplan", standalone_mode=False)
        print(output)
        return code if isinstance(code, int) else None
