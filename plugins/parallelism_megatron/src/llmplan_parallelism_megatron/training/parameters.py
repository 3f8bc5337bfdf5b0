"""Parameters on a rank of a pipeline stage: dense ones, those of routed experts, those of the ends."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from llmplan.arrays.quantities import Number, total, where
from llmplan.estimate.sharding import stage_counts
from llmplan.records import LoweredModel, TrainingPlan, Tuning
from llmplan_parallelism_megatron.training.layer import QLORA_BYTES, adapter_parameters


@define(eq=False)
class Parameters:
    """Of a stage that holds ceil(L/p) layers and, where it is one, the first and the last of the pipeline."""

    dense: Number
    """In layers, without experts."""
    experts: Number
    ends: Number
    """Embedding, head and norms at the ends."""
    adapters: Number
    """Of LoRA, on all matrices of the layers outside of experts."""
    expert_adapters: Number

    @property
    def all(self) -> Number:
        """Held, adapters not counted."""
        return self.dense + self.experts + self.ends

    def held(self, plan: TrainingPlan) -> tuple[Number, Number]:
        """Outside of experts, and in them; QLoRA's frozen ones at what their 4 bits are of the dtype's."""
        kept = 1.0
        if plan.tuning is Tuning.QLORA:
            kept = 8.0 * QLORA_BYTES / (plan.dtype.training_weight_bits or plan.dtype.weight_bits)
        return kept * self.dense + self.ends + self.adapters, kept * self.experts + self.expert_adapters

    def trained(self, plan: TrainingPlan) -> tuple[Number, Number]:
        """Outside of experts, and in them; only the adapters where the rest is frozen."""
        if plan.tuning is Tuning.FULL:
            return self.dense + self.ends, self.experts
        return self.adapters, self.expert_adapters


def stage_parameters(plan: TrainingPlan, rank: LoweredModel, first: Number, last: Number) -> Parameters:
    """Of a stage that has the embedding where `first` is 1 and the head where `last` is 1; a tied table counts once."""
    return parameters_of(plan, rank, counts_of(plan, rank, first), (first, last))


def parameters_of(
    plan: TrainingPlan, rank: LoweredModel, counts: Sequence[Number], first_and_last: tuple[Number, Number]
) -> Parameters:
    """The same, of so many layers of each block."""
    first, last = first_and_last
    experts = _over(counts, [block.expert_parameters for block in rank.layers])
    everything = _over(counts, [block.parameters for block in rank.layers])
    both = first * last
    head = rank.head.parameters + (1.0 - both) * rank.head.shared_parameters
    adapters, expert_adapters = (
        _over(counts, [adapter_parameters(block, plan, routed=routed) for block in rank.layers])
        for routed in (False, True)
    )
    return Parameters(
        dense=everything - experts,
        experts=experts,
        ends=first * rank.embedding.parameters + last * head,
        adapters=adapters,
        expert_adapters=expert_adapters,
    )


def counts_of(plan: TrainingPlan, rank: LoweredModel, first: Number) -> list[Number]:
    """Layers of each block on the first stage where `first` is 1, else on the last."""
    on_first, on_last = stage_counts(rank, plan.layout)
    return [where(first > 0, early, late) for early, late in zip(on_first, on_last, strict=True)]


def _over(counts: Sequence[Number], values: Sequence[Number]) -> Number:
    return total(count * value for count, value in zip(counts, values, strict=True))
