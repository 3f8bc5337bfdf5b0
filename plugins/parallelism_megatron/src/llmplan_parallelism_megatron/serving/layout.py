"""The model as one rank of an inference plan sees it."""

from __future__ import annotations

from attrs import evolve

from llmplan.arrays.quantities import Number, minimum
from llmplan.estimate.sharding import rank_of
from llmplan.records import Block, Gemm, InferencePlan, Layout, LoweredModel
from llmplan_parallelism_megatron.serving.extent import Flow


def divided(plan: InferencePlan, flow: Flow) -> LoweredModel:
    """The model as one rank sees it; attention is lowered for one key a token, and counted by the flow's extents.

    The experts that data parallel ranks share are touched by the tokens of all of them.
    """
    tokens, layout = flow.tokens, plan.layout
    model = plan.model.lower(tokens, 1.0, 1.0)
    shared = minimum(layout.ep, layout.dp)
    together = plan.model.lower(tokens * shared, 1.0, 1.0)
    for block, of_all in zip(model.layers, together.layers, strict=True):
        for operator, of_ranks in zip(block.operators, of_all.operators, strict=True):
            operator.weights_read = of_ranks.weights_read
    rank = rank_of(model, expert_layout(layout))
    for block in rank.layers:
        for operator in block.operators:
            _whole_experts(operator.gemm, layout.ep / shared)
    return rank


def expert_layout(layout: Layout) -> Layout:
    """With data parallel ranks alone sharing the experts, each divided over the tensor parallel ranks."""
    return evolve(layout, ep=minimum(layout.ep, layout.dp))


def _whole_experts(gemm: Gemm | None, more: Number) -> None:
    """Expert parallelism beyond dp: tensor parallel ranks hold `more` times fewer experts, each that much wider."""
    if gemm is None or not gemm.routed:
        return
    gemm.groups = gemm.groups / more
    if gemm.splits_sum:
        gemm.k = gemm.k * more
    else:
        gemm.n = gemm.n * more


def divided_head(plan: InferencePlan, flow: Flow) -> Block:
    """Over the positions of which logits are made."""
    return rank_of(plan.model.lower(flow.rows, 1.0, 1.0), expert_layout(plan.layout)).head
