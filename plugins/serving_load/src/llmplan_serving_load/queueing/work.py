"""What a workload asks of a server, request by request and on average."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from math import floor, log
from typing import Any

from attrs import frozen

from llmplan.arrays.quantities import Number, total
from llmplan.records import ServerPlan
from llmplan_serving_load.queueing.speculation import expected_steps, yield_probabilities

_PROMPTS, _APART = 24, 1.15
"""Lengths of prompts that stand for all: so many at most, and no closer than so many times apart."""


@frozen
class Prompt:
    """Tokens that have to be read, and those that a prefix cache holds: attended to, not read."""

    new: float
    cached: float


@frozen(kw_only=True)
class Job:
    """One kind of request, as the server meets it."""

    new: int
    """Prompt tokens that have to be read."""
    cached: int
    """Prompt tokens that a prefix cache holds: attended to, not read."""
    output: int
    steps: float
    """Of decoding, expected: the first token comes from the prompt."""

    @property
    def prompt(self) -> int:
        """How many tokens the prompt has, cached ones too."""
        return self.new + self.cached

    @property
    def tokens(self) -> int:
        """How many tokens the request has when it is answered."""
        return self.prompt + self.output


@frozen(kw_only=True, eq=False, repr=False)
class Work:
    """Kinds of requests that are equally likely."""

    jobs: Sequence[Job]
    yields: Sequence[float]
    """Probabilities that a step gives a sequence 1, 2, … tokens."""

    @cached_property
    def steps(self) -> float:
        """Of decoding, of a request on average."""
        return _mean([job.steps for job in self.jobs])

    @cached_property
    def prompt_tokens(self) -> float:
        """Of a prompt on average, those in the prefix cache among them."""
        return _mean([job.prompt for job in self.jobs])

    @cached_property
    def new_tokens(self) -> float:
        """To be read of a prompt on average."""
        return _mean([job.new for job in self.prompts])

    @cached_property
    def variation(self) -> float:
        """Squared coefficient of variation of the steps of a request; 0 where all are alike."""
        squares = _mean([job.steps**2 for job in self.jobs])
        return squares / self.steps**2 - 1.0 if self.steps else 0.0

    @cached_property
    def output_tokens(self) -> float:
        """How many tokens an answer has on average."""
        return _mean([job.output for job in self.jobs])

    @cached_property
    def context(self) -> float:
        """Keys that a decoding token attends to on average over all steps: long answers are met more often."""
        steps = sum(job.steps for job in self.jobs)
        keys = sum(job.steps * (job.prompt + job.output / 2.0) for job in self.jobs)
        return keys / steps if steps else 0.0

    @cached_property
    def prompts(self) -> Sequence[Prompt]:
        """Few that stand for all: means of equally many, by the tokens to be read."""
        ordered = sorted((job.new, job.cached) for job in self.jobs)
        if ordered[0] == ordered[-1]:
            return [Prompt(*ordered[0])]
        apart = 1 + round(log(ordered[-1][0] / ordered[0][0]) / log(_APART))
        count = min(_PROMPTS, apart, len(ordered))
        ends = [round(index * len(ordered) / count) for index in range(count + 1)]
        parts = [ordered[begin:end] for begin, end in pairwise(ends)]
        return [Prompt(_mean([new for new, _ in part]), _mean([cached for _, cached in part])) for part in parts]

    @cached_property
    def _stays(self) -> Mapping[int, float]:
        """How long requests of so many tokens stay, in steps, all together."""
        found: dict[int, float] = {}
        for job in self.jobs:
            found[job.tokens] = found.get(job.tokens, 0.0) + (job.steps if self.steps else 1.0)
        return found

    def mean_kv_bytes(self, kv_bytes: Callable[[int], Number]) -> Number:
        """Of a sequence met at random, at its full length: by the time that each kind stays."""
        weighted = total(stays * kv_bytes(tokens) for tokens, stays in self._stays.items())
        return weighted / sum(self._stays.values())


_OF_TRACES: dict[tuple[Any, ...], tuple[Any, Work]] = {}
"""By trace, prefix cache and speculation, with the trace, so that no other takes its place in memory."""
_MOST_TRACES = 4


def make_work(server: ServerPlan) -> Work:
    """The work of a server's load, with its prefix cache and speculation; of a trace, which may be long, once."""
    trace, yields = server.workload.trace, yields_of(server)
    if not trace:
        return _made(server, yields)
    key = (id(trace), server.prefix_hit_rate, *yields)
    if key not in _OF_TRACES:
        while len(_OF_TRACES) >= _MOST_TRACES:
            del _OF_TRACES[next(iter(_OF_TRACES))]
        _OF_TRACES[key] = trace, _made(server, yields)
    return _OF_TRACES[key][1]


def _made(server: ServerPlan, yields: list[float]) -> Work:
    lengths = server.workload.lengths
    most = max(output for _, output in lengths)
    steps = expected_steps(most, yields) if len(yields) > 1 else range(most)
    jobs = []
    for prompt, output in lengths:
        cached = cached_tokens(prompt, server.prefix_hit_rate)
        jobs.append(Job(new=prompt - cached, cached=cached, output=output, steps=steps[output - 1]))
    return Work(jobs=jobs, yields=yields)


def cached_tokens(prompt: int, hit_rate: float) -> int:
    """Of a prompt, in the prefix cache; the last token is read in any case, for its logits."""
    return min(prompt - 1, floor(prompt * hit_rate))


def yields_of(server: ServerPlan) -> list[float]:
    """Probabilities that a step gives a sequence 1, 2, … tokens."""
    speculation = server.speculation
    if speculation is None:
        return [1.0]
    return yield_probabilities(speculation.acceptance_rate, speculation.draft_tokens)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
