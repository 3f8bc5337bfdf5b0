"""What tables measure, as estimates say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from llmplan.catalogues.figures import figures_of
from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.estimate.figure import Figure
from llmplan.estimate.figures import TRAIN
from llmplan.estimate.line import Kind, of_kinds
from llmplan.units import GIB, GIGA, TERA
from llmplan_validation.cells import Cells, text
from llmplan_validation.flops import flops_of

Predict = Callable[[TrainingEstimate], float]
T = TypeVar("T")

_READ = {"device": ("nvidia-smi", "how memory was read is not stated"), "allocated": ("max_memory_allocated",)}
"""What memory was read with, by the words in notes that say so."""
_LEFT_OUT: Mapping[str, tuple[Kind, ...]] = {
    "device": (),
    "reserved": (Kind.SYSTEM,),
    "allocated": (Kind.SYSTEM, Kind.SLACK),
}
_DECIMAL = "decimal"
_OF_A_RUN = "GPU-hours"


def of_figures(kind: str) -> dict[str, Callable[[Cells], Callable[[Any], float]]]:
    """By what tables call them, the figures of this kind of estimate."""
    return {
        word: partial(_figure, figure=figure, unit=unit)
        for figure in figures_of(kind)
        for word, unit in figure.measured.items()
    }


def metric_of(cells: Cells, metrics: Mapping[str, T]) -> T:
    """That of the row, of those that there are."""
    metric = text(cells, "measured_metric")
    if metric not in metrics:
        known = ", ".join(metrics)
        raise BadInputError(f"measured_metric: {metric!r} is none of {known}" if metric else "measured_metric: empty")
    return metrics[metric]


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
    left_out = _not_counted(cells, notes)
    unit = GIGA if _DECIMAL in notes else GIB
    first = _on_first_stage(cells, notes)

    def read(estimate: TrainingEstimate) -> float:
        held = (first and estimate.first_stage_memory) or estimate.memory_breakdown
        return float(sum(held.values()) - of_kinds(held, left_out)) / unit

    return read


def _on_first_stage(cells: Cells, notes: str) -> bool:
    """Whether the device was one of the first pipeline stage: the column ``memory_stage`` says it, else it is where
    nvidia-smi was read and not on the heaviest node, since it shows the node on which a run is started.
    """
    stage = text(cells, "memory_stage").lower()
    if stage not in {"", "first", "fullest"}:
        raise BadInputError(f"memory_stage: {stage!r} is neither first nor fullest")
    return stage == "first" if stage else "nvidia-smi" in notes and "heaviest" not in notes


def _not_counted(cells: Cells, notes: str) -> tuple[Kind, ...]:
    """Kinds of lines: nvidia-smi sees all, an allocator's reserved memory no context, its tensors no slack.

    The column ``memory_read`` says which; else the notes do. A program that prints none is watched from outside.
    """
    word = text(cells, "memory_read").lower()
    word = word or next((word for word, marks in _READ.items() if any(mark in notes for mark in marks)), "reserved")
    if word not in _LEFT_OUT:
        raise BadInputError(f"memory_read: {word!r} is none of {', '.join(_LEFT_OUT)}")
    return _LEFT_OUT[word]


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
    return metric_of(cells, METRICS)(cells)
