"""The time of an iteration, line by line."""

from __future__ import annotations

from llmplan.arrays.quantities import Number, maximum, where
from llmplan.arrays.term import term
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import end_stages, repeated_seconds
from llmplan_parallelism_megatron.training.data_parallel import traffic
from llmplan_parallelism_megatron.training.memory import last_stage_bytes
from llmplan_parallelism_megatron.training.optimizer_step import optimizer_seconds
from llmplan_parallelism_megatron.training.parameters import stage_parameters
from llmplan_parallelism_megatron.training.pipeline import Pipeline


def time_breakdown(rank: Rank, work: Pipeline) -> dict[str, Number]:
    """The lines that an iteration's seconds are the sum of."""
    m, plan = work.micro_batches, rank.plan
    # the first stage holds the embedding, and reduces its gradients last
    parameters = stage_parameters(rank, end_stages(rank.model, plan.layout)[0])
    waiting = _offload(rank, work)
    return {
        **{line: repeated_seconds(m, stage) for line, stage in work.lines.items()},
        "pp_comm": repeated_seconds(m, work.transfer),
        "pipeline_bubble": work.bubble,
        "launch": repeated_seconds(m, work.slowest.waiting),
        "dp_comm": traffic(rank, parameters, work, waiting).exposed,
        "optimizer": optimizer_seconds(rank, parameters),
        "offload": repeated_seconds(m, waiting),
        "host": plan.framework.host_seconds_per_step,
    }


def _offload(rank: Rank, work: Pipeline) -> Number:
    """Of a micro-batch, seconds in which a stage waits for the host link."""
    plan, stage = rank.plan, work.slowest
    if plan.offload_activations is False:
        return 0.0
    moved = last_stage_bytes(rank) / rank.host_bytes_per_second
    waiting = offload_seconds(moved, stage.forward_seconds, stage.backward_seconds)
    return where(plan.offload_activations, waiting, 0.0)


@term(
    "max(moved - forward, 0) + max(moved - backward, 0)",
    unit="s",
    source="Ren et al. 2021, arXiv:2101.06840, section 4",
)
def offload_seconds(moved: Number, forward: Number, backward: Number) -> Number:
    """Activations go down the host link behind the forward pass and come up again behind the backward pass; a slow
    link shows.
    """
    return maximum(moved - forward, 0.0) + maximum(moved - backward, 0.0)
