"""The hooks that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer

    from llmplan.records import Grid, PriceSource

LLMPLAN_API = 1


@hookimpl
def llmplan_prices() -> Iterable[PriceSource]:
    """Percentiles, and each provider of the lists."""
    from llmplan_prices.sources import sources

    return sources()


@hookimpl
def llmplan_grids() -> Iterable[Grid]:
    """Contribute what a kilowatt-hour emits in countries and regions of clouds."""
    from llmplan_prices.grids import grids

    return grids()


@hookimpl
def llmplan_commands(app: typer.Typer) -> None:
    """Contribute the command ``llmplan prices`` to the app."""
    from llmplan_prices.command import add_prices

    add_prices(app)
