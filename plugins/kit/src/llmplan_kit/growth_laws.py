"""Laws of layouts and widths: what ranks share is held once, what is narrower or shorter takes less.

`laws` asks them of every cost model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records import HardwareProfile
from llmplan_kit.contracts import ROUNDING, require

_NO_SLOWER = 1.5
"""Times as long that two ranks of one node may take as one alone."""
_NO_FASTER = 0.45
"""And as little of it: caches may hold more of half the work, but two are hardly more than two."""
_MORE, _SHARED = 1.3, 0.9
_LEAST_OF_EIGHT = 2.0
_HALF_BITS = 0.5
_A_RANK = (0.4, 0.75)
"""Of the keys and values of a sequence, that each of two tensor parallel ranks holds."""
_A_LITTLE = 0.02
_FOUR_PASSES = 1.5
_REPLICA = 0.02
_TWO = {"tp": "tensor parallel ranks", "pp": "pipeline stages"}
_OF_ALL = 1.05
"""Times an iteration, that the forward passes of its micro-batches take at most."""

_Price = Callable[..., Any]


def _priced(price: _Price, options: Mapping[str, Any]) -> Any:
    """None where the plan is refused."""
    try:
        return price(**options)
    except BadInputError:
        return None


def check_training_growth(name: str, train: _Price, options: Mapping[str, Any], one: Any) -> None:
    """Of a plan on one device, `one`: twice the tokens of a sequence, two tensor parallel ranks, ZeRO."""
    longer = _priced(train, {**options, "seq_len": 2 * options["seq_len"]})
    if longer is not None:
        slower = longer.iteration_seconds > _MORE * one.iteration_seconds
        require(slower, f"{name}: sequences of twice the tokens take no longer")
    for sizes, ranks in _TWO.items():
        two = _priced(train, {**options, sizes: 2})
        _check_split(f"{name}: training", ranks, two, one, lambda found: found.iteration_seconds)
    shared = _priced(train, {**options, "cp": 2})
    if shared is not None:
        _check_times(f"{name}: training", "context parallel ranks", shared.iteration_seconds / one.iteration_seconds)
    _check_hardware(name, _priced(train, {**options, "gpu": _twice(options["gpu"])}), one, "iteration_seconds")
    _check_recompute(name, _priced(train, {**options, "recompute": "full"}), one)
    forward = options["gradient_accumulation"] * sum((one.forward_breakdown or {}).values())
    within = forward <= _OF_ALL * one.iteration_seconds
    require(within, f"{name}: forward_breakdown: {forward:.3g} s in an iteration of {one.iteration_seconds:.3g}")
    spread = {**options, "dp": 4, "gradient_accumulation": 2}
    whole, divided = _priced(train, spread), _priced(train, {**spread, "zero": 1})
    if whole is not None and divided is not None:
        no_more = divided.memory_bytes_per_gpu <= whole.memory_bytes_per_gpu * (1 + ROUNDING)
        require(no_more, f"{name}: ZeRO 1 over four ranks holds more than each would hold alone")


def check_serving_growth(
    name: str, infer: _Price, options: Mapping[str, Any], one: Any, ignores: Iterable[str]
) -> None:
    """Of one sequence on one device, `one`: a larger batch, two tensor parallel ranks, narrower weights and caches."""
    many = _priced(infer, {**options, "batch": 8})
    if many is not None:
        times = many.prefill_seconds / one.prefill_seconds
        require(times > _LEAST_OF_EIGHT, f"{name}: prefill of eight sequences takes {times:.3g} times that of one")
        if "kv cache" not in ignores:
            narrow = _priced(infer, {**options, "batch": 8, "kv_bits": many.plan.kv_bits * _HALF_BITS})
            _check_narrower(name, "a KV cache", narrow, many)
    for sizes, ranks in _TWO.items():
        two = _priced(infer, {**options, sizes: 2})
        _check_split(f"{name}: serving", ranks, two, one, lambda found: found.prefill_seconds)
    _check_replicas(name, _priced(infer, {**options, "dp": 2}), one)
    _check_hardware(name, _priced(infer, {**options, "gpu": _twice(options["gpu"])}), one, "prefill_seconds")
    if many is not None:
        if "kv cache" not in ignores:
            _check_cache(name, [_priced(infer, {**options, "tp": 2, "batch": batch}) for batch in (1, 8)], many, one)
        _check_context(
            name, _priced(infer, {**options, "batch": 8, "prompt_tokens": 8 * options["prompt_tokens"]}), many
        )
    dtype = options["dtype"]
    narrow = _priced(infer, {**options, "dtype": evolve(dtype, weight_bits=dtype.weight_bits * _HALF_BITS)})
    _check_narrower(name, "weights", narrow, one)


def _check_split(where: str, ranks: str, two: Any, one: Any, seconds: Callable[[Any], Any]) -> None:
    """Two of them hold parts of the weights, and are no hindrance inside a node."""
    if two is None:
        return
    part = two.memory_bytes_per_gpu <= _SHARED * one.memory_bytes_per_gpu
    require(part, f"{where}: each of two {ranks} holds as much as one alone")
    _check_times(where, ranks, seconds(two) / seconds(one))


def _check_times(where: str, ranks: str, times: float) -> None:
    require(_NO_FASTER <= times <= _NO_SLOWER, f"{where}: two {ranks} take {times:.3g} times as long as one")


def _twice(hardware: HardwareProfile) -> HardwareProfile:
    """Of every rate."""
    peaks = {form: 2 * rate for form, rate in hardware.peak_flops.items()}
    rates = ("memory_bytes_per_second", "scale_up_bytes_per_second")
    faster: Any = {rate: 2 * getattr(hardware, rate) for rate in rates}
    return evolve(hardware, peak_flops=peaks, **faster)


def _check_hardware(name: str, fast: Any, one: Any, figure: str) -> None:
    """An accelerator of twice every rate is faster."""
    if fast is not None:
        faster = getattr(fast, figure) < _SHARED * getattr(one, figure)
        require(faster, f"{name}: {figure} is the same on an accelerator of twice the rates: is it the plan's?")


def _check_replicas(name: str, two: Any, one: Any) -> None:
    """Each replica has a batch of its own."""
    if two is None:
        return
    for figure in ("prefill_seconds", "decode_seconds_per_token", "memory_bytes_per_gpu"):
        times = getattr(two, figure) / getattr(one, figure)
        near = abs(times - 1.0) <= _REPLICA
        require(
            near, f"{name}: {figure} of two replicas is {times:.3g} times that of one, which has a batch of its own"
        )


def _check_recompute(name: str, full: Any, none: Any) -> None:
    """Layers that are computed again take time, and hold no more."""
    if full is None:
        return
    slower = full.iteration_seconds >= none.iteration_seconds * (1 - ROUNDING)
    require(slower, f"{name}: recompute full is faster than none")
    less = full.memory_bytes_per_gpu <= none.memory_bytes_per_gpu * (1 + ROUNDING)
    require(less, f"{name}: recompute full holds more than none")
    again = full.hardware_flops <= _FOUR_PASSES * full.model_flops
    require(
        again,
        f"{name}: hardware_flops under recompute full is over {_FOUR_PASSES} times model_flops: four passes, not three",
    )


def _check_cache(name: str, two: list[Any], many: Any, one: Any) -> None:
    """Of more sequences, each of two tensor parallel ranks holds its heads' keys and values."""
    if None not in two:
        whole = many.memory_bytes_per_gpu - one.memory_bytes_per_gpu
        share = (two[1].memory_bytes_per_gpu - two[0].memory_bytes_per_gpu) / whole
        low, high = _A_RANK
        right = low < share < high
        require(right, f"{name}: each of two tensor parallel ranks holds {share:.3g} of a sequence's keys and values")


def _check_context(name: str, longer: Any, many: Any) -> None:
    if longer is not None:
        slower = longer.decode_seconds_per_token >= many.decode_seconds_per_token * (1 - _A_LITTLE)
        require(slower, f"{name}: a decode step behind prompts of eight times the tokens is faster")


def _check_narrower(name: str, what: str, narrow: Any, wide: Any) -> None:
    if narrow is not None:
        less = narrow.memory_bytes_per_gpu < wide.memory_bytes_per_gpu * (1 - ROUNDING)
        require(less, f"{name}: {what} of half the bits takes as much memory")
