"""Emissions in kilograms."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_grids():
    from llmplan_prices.records import Grid

    return [Grid(name="planted", grams_per_kwh=0.38, source="report")]
