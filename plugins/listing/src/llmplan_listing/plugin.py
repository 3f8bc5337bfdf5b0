"""The hook that this package implements."""

import typer

from llmplan.hookspecs import hookimpl

LLMPLAN_API = 1


@hookimpl
def llmplan_commands(app: typer.Typer) -> None:
    """Contribute ``llmplan list`` and ``llmplan show``."""
    from llmplan_listing.listing import add_list
    from llmplan_listing.show import add_show

    add_list(app, "What there is to choose from: models, gpus, dtypes and so on.")
    add_show(app, "A model, gpu, dtype and so on, with its sources.")
