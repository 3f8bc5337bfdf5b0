"""What users ask of a server: when requests come, how long prompts and answers are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

_WIDE = 3.0
"""The longest over the shortest, from which on lengths are not narrow."""
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
"""The additive step whose multiples fill 0 to 1 most evenly: of ranks of answers, from pair to pair."""
_SAMPLE = 256
"""Pairs of lengths that stand for all; lengths that do not vary need one."""
_SAMPLE_OF_NARROW = 32
"""The same where the longest is within a few times the shortest."""
_RARE = 0.0005
"""Longer or shorter ones are not counted on."""


@frozen(repr=False)
class Family:
    """A family of distributions of lengths, scaled to a mean."""

    name: str
    quantile: Callable[[float, float, float], float]
    """Of a mean, a coefficient of variation and a probability above 0 and below 1."""
    most_cv: float
    """The largest coefficient of variation that it can have; 0 where it is not free."""


def _fixed(mean: float, _cv: float, _probability: float) -> float:
    """Every length is the mean."""
    return mean


def _uniform(mean: float, cv: float, probability: float) -> float:
    """Even between mean (1 - sqrt(3) cv) and mean (1 + sqrt(3) cv)."""
    return mean * (1.0 + math.sqrt(3.0) * cv * (2.0 * probability - 1.0))


def _lognormal(mean: float, cv: float, probability: float) -> float:
    """Exp of a normal of variance s^2 = ln(1 + cv^2) and mean ln(mean) - s^2 / 2."""
    from statistics import NormalDist

    variance = math.log1p(cv * cv)
    return mean * math.exp(math.sqrt(variance) * NormalDist().inv_cdf(probability) - variance / 2.0)


def _geometric(mean: float, _cv: float, probability: float) -> float:
    """1, 2, 3, …, each token the last with the same probability 1 / mean."""
    if mean <= 1.0:
        return 1.0
    return math.ceil(math.log1p(-probability) / math.log1p(-1.0 / mean))


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("fixed", _fixed, 0.0),
        Family("uniform", _uniform, 1.0 / math.sqrt(3.0)),
        Family("lognormal", _lognormal, 10.0),
        Family("geometric", _geometric, 0.0),
    )
}


@frozen(repr=False)
class Variation:
    """A family with how far it varies."""

    family: Family
    cv: float = 0.0

    @property
    def label(self) -> str:
        """The variation as people write it: ``uniform:0.3``."""
        return f"{self.family.name}:{self.cv!r}" if self.cv else self.family.name


USUAL = Variation(FAMILIES["uniform"], 0.115)
"""Within 20 % of the mean, as serving benchmarks draw random prompts and answers (--random-range-ratio 0.8)."""


@frozen(repr=False)
class Lengths:
    """How many tokens prompts, or answers, have."""

    mean: int
    family: Family = FAMILIES["fixed"]
    cv: float = 0.0

    @property
    def varies(self) -> bool:
        """Whether they are not all alike."""
        return self.cv > 0 or self.family.quantile is _geometric

    @property
    def label(self) -> str:
        """``1,024``, ``1,024 +- 20 %``, ``1,024 on average (lognormal, cv 0.5)``."""
        if not self.varies:
            return f"{self.mean:,}"
        if self.family.quantile is _uniform:
            return f"{self.mean:,} ± {100.0 * math.sqrt(3.0) * self.cv:.0f} %"
        cv = f", cv {self.cv:g}" if self.cv else ""
        return f"{self.mean:,} on average ({self.family.name}{cv})"

    def quantile(self, probability: float) -> int:
        """The length that this share does not exceed: whole, at least 1, and no more than the longest of some 1,000."""
        bounded = min(max(probability, _RARE), 1.0 - _RARE)
        return max(1, round(self.family.quantile(self.mean, self.cv, bounded)))


@frozen(repr=False)
class Request:
    """One request to a server: a prompt and its answer."""

    arrival_seconds: float
    prompt_tokens: int
    output_tokens: int


@frozen(kw_only=True, eq=False, repr=False)
class Workload:
    """A load of a server: either a rate, or a number of users, or a trace."""

    rate: float | None = None
    """Requests a second, in a Poisson process: at the peak of the load."""
    peak: float = 1.0
    """Of the rate over its mean, which is what is paid for."""
    concurrency: int | None = None
    """Users each of whom sends the next request when the last one is answered."""
    trace: tuple[Request, ...] = ()
    """In order of arrival; lengths are its own."""
    trace_name: str = ""
    prompt: Lengths
    output: Lengths
    context: int | None = None
    """Tokens that the model takes at most; what would be longer is cut."""
    requests: int = 2000
    """That a simulation counts; 0 for none."""
    seed: int = 0

    @property
    def offered_rate(self) -> float | None:
        """Requests a second that come whatever the server does; None of users, and of a trace of one instant."""
        if not self.trace:
            return self.rate
        span = self.trace[-1].arrival_seconds - self.trace[0].arrival_seconds
        return (len(self.trace) - 1) / span if span > 0 else None

    def lengths_at(self, prompt: float, output: float) -> tuple[int, int]:
        """Of the request that has these ranks, 0 to 1, among all by prompt and by answer."""
        prompt_tokens = self.prompt.quantile(prompt)
        output_tokens = self.output.quantile(output)
        if self.context is None:
            return prompt_tokens, output_tokens
        prompt_tokens = min(prompt_tokens, self.context - 1)
        return prompt_tokens, min(output_tokens, self.context - prompt_tokens)

    @property
    def lengths(self) -> Sequence[tuple[int, int]]:
        """Equally likely pairs of prompt and answer: those of the trace, or an even sample of two independent ones."""
        if self.trace:
            return [(request.prompt_tokens, request.output_tokens) for request in self.trace]
        if not (self.prompt.varies or self.output.varies):
            return [self.lengths_at(0.5, 0.5)]
        wide = max(lengths.quantile(1.0) / lengths.quantile(0.0) for lengths in (self.prompt, self.output)) > _WIDE
        many = _SAMPLE if wide else _SAMPLE_OF_NARROW
        step = int(_GOLDEN * many) | 1  # odd, so that with an even number of pairs each rank of answers is there once
        return [self.lengths_at((index + 0.5) / many, (index * step % many + 0.5) / many) for index in range(many)]

    @property
    def longest(self) -> tuple[int, int]:
        """The longest prompt, and the most tokens of a prompt with its answer."""
        if self.trace:
            prompts = max(request.prompt_tokens for request in self.trace)
            return prompts, max(request.prompt_tokens + request.output_tokens for request in self.trace)
        prompt, output = self.lengths_at(1.0, 1.0)
        return prompt, prompt + output
