"""Options of prices and emissions, for requests of training and of serving."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmplan.catalogues import registry
from llmplan.estimate import PlanOptions, Settled
from llmplan.request.options import described
from llmplan.request.values import as_text
from llmplan_prices.given import as_api_price, as_carbon, as_price

if TYPE_CHECKING:
    from llmplan.estimate.figure import Figure
    from llmplan.records import HardwareProfile

_HEADING = "Money and energy"
_INSTEAD = ("price_per_gpu_hour",)


def _names_of(kind: str) -> Callable[[], list[str]]:
    """What completion offers: the names of a kind of record."""
    return lambda: list(registry().catalogue(kind))


def _option(*about: Any, **more: Any) -> Mapping[str, Any]:
    return described(*about, heading=_HEADING, **more)


def _settle(request: Any, hardware: HardwareProfile) -> Settled:
    from llmplan_prices.settling import settled

    return settled(request, hardware)


def _figures() -> Sequence[Figure]:
    from llmplan_prices.figures import FIGURES

    return FIGURES


def _keys(plan: Any) -> Mapping[str, Any]:
    """The price and the electricity, each with its source."""
    return {name: None if (part := plan.parts.get(name)) is None else part.table for name in ("price", "carbon")}


OPTIONS = PlanOptions(
    name="money",
    description="prices looked up, an API's price, emissions of electricity",
    options={
        "price": _option(
            "Price of one accelerator-hour: 2.5, or whose it is: median, p25, a provider (llmplan list prices), or own "
            "hardware in a TOML file.",
            as_price,
            metavar="WHOSE",
            names=_names_of("prices"),
            path=".toml",
            instead=_INSTEAD,
        ),
        "price_market": _option(
            "In which --price is looked up: on-demand by default, reserved, spot.",
            as_text,
            metavar="MARKET",
            instead=_INSTEAD,
        ),
        "price_region": _option(
            "Of the provider, in which it is; any by default.", as_text, metavar="REGION", instead=_INSTEAD
        ),
        "price_file": _option(
            "Your own prices, which --price takes.", as_text, metavar="FILE.csv", path="", instead=_INSTEAD
        ),
        "carbon": _option(
            "What a kWh emits, in grams of CO2, or where: a region of llmplan list grids.",
            as_carbon,
            metavar="GRAMS|REGION",
            names=_names_of("grids"),
        ),
    },
    infer={
        "api_price": _option(
            "What an API asks for a million tokens, input and output: 3/15, or one number for both.",
            as_api_price,
            metavar="IN/OUT",
            word=True,
        ),
    },
    settle=_settle,
    figures=_figures,
    keys=_keys,
)
