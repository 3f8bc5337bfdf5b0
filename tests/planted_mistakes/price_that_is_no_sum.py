"""Terms that are not what the price comes to."""

from __future__ import annotations

from llmplan import hookimpl


class Planted:
    """One price."""

    name = "planted"
    description = "planted"
    default = False

    def price(self, asked):
        from llmplan_prices.records import Price

        return Price(per_gpu_hour=2.0, terms={"capital": 1.2, "power": 0.3}, provider="ACME", source="rate card")


@hookimpl
def llmplan_prices():
    return [Planted()]
