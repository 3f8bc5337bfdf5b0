"""Laws of layouts and widths: what ranks share is held once, what is narrower or shorter takes less.

`laws` asks them of every cost model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan_kit.contracts import ROUNDING, require

_NO_SLOWER = 1.5
"""Times as long that two tensor parallel ranks of one node may take as one alone."""
_MORE, _SHARED = 1.3, 0.9
_LEAST_OF_EIGHT = 2.0
_HALF_BITS = 0.5

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
    _check_split(name, "training", _priced(train, {**options, "tp": 2}), one, lambda found: found.iteration_seconds)
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
    _check_split(name, "serving", _priced(infer, {**options, "tp": 2}), one, lambda found: found.prefill_seconds)
    dtype = options["dtype"]
    narrow = _priced(infer, {**options, "dtype": evolve(dtype, weight_bits=dtype.weight_bits * _HALF_BITS)})
    _check_narrower(name, "weights", narrow, one)


def _check_split(name: str, doing: str, two: Any, one: Any, seconds: Callable[[Any], Any]) -> None:
    """Tensor parallel ranks hold parts of the weights, and are no hindrance inside a node."""
    if two is None:
        return
    part = two.memory_bytes_per_gpu <= _SHARED * one.memory_bytes_per_gpu
    require(part, f"{name}: {doing}: each of two tensor parallel ranks holds as much as one alone")
    times = seconds(two) / seconds(one)
    require(times <= _NO_SLOWER, f"{name}: {doing}: two tensor parallel ranks take {times:.3g} times as long as one")


def _check_narrower(name: str, what: str, narrow: Any, wide: Any) -> None:
    if narrow is not None:
        less = narrow.memory_bytes_per_gpu < wide.memory_bytes_per_gpu * (1 - ROUNDING)
        require(less, f"{name}: {what} of half the bits takes as much memory")
