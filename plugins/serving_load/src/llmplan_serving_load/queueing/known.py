"""Servers whose passes were priced a moment ago: a sweep over rates or users prices a replica once.

What a replica does hangs on its plan, the lengths of its load and the cost model alone, by which it is found again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from attrs import evolve, fields, has

from llmplan.estimate import Capacity, InferenceEstimate, Means, Simulated
from llmplan.records import InferencePlan, Lengths, ServerPlan
from llmplan_serving_load.queueing.capacity import Peak, capacity, peak
from llmplan_serving_load.queueing.closed_loop import ClosedLoop
from llmplan_serving_load.queueing.server import Pricer, Server, make_server
from llmplan_serving_load.queueing.simulation import simulate

T = TypeVar("T")

MOST = 16
"""Servers that are kept, of one process, and simulations."""
_SAID = {"assumptions", "warnings", "layout_warnings", "price_per_gpu_hour", "parts", "pue"}
"""Fields of a plan that no pass hangs on."""
_TAKEN_APART = {"layout", "efficiency", "dtype", "gemm"}
"""Records that are made anew for each plan; others are those of a catalogue."""
KNOWN: dict[tuple[Any, ...], Known] = {}
SIMULATED: dict[tuple[Any, ...], tuple[ServerPlan, Any, Simulated]] = {}
"""By replicas and load, with the plan and the cost model, so that no others take their places in memory."""


class Known:
    """A server, and what does not hang on how much comes, shared with `of`, the same replicas under another load."""

    def __init__(self, server: Server, of: Known | None = None, cost_model: Any = None) -> None:
        self.server, self._of = server, of
        self._cost_model: Any = cost_model if of is None else of._cost_model  # noqa: SLF001 - of its own kind
        """By which it is found again: kept, so that no other takes its place in memory."""
        self._prompt: InferenceEstimate | None = None

    @cached_property
    def peak(self) -> Peak:
        """The number of sequences at which the server answers most."""
        return peak(self.server) if self._of is None else self._of.peak

    @cached_property
    def capacity(self) -> Capacity:
        """The most that it answers, and what stands in the way of more."""
        return capacity(self.server, self.peak) if self._of is None else self._of.capacity

    def prompt(self, plan: InferencePlan, price: Callable[[InferencePlan], InferenceEstimate]) -> InferenceEstimate:
        """A prompt alone, which no load changes."""
        of = self._of or self
        if of._prompt is None:  # noqa: SLF001 - of its own kind
            of._prompt = price(plan)  # noqa: SLF001 - the same
        return evolve(of._prompt, plan=plan)  # noqa: SLF001 - the same

    def simulated(self, expected: Means | None) -> Simulated:
        """Request by request; what was chosen by a simulation a moment ago is not simulated once more."""
        server, cost_model = self.server, self._cost_model
        if cost_model is None:
            return simulate(server, expected)
        key = (id(cost_model), *_key_of(server.plan), *_load(server.plan, expected))
        kept = SIMULATED.pop(key, None) or (server.plan, cost_model, simulate(server, expected))
        _keep(SIMULATED, key, kept)
        return kept[-1]

    @cached_property
    def loop(self) -> ClosedLoop:
        """Users, as many as were asked about so far."""
        return ClosedLoop(self.server, self.peak) if self._of is None else self._of.loop


def known_server(plan: ServerPlan, pricer: Pricer) -> Known:
    """The server of a plan, with its load; one of the same replicas that is known shares its prices.

    Passes are priced in arrays where the cost model takes them and somebody has imported these already.
    """
    ahead = bool(getattr(pricer, "in_arrays", False)) and "numpy" in sys.modules
    cost_model = getattr(pricer, "cost_model", None)
    if cost_model is None or plan.workload.trace:
        return Known(make_server(plan, pricer, ahead=ahead), cost_model=cost_model)
    key = (id(cost_model), *_key_of(plan))
    known = KNOWN.pop(key, None) or Known(make_server(plan, pricer, ahead=ahead), cost_model=cost_model)
    _keep(KNOWN, key, known)
    return Known(evolve(known.server, plan=plan), known)


def _keep(among: dict[tuple[Any, ...], T], key: tuple[Any, ...], found: T) -> None:
    among[key] = found
    if len(among) > MOST:
        del among[next(iter(among))]


def _load(plan: ServerPlan, expected: Means | None) -> tuple[Any, ...]:
    load = plan.workload
    if load.trace:
        return (id(load.trace),)
    return load.rate, load.concurrency, load.requests, load.seed, None if expected is None else _values(expected)


def _key_of(plan: ServerPlan) -> tuple[Any, ...]:
    work, draft = plan.workload, plan.speculation
    return (
        _identity(plan.plan),
        None if plan.prefill_pool is None else _identity(plan.prefill_pool),
        _lengths(work.prompt),
        _lengths(work.output),
        work.context,
        (plan.step_tokens, plan.chunked, plan.max_sequences, plan.prefix_hit_rate),
        None if draft is None else (draft.draft_tokens, draft.acceptance_rate, draft.draft and _identity(draft.draft)),
    )


def _lengths(lengths: Lengths) -> tuple[Any, ...]:
    return lengths.mean, lengths.family.name, lengths.cv


def _identity(plan: InferencePlan) -> tuple[Any, ...]:
    """Numbers and words by value, records by which they are: the plan that is kept keeps them from being others."""
    return tuple(
        _values(value) if field.name in _TAKEN_APART and has(type(value)) else _value(value)
        for field in fields(type(plan))
        if field.name not in _SAID
        for value in [getattr(plan, field.name)]
    )


def _values(record: Any) -> tuple[Any, ...]:
    return tuple(_value(getattr(record, field.name)) for field in fields(type(record)))


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((name, _value(one)) for name, one in value.items())
    return value if isinstance(value, (int, float, str, type(None))) else id(value)
