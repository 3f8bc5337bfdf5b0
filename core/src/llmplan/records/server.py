"""Servers that batch continuously: what is planned."""

from __future__ import annotations

from attrs import frozen

from llmplan.records.inference_plan import InferencePlan
from llmplan.records.workload import Workload


@frozen(kw_only=True, eq=False, repr=False)
class Speculation:
    """A draft proposes tokens, one pass of the model verifies them (Leviathan et al. 2023, arXiv:2211.17192)."""

    draft_tokens: int
    """Proposed at a time."""
    acceptance_rate: float
    """Of a proposed token whose predecessors were accepted, independent of them."""
    draft: InferencePlan | None = None
    """The model that proposes; None where that costs nothing, as looking up n-grams of the prompt."""

    @property
    def tokens_per_step(self) -> float:
        """E = (1 - alpha^(gamma + 1)) / (1 - alpha), written as a sum (equation 1 of the paper)."""
        return sum(self.acceptance_rate**accepted for accepted in range(self.draft_tokens + 1))


@frozen(kw_only=True, eq=False, repr=False)
class ServerPlan:
    """Replicas that batch continuously, and the load that they are given."""

    plan: InferencePlan
    """Of all replicas; of those that decode, where others prefill."""
    prefill_pool: InferencePlan | None = None
    """Replicas that only read prompts, and hand the cache over."""
    workload: Workload
    step_tokens: int
    """Positions of one pass at most: those of decoding sequences and of prompts."""
    chunked: bool
    """Prompts are cut to fill passes beside what decodes; else they go first, whole, in passes of their own."""
    max_sequences: int
    """That a replica works on at once, whatever fits."""
    prefix_hit_rate: float = 0.0
    """Share of prompt tokens whose keys and values are cached already."""
    speculation: Speculation | None = None

    @property
    def gpus(self) -> int:
        """How many accelerators both pools have together."""
        return int(self.plan.layout.gpus) + (0 if self.prefill_pool is None else int(self.prefill_pool.layout.gpus))
