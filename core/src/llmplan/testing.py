"""Contract checks that plugin authors run on their own plugins, with any test runner.

``check_plugin(module)`` checks all that a plugin offers, the others one record each. The first rule that is broken is
raised as a `ContractError`. Where numpy is installed, arrays are checked too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from inspect import isfunction
from types import ModuleType
from typing import Any

import pluggy
from attrs import evolve, fields, fields_dict

from llmplan import hookspecs, records
from llmplan.catalogues import COST_MODELS, DTYPES, GPUS, KINDS, MODELS, Kind
from llmplan.errors import BadInputError, LlmplanError, UnsupportedFormatError
from llmplan.planner import infer, train
from llmplan.plugins import Plugins
from llmplan.records.model import ALWAYS_KEPT

SAMPLE_MODEL = records.Transformer(
    name="sample", layers=4, hidden=256, heads=4, kv_heads=2, head_dim=64, ffn_hidden=999, gated_mlp=True, vocab=999
)
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

_PLAUSIBLE: Mapping[str, tuple[float, float]] = {
    "memory_bytes": (1e8, 1e14),
    "memory_bytes_per_second": (1e9, 1e17),
    "peak_flops": (1e10, 1e19),
    "scale_up_bytes_per_second": (1e8, 1e16),
    "scale_out_bytes_per_second": (1e7, 1e14),
    "host_bytes_per_second": (1e8, 1e14),
    "l2_bytes": (1e4, 1e12),
    "launch_year": (1990, 2100),
}
"""Wide enough for any accelerator; a number in GB or TFLOP/s falls outside."""
_NO_FASTER = (("tf32", "fp16"), ("tf32", "bf16"), ("fp16", "fp8"), ("bf16", "fp8"), ("fp8", "fp4"), ("int8", "int4"))
"""No accelerator runs the first format faster than the second; integers may be slower than floats of any width."""
_WIDTHS = ("weight", "activation", "embedding", "norm", "loss")
_ROUNDING = 1e-9
_NUMPY: Any = import_module("numpy") if find_spec("numpy") else None
_RATES = ("peak_flops", "memory_bytes_per_second", "scale_up_bytes_per_second")
_TOTALS: Mapping[str, str] = {
    "time_breakdown": "iteration_seconds",
    "prefill_breakdown": "prefill_seconds",
    "decode_breakdown": "decode_seconds_per_token",
    "memory_breakdown": "memory_bytes_per_gpu",
}
_PLANS = tuple(
    (price, {"tp": 1, "pp": 1, "dp": 1, **workload, **layout})
    for price, workload in (
        (train, {"seq_len": 64, "micro_batch": 2, "gradient_accumulation": 4, "tokens": 1e9}),
        (infer, {"batch": 2, "prompt_tokens": 32, "output_tokens": 32}),
    )
    for layout in ({}, {"tp": 2}, {"pp": 2}, {"dp": 2})
)


class ContractError(LlmplanError, AssertionError):
    """A plugin, or one of its records, breaks a rule that llmplan relies on."""


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
        _require(marked, f"{name} is named like a hook and lacks @hookimpl")
    _require(hooks, f"{module.__name__} implements no hook")
    for kind in KINDS:
        offered = [record for _, record in plugins.ask(kind.hook, kind.check)]
        _refuse_problems(plugins)
        for record in offered if kind in _CHECKS else ():
            _CHECKS[kind](record)


def check_hardware(profile: records.HardwareProfile) -> None:
    """Every number has a source and the size of its SI unit, and efficiencies are fractions."""
    name = _checked_name(GPUS, profile)
    peaks, efficiency = profile.peak_flops, profile.efficiency
    _require(peaks, f"{name}: peak_flops is empty")
    numbers = dict(_numbers(profile))
    for field, value in numbers.items():
        low, high = _PLAUSIBLE.get(field.partition(".")[0], (1, math.inf))
        _require(low <= value <= high, f"{name}: {field}: {value:g} is not in {low:g} to {high:g}: is it in SI units?")
        _require(profile.sources.get(field), f"{name}: {field}: no source")
    strangers = set(profile.sources) - {*numbers, *fields_dict(records.HardwareProfile)}
    _require(not strangers, f"{name}: sources: {', '.join(sorted(strangers))}: no such number")
    for slower, faster in _NO_FASTER:
        ordered = peaks.get(slower, 0) <= peaks.get(faster, math.inf)
        _require(ordered, f"{name}: peak_flops: {slower} is faster than {faster}: is one of them sparse?")
    for field, reached in ({} if efficiency is None else efficiency.flops).items():
        _require(reached <= 1, f"{name}: efficiency.flops.{field}: {reached:g} is above 1")


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
    name = _checked_name(MODELS, model)
    try:
        hash(model)
    except TypeError as error:
        raise ContractError(f"{name}: {error}; attrs.frozen(eq=False) makes it hashable") from error
    lowered, parts = model.lower(2, 16), model.parameters_by_part()
    for part, count in parts.items():
        _require(isinstance(count, int) and count >= 0, f"{name}: parameters_by_part: {part}: {count!r} is no count")
    for block in _blocks(lowered):
        _check_block(name, block)
    held, stated = sum(block.count * block.parameters for block in _blocks(lowered)), sum(parts.values())
    _require(held == stated, f"{name}: parameters_by_part says {stated} parameters, the blocks of lower {held}")
    layers = sum(block.count for block in lowered.layers)
    _require(layers == model.layers, f"{name}: layers says {model.layers}, the blocks of lower {layers}")
    _check_scaling(name, model)
    if _NUMPY is not None:
        _check_arrays(name, model)


def check_cost_model(
    cost_model: records.CostModel,
    model: records.ModelArchitecture = SAMPLE_MODEL,
    hardware: records.HardwareProfile = SAMPLE_HARDWARE,
    dtype: records.DTypeRule = SAMPLE_DTYPE,
) -> None:
    """Estimates are finite, add up, use no more than the peak, and are no slower on faster hardware.

    It may refuse a small plan on one or two devices with BadInputError, but not every one.
    """
    name = _checked_name(COST_MODELS, cost_model)
    chosen = {"cost_model": cost_model, "model": model, "gpu": hardware, "dtype": dtype}
    answers = [_check_price(name, price, {**chosen, **options}) for price, options in _PLANS]
    refusals = [answer for answer in answers if answer is not None]
    _require(len(refusals) < len(answers), f"{name}: prices no plan of {model.name}: {refusals[0] if refusals else ''}")


_CHECKS: Mapping[Kind, Callable[[Any], None]] = {
    GPUS: check_hardware,
    DTYPES: check_dtype,
    MODELS: check_model,
    COST_MODELS: check_cost_model,
}


def _require(condition: object, message: str) -> None:
    if not condition:
        raise ContractError(message)


def _refuse_problems(plugins: Plugins) -> None:
    for problem in plugins.problems:
        raise ContractError(f"{problem.reason}\n{problem.traceback}")


def _checked_name(kind: Kind, record: Any) -> str:
    try:
        kind.check(record)
    except LlmplanError as error:
        raise ContractError(str(error)) from error
    return str(record.name)


def _numbers(profile: records.HardwareProfile) -> Iterator[tuple[str, float]]:
    """What a profile states, as `sources` names it; what is left at its default it does not state."""
    for field in fields(records.HardwareProfile):
        value = getattr(profile, field.name)
        if isinstance(value, (int, float)) and value != field.default:
            yield field.name, value
    yield from ((f"peak_flops.{name}", rate) for name, rate in profile.peak_flops.items())


def _check_rule(rule: records.DTypeRule) -> None:
    name = _checked_name(DTYPES, rule)
    for width in _WIDTHS:
        _require(getattr(rule, f"{width}_bits") > 0, f"{name}: {width}_bits: not positive")
    tiers = rule.gemm_formats
    shaped = tiers and all(isinstance(tier, tuple) and tier for tier in tiers)
    _require(shaped, f"{name}: gemm_formats: {tiers!r} is no tuple of tuples, like (('fp8',), ('fp16', 'bf16'))")
    try:
        rule.gemm_format(evolve(SAMPLE_HARDWARE, peak_flops={"no-such-format": 1.0}))
    except UnsupportedFormatError:
        return
    raise ContractError(f"{name}: gemm_format: no UnsupportedFormatError for hardware without its formats")


def _blocks(lowered: records.LoweredModel) -> tuple[records.Block, ...]:
    return (lowered.embedding, *lowered.layers, lowered.head)


def _check_block(name: str, block: records.Block) -> None:
    matrices, held = sum(operator.weights for operator in block.operators), block.parameters + block.shared_parameters
    _require(matrices <= held, f"{name}: operators of a block weigh {matrices}, its parameters are {held}")
    for operator in block.operators:
        where = f"{name}: {operator.name}"
        again, figures = operator.recomputed_from, _figures(operator)
        _require(0 < again <= ALWAYS_KEPT, f"{where}: recomputed_from: {again!r} is not 1 to {ALWAYS_KEPT}")
        _require(all(0 <= figure < math.inf for figure in figures), f"{where}: negative or infinite: {figures}")
        read, weights = operator.weights_read, operator.weights
        _require(read is None or read <= weights, f"{where}: weights_read: {read} is more than its weights, {weights}")
        for tensor in operator.inputs:
            dropped = tensor.dropped_from
            _require(0 <= dropped <= ALWAYS_KEPT, f"{where}: dropped_from: {dropped!r} is not 0 to {ALWAYS_KEPT}")
            _require(tensor.width in _WIDTHS, f"{where}: width: {tensor.width!r} is none of {', '.join(_WIDTHS)}")


def _figures(operator: records.Operator) -> list[Any]:
    optional = (operator.reduced_elements, operator.weights_read)
    stated = (figure for figure in optional if figure is not None)
    return [operator.flops, operator.weights, *stated, *(tensor.elements for tensor in operator.inputs)]


def _check_scaling(name: str, model: records.ModelArchitecture) -> None:
    flops, cache = model.lower(2, 16).flops, model.kv_cache(2, 16).elements
    _require(flops > 0, f"{name}: lower: no FLOPs")
    _require(math.isclose(model.lower(4, 16).flops, 2 * flops), f"{name}: lower: FLOPs are not linear in batch")
    _require(math.isclose(model.kv_cache(4, 16).elements, 2 * cache), f"{name}: kv_cache: not linear in batch")
    longer = model.kv_cache(2, 32).elements
    _require(cache <= longer <= 2 * cache, f"{name}: kv_cache: {cache} of 16 tokens, {longer} of 32: not 1 to 2 times")


def _check_arrays(name: str, model: records.ModelArchitecture) -> None:
    """Every figure of two batches at once is that of each alone."""
    batches = ((1.0, 16.0), (2.0, 32.0))
    alone = zip(*(_all_figures(model, *batch) for batch in batches), strict=True)
    for numbers, arrays in zip(alone, _all_figures(model, *_NUMPY.array(batches).T), strict=True):
        _require(_same(arrays, numbers), f"{name}: lower or kv_cache: {arrays} for arrays, {numbers} one by one")


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
    _check_estimate(name, estimate)
    if _NUMPY is not None:
        _check_array_plan(name, options["cost_model"], estimate)
    seconds = _seconds(estimate)
    for rate in _RATES:
        faster = _seconds(price(**{**options, "gpu": _twice(options["gpu"], rate)}))
        slower = [key for key in seconds if faster[key] > seconds[key] * (1 + _ROUNDING)]
        _require(not slower, f"{name}: twice the {rate} makes {' and '.join(slower)} slower")
    return None


def _twice(hardware: records.HardwareProfile, rate: str) -> records.HardwareProfile:
    value = getattr(hardware, rate)
    twice: Any = {key: 2 * peak for key, peak in value.items()} if isinstance(value, Mapping) else 2 * value
    return evolve(hardware, **{rate: twice})


def _seconds(estimate: Any) -> dict[str, Any]:
    if isinstance(estimate, records.InferenceEstimate):
        return {"prefill": estimate.prefill_seconds, "decode": estimate.decode_seconds_per_token}
    forward = sum((estimate.forward_breakdown or {}).values())
    return {"the iteration": estimate.iteration_seconds, "the forward pass": forward}


def _check_estimate(name: str, estimate: Any) -> None:
    known = isinstance(estimate, (records.TrainingEstimate, records.InferenceEstimate))
    _require(known, f"{name}: returned a {type(estimate).__name__}, not an estimate")
    for field in (field for field in _TOTALS if hasattr(estimate, field)):
        parts, total = getattr(estimate, field), getattr(estimate, _TOTALS[field])
        for part, value in parts.items():
            _require(0 <= value < math.inf, f"{name}: {field}: {part}: {value} is negative or not finite")
        _require(total > 0, f"{name}: {_TOTALS[field]}: {total} is not positive")
        _require(math.isclose(sum(parts.values()), total), f"{name}: {field} does not sum to {_TOTALS[field]}, {total}")
    hfu = getattr(estimate, "hfu", 0)
    _require(hfu <= 1 + _ROUNDING, f"{name}: HFU {hfu:g} is above 1: faster than the peak")


def _check_array_plan(name: str, cost_model: records.CostModel, estimate: Any) -> None:
    training = isinstance(estimate, records.TrainingEstimate)
    price, batch = (cost_model.train, "micro_batch") if training else (cost_model.infer, "batch")
    plans = (evolve(estimate.plan, **{batch: size}) for size in (1.0, 2.0, _NUMPY.array([1.0, 2.0])))
    one, two, both = (_seconds(price(plan)) for plan in plans)
    for key, arrays in both.items():
        alone = [one[key], two[key]]
        _require(_same(arrays, alone), f"{name}: {key}: {arrays} for an array of {batch}, {alone} one by one")


def _same(arrays: Any, numbers: Any) -> bool:
    return bool(_NUMPY.allclose(arrays, numbers, rtol=_ROUNDING, atol=0))
