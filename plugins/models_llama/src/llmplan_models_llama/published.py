"""The published LLaMA tables, figure by figure, each with the plan that it was computed with.

published.toml holds the figures as printed; this module turns each into the options of ``llmplan train`` or ``infer``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import tomli

from llmplan.arrays.quantities import total
from llmplan.estimate import InferenceEstimate, TrainingEstimate
from llmplan.records import ValidationRow, ValidationSet

SOURCE = "LLaMA example analysis of llm-analysis (Li 2023); LLaMA paper, arXiv:2302.13971"
_H100 = "h100-sxm-80gb"


def rows() -> Iterator[ValidationRow]:
    """Every figure that the published tables print."""
    published = tomli.loads(files(__package__).joinpath("published.toml").read_text(encoding="utf-8"))
    yield from _training(published["training"])
    yield from _forward(published["training"])
    yield from _inference(published["inference"])
    yield from _quantization(published["quantization"], published["inference"])


PUBLISHED = ValidationSet(
    name="llama",
    description="the published LLaMA tables, to every printed digit",
    rows=rows,
    exact=True,
    source=SOURCE,
)


def _training_options(table: dict[str, Any], model: str, gpu: str, flops_efficiency: float) -> dict[str, Any]:
    """Tokens and batch as the source ran them: its global batch counts sequences."""
    return {
        "model": f"{model}-iso",
        "gpu": gpu,
        "dtype": table["dtype"],
        "gpus": table["gpus"],
        "tp": table["tp"],
        "pp": table["pp"],
        "sequence_parallel": table["sequence_parallel"],
        "recompute": table["recompute"],
        "global_batch": table["global_batch_sequences"],
        "micro_batch": 1,
        "cp": 1,
        "vpp": 1,
        "zero": 1,
        "schedule": "1f1b",
        "offload": "none",
        "tokens": table["tokens"][model],
        "flops_efficiency": flops_efficiency,
        "ideal": True,
        "cost_model": "roofline",
    }


def _training(table: dict[str, Any]) -> Iterator[ValidationRow]:
    efficiency = table["flops_efficiency"]
    runs = (
        ("gpu_hours", "Training, GPU-hours", table["gpu"], efficiency),
        ("gpu_hours_ideal", "Training, GPU-hours at ideal efficiency", table["gpu"], 1.0),
        ("gpu_hours_h100", "Training, GPU-hours on H100", _H100, efficiency),
    )
    for metric, title, gpu, flops_efficiency in runs:
        for model, hours in table[metric].items():
            note = f"paper {table['gpu_hours_paper'][model]:,}, {table['difference_percent'][model]:+} %"
            yield ValidationRow(
                id=f"{metric}.{model}",
                table=title,
                metric=metric,
                command="train",
                options=_training_options(table, model, gpu, flops_efficiency),
                measured=hours,
                predict=_gpu_hours,
                shown=int,
                note=note if metric == "gpu_hours" else "",
            )
    for model, percent in table["difference_percent"].items():
        yield ValidationRow(
            id=f"difference_percent.{model}",
            table="Training, difference from the GPU-hours of the LLaMA paper in percent",
            metric="difference_percent",
            command="train",
            options=_training_options(table, model, table["gpu"], efficiency),
            measured=percent,
            predict=_difference_percent(table["gpu_hours_paper"][model]),
            shown=_rounded(2),
        )


def _forward(table: dict[str, Any]) -> Iterator[ValidationRow]:
    efficiency = table["flops_efficiency"]
    runs = (
        ("forward_ms", "on A100", table["gpu"], efficiency, None),
        ("forward_ms_ideal", "on A100 at ideal efficiency", table["gpu"], 1.0, 1.0),
        ("forward_ms_h100", "on H100", _H100, efficiency, None),
    )
    hbm_efficiency = table["forward_ms"]["llama-65b"]["hbm_efficiency"]
    for metric, where, gpu, flops_efficiency, ideal_hbm in runs:
        for model, figures in table[metric].items():
            options = _training_options(table, model, gpu, flops_efficiency)
            options["micro_batch"] = figures["micro_batch"]
            options["hbm_efficiency"] = ideal_hbm or hbm_efficiency
            for part, milliseconds in figures.items():
                if part in ("micro_batch", "hbm_efficiency"):
                    continue
                yield ValidationRow(
                    id=f"{metric}.{model}.{part}",
                    table=f"Forward pass of a micro-batch of {model} on a pipeline stage {where}, ms",
                    metric=metric,
                    command="train",
                    options=options,
                    measured=milliseconds,
                    predict=_forward_milliseconds(part),
                    shown=_rounded(3),
                )


def _inference_options(
    table: dict[str, Any], model: str, dtype: str, tp: int, flops_efficiency: float, hbm_efficiency: float
) -> dict[str, Any]:
    return {
        "model": f"{model}-iso",
        "gpu": table["gpu"],
        "dtype": dtype,
        "tp": tp,
        "pp": 1,
        "dp": 1,
        "sequence_parallel": table["sequence_parallel"],
        "batch": table["batch_size"],
        "prompt_tokens": table["prompt_tokens"],
        "output_tokens": table["generated_tokens"],
        "flops_efficiency": flops_efficiency,
        "hbm_efficiency": hbm_efficiency,
        "ideal": True,
        "cost_model": "roofline",
    }


_PHASES: dict[str, Callable[[InferenceEstimate], float]] = {
    "prefill_ms": lambda estimate: estimate.prefill_seconds * 1e3,
    "decode_ms": lambda estimate: estimate.decode_seconds_per_token * 1e3,
}

_WORDS = {"prefill_ms": "Prefill", "decode_ms": "Decode of a token"}


def _inference(table: dict[str, Any]) -> Iterator[ValidationRow]:
    """16 bit: one GPU, two for 65B, whose weights do not fit on one."""
    runs = (("", "at ideal efficiency", 1.0, 1.0), ("_practical", "at practical efficiency", 0.7, 0.9))
    for suffix, words, flops_efficiency, hbm_efficiency in runs:
        for phase, predict in _PHASES.items():
            for model, milliseconds in table[phase + suffix].items():
                tp = 2 if model == "llama-65b" else table["tp"]
                options = _inference_options(table, model, "w16a16e16", tp, flops_efficiency, hbm_efficiency)
                yield _inference_row(
                    f"{phase}{suffix}", model, options, milliseconds, predict, f"{_WORDS[phase]} {words}, ms"
                )


def _quantization(table: dict[str, Any], setup: dict[str, Any]) -> Iterator[ValidationRow]:
    for phase, predict in _PHASES.items():
        for dtype, figures in table[phase].items():
            for model, milliseconds in figures.items():
                options = _inference_options(setup, model, dtype, setup["tp"], 1.0, 1.0)
                metric = f"quantization.{phase}.{dtype}"
                yield _inference_row(
                    metric, model, options, milliseconds, predict, f"{_WORDS[phase]} in {dtype} on one GPU, ms"
                )


def _inference_row(
    metric: str,
    model: str,
    options: dict[str, Any],
    milliseconds: float,
    predict: Callable[[InferenceEstimate], float],
    title: str,
) -> ValidationRow:
    return ValidationRow(
        id=f"{metric}.{model}",
        table=title,
        metric=metric,
        command="infer",
        options=options,
        measured=milliseconds,
        predict=predict,
        shown=_rounded(2),
    )


def _gpu_hours(estimate: TrainingEstimate) -> float:
    return float(estimate.gpu_hours)


def _difference_percent(paper_gpu_hours: float) -> Callable[[TrainingEstimate], float]:
    """Of the truncated GPU-hours, as the source computed it."""
    return lambda estimate: 100 * (int(estimate.gpu_hours) - paper_gpu_hours) / paper_gpu_hours


def _forward_milliseconds(part: str) -> Callable[[TrainingEstimate], float]:
    def predict(estimate: TrainingEstimate) -> float:
        breakdown = estimate.forward_breakdown or {}
        return 1e3 * (total(breakdown.values()) if part == "total" else breakdown[part])

    return predict


def _rounded(digits: int) -> Callable[[float], float]:
    return lambda value: round(value, digits)
