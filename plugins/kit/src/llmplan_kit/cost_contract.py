"""The contract of cost models: what they answer to small plans, of numbers and of arrays. `laws` has the rest.

`llmplan.testing` is the door to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from llmplan import records
from llmplan.catalogues import COST_MODELS
from llmplan.catalogues.guard import words_of
from llmplan.errors import BadInputError, PluginFailedError
from llmplan.estimate import CostModel, InferenceEstimate, TrainingEstimate
from llmplan.estimate.cost_model import Command
from llmplan.estimate.figures import FIGURES
from llmplan.estimate.line import BYTES, SECONDS
from llmplan.records.cluster import two_levels
from llmplan.search.infer import infer, plan_inference
from llmplan.search.train import train
from llmplan.space.dimensions import DIMENSIONS
from llmplan.space.schedules import schedule_names
from llmplan_kit.contracts import NUMPY, ROUNDING, ContractError, check_lines, checked_name, require, same
from llmplan_kit.laws import check_laws
from llmplan_kit.sample_model import SampleModel
from llmplan_kit.serving_contract import check_serving_steps

SAMPLE_MODEL = SampleModel()
SAMPLE_HARDWARE = records.HardwareProfile(
    name="sample",
    memory_bytes=64e9,
    memory_bytes_per_second=2e12,
    peak_flops={"fp16": 4e14},
    cluster=two_levels(2e11, 8),
)
SAMPLE_DTYPE = records.DTypeRule(
    name="sample", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16",),)
)

_RATES = ("peak_flops", "memory_bytes_per_second", "scale_up_bytes_per_second")
PLAINEST = {one.name: one.word(one.plainest) for one in DIMENSIONS if one.plainest is not None and one.name != "gpus"}
"""Of every dimension of training: nothing is left open."""
_TOTALS: Mapping[str, str] = {figure.breakdown: figure.key for figure in FIGURES if figure.breakdown}
_PLANS = tuple(
    (price, {"tp": 1, "pp": 1, "dp": 1, **workload, **layout})
    for price, workload in (
        (train, {**PLAINEST, "seq_len": 64, "micro_batch": 2, "gradient_accumulation": 4, "tokens": 1e9}),
        (infer, {"batch": 2, "prompt_tokens": 32, "output_tokens": 32}),
    )
    for layout in ({}, {"tp": 2}, {"pp": 2}, {"dp": 2})
)
_ALONE = len(_PLANS) // 2
"""The plan of inference on one device."""


def _scheduled(price: Any) -> dict[str, Any]:
    """Training by the default schedule of those that are installed."""
    return {"schedule": schedule_names()[0]} if price is train else {}


def check_cost_model(
    cost_model: CostModel,
    model: records.ModelArchitecture = SAMPLE_MODEL,
    hardware: records.HardwareProfile = SAMPLE_HARDWARE,
    dtype: records.DTypeRule = SAMPLE_DTYPE,
) -> None:
    """Estimates are finite, add up, know the kind of each line, stay below the peak, are no slower on faster hardware.

    It may refuse a small plan on one or two devices with BadInputError, but not every one.
    """
    name = checked_name(COST_MODELS, cost_model)
    try:
        _check_answers(name, cost_model, model, hardware, dtype)
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(f"{name}: {words_of(error)}") from error


def _check_answers(
    name: str,
    cost_model: CostModel,
    model: records.ModelArchitecture,
    hardware: records.HardwareProfile,
    dtype: records.DTypeRule,
) -> None:
    chosen: dict[str, Any] = {"cost_model": cost_model, "model": model, "gpu": hardware, "dtype": dtype}
    peaks = dict(hardware.peak_flops)
    _check_efficiency(name, cost_model, hardware, dtype)
    answers = [_check_price(name, price, {**chosen, **_scheduled(price), **options}) for price, options in _PLANS]
    check_laws(name, cost_model, {"cost_model": cost_model, "gpu": hardware, "dtype": dtype})
    refusals = [answer for answer in answers if answer is not None]
    if answers[_ALONE] is None and hasattr(cost_model, "serving"):
        alone: dict[str, Any] = {**chosen, **_PLANS[_ALONE][1]}
        check_serving_steps(name, cost_model.serving(plan_inference(**alone)))
    require(hardware.peak_flops == peaks, f"{name}: changes the accelerator that it is given: {hardware.peak_flops}")
    require(len(refusals) < len(answers), f"{name}: prices no plan of {model.name}: {refusals[0] if refusals else ''}")


def _check_efficiency(
    name: str, cost_model: CostModel, hardware: records.HardwareProfile, dtype: records.DTypeRule
) -> None:
    """It is the cost model's own, and it says who stands behind it."""
    commands: tuple[Command, ...] = ("train", "infer")
    try:
        gemm = dtype.gemm_format(hardware)
    except BadInputError:  # no plan is priced then
        return
    for command in commands:
        found = cost_model.efficiency(hardware, gemm, command)
        known = isinstance(found, records.Efficiency) and not found.stated and found.source not in ("", "given")
        require(known, f"{name}: efficiency: {command}: no source of its own: is it stated by nobody but the user?")


