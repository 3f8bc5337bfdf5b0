"""Contract checks that plugin authors run on their own plugins, with any test runner.

``check_plugin(module)`` checks all that a plugin offers, the others one record each. The first rule that is broken is
raised as a `ContractError`. Where numpy is installed, arrays are checked too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from inspect import isfunction
from types import ModuleType
from typing import Any

import pluggy
from attrs import evolve

from llmplan import hookspecs, records
from llmplan.catalogues import (
    COST_MODELS,
    DTYPES,
    ENGINES,
    FRAMEWORKS,
    GPUS,
    KINDS,
    LAUNCHERS,
    MODELS,
    OPTIMIZERS,
    SCHEDULES,
    SERVER_MODELS,
    Catalogue,
    Kind,
)
from llmplan.catalogues.plugins import Plugins
from llmplan.errors import BadInputError, PluginFailedError, UnsupportedFormatError
from llmplan.estimate import CostModel, InferenceEstimate, TrainingEstimate
from llmplan.estimate.figures import FIGURES
from llmplan.estimate.line import BYTES, SECONDS
from llmplan.records.model import ALWAYS_KEPT
from llmplan.search.infer import infer, plan_inference
from llmplan.search.train import train
from llmplan.space.dimensions import DIMENSIONS
from llmplan.space.schedules import schedule_names
from llmplan.testing.contracts import (
    ContractError,
    check_engine,
    check_framework,
    check_hardware,
    check_lines,
    check_optimizer,
    check_schedule,
    checked_name,
    require,
)
from llmplan.testing.launcher_contract import check_launcher, sample_estimates
from llmplan.testing.sample_model import SampleModel
from llmplan.testing.serving_contract import check_server_model, check_serving_steps

__all__ = [
    "SAMPLE_DTYPE",
    "SAMPLE_HARDWARE",
    "SAMPLE_MODEL",
    "ContractError",
    "check_cost_model",
    "check_dtype",
    "check_engine",
    "check_framework",
    "check_hardware",
    "check_launcher",
    "check_model",
    "check_optimizer",
    "check_plugin",
    "check_schedule",
    "check_server_model",
]

SAMPLE_MODEL = SampleModel()
SAMPLE_HARDWARE = records.HardwareProfile(
    name="sample",
    memory_bytes=64e9,
    memory_bytes_per_second=2e12,
    peak_flops={"fp16": 4e14},
    scale_up_bytes_per_second=2e11,
    scale_up_domain=8,
)
SAMPLE_DTYPE = records.DTypeRule(
    name="sample", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16",),)
)

_WIDTHS = ("weight", "activation", "embedding", "norm", "loss")
_ROUNDING = 1e-9
_NUMPY: Any = import_module("numpy") if find_spec("numpy") else None
_RATES = ("peak_flops", "memory_bytes_per_second", "scale_up_bytes_per_second")
_PLAINEST = {one.name: one.word(one.plainest) for one in DIMENSIONS if one.plainest is not None and one.name != "gpus"}
"""Of every dimension of training: nothing is left open."""
_TOTALS: Mapping[str, str] = {figure.breakdown: figure.key for figure in FIGURES if figure.breakdown}
_PLANS = tuple(
    (price, {"tp": 1, "pp": 1, "dp": 1, **workload, **layout})
    for price, workload in (
        (train, {**_PLAINEST, "seq_len": 64, "micro_batch": 2, "gradient_accumulation": 4, "tokens": 1e9}),
        (infer, {"batch": 2, "prompt_tokens": 32, "output_tokens": 32}),
    )
    for layout in ({}, {"tp": 2}, {"pp": 2}, {"dp": 2})
)
_ALONE = len(_PLANS) // 2
"""The plan of inference on one device."""


def check_plugin(module: ModuleType) -> None:
    """The module of an entry point: its hooks exist, and what they return passes the check of its kind."""
    manager = pluggy.PluginManager("llmplan")
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    plugins.add(module.__name__, "", "", lambda: module)
    _refuse_problems(plugins)
    hooks = plugins.loaded[0].hooks
    for name, value in vars(module).items():
        marked = name in hooks or not name.startswith("llmplan_") or not isfunction(value)
        require(marked, f"{name} is named like a hook and lacks @hookimpl")
    require(hooks, f"{module.__name__} implements no hook")
    for kind in KINDS:
        if kind.in_files:  # a folder of files is offered record by record
            catalogue: Catalogue[Any] = Catalogue(kind, plugins)
            offered = [record for _, _, record in catalogue.entries()]
        else:
            offered = [record for _, record in plugins.ask(kind.hook, kind.check)]
        _refuse_problems(plugins)
        check: Callable[[Any], None] = _CHECKS.get(kind, lambda _record: None)
        for record in offered:
            check(record)


def check_dtype(offered: records.DTypeRule | records.DTypeFamily) -> None:
    """A rule refuses hardware without its formats; a family makes a rule of every name that it lists."""
    if not isinstance(offered, records.DTypeFamily):
        _check_rule(offered)
        return
    for name in offered.listed:
        try:
            rule = offered.rule(name)
        except BadInputError as error:
            raise ContractError(f"{name}: listed, and refused: {error}") from error
        if rule is None or rule.name != name:
            raise ContractError(f"{name}: listed, and makes {'no rule' if rule is None else rule.name}")
        _check_rule(rule)


def check_model(model: records.ModelArchitecture) -> None:
    """Operators and parameter counts agree; FLOPs are linear in batch, the cache at most linear in tokens."""
    name = checked_name(MODELS, model)
    try:
        hash(model)
    except TypeError as error:
        raise ContractError(f"{name}: {error}; attrs.frozen(eq=False) makes it hashable") from error
    lowered, parts = model.lower(2, 16), model.parameters_by_part()
    for part, count in parts.items():
        require(isinstance(count, int) and count >= 0, f"{name}: parameters_by_part: {part}: {count!r} is no count")
    for block in _blocks(lowered):
        _check_block(name, block)
    held, stated = sum(block.count * block.parameters for block in _blocks(lowered)), sum(parts.values())
    require(held == stated, f"{name}: parameters_by_part says {stated} parameters, the blocks of lower {held}")
    layers = sum(block.count for block in lowered.layers)
    require(layers == model.layers, f"{name}: layers says {model.layers}, the blocks of lower {layers}")
    _check_scaling(name, model)
    if _NUMPY is not None:
        _check_arrays(name, model)


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
    chosen: dict[str, Any] = {"cost_model": cost_model, "model": model, "gpu": hardware, "dtype": dtype}
    answers = [_check_price(name, price, {**chosen, **_scheduled(price), **options}) for price, options in _PLANS]
    refusals = [answer for answer in answers if answer is not None]
    if answers[_ALONE] is None and hasattr(cost_model, "serving"):
        alone: dict[str, Any] = {**chosen, **_PLANS[_ALONE][1]}
        check_serving_steps(name, cost_model.serving(plan_inference(**alone)))
    require(len(refusals) < len(answers), f"{name}: prices no plan of {model.name}: {refusals[0] if refusals else ''}")


_CHECKS: Mapping[Kind, Callable[[Any], None]] = {
    GPUS: check_hardware,
    DTYPES: check_dtype,
    MODELS: check_model,
    COST_MODELS: check_cost_model,
    ENGINES: check_engine,
    FRAMEWORKS: check_framework,
    OPTIMIZERS: check_optimizer,
    SCHEDULES: check_schedule,
    SERVER_MODELS: lambda model: check_server_model(model, _samples("infer")[0]),
    LAUNCHERS: lambda launcher: check_launcher(launcher, _samples(launcher.command)),
}


def _samples(command: str) -> list[Any]:
    return list(sample_estimates(command, SAMPLE_MODEL, SAMPLE_HARDWARE, SAMPLE_DTYPE))


def _refuse_problems(plugins: Plugins) -> None:
    for problem in plugins.problems:
        raise ContractError(f"{problem.reason}\n{problem.traceback}")


def _check_rule(rule: records.DTypeRule) -> None:
    name = checked_name(DTYPES, rule)
    for width in _WIDTHS:
        require(getattr(rule, f"{width}_bits") > 0, f"{name}: {width}_bits: not positive")
    tiers = rule.gemm_formats
    shaped = tiers and all(isinstance(tier, tuple) and tier for tier in tiers)
    require(shaped, f"{name}: gemm_formats: {tiers!r} is no tuple of tuples, like (('fp8',), ('fp16', 'bf16'))")
    try:
        rule.gemm_format(evolve(SAMPLE_HARDWARE, peak_flops={"no-such-format": 1.0}))
    except UnsupportedFormatError:
        return
    raise ContractError(f"{name}: gemm_format: no UnsupportedFormatError for hardware without its formats")


def _blocks(lowered: records.LoweredModel) -> tuple[records.Block, ...]:
    return (lowered.embedding, *lowered.layers, lowered.head)


def _check_block(name: str, block: records.Block) -> None:
    matrices, held = sum(operator.weights for operator in block.operators), block.parameters + block.shared_parameters
    require(matrices <= held, f"{name}: operators of a block weigh {matrices}, its parameters are {held}")
    for operator in block.operators:
        where = f"{name}: {operator.name}"
        again, figures = operator.recomputed_from, _figures(operator)
        require(0 < again <= ALWAYS_KEPT, f"{where}: recomputed_from: {again!r} is not 1 to {ALWAYS_KEPT}")
        require(all(0 <= figure < math.inf for figure in figures), f"{where}: negative or infinite: {figures}")
        read, weights = operator.weights_read, operator.weights
        require(read is None or read <= weights, f"{where}: weights_read: {read} is more than its weights, {weights}")
        for tensor in operator.inputs:
            dropped = tensor.dropped_from
            require(0 <= dropped <= ALWAYS_KEPT, f"{where}: dropped_from: {dropped!r} is not 0 to {ALWAYS_KEPT}")
            require(tensor.width in _WIDTHS, f"{where}: width: {tensor.width!r} is none of {', '.join(_WIDTHS)}")


def _figures(operator: records.Operator) -> list[Any]:
    optional = (operator.reduced_elements, operator.weights_read)
    stated = (figure for figure in optional if figure is not None)
    return [operator.flops, operator.weights, *stated, *(tensor.elements for tensor in operator.inputs)]


def _check_scaling(name: str, model: records.ModelArchitecture) -> None:
    flops, cache = model.lower(2, 16).flops, model.kv_cache(2, 16).elements
    require(flops > 0, f"{name}: lower: no FLOPs")
    require(math.isclose(model.lower(4, 16).flops, 2 * flops), f"{name}: lower: FLOPs are not linear in batch")
    try:
        further = model.lower(2, 16, 32).flops
    except TypeError as error:
        raise ContractError(f"{name}: lower: takes no context: {error}") from error
    require(further >= flops, f"{name}: lower: fewer FLOPs with a context of 32 tokens than of 16")
    require(math.isclose(model.kv_cache(4, 16).elements, 2 * cache), f"{name}: kv_cache: not linear in batch")
    longer = model.kv_cache(2, 32).elements
    require(cache <= longer <= 2 * cache, f"{name}: kv_cache: {cache} of 16 tokens, {longer} of 32: not 1 to 2 times")


def _check_arrays(name: str, model: records.ModelArchitecture) -> None:
    """Every figure of two batches at once is that of each alone."""
    batches = ((1.0, 16.0), (2.0, 32.0))
    alone = zip(*(_all_figures(model, *batch) for batch in batches), strict=True)
    for numbers, arrays in zip(alone, _all_figures(model, *_NUMPY.array(batches).T), strict=True):
        require(_same(arrays, numbers), f"{name}: lower or kv_cache: {arrays} for arrays, {numbers} one by one")


def _all_figures(model: records.ModelArchitecture, batch: Any, seq_len: Any) -> list[Any]:
    operators = (operator for block in _blocks(model.lower(batch, seq_len)) for operator in block.operators)
    cache = model.kv_cache(batch, seq_len).elements
    return [cache, *(figure for operator in operators for figure in _figures(operator))]


def _check_price(name: str, price: Callable[..., Any], options: Mapping[str, Any]) -> str | None:
    """Why the plan is refused, None where it is priced."""
    try:
        estimate = price(**options)
    except BadInputError as error:
        return str(error)
    except PluginFailedError as error:
        raise ContractError(str(error)) from error
    _check_estimate(name, estimate)
    if _NUMPY is not None:
        _check_array_plan(name, options["cost_model"], estimate)
    seconds = _seconds(estimate)
    for rate in _RATES:
        faster = _seconds(price(**{**options, "gpu": _twice(options["gpu"], rate)}))
        slower = [key for key in seconds if faster[key] > seconds[key] * (1 + _ROUNDING)]
        require(not slower, f"{name}: twice the {rate} makes {' and '.join(slower)} slower")
    return None


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
    require(hfu <= 1 + _ROUNDING, f"{name}: HFU {hfu:g} is above 1: faster than the peak")


def _check_array_plan(name: str, cost_model: CostModel, estimate: Any) -> None:
    training = isinstance(estimate, TrainingEstimate)
    price, batch = (cost_model.train, "micro_batch") if training else (cost_model.infer, "batch")
    plans = (evolve(estimate.plan, **{batch: size}) for size in (1.0, 2.0, _NUMPY.array([1.0, 2.0])))
    one, two, both = (_seconds(price(plan)) for plan in plans)
    for key, arrays in both.items():
        alone = [one[key], two[key]]
        require(_same(arrays, alone), f"{name}: {key}: {arrays} for an array of {batch}, {alone} one by one")
    if training:
        from llmplan.testing.array_contracts import check_arrays

        check_arrays(name, cost_model, estimate.plan)


def _same(arrays: Any, numbers: Any) -> bool:
    return bool(_NUMPY.allclose(arrays, numbers, rtol=_ROUNDING, atol=0))
