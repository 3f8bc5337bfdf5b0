"""Laws of models and plans of other shapes: experts, no keys and values, one token, long contexts; and of asking twice.

`laws` asks them of every cost model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any

from attrs import fields

from llmplan.catalogues.guard import words_of
from llmplan.errors import BadInputError
from llmplan_kit.contracts import ROUNDING, ContractError, require
from llmplan_kit.sample_model import SampleModel

EXPERTS = SampleModel(name="sample-experts", layers=16, hidden=4096, heads=32, vocab=32_000, experts=8, met=2)
RECURRENT = SampleModel(name="sample-recurrent", layers=16, hidden=4096, heads=32, vocab=32_000, recurrent=True)
_LONG = 131_072
_LEAST_BYTES = 1.9
"""Of weights and gradients together, by a byte of weights."""
_WEIGHTS = 0.9
_BITS = 8.0
_RATIO = (0.6, 1.4)
"""Of model FLOPs against three forward passes."""
_FAR = 200.0

_Price = Callable[..., Any]


def check_training_shapes(name: str, train: _Price, options: Mapping[str, Any], ignores: Iterable[str]) -> None:
    """Each shape is priced or refused; experts that rest are held, and multiply nothing."""
    shapes: Mapping[str, Mapping[str, Any]] = {
        "one micro-batch": {"gradient_accumulation": 1},
        f"sequences of {_LONG:,} tokens": {"seq_len": _LONG, "gradient_accumulation": 1},
        "a recurrent model": {"model": RECURRENT},
        "experts on two ranks": {"model": EXPERTS, "dp": 2, "ep": 2, "gradient_accumulation": 4},
    }
    for shape, changed in shapes.items():
        _priced(f"{name}: train: {shape}", train, {**options, **changed}, "iteration_seconds")
    found = _priced(f"{name}: train: experts", train, {**options, "model": EXPERTS}, "iteration_seconds")
    if found is None:
        return
    forward = EXPERTS.lower(options["gradient_accumulation"], options["seq_len"]).flops
    low, high = _RATIO
    ratio = found.model_flops / (3.0 * forward)
    require(
        low < ratio < high, f"{name}: model_flops of experts is {ratio:.3g} times three forward passes: do all work?"
    )
    least = (1.0 if "optimizer" in ignores else _LEAST_BYTES) * _WEIGHTS * _bytes(found.plan.dtype.held_bits)
    held = found.memory_bytes_per_gpu
    require(held >= least, f"{name}: training holds {held:.3g} bytes, less than weights and gradients of all experts")


def check_serving_shapes(name: str, infer: _Price, options: Mapping[str, Any]) -> None:
    """The same of serving."""
    shapes: Mapping[str, Mapping[str, Any]] = {
        "one token of prompt and answer": {"prompt_tokens": 1, "output_tokens": 1},
        f"prompts of {_LONG:,} tokens": {"prompt_tokens": _LONG},
        "a recurrent model": {"model": RECURRENT},
    }
    for shape, changed in shapes.items():
        _priced(f"{name}: infer: {shape}", infer, {**options, **changed}, "total_seconds")
    found = _priced(f"{name}: infer: experts", infer, {**options, "model": EXPERTS}, "total_seconds")
    if found is not None:
        held, least = found.memory_bytes_per_gpu, _WEIGHTS * _bytes(found.plan.dtype.weight_bits)
        require(held >= least, f"{name}: serving holds {held:.3g} bytes, less than the weights of all experts")


def _bytes(bits: float) -> float:
    return sum(EXPERTS.parameters_by_part().values()) * bits / _BITS


def _priced(what: str, price: _Price, options: Mapping[str, Any], figure: str) -> Any:
    """None where the plan is refused."""
    try:
        found = price(**options)
    except BadInputError:
        return None
    except Exception as error:
        raise ContractError(f"{what}: {words_of(error)}") from error
    seconds, held = getattr(found, figure), found.memory_bytes_per_gpu
    require(0 < seconds < inf and 0 < held < inf, f"{what}: {seconds} s, {held} bytes")
    return found


def check_again(name: str, price: Callable[[Any], Any], estimate: Any, figures: Iterable[str]) -> None:
    """The same plan again comes to the same figures, and is as it was."""
    plan = estimate.plan
    before = _values(plan)
    again = price(plan)
    for figure in figures:
        first, second = getattr(estimate, figure), getattr(again, figure)
        require(
            abs(second - first) <= ROUNDING * abs(first),
            f"{name}: {figure} is {first:.6g}, and {second:.6g} when asked again: what was asked between them is kept",
        )
    same = all(one is other for one, other in zip(before, _values(plan), strict=True))
    require(same, f"{name}: changes the plan that it is given")


def _values(plan: Any) -> list[Any]:
    return [getattr(plan, field.name) for field in fields(type(plan))]
