"""The range that an estimate gives to a published figure."""

from __future__ import annotations

from llmplan.estimate import InferenceEstimate, ServerEstimate, Spread, TrainingEstimate
from llmplan_validation.score import group_of

FALLS_WITH_TIME = (
    *("tokens_per_s_per_gpu", "tflops_per_gpu", "mfu", "hfu"),
    *("tokens_per_s_total_output", "tokens_per_s_per_user"),
)
"""Metrics that are the lower the longer a run takes."""
OF_PREFILL = ("prefill_ms", "ttft_ms")
"""Metrics of the first token; all other times are of the following ones."""
IN_BYTES = "memory_gb"
"""The metric of memory that grows as it does; sequences and tokens that have room are others."""


def spread_of(metric: str, estimate: TrainingEstimate | InferenceEstimate | ServerEstimate) -> Spread | None:
    """Measured over predicted, of a metric; None where nothing of its kind was measured."""
    if isinstance(estimate, TrainingEstimate):
        found = estimate.memory_spread if group_of(metric) == "memory" else estimate.time_spread
    elif group_of(metric) == "memory":
        found = _phases(estimate)[1].memory_spread if metric == IN_BYTES else None
    else:
        prefill, decode = _phases(estimate)
        found = prefill.first_token_spread if metric in OF_PREFILL else decode.next_token_spread
    return found.inverted() if found is not None and metric in FALLS_WITH_TIME else found


def _phases(estimate: InferenceEstimate | ServerEstimate) -> tuple[InferenceEstimate, InferenceEstimate]:
    """Of prompts and of further tokens."""
    if isinstance(estimate, ServerEstimate):
        return estimate.prefill, estimate.decode
    return estimate, estimate
