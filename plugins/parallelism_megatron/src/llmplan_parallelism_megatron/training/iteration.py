"""The time of an iteration, line by line."""

from __future__ import annotations

from llmplan.arrays.quantities import Number
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import end_stages, repeated_seconds
from llmplan_parallelism_megatron.training.data_parallel import traffic
from llmplan_parallelism_megatron.training.host import FIRST, offloading_seconds, paged_out, paging_seconds
from llmplan_parallelism_megatron.training.optimizer_step import optimizer_seconds
from llmplan_parallelism_megatron.training.parameters import stage_parameters
from llmplan_parallelism_megatron.training.pipeline import Pipeline


def time_breakdown(rank: Rank, work: Pipeline) -> dict[str, Number]:
    """The lines that an iteration's seconds are the sum of."""
    m, plan = work.micro_batches, rank.plan
    # the first stage holds the embedding, and reduces its gradients last
    parameters = stage_parameters(rank, end_stages(rank.model, plan.layout)[0])
    waiting = offloading_seconds(rank, work)
    pages = 0.0
    if plan.optimizer.paged:
        pages = paging_seconds(paged_out(rank, FIRST), rank.host_bytes_per_second)
    return {
        **{line: repeated_seconds(m, stage) for line, stage in work.lines.items()},
        "pp_comm": repeated_seconds(m, work.transfer),
        "pipeline_bubble": work.bubble,
        "launch": repeated_seconds(m, work.slowest.waiting),
        "dp_comm": traffic(rank, parameters, work, waiting).exposed,
        "optimizer": optimizer_seconds(rank, parameters),
        "offload": repeated_seconds(m, waiting) + pages,
        "host": plan.framework.host_seconds_per_step,
    }
