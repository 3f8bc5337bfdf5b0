"""The hook that this package implements."""

import typer

from llmplan.hookspecs import hookimpl

LLMPLAN_API = 1


@hookimpl
def llmplan_commands(app: typer.Typer) -> None:
    """Contribute ``llmplan validate``."""
    from llmplan_validation.command import add_validate

    add_validate(app, "Published figures beside llmplan's own.")
