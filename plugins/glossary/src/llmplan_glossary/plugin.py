"""The hook that this package implements."""

import typer

from llmplan.hookspecs import hookimpl

LLMPLAN_API = 1


@hookimpl
def llmplan_commands(app: typer.Typer) -> None:
    """Contribute ``llmplan explain``, which says what words mean."""
    from llmplan_glossary.command import add_explain

    add_explain(app)
