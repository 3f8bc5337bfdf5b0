"""What a month costs, for an hour."""

from __future__ import annotations

from llmplan import hookimpl


class Planted:
    """One price."""

    name = "planted"
    description = "planted"
    default = False

    def price(self, asked):
        from llmplan_prices.records import Price

        return Price(per_gpu_hour=1_600.0, date="2026-11-01", provider="ACME", source="rate card")


@hookimpl
def llmplan_prices():
    return [Planted()]
