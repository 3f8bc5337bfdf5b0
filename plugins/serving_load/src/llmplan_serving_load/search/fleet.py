"""The layouts of a case side by side in arrays, in any number of replicas.

Few of them differ in what their steps take: replicas are priced once, and anew only where links of a longer row of GPUs
make a step take otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import evolve, fields_dict, frozen

from llmplan.estimate import Means, Spread
from llmplan.records import InferencePlan, ServerPlan, ServingSteps, Step
from llmplan.space.asked import inferred
from llmplan.space.dimensions import served
from llmplan.space.server_sizes import ReplicaSizes
from llmplan_serving_load.queueing.capacity import peak
from llmplan_serving_load.queueing.closed_form import means_at
from llmplan_serving_load.queueing.closed_loop import ClosedLoop
from llmplan_serving_load.queueing.ranges import LATENCIES
from llmplan_serving_load.queueing.server import Server, make_server
from llmplan_serving_load.queueing.work import make_work
from llmplan_serving_load.search.case import Case

_PROBE = Step(prompt_tokens=64.0, prompt_context=32.5, prompts=1.0, sequences=8.0, context=100.0)
"""A step by which replicas are told apart."""
_SIZES = served("replica", "group", "total")
_ALMOST_NONE = 1e-6
"""Requests a second."""


class Fleet:
    """Replicas of these sizes, numbered as they stand here."""

    def __init__(self, case: Case, sizes: Sequence[ReplicaSizes], like: ServerPlan) -> None:
        self.case, self.sizes = case, sizes
        self.like = like
        """The plan of one of them."""
        self._known: dict[tuple[float, ...], int] = {}
        self._priced: list[tuple[int, int]] = []
        """Sizes and numbers of groups, one of each kind that steps take otherwise."""
        self._server: Server | None = None

    @cached_property
    def rate(self) -> float | None:
        """Requests a second that come; None where it is a number of users that is given.

        A trace that is over before one replica each could have answered its requests comes at no rate, as one of a
        single instant: any layout answers it in the end, and the smallest is looked for.
        """
        if not self.case.at_a_rate:
            return None
        rate, trace = self.like.workload.offered_rate, self.like.workload.trace
        if trace and (rate is None or rate >= len(trace) * float(self.most_rate().max())):
            return _ALMOST_NONE
        return rate

    @cached_property
    def output_tokens(self) -> float:
        """How many tokens an answer has on average."""
        return make_work(self.like).output_tokens

    @cached_property
    def doubt(self) -> tuple[Any, Any]:
        """How many times as long as estimated passes of each layout may take, with the confidence asked for: those that
        read a prompt, and those that decode as many sequences as at the most requests a second.
        """
        first, further = (self._of_each(spreads, self._upper, 1.0) for spreads in self._spreads)
        return first, further

    def _upper(self, spread: Spread) -> Any:
        return spread.upper(self.case.confidence)

    @cached_property
    def extrapolated(self) -> Any:
        """Of each layout, whether hardly a published run is of the kind of its passes."""
        first, further = (self._of_each(spreads, lambda one: one.extrapolated, False) for spreads in self._spreads)
        return first | further

    @cached_property
    def _spreads(self) -> tuple[list[Spread | None], list[Spread | None]]:
        """Of passes that read a prompt, and that decode: of all layouts, or one after the other."""
        every, ones = np.arange(len(self.sizes)), np.ones(len(self.sizes))
        plan = self.plan(every, ones)
        rows, _, _ = self._rows(every, ones)
        sequences = np.maximum(1.0, np.round(self._peak.sequences[rows] / self.column["pp"]))
        prefill = plan.plan if plan.prefill_pool is None else plan.prefill_pool
        return self._measured(prefill, ones, 0), self._measured(plan.plan, sequences, 1)

    def _measured(self, plan: InferencePlan, sequences: Any, which: int) -> list[Spread | None]:
        """Of each layout by its own passes: a site knows the better, the more they wait for what it measured."""
        if self.like.plan.efficiency.by_user:
            return [None]
        work, cost_model = make_work(self.like), self.case.choice.cost_model
        lengths = [max(1, round(tokens)) for tokens in (work.prompt_tokens, work.output_tokens)]
        plan = evolve(plan, batch=sequences, prompt_tokens=lengths[0], output_tokens=lengths[1])
        return [inferred(cost_model, one).measured(which) for one in ([plan] if self.case.in_arrays else _apart(plan))]

    def _of_each(self, spreads: Sequence[Spread | None], what: Callable[[Spread], Any], otherwise: Any) -> Any:
        found = np.array([otherwise if spread is None else what(spread) for spread in spreads])
        return np.broadcast_to(found.reshape(-1), len(self.sizes))

    @cached_property
    def column(self) -> dict[str, Any]:
        """The sizes of all replicas as arrays."""
        return {name: np.array([float(getattr(one, name)) for one in self.sizes]) for name in _SIZES}

    def side_by_side(self, at: Any, groups: Any) -> Server:
        """Servers of arrays: so many groups of replicas of each of these sizes."""
        return make_server(self.plan(at, groups), self._pricer)

    def plan(self, at: Any, groups: Any) -> ServerPlan:
        """The plan of arrays of so many groups of each of these sizes."""
        column, request = self.column, self.case.request
        tp, pp, ep = column["tp"][at], column["pp"][at], column["ep"][at]
        replicas = column["dp"][at] * groups
        layout = evolve(self.like.plan.layout, gpus=tp * pp * replicas, tp=tp, pp=pp, dp=replicas, ep=ep)
        plan = evolve(self.like, plan=evolve(self.like.plan, layout=layout))
        pool = self.like.prefill_pool
        if pool is None:
            return plan
        wide, long = (0.0 * tp + (given or own) for given, own in ((request.prefill_tp, tp), (request.prefill_pp, pp)))
        many = 0.0 * tp + float(request.prefill_replicas or 0)
        layout = evolve(pool.layout, gpus=wide * long * many, tp=wide, pp=long, dp=many, ep=ep)
        return evolve(plan, prefill_pool=evolve(pool, layout=layout))

    def refused(self, at: Any, groups: Any) -> Any:
        """Which of them the cost model refuses."""
        plan = self.plan(at, groups)
        broken = np.broadcast_to(self.case.refused(plan.plan), len(at))
        return broken if plan.prefill_pool is None else broken | self.case.refused(plan.prefill_pool)

    def with_users(self, at: Any, groups: Any, users: Any) -> tuple[Means, Any, dict[str, Any]]:
        """Means of so many users of each, whether there is no room for all at once, and `longer` as `Part` has it."""
        rows, own, replicas = self._rows(at, groups)
        means = self._loop.means(users, replicas, rows, own)
        first, further = (one[at] for one in self.doubt)
        longer = dict(zip(LATENCIES, (first, further, further), strict=True))
        return means, users > self._loop.room_of(rows, own) * replicas, longer

    def at_rate(self, at: Any, groups: Any, rate: float) -> tuple[Means, Any, dict[str, Any]]:
        """Means of each at a rate of requests, the share of its capacity that this is, where 1 or more is too much, and
        `longer` as `Part` has it: all three in one call, as servers in slow motion have the means of a higher rate.
        """
        rows, own, replicas = self._rows(at, groups)
        most, doubts = self._peak.rate[rows] * replicas, [one[at] for one in self.doubt]
        slower = [np.ones(len(at)), *([] if all((one == 1.0).all() for one in doubts) else doubts)]
        many = np.tile(own * replicas, len(slower))
        with np.errstate(all="ignore"):
            rates: Any = rate * np.concatenate(slower)
            found = means_at(self._all.taken(np.tile(rows, len(slower)), many), rates)
            first, *others = (_sliced(found, number, len(at)) for number in range(len(slower)))
            slow = dict(zip(LATENCIES, (others[0], others[1], others[1]) if others else (first,) * 3, strict=True))
            times = dict(zip(LATENCIES, (doubts[0], doubts[1], doubts[1]), strict=True))
            longer = {
                name: np.where(rate * times[name] < most, _times_as_long(slow[name], first, name, times[name]), np.inf)
                for name in LATENCIES
            }
        return first, rate / most, longer

    def most_rate(self) -> Any:
        """Requests a second that one group of each answers."""
        every = np.arange(len(self.sizes))
        rows, _, replicas = self._rows(every, np.ones(len(every)))
        return self._peak.rate[rows] * replicas

    def most_sequences(self) -> Any:
        """Sequences that a replica of each has room for."""
        every = np.arange(len(self.sizes))
        rows, _, _ = self._rows(every, np.ones(len(every)))
        most: Any = self._all.most_sequences
        return most[rows]

    def _rows(self, at: Any, groups: Any) -> tuple[Any, Any, Any]:
        """Which of the priced servers each is; replicas of these that decode, and how many of them there are.

        Replicas that do everything have their own share of the load, so that one is priced for all.
        """
        separate = self.like.prefill_pool is not None
        replicas = self.column["dp"][at] * groups
        keys = self._keys(at, groups, replicas if separate else 0.0 * replicas)
        distinct, first, where = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        numbers = [self._known.setdefault(tuple(key.tolist()), len(self._known)) for key in distinct]
        for number, one in sorted(zip(numbers, first.tolist(), strict=True)):
            if number >= len(self._priced):
                self._priced.append((int(at[one]), int(groups[one])))
                self._forget()
        rows = np.array(numbers)[where.reshape(-1)]
        return (rows, replicas, np.ones(len(rows))) if separate else (rows, np.ones(len(rows)), replicas)

    def _keys(self, at: Any, groups: Any, replicas: Any) -> Any:
        """What steps take, and for what sizes."""
        plan = self.plan(at, groups)
        steps = [self._pricer(each) for each in (plan.plan, plan.prefill_pool) if each is not None]
        seconds = [of(_PROBE) for one in steps for of in (one.step_seconds, one.step_interval_seconds)]
        return np.stack([at.astype(float), replicas, *(np.broadcast_to(each, len(at)) for each in seconds)], axis=1)

    def _forget(self) -> None:
        self._server = None
        for name in ("_loop", "_peak"):
            self.__dict__.pop(name, None)

    @property
    def _all(self) -> Server:
        """All that were priced, each with its number of replicas where others read prompts, else with one."""
        if self._server is None:
            at, groups = (np.array(each) for each in zip(*self._priced, strict=True))
            made = self.side_by_side(at, groups.astype(float))
            if not made.separate:
                ones: Any = np.ones(len(at))
                made = evolve(made, prefill_replicas=ones, decode_replicas=ones)
            self._server = made
        return self._server

    @cached_property
    def _peak(self) -> Any:
        return peak(self._all)

    @cached_property
    def _loop(self) -> ClosedLoop:
        return ClosedLoop(self._all)

    @property
    def _pricer(self) -> Callable[[InferencePlan], ServingSteps]:
        if self.case.in_arrays:
            return self.case.pricer
        return lambda plan: OneByOne([self.case.pricer(one) for one in _apart(plan)])


@frozen(eq=False)
class OneByOne:
    """The steps of many replicas of a cost model that prices one layout at a time."""

    each: Sequence[ServingSteps]

    @property
    def batches_in_flight(self) -> Any:
        """How many batches each replica works on at once."""
        return np.array([float(steps.batches_in_flight) for steps in self.each])

    def step_seconds(self, step: Step) -> Any:
        """Seconds of a step of each replica."""
        return self._priced(step, "step_seconds")

    def step_interval_seconds(self, step: Step) -> Any:
        """Seconds between two steps of each replica."""
        return self._priced(step, "step_interval_seconds")

    def kv_bytes(self, tokens: Any) -> Any:
        """Bytes of a sequence's cache on each replica."""
        return np.array([steps.kv_bytes(tokens) for steps in self.each])

    def fixed_memory(self, step_tokens: Any) -> dict[str, Any]:
        """Of each; lines that only some have are 0 in the others."""
        found = [steps.fixed_memory(step_tokens) for steps in self.each]
        names = dict.fromkeys(line for one in found for line in one)
        return {line: np.array([one.get(line, 0.0) for one in found]) for line in names}

    def kv_transfer_seconds(self, tokens: Any) -> Any:
        """Seconds that each replica takes to send a cache."""
        return np.array([steps.kv_transfer_seconds(tokens) for steps in self.each])

    def _priced(self, step: Step, method: str) -> Any:
        """Of arrays of steps x replicas."""
        names = ("prompt_tokens", "prompt_context", "prompts", "sequences", "context", "tokens_per_sequence")
        fields = np.broadcast_arrays(np.zeros(len(self.each)), *(getattr(step, name) for name in names))[1:]
        found = np.empty(fields[0].shape)
        for place in np.ndindex(found.shape):
            one = Step(**{name: float(field[place]) for name, field in zip(names, fields, strict=True)})
            found[place] = getattr(self.each[place[-1]], method)(one)
        return found


def _sliced(means: Means, number: int, many: int) -> Means:
    """One part of several of equal length."""
    values: dict[str, Any] = {name: getattr(means, name) for name in fields_dict(Means)}
    some = {
        name: value[number * many : (number + 1) * many] if getattr(value, "ndim", 0) else value
        for name, value in values.items()
    }
    return Means(**some)


def _times_as_long(slow: Means, means: Means, name: str, times: Any) -> Any:
    """A latency of passes that take so many times as long, over its own; as the passes where there is no such."""
    own = getattr(means, name)
    return times if own is None else times * getattr(slow, name) / own


def _apart(plan: InferencePlan) -> list[InferencePlan]:
    """The plans of numbers that a plan of arrays of layouts stands for."""
    layout = plan.layout
    columns: list[Any] = [getattr(layout, name) for name in _SIZES]
    rows: list[dict[str, Any]] = [
        {name: int(value) for name, value in zip(_SIZES, row, strict=True)} for row in zip(*columns, strict=True)
    ]
    batches: Any = np.broadcast_to(plan.batch, len(rows)).tolist()
    return [
        evolve(plan, layout=evolve(layout, **row), batch=int(batch)) for row, batch in zip(rows, batches, strict=True)
    ]
