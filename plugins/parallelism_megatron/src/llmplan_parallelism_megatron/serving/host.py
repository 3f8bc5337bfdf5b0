"""What the host adds to a pass: gaps between kernels that are launched one by one, and its work between passes."""

from __future__ import annotations

from collections.abc import Sequence

from llmplan.arrays.quantities import Number, dot, maximum, total, where
from llmplan.arrays.term import term
from llmplan.records import EngineProfile
from llmplan_parallelism_megatron.options import captured
from llmplan_parallelism_megatron.serving.extent import Flow
from llmplan_parallelism_megatron.serving.rank import Layer, Rank
from llmplan_parallelism_megatron.serving.reached import SIXTEEN_BITS
from llmplan_parallelism_megatron.serving.tally import Tally


def add_host(rank: Rank, tally: Tally, counts: Sequence[Number], flow: Flow) -> None:
    """To a pass over so many layers of each kind: steps of decoding alone are captured as graphs, where the plan has
    these.
    """
    engine, prompts = rank.plan.engine, flow.prompts.tokens > 0
    one_by_one = where(prompts, 1.0, 0.0 if captured(rank.plan) else 1.0)
    gaps = engine.launch_seconds_per_layer * total(counts)
    small = dot(counts, [unpriced_launches(layer, engine) for layer in rank.layers]) * rank.kernels.launch_seconds
    tally.add_for("launch", "launch", one_by_one * (gaps + small))
    launches = dot(counts, [launches_of(layer, rank) for layer in rank.layers])
    waiting = host_bound_seconds(launches, engine.host_seconds_per_launch, tally.seconds)
    tally.add_for("launch", "launch", one_by_one * waiting)
    sequences = flow.prompts.sequences + flow.decoding.sequences
    between = engine.host_seconds_per_step + engine.host_seconds_per_sequence * sequences
    tally.add_for("host", "host", between + where(prompts, engine.first_call_seconds, 0.0))


@term(
    "max(calls * call - running, 0)",
    unit="s",
    source="PyTorch documentation, CUDA semantics, asynchronous execution: the host runs ahead of the accelerator, or "
    "behind it",
)
def host_bound_seconds(calls: Number, call: float, running: Number) -> Number:
    """The host launches kernels while others run; where it takes longer than they do, the accelerator waits for it."""
    return maximum(calls * call - running, 0.0)


def launches_of(layer: Layer, rank: Rank) -> float:
    """Of a layer, with those that narrow weights add."""
    engine = rank.plan.engine
    matrices = sum(one is not None for one in layer.multiplications)
    narrow = rank.plan.dtype.weight_bits < SIXTEEN_BITS
    return engine.launches_per_layer + (engine.launches_per_narrow_matrix * matrices if narrow else 0.0)


def unpriced_launches(layer: Layer, engine: EngineProfile) -> float:
    """Small kernels of a layer that its operators do not say: conversions, copies, parts of a norm or a rotation."""
    priced = len(layer.kernels) + sum(
        operator.moved is not None for operators in layer.kernels for operator in operators
    )
    return max(engine.launches_per_layer - priced, 0.0)