def _check_price(name: str, price: Callable[..., Any], options: Mapping[str, Any]) -> str | None:
    """Why the plan is refused, None where it is priced."""
    try:
        estimate = price(**options)
    except BadInputError as error:
        return str(error)
    except PluginFailedError as error:
        raise ContractError(str(error)) from error
    _check_estimate(name, estimate)
    _check_memory(name, options["cost_model"], estimate)
    if NUMPY is not None:
        _check_array_plan(name, options["cost_model"], estimate)
    seconds = _seconds(estimate)
    for rate in _RATES:
        faster = _seconds(price(**{**options, "gpu": _twice(options["gpu"], rate)}))
        slower = [key for key in seconds if faster[key] > seconds[key] * (1 + ROUNDING)]
        require(not slower, f"{name}: twice the {rate} makes {' and '.join(slower)} slower")
    return None


def _check_memory(name: str, cost_model: Any, estimate: Any) -> None:
    """What it says of memory alone is what it says beside times."""
    if isinstance(estimate, InferenceEstimate) and hasattr(cost_model, "serving_memory"):
        alone, beside = dict(cost_model.serving_memory(estimate.plan)), dict(estimate.memory_breakdown)
        require(alone == beside, f"{name}: serving_memory: {alone}, and {beside} of infer")


def _twice(hardware: records.HardwareProfile, rate: str) -> records.HardwareProfile:
    value = getattr(hardware, rate)
    twice: Any = {key: 2 * peak for key, peak in value.items()} if isinstance(value, Mapping) else 2 * value
    return evolve(hardware, **{rate: twice})


def _seconds(estimate: Any) -> dict[str, Any]:
    if isinstance(estimate, InferenceEstimate):
        return {"prefill": estimate.prefill_seconds, "decode": estimate.decode_seconds_per_token}
    forward = sum((estimate.forward_breakdown or {}).values())
    return {"the iteration": estimate.iteration_seconds, "the forward pass": forward}


def _check_estimate(name: str, estimate: Any) -> None:
    known = isinstance(estimate, (TrainingEstimate, InferenceEstimate))
    require(known, f"{name}: returned a {type(estimate).__name__}, not an estimate")
    for field in (field for field in _TOTALS if hasattr(estimate, field)):
        parts, total = getattr(estimate, field), getattr(estimate, _TOTALS[field])
        check_lines(f"{name}: {field}", parts, BYTES if field == "memory_breakdown" else SECONDS)
        for part, value in parts.items():
            require(0 <= value < math.inf, f"{name}: {field}: {part}: {value} is negative or not finite")
        require(total > 0, f"{name}: {_TOTALS[field]}: {total} is not positive")
        require(math.isclose(sum(parts.values()), total), f"{name}: {field} does not sum to {_TOTALS[field]}, {total}")
    for field in ("forward_breakdown", "prefill_bounds", "decode_bounds"):
        check_lines(f"{name}: {field}", getattr(estimate, field, None) or {}, SECONDS)
    hfu = getattr(estimate, "hfu", 0)
    require(hfu <= 1 + ROUNDING, f"{name}: HFU {hfu:g} is above 1: faster than the peak")


def _check_array_plan(name: str, cost_model: CostModel, estimate: Any) -> None:
    training = isinstance(estimate, TrainingEstimate)
    price, batch = (cost_model.train, "micro_batch") if training else (cost_model.infer, "batch")
    plans = (evolve(estimate.plan, **{batch: size}) for size in (1.0, 2.0, NUMPY.array([1.0, 2.0])))
    one, two, both = (_seconds(price(plan)) for plan in plans)
    for key, arrays in both.items():
        alone = [one[key], two[key]]
        require(same(arrays, alone), f"{name}: {key}: {arrays} for an array of {batch}, {alone} one by one")
    if training:
        from llmplan_kit.array_contracts import check_arrays

        check_arrays(name, cost_model, estimate.plan)
