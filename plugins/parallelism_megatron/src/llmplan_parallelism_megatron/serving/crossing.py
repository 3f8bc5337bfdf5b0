"""Where decoding turns from bound by bandwidth to bound by compute."""

from __future__ import annotations

from llmplan.records import InferencePlan
from llmplan_parallelism_megatron.serving.extent import of_decoding
from llmplan_parallelism_megatron.serving.passes import forward
from llmplan_parallelism_megatron.serving.rank import Rank

_MOST_SEQUENCES = 2**16


def compute_bound_batch(rank: Rank, plan: InferencePlan) -> int | None:
    """The least batch whose multiplications take more time than reading their weights; None up to 65,536.

    With one curve 2 b P / F = P w/8 / B, at b = w F / (16 B): the ridge of the roofline, moved by small shapes. Of
    experts more are touched as the batch grows.
    """
    if not _is_compute_bound(rank, plan, _MOST_SEQUENCES):
        return None
    low, high = 1, _MOST_SEQUENCES
    while low < high:
        middle = (low + high) // 2
        if _is_compute_bound(rank, plan, middle):
            high = middle
        else:
            low = middle + 1
    return low


def _is_compute_bound(rank: Rank, plan: InferencePlan, batch: int) -> bool:
    flow = of_decoding(float(batch), plan.prompt_tokens, plan.output_tokens)
    bounds = forward(rank, flow).stage.bounds
    return bool(bounds["compute"] >= bounds["weights"])
