"""The hooks that this package implements, and those that it has for others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from llmplan.catalogues.kinds import Kind
from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer

    from llmplan.estimate import PlanOptions
    from llmplan_prices.records import Grid, PriceSource

LLMPLAN_API = 1


def _grid(record: Grid) -> Mapping[str, str]:
    from llmplan.output.words import digits

    return {">g CO2 a kWh": digits(record.grams_per_kwh), "description": record.description}


def _check_price(source: PriceSource) -> None:
    from llmplan_prices.contract import check_price

    check_price(source)


def _check_grid(grid: Grid) -> None:
    from llmplan_prices.contract import check_grid

    check_grid(grid)


@hookimpl
def llmplan_kinds() -> Iterable[Kind]:
    """Words for ``--price``, and regions for ``--carbon``."""
    yield Kind("prices", "llmplan_prices", "records.PriceSource", package=__package__, contract=_check_price)
    yield Kind(
        *("grids", "llmplan_grids", "records.Grid"),
        package=__package__,
        columns=_grid,
        is_shown=True,
        contract=_check_grid,
    )


@hookimpl
def llmplan_plan_options() -> Iterable[PlanOptions]:
    """Contribute the options of money and emissions, and the figures that follow from them."""
    from llmplan_prices.options import OPTIONS

    yield OPTIONS


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
