"""What serving costs by the hour, against what an API asks for it, and what it emits: of batches and servers alike."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from llmplan.estimate.energy import grams_per_million_tokens

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.records.inference_plan import InferencePlan

_HOURS_PER_MONTH = 730.0
"""8,760 of a year / 12."""
_SECONDS_PER_HOUR = 3600.0
_MILLION = 1e6


class Paid:
    """Figures of an estimate of serving, from figures of its own."""

    __slots__ = ()

    @property
    @abstractmethod
    def plan(self) -> InferencePlan:
        """The plan that is served, with its price and its grid."""

    @property
    @abstractmethod
    def paid_gpus(self) -> Number:
        """How many accelerators are paid for."""

    @property
    @abstractmethod
    def lengths(self) -> tuple[float, float]:
        """Tokens of a prompt and of an answer, on average."""

    @property
    @abstractmethod
    def most_requests_per_second(self) -> Number | None:
        """That can be answered; None where that is not known."""

    @property
    @abstractmethod
    def joules_per_token(self) -> Number | None:
        """Energy over generated tokens; None where that is not known."""

    @property
    def price_per_hour(self) -> Number | None:
        """Of all accelerators; None where no price is known."""
        price = self.plan.price_per_gpu_hour
        return None if price is None else price * self.paid_gpus

    @property
    def price_per_month(self) -> Number | None:
        """The same of a twelfth of a year."""
        return None if self.price_per_hour is None else _HOURS_PER_MONTH * self.price_per_hour

    @property
    def api_cost_per_million_tokens(self) -> Number | None:
        """Of generated tokens with their prompts, at the API; None where its price is not known."""
        api = self.plan.api_price
        return None if api is None else api.of_request(*self.lengths) / self.lengths[1] * _MILLION

    @property
    def break_even_requests_per_second(self) -> Number | None:
        """At which an hour of the accelerators costs what the API asks for the requests of that hour."""
        api, price = self.plan.api_price, self.price_per_hour
        if api is None or price is None:
            return None
        return price / _SECONDS_PER_HOUR / api.of_request(*self.lengths)

    @property
    def break_even_share(self) -> Number | None:
        """The same of the most that can be answered."""
        even, most = self.break_even_requests_per_second, self.most_requests_per_second
        return None if even is None or not most else even / most

    def dearer_than_api(self, what: str) -> tuple[str, ...]:
        """A word where this costs more than the API however much of it is used."""
        share, api = self.break_even_share, self.plan.api_price
        if api is None or share is None or share <= 1:
            return ()
        return (f"api-price {api.label}: the API costs less than {what}: {share:.3g} x its requests would break even",)

    @property
    def carbon_grams_per_million_tokens(self) -> Number | None:
        """CO2 equivalent; None where what a kilowatt-hour emits is not known."""
        joules, grid = self.joules_per_token, self.plan.carbon
        return None if joules is None or grid is None else grams_per_million_tokens(joules, grid)
