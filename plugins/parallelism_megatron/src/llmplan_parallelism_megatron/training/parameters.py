"""Parameters on a rank of a pipeline stage: dense ones, those of routed experts, those of the ends."""

from __future__ import annotations

from typing import NamedTuple

from llmplan.arrays.quantities import Number, dot
from llmplan.records import TrainingPlan, Tuning
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import Stage
from llmplan_parallelism_megatron.training.adapters import adapter_parameters, frozen_bytes


class Parameters(NamedTuple):
    """Of a stage that holds ceil(L/p) layers and, where it is one, the first and the last of the pipeline."""

    dense: Number
    """In layers, without experts."""
    experts: Number
    ends: Number
    """Embedding, head and norms at the ends."""
    head: Number
    """Of these, the output head with its norm."""
    adapters: Number
    """Of LoRA, on all matrices of the layers outside of experts."""
    expert_adapters: Number

    def held(self, plan: TrainingPlan) -> tuple[Number, Number]:
        """Outside of experts, and in them; QLoRA's frozen ones at what their 4 bits are of the dtype's."""
        kept = 8.0 * frozen_bytes(plan) / plan.dtype.held_bits
        return kept * self.dense + self.ends + self.adapters, kept * self.experts + self.expert_adapters

    def trained(self, plan: TrainingPlan) -> tuple[Number, Number]:
        """Outside of experts, and in them; only the adapters where the rest is frozen."""
        if plan.tuning is Tuning.FULL:
            return self.dense + self.ends, self.experts
        return self.adapters, self.expert_adapters


def stage_parameters(rank: Rank, stage: Stage) -> Parameters:
    """Those of a stage; a tied table counts once where it has both ends."""
    model, counts = rank.model, stage.counts
    experts = dot(counts, [block.expert_parameters for block in model.layers])
    adapters, expert_adapters = (
        dot(counts, [adapter_parameters(block, rank, routed=routed) for block in model.layers])
        for routed in (False, True)
    )
    shared = 1.0 if rank.plan.framework.unties_head else 1.0 - stage.first * stage.last
    head = model.head.parameters + shared * model.head.shared_parameters
    return Parameters(
        dense=dot(counts, [block.parameters for block in model.layers]) - experts,
        experts=experts,
        ends=stage.first * model.embedding.parameters + stage.last * head,
        head=stage.last * head,
        adapters=adapters,
        expert_adapters=expert_adapters,
    )
