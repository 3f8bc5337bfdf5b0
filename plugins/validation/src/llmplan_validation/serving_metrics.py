"""What tables of inference measure, as estimates say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor, log2

from llmplan.estimate import InferenceEstimate
from llmplan.estimate.figures import INFER
from llmplan.estimate.line import Kind, of_kinds
from llmplan.units import GIB, GIGA
from llmplan_validation.cells import Cells, text
from llmplan_validation.metrics import metric_of, of_figures

Predict = Callable[[InferenceEstimate], float]
_BRACKET = "bracket"
_DECIMAL, _ALLOCATED = "decimal", ("mib assumed", "max_memory_allocated")


def _tokens_per_user(_cells: Cells) -> Predict:
    """Of one sequence: answers over their time, prompts included."""
    return lambda estimate: float(estimate.plan.output_tokens / estimate.total_seconds)


def _memory(cells: Cells) -> Predict:
    """GB of memory are GiB unless the notes say decimal; what an allocator's peak leaves out is left out."""
    notes = text(cells, "notes").lower()
    unit = GIGA if _DECIMAL in notes else GIB
    left_out = {Kind.RESERVE} | ({Kind.SYSTEM} if any(word in notes for word in _ALLOCATED) else set())
    return lambda estimate: float(estimate.memory_bytes_per_gpu - of_kinds(estimate.memory_breakdown, left_out)) / unit


def _largest_batch(cells: Cells) -> Predict:
    """Of a bracket, found by doubling a batch until it no longer ran, the last one that would have run."""
    if _BRACKET in text(cells, "notes").lower():
        return lambda estimate: 2.0 ** floor(log2(max(1.0, float(estimate.max_batch_size))))
    return lambda estimate: float(estimate.max_batch_size)


METRICS: Mapping[str, Callable[[Cells], Predict]] = {
    **of_figures(INFER),
    "tokens_per_s_per_user": _tokens_per_user,
    "memory_gb": _memory,
    "max_batch": _largest_batch,
}
"""By the word of the column ``measured_metric``: how it is predicted."""


def serving_prediction(cells: Cells) -> Predict:
    """How the row's metric follows from an estimate."""
    return metric_of(cells, METRICS)(cells)
