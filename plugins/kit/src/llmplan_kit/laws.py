"""What any estimate has to obey, whatever its cost model leaves out: rooflines, units, what grows with what.

A cost model that leaves something out says so, in `ignores`: words of `IGNORABLE`; then the laws of that are not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmplan import records
from llmplan.errors import BadInputError
from llmplan.estimate.cost_model import IGNORABLE
from llmplan.search.infer import infer
from llmplan.search.train import train
from llmplan.space.schedules import schedule_names
from llmplan_kit.contracts import ROUNDING, require
from llmplan_kit.growth_laws import check_serving_growth, check_training_growth
from llmplan_kit.sample_model import SampleModel
from llmplan_kit.shape_laws import check_again, check_serving_shapes, check_training_shapes

LARGE = SampleModel(name="sample-large", layers=32, hidden=4096, heads=32, vocab=32_000)
"""Of about the size of a model that people plan for: constants of a host are small beside it."""
_HALF = SampleModel(name="sample-half", layers=16, hidden=4096, heads=32, vocab=32_000)
_FAR = 200.0
"""Times the roofline: slower than this is another unit."""
_BYTES_A_PARAMETER, _LEAST_BYTES = 45.0, 1.9
"""That training holds at most, states and copies in 32 bits; of weights and gradients together at least."""
_A_LITTLE = 0.02
_KV = (0.8, 6.0)
"""Between which bytes of one more sequence lie, against keys and values of all its tokens."""
_WEIGHTS = (0.9, 2.6)
"""The same of more layers, against their weights."""
_REPLICA = (0.9, 1.2)
"""Of what one device holds, that each of several with the same model does."""
_BITS = 8.0
_TRAIN: Mapping[str, Any] = {
    "seq_len": 2048, "micro_batch": 1, "gradient_accumulation": 8, "tokens": 1e9, "tp": 1, "pp": 1, "dp": 1, "cp": 1,
    "zero": 0, "recompute": "none", "sequence_parallel": False,
}  # fmt: skip
_INFER: Mapping[str, Any] = {"batch": 1, "prompt_tokens": 2048, "output_tokens": 256, "tp": 1, "pp": 1, "dp": 1}

_Price = Callable[..., Any]


def check_laws(name: str, cost_model: Any, chosen: Mapping[str, Any]) -> None:
    """Of plans of a model of a usual size; those that the cost model refuses are left out."""
    ignores = frozenset(getattr(cost_model, "ignores", ()))
    strange = ignores - set(IGNORABLE)
    require(not strange, f"{name}: ignores: {', '.join(sorted(strange))}: none of {', '.join(IGNORABLE)}")
    _check_training(name, {**chosen, "model": LARGE, "schedule": schedule_names()[0]}, ignores)
    _check_serving(name, {**chosen, "model": LARGE}, ignores)


def _priced(price: _Price, options: Mapping[str, Any]) -> Any:
    """None where the plan is refused."""
    try:
        return price(**options)
    except BadInputError:
        return None


def _check_training(name: str, chosen: Mapping[str, Any], ignores: Iterable[str]) -> None:
    one = _priced(train, {**chosen, **_TRAIN})
    if one is None:
        return
    require(one.plan is chosen["cost_model"].train(one.plan).plan, f"{name}: train: the estimate is of another plan")
    forward = LARGE.lower(_TRAIN["gradient_accumulation"], _TRAIN["seq_len"]).flops
    ratio = one.model_flops / (3.0 * forward)
    require(0.6 < ratio < 1.4, f"{name}: model_flops is {ratio:.3g} times three forward passes of all micro-batches")  # noqa: PLR2004
    require(one.hardware_flops >= one.model_flops * (1 - ROUNDING), f"{name}: hardware_flops is below model_flops")
    _between(name, "an iteration", one.iteration_seconds, one.model_flops / one.plan.gemm.peak_flops)
    _check_training_memory(name, one, "optimizer" in ignores)
    more = _priced(train, {**chosen, **_TRAIN, "micro_batch": 2, "gradient_accumulation": 4})
    if more is not None:
        grown = more.memory_bytes_per_gpu >= one.memory_bytes_per_gpu * (1 - ROUNDING)
        require(grown, f"{name}: memory falls with the micro-batch")
    _check_batches(name, chosen, one)
    check_training_growth(name, train, {**chosen, **_TRAIN}, one)
    check_training_shapes(name, train, {**chosen, **_TRAIN}, ignores)
    check_again(name, chosen["cost_model"].train, one, ("iteration_seconds", "memory_bytes_per_gpu"))


def _check_batches(name: str, chosen: Mapping[str, Any], one: Any) -> None:
    spread = _priced(train, {**chosen, **_TRAIN, "dp": 4, "gradient_accumulation": 2})
    if spread is not None:
        faster = spread.iteration_seconds < 0.9 * one.iteration_seconds
        require(faster, f"{name}: four data parallel ranks take as long as one for the same global batch")
        same = abs(spread.model_flops - one.model_flops) <= ROUNDING * one.model_flops
        require(same, f"{name}: model_flops of four data parallel ranks is not that of one with the same global batch")
        low, high = _REPLICA
        share = spread.memory_bytes_per_gpu / one.memory_bytes_per_gpu
        require(
            low < share < high, f"{name}: without ZeRO each of four ranks holds {share:.3g} times what one alone does"
        )
    longer = _priced(train, {**chosen, **_TRAIN, "gradient_accumulation": 16})
    if longer is not None:
        slower = longer.iteration_seconds > 1.3 * one.iteration_seconds
        require(slower, f"{name}: twice the micro-batches take no longer")


def _between(name: str, what: str, seconds: float, least: float) -> None:
    """Not faster than the roofline, not so slow that it is another unit."""
    require(seconds >= least * (1 - ROUNDING), f"{name}: {what} takes {seconds:.3g} s, {least:.3g} s at the roofline")
    require(
        seconds <= _FAR * least,
        f"{name}: {what} takes {seconds:.3g} s, more than {_FAR:g} times the roofline: is it in seconds?",
    )


def _check_training_memory(name: str, one: Any, without_states: bool) -> None:
    parameters = sum(LARGE.parameters_by_part().values())
    used, plan = one.memory_bytes_per_gpu, one.plan
    least = (1.0 if without_states else _LEAST_BYTES) * parameters * plan.dtype.held_bits / _BITS
    require(
        used >= least * (1 - _A_LITTLE), f"{name}: training holds {used:.3g} bytes, less than weights and gradients"
    )
    tokens, h, layers = plan.seq_len * plan.micro_batch, LARGE.hidden, LARGE.layers
    kept = layers * (80.0 * tokens * h + 10.0 * LARGE.heads * tokens * plan.seq_len)
    most = _BYTES_A_PARAMETER * parameters + kept
    require(used <= most, f"{name}: training holds {used:.3g} bytes, more than {most:.3g}: are they bits?")


def _check_serving(name: str, chosen: Mapping[str, Any], ignores: Iterable[str]) -> None:
    one = _priced(infer, {**chosen, **_INFER})
    if one is None:
        return
    plan = one.plan
    require(plan is chosen["cost_model"].infer(plan).plan, f"{name}: infer: the estimate is of another plan")
    prompt = LARGE.lower(1, _INFER["prompt_tokens"], None, records.Phase.PREFILL)
    scores = sum(
        block.count * operator.flops for block in prompt.layers for operator in block.operators if not operator.weights
    )
    ends = prompt.head.flops + prompt.embedding.flops
    _between(name, "prefill", one.prefill_seconds, (prompt.flops - scores - ends) / plan.gemm.peak_flops)
    layers = sum(block.count * block.weights for block in prompt.layers)
    weights = layers * plan.dtype.weight_bits / _BITS
    if "memory traffic" not in ignores:
        reading = weights / plan.hardware.memory_bytes_per_second
        _between(name, "a decode step", one.decode_seconds_per_token, reading)
    _check_serving_memory(name, chosen, one, weights, "kv cache" in ignores)
    check_serving_growth(name, infer, {**chosen, **_INFER}, one, ignores)
    check_serving_shapes(name, infer, {**chosen, **_INFER})
    figures = ("prefill_seconds", "decode_seconds_per_token", "memory_bytes_per_gpu")
    check_again(name, chosen["cost_model"].infer, one, figures)


def _check_serving_memory(
    name: str,
    chosen: Mapping[str, Any],
    one: Any,
    weights: float,
    without_cache: bool,
) -> None:
    half = _priced(infer, {**chosen, **_INFER, "model": _HALF})
    if half is not None:
        more = 2.0 * (one.memory_bytes_per_gpu - half.memory_bytes_per_gpu) / weights
        low, high = _WEIGHTS
        require(low < more < high, f"{name}: layers hold {more:.3g} times the bytes of their weights")
    many = _priced(infer, {**chosen, **_INFER, "batch": 9})
    if many is None or without_cache:
        return
    tokens = _INFER["prompt_tokens"] + _INFER["output_tokens"]
    cache = LARGE.kv_cache(1, tokens).elements * one.plan.kv_bits / _BITS
    more = (many.memory_bytes_per_gpu - one.memory_bytes_per_gpu) / 8.0
    low, high = _KV
    require(more > 0, f"{name}: memory falls with the batch")
    require(low < more / cache < high, f"{name}: a sequence holds {more / cache:.3g} times its keys and values")
    for stated in [float(found.memory_bytes_per_sequence) for found in (one, many) if found.largest_batch is None]:
        near = 0.5 * more <= stated <= 2.0 * more
        require(near, f"{name}: memory_bytes_per_sequence is {stated:.3g}, one more sequence adds {more:.3g}")
    slower = many.decode_seconds_per_token >= one.decode_seconds_per_token * (1 - _A_LITTLE)
    require(slower, f"{name}: a decode step of nine sequences is faster than of one")
