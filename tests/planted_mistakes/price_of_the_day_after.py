"""A price that was asked in the future."""

from __future__ import annotations

from llmplan import hookimpl


class Planted:
    """One price."""

    name = "planted"
    description = "planted"
    default = False

    def price(self, asked):
        from llmplan_prices.records import Price

        return Price(per_gpu_hour=2.0, date="2226-11-01", provider="ACME", source="rate card")


@hookimpl
def llmplan_prices():
    return [Planted()]
