"""A price without who asks it."""

from __future__ import annotations

from llmplan import hookimpl


class Planted:
    """One price."""

    name = "planted"
    description = "planted"
    default = False

    def price(self, asked):
        from llmplan_prices.records import Price

        return Price(per_gpu_hour=2.0)


@hookimpl
def llmplan_prices():
    return [Planted()]
