"""A server as its closed forms and its simulation see it: engines, work, and what fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, Truth, floor, maximum, minimum, total, where
from llmplan.estimate.server import CACHES
from llmplan.records import InferencePlan, ServerPlan, ServingSteps, Step
from llmplan_serving_load.queueing.engine import Engine, make_engine
from llmplan_serving_load.queueing.grid import points
from llmplan_serving_load.queueing.prefill import Prefill
from llmplan_serving_load.queueing.speculation import SpeculatingSteps
from llmplan_serving_load.queueing.table import SequenceTable, Values
from llmplan_serving_load.queueing.work import Work, make_work

Pricer = Callable[[InferencePlan], ServingSteps]
_DIVIDED = ("tp", "pp", "ep")
"""Sizes of one replica."""


@frozen(kw_only=True, eq=False, repr=False)
class Server:
    """Replicas that prefill and replicas that decode: the same ones, unless they are separate.

    Or many servers with the same load side by side: their layouts, and all quantities, are then arrays with one element
    a server.
    """

    plan: ServerPlan
    work: Work
    prefill_engine: Engine
    decode_engine: Engine
    prefill_replicas: Number
    decode_replicas: Number
    mean_kv_bytes: Number
    """Of a sequence met at random, at its full length."""
    transfer_seconds: Number
    """Of the cache of a prompt to the replica that decodes, on average; 0 where it was read there."""
    prefill: Prefill
    """Times of prompts; where they are read elsewhere than answers are written, nothing decodes beside them."""
    decoding: SequenceTable
    """Steps of sequences of mean context, by their number in a batch."""

    @property
    def many(self) -> int | None:
        """How many servers side by side these are; None of one."""
        return self.decode_engine.many

    @property
    def separate(self) -> bool:
        """Whether prompts are read elsewhere than answers are written."""
        return self.plan.prefill_pool is not None

    @property
    def sequences_that_fit(self) -> Number:
        """Of mean length, in the caches of a replica that decodes."""
        return _that_fit(self.decode_engine, self.mean_kv_bytes)

    @cached_property
    def most_sequences(self) -> Number:
        """That a replica decodes at once: as fit, and as it is allowed to; at least 1, for the longest fits."""
        return _most(self.decode_engine, self.mean_kv_bytes)

    def taken(self, servers: Any, replicas: Any) -> Server:
        """Some of many servers, by their numbers; each with so many replicas that decode."""
        pool, decode = self.plan.prefill_pool, self.decode_engine.taken(servers)
        layout = self.plan.plan.layout
        sizes = {name: getattr(layout, name)[servers] for name in _DIVIDED}
        gpus = sizes["tp"] * sizes["pp"] * replicas
        plan = evolve(self.plan, plan=evolve(self.plan.plan, layout=evolve(layout, **sizes, dp=replicas, gpus=gpus)))
        if pool is not None:
            named = {name: getattr(pool.layout, name)[servers] for name in (*_DIVIDED, "dp", "gpus")}
            plan = evolve(plan, prefill_pool=evolve(pool, layout=evolve(pool.layout, **named)))
        return evolve(
            self,
            plan=plan,
            prefill_engine=decode if pool is None else self.prefill_engine.taken(servers),
            decode_engine=decode,
            prefill_replicas=replicas if pool is None else self.prefill_replicas[servers],  # type: ignore[index]
            decode_replicas=replicas,
            mean_kv_bytes=self.mean_kv_bytes[servers],  # type: ignore[index]
            transfer_seconds=self.transfer_seconds if pool is None else self.transfer_seconds[servers],  # type: ignore[index]
            prefill=self.prefill.taken(servers),
            decoding=self.decoding.taken(servers),
        )

    def largest(self, value: Number) -> float:
        """The value itself, or the largest of many servers."""
        return _largest(value)

    def each(self, numbers: Sequence[float], quantities: Callable[[Any], tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Quantities at each of these numbers, which arrays look at in one call, where somebody has imported them."""
        if self.many is None and not self.decode_engine.ahead:
            return [quantities(number) for number in numbers]
        import numpy as np

        each = np.array(numbers, dtype=float)
        shape = (len(numbers),) if self.many is None else (len(numbers), self.many)
        found = [np.broadcast_to(of, shape) for of in quantities(each if self.many is None else each[:, None])]
        return list(zip(*(of.tolist() if self.many is None else of for of in found), strict=True))

    @cached_property
    def longest_kv_bytes(self) -> Number:
        """Bytes of the cache of the longest sequence."""
        return self.decode_engine.kv_bytes(self.plan.workload.longest[1])

    @property
    def fixed_memory(self) -> Mapping[str, Number]:
        """Beside caches, on the fullest GPU of a replica that decodes."""
        return self.decode_engine.fixed_memory

    @property
    def prefill_memory(self) -> dict[str, Number] | None:
        """On the fullest GPU of a replica that only prefills, with the longest prompt; None where there is none."""
        engine = self.prefill_engine
        return {**engine.fixed_memory, CACHES: self._prompt_kv_bytes} if self.separate else None

    @property
    def fits(self) -> Truth:
        """Whether caches have room for the longest sequence, and for the longest prompt where it is read."""
        prompt_fits = self._prompt_kv_bytes <= self.prefill_engine.kv_room_bytes
        return prompt_fits & (self.longest_kv_bytes <= self.decode_engine.kv_room_bytes)

    @property
    def missing_bytes(self) -> Number:
        """What the longest sequence needs beyond the memory; 0 where it fits."""
        prompt = self._prompt_kv_bytes - self.prefill_engine.kv_room_bytes
        return maximum(0.0, maximum(prompt, self.longest_kv_bytes - self.decode_engine.kv_room_bytes))

    @cached_property
    def prefill_gpu_share(self) -> Number:
        """Of all GPUs, those that only read prompts."""
        pool = self.plan.prefill_pool
        return 0.0 if pool is None else pool.layout.gpus / (pool.layout.gpus + self.plan.plan.layout.gpus)

    def transfer_of(self, prompt: float) -> Number:
        """One cache: as fast as the slower of the two sides."""
        return _transfer(self.prefill_engine, self.decode_engine, prompt)

    def decode_seconds(self, sequences: Number) -> Number:
        """A round of so many sequences of mean context."""
        batches = self.decode_engine.batches
        decoding = minimum(batches, maximum(1.0, sequences))
        whole, stage = self.decoding.at(sequences / decoding)
        return maximum(whole, decoding * stage)

    @property
    def _prompt_kv_bytes(self) -> Number:
        """Of the longest prompt, with the token that it gives, where it is read."""
        return self.prefill_engine.kv_bytes(self.plan.workload.longest[0] + 1)


