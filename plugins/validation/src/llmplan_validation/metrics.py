"""What tables measure, as estimates say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.estimate.figures import TRAIN, Figure, figures_of
from llmplan.estimate.line import Kind, of_kinds
from llmplan.units import GIB, GIGA, TERA
from llmplan_validation.cells import Cells, text
from llmplan_validation.flops import flops_of

Predict = Callable[[TrainingEstimate], float]

_WHOLE_DEVICE = "nvidia-smi"
_TENSORS = "max_memory_allocated"
_DECIMAL = "decimal"
_OF_A_RUN = "GPU-hours"


def of_figures(kind: str) -> dict[str, Callable[[Cells], Callable[[Any], float]]]:
    """By what tables call them, the figures of this kind of estimate."""
    return {
        word: partial(_figure, figure=figure, unit=unit)
        for figure in figures_of(kind)
        for word, unit in figure.measured.items()
    }


def _figure(cells: Cells, figure: Figure, unit: float) -> Callable[[Any], float]:
    if figure.unit == _OF_A_RUN and not text(cells, "total_tokens"):
        raise BadInputError(f"total_tokens: empty, and {_OF_A_RUN} are those of a whole run")
    return lambda estimate: float(figure.value(estimate)) / unit


def _teraflops(cells: Cells) -> Predict:
    """FLOPs of the row's convention, per GPU and second."""
    count = flops_of(text(cells, "flops_convention"))
    return lambda estimate: count(estimate) / _gpu_seconds(estimate) / TERA


def _mfu(cells: Cells) -> Predict:
    """In percent of the peak."""
    count = flops_of(text(cells, "flops_convention"))
    return lambda estimate: 100.0 * count(estimate) / _peak(estimate)


def _hfu(cells: Cells) -> Predict:
    """In percent of the peak, with what this plan recomputes."""
    count = flops_of(text(cells, "flops_convention"))
    return lambda estimate: (
        100.0 * (count(estimate) + float(estimate.hardware_flops - estimate.model_flops)) / _peak(estimate)
    )


def _peak_memory(cells: Cells) -> Predict:
    """What the notes say was read; GB of memory are GiB unless they say decimal."""
    notes = text(cells, "notes").lower()
    left_out = _not_counted(notes)
    unit = GIGA if _DECIMAL in notes else GIB
    return lambda estimate: float(estimate.memory_bytes_per_gpu - of_kinds(estimate.memory_breakdown, left_out)) / unit


def _not_counted(notes: str) -> tuple[Kind, ...]:
    """Kinds of lines: nvidia-smi sees all, an allocator's reserved memory no context, its tensors no slack."""
    if _WHOLE_DEVICE in notes:
        return ()
    return (Kind.SYSTEM, Kind.SLACK) if _TENSORS in notes else (Kind.SYSTEM,)


def _gpu_seconds(estimate: TrainingEstimate) -> float:
    return float(estimate.plan.layout.gpus * estimate.iteration_seconds)


def _peak(estimate: TrainingEstimate) -> float:
    return _gpu_seconds(estimate) * estimate.plan.gemm.peak_flops


METRICS: Mapping[str, Callable[[Cells], Predict]] = {
    **of_figures(TRAIN),
    "tflops_per_gpu": _teraflops,
    "mfu": _mfu,
    "hfu": _hfu,
    "peak_memory_gb": _peak_memory,
}
"""By the word of the column ``measured_metric``: how it is predicted."""


def prediction(cells: Cells) -> Predict:
    """How the row's metric follows from an estimate."""
    metric = text(cells, "measured_metric")
    if metric not in METRICS:
        known = ", ".join(METRICS)
        raise BadInputError(f"measured_metric: {metric!r} is none of {known}" if metric else "measured_metric: empty")
    return METRICS[metric](cells)
