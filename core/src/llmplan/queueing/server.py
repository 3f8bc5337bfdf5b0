"""A server as its closed forms and its simulation see it: engines, work, and what fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from attrs import evolve, frozen

from llmplan.estimate.server import CACHES
from llmplan.queueing.engine import Engine, make_engine
from llmplan.queueing.prefill import Prefill
from llmplan.queueing.speculation import SpeculatingSteps
from llmplan.queueing.work import Work, make_work
from llmplan.records import InferencePlan, ServerPlan, ServingSteps

Pricer = Callable[[InferencePlan], ServingSteps]


@frozen(kw_only=True, eq=False, repr=False)
class Server:
    """Replicas that prefill and replicas that decode: the same ones, unless they are separate."""

    plan: ServerPlan
    work: Work
    prefill_engine: Engine
    decode_engine: Engine
    prefill_replicas: int
    decode_replicas: int

    @property
    def separate(self) -> bool:
        """Whether prompts are read elsewhere than answers are written."""
        return self.plan.prefill_pool is not None

    @cached_property
    def prefill(self) -> Prefill:
        """Times of prompts; where they are read elsewhere, nothing decodes beside them."""
        return Prefill(self.prefill_engine, self.work, beside=not self.separate)

    @cached_property
    def sequences_that_fit(self) -> int:
        """Of mean length, in the caches of a replica that decodes."""
        engine, kv = self.decode_engine, self.mean_kv_bytes
        return int(max(0.0, engine.kv_room_bytes) / kv) if kv else engine.max_sequences

    @cached_property
    def mean_kv_bytes(self) -> float:
        """Of a sequence met at random, at its full length."""
        return self.work.mean_kv_bytes({tokens: self.decode_engine.kv_bytes(tokens) for tokens in self._lengths})

    @cached_property
    def most_sequences(self) -> int:
        """That a replica decodes at once: as fit, and as it is allowed to; at least 1, for the longest fits."""
        return max(1, min(self.sequences_that_fit, self.decode_engine.max_sequences))

    @cached_property
    def longest_kv_bytes(self) -> float:
        """Of the longest sequence."""
        return self.decode_engine.kv_bytes(self.plan.workload.longest[1])

    @property
    def fixed_memory(self) -> Mapping[str, float]:
        """Beside caches, on the fullest GPU of a replica that decodes."""
        return self.decode_engine.fixed_memory

    @property
    def prefill_memory(self) -> dict[str, float] | None:
        """On the fullest GPU of a replica that only prefills, with the longest prompt; None where there is none."""
        engine = self.prefill_engine
        return {**engine.fixed_memory, CACHES: self._prompt_kv_bytes} if self.separate else None

    @property
    def fits(self) -> bool:
        """Whether caches have room for the longest sequence, and for the longest prompt where it is read."""
        prompt_fits = self._prompt_kv_bytes <= self.prefill_engine.kv_room_bytes
        return prompt_fits and self.longest_kv_bytes <= self.decode_engine.kv_room_bytes

    @cached_property
    def transfer_seconds(self) -> float:
        """Of the cache of a prompt to the replica that decodes, on average."""
        if not self.separate:
            return 0.0
        prompts = self.work.prompts
        return sum(self.transfer_of(prompt.new + prompt.cached) for prompt in prompts) / len(prompts)

    def transfer_of(self, prompt: float) -> float:
        """One cache: as fast as the slower of the two sides."""
        sides = (self.prefill_engine, self.decode_engine)
        return max(float(engine.grid.steps.kv_transfer_seconds(prompt)) for engine in sides)

    def decode_seconds(self, sequences: float) -> float:
        """A round of so many sequences of mean context."""
        return self.decode_engine.decode_seconds(sequences, self.work.context)

    @property
    def _prompt_kv_bytes(self) -> float:
        """Of the longest prompt, with the token that it gives, where it is read."""
        return self.prefill_engine.kv_bytes(self.plan.workload.longest[0] + 1)

    @cached_property
    def _lengths(self) -> set[int]:
        return {job.tokens for job in self.work.jobs}


def make_server(plan: ServerPlan, pricer: Pricer) -> Server:
    """`pricer` makes the steps of a plan's replica."""
    work = make_work(plan)
    decode = _engine(plan, plan.plan, pricer, work)
    pool = plan.prefill_pool
    prefill = decode if pool is None else _engine(plan, pool, pricer, work)
    return Server(
        plan=plan,
        work=work,
        prefill_engine=prefill,
        decode_engine=decode,
        prefill_replicas=int((pool or plan.plan).layout.dp),
        decode_replicas=int(plan.plan.layout.dp),
    )


def _engine(server: ServerPlan, plan: InferencePlan, pricer: Pricer, work: Work) -> Engine:
    exact = _usual(work, server.step_tokens)
    return make_engine(_steps(server, plan, pricer), server, plan.hardware.memory_bytes, exact)


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