def make_server(plan: ServerPlan, pricer: Pricer, *, ahead: bool = False) -> Server:
    """`pricer` makes the steps of a plan's replica; `ahead` prices many of them in one call of arrays."""
    work = make_work(plan)
    decode = _engine(plan, plan.plan, pricer, work, ahead=ahead)
    pool = plan.prefill_pool
    prefill = decode if pool is None else _engine(plan, pool, pricer, work, ahead=ahead)
    kv_bytes = work.mean_kv_bytes(decode.kv_bytes)
    most = _largest(_most(decode, kv_bytes))
    numbers = points(2.0 * most)
    together = ahead and pool is None and decode.one_at_a_time
    reading = Prefill(prefill, work, most, beside=pool is None, also=numbers if together else ())

    def price(numbers: Sequence[float]) -> Sequence[Values]:
        if reading.decoding:
            return [(reading.decoding[number],) * 2 for number in numbers]
        return decode.price([Step(sequences=number, context=work.context) for number in numbers])

    return Server(
        plan=plan,
        work=work,
        prefill_engine=prefill,
        decode_engine=decode,
        prefill_replicas=(pool or plan.plan).layout.dp,
        decode_replicas=plan.plan.layout.dp,
        mean_kv_bytes=kv_bytes,
        transfer_seconds=0.0 if pool is None else _mean_transfer(prefill, decode, work),
        prefill=reading,
        decoding=SequenceTable(price, numbers, decode.many, ahead=ahead),
    )


def _mean_transfer(prefill: Engine, decode: Engine, work: Work) -> Number:
    prompts = work.prompts
    return total(_transfer(prefill, decode, prompt.new + prompt.cached) for prompt in prompts) / len(prompts)


def _transfer(prefill: Engine, decode: Engine, tokens: float) -> Number:
    return maximum(*(engine.steps.kv_transfer_seconds(tokens) for engine in (prefill, decode)))


def _that_fit(engine: Engine, mean_kv_bytes: Number) -> Number:
    """Sequences of mean length; as many as are allowed where a model keeps nothing of them."""
    some = mean_kv_bytes > 0
    fit = floor(maximum(0.0, engine.kv_room_bytes) / where(some, mean_kv_bytes, 1.0))
    return where(some, fit, float(engine.max_sequences))


def _most(engine: Engine, mean_kv_bytes: Number) -> Number:
    """As many as fit and are allowed; at least 1, for the longest fits."""
    return maximum(1.0, minimum(_that_fit(engine, mean_kv_bytes), float(engine.max_sequences)))


def _largest(value: Number) -> float:
    """The value itself, or the largest of many servers."""
    return value if isinstance(value, (int, float)) else float(value.max())


def _engine(server: ServerPlan, plan: InferencePlan, pricer: Pricer, work: Work, *, ahead: bool) -> Engine:
    exact = _usual(work, server.step_tokens)
    return make_engine(_steps(server, plan, pricer), server, plan.hardware.memory_bytes, exact, ahead=ahead)


def _steps(server: ServerPlan, plan: InferencePlan, pricer: Pricer) -> ServingSteps:
    speculation = server.speculation
    if speculation is None:
        return pricer(plan)
    draft = speculation.draft
    drafting = None if draft is None else pricer(evolve(draft, layout=plan.layout))
    return SpeculatingSteps(pricer(plan), drafting, speculation.draft_tokens)


def _usual(work: Work, step_tokens: int) -> set[float]:
    """Values of steps that are met again and again, where all requests are alike."""
    if len(work.jobs) > 1:
        return {float(step_tokens)}
    job = work.jobs[0]
    return {float(job.new), job.cached + (job.new + 1.0) / 2.0, float(step_tokens), work.context}
