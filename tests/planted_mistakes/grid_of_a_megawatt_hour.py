"""Emissions of a megawatt-hour."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_grids():
    from llmplan_prices.records import Grid

    return [Grid(name="planted", grams_per_kwh=380_000.0, source="report")]
