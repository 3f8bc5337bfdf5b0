"""What no plan falls below, at a fraction of its price: a search passes over plans that are bound to lose.

One rank that has it all, with kernels at their plateaus and so many sequences that reading weights takes no time, is
priced as any other; tp and cp divide its work at best. Tokens go to experts and back as they are priced; transfers,
data parallel traffic, the optimizer and other latencies are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, ceil, maximum, minimum, total, where
from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    Block,
    DTypeRule,
    Efficiency,
    FrameworkProfile,
    GemmCurve,
    HardwareProfile,
    Layout,
    ModelArchitecture,
    NumberFormat,
    Operator,
    PipelineTimes,
    Recompute,
    TrainingPlan,
    Tuning,
)
from llmplan_parallelism_megatron.kernels.reached import Kernels, collective_curve, training_kernels
from llmplan_parallelism_megatron.network.groups import groups_of
from llmplan_parallelism_megatron.rank import Rank, expert_tp
from llmplan_parallelism_megatron.stages import ends_as_layers
from llmplan_parallelism_megatron.training.in_flight import held_activations, micro_batches_in_flight, stages_held
from llmplan_parallelism_megatron.training.layer import LayerTimes, add_communication, layer_times
from llmplan_parallelism_megatron.training.memory import (
    beside_activations,
    gradient_bytes,
    kept_bytes,
    optimizer_bytes,
    weight_bytes,
)
from llmplan_parallelism_megatron.training.optimizer_step import paged_bytes
from llmplan_parallelism_megatron.training.parameters import Parameters
from llmplan_parallelism_megatron.training.pipeline import ends

_MANY = 2.0**20
"""Sequences of a micro-batch beside which a layer's weights are nothing."""
_ROUNDING = 1.0 - 1e-9


@frozen(eq=False, repr=False)
class Floor:
    """Of one layer, or of the mean of several, for one sequence on one rank."""

    seconds: Sequence[float]
    """By recompute mode."""
    kept: Sequence[float]
    """Bytes by recompute mode."""
    reduced: float
    """Seconds of all-reduces over ranks without number."""
    exchanges: Sequence[tuple[float, Operator]]
    """What sends tokens to experts and back, each with the share of the layers that have it."""
    dense: float
    """Parameters outside of experts."""
    experts: float
    count: int


@frozen(eq=False, repr=False)
class Floors:
    """What no plan of a model can take less than."""

    leading: Floor | None
    others: Floor
    head: float
    """Seconds."""
    embedding: float
    """Parameters."""
    rank: Rank
    """The rank that has it all."""


def bounds(plan: TrainingPlan) -> tuple[Number, Number]:
    """Seconds of an iteration, bytes of the first stage."""
    tuned = plan.tuning, plan.lora_rank, plan.lora_targets, tuple(plan.settings.items())
    fixed = plan.hardware, plan.framework, plan.gemm, plan.efficiency, plan.dtype, tuned
    floors = floors_of(plan.model, *fixed, plan.seq_len)
    held = ceil(plan.model.layers / plan.layout.pp)
    return _ROUNDING * _seconds(plan, floors, held), _ROUNDING * _bytes(plan, floors, held)


def _seconds(plan: TrainingPlan, floors: Floors, held: Number) -> Number:
    """T >= m t + (whole - t)/v: micro-batches on the slowest stage and the bubble, which zero-bubble may fill."""
    layout, m = plan.layout, plan.gradient_accumulation
    sequences = plan.micro_batch / layout.cp
    exchanged = 1.0 - 1.0 / minimum(layout.tp, plan.hardware.scale_up_domain)
    rank = evolve(floors.rank, plan=plan, groups=groups_of(layout, expert_tp(plan)), kernels=training_kernels(plan))

    def layer(floor: Floor) -> Number:
        experts = total(share * _exchange_seconds(operator, sequences, rank) for share, operator in floor.exchanges)
        return by_mode(plan, floor.seconds) / layout.tp + exchanged * floor.reduced + experts / sequences

    one, head = layer(floors.others), floors.head / layout.tp
    fewer = ends_as_layers(plan.model.layers, layout)
    slowest, whole = maximum((held - fewer) * one + head, held * one), floors.others.count * one + head
    if floors.leading is not None:
        more, leading = layer(floors.leading) - one, floors.leading.count
        first, last = minimum(held, leading), maximum(held - floors.others.count, 0.0)
        slowest, whole = slowest + minimum(first * more, last * more), whole + leading * (more + one)
    if plan.framework.balances_stages:
        slowest = whole / layout.pp
    others = whole - slowest
    # as if all of the time were gradients of weights, which a schedule may fill its bubble with
    times = PipelineTimes(others, others, slowest, layout.pp, layout.vpp, m)
    bubble: Number = plan.schedule.of(lambda schedule: schedule.bubble_seconds(times))
    return sequences * (m * slowest + bubble)


def _exchange_seconds(operator: Operator, sequences: Number, rank: Rank) -> Number:
    """Of a micro-batch, forward and backward and where it is recomputed: as it is priced."""
    of_one = evolve(operator, exchanged=(operator.exchanged or 0.0) / _MANY * sequences / rank.sequence_ways)
    times = LayerTimes()
    add_communication(times, of_one, rank)
    return times.expert.all


def _bytes(plan: TrainingPlan, floors: Floors, held: Number) -> Number:
    """States, and what layers keep of the micro-batches in flight."""
    layout, others = plan.layout, floors.others
    dense, experts = held * others.dense, held * others.experts
    kept = held * by_mode(plan, others.kept)
    if (leading := floors.leading) is not None:
        first = minimum(held, leading.count)
        dense = dense + first * (leading.dense - others.dense)
        experts = experts + first * (leading.experts - others.experts)
        kept = kept + first * (by_mode(plan, leading.kept) - by_mode(plan, others.kept))
    within = expert_tp(plan)
    holders = layout.ep * (layout.tp if within is None else within)
    held_by_rank = Parameters(dense / layout.tp, experts / holders, floors.embedding / layout.tp, 0.0, 0.0, 0.0)
    rank = evolve(floors.rank, plan=plan, groups=groups_of(layout, within))
    stages = stages_held(plan)
    states = stages * weight_bytes(rank, held_by_rank) + optimizer_bytes(rank, held_by_rank)
    of_one = plan.micro_batch / (layout.cp * layout.tp) * kept
    activations = held_activations(plan, of_one, micro_batches_in_flight(plan))
    gradients = beside_activations(rank, stages * gradient_bytes(rank, held_by_rank), activations)
    held = states + gradients + (1.0 + plan.framework.slack) * activations + plan.framework.context_bytes
    return held - paged_bytes(rank, held_by_rank, held) if plan.optimizer.paged else held


def by_mode(plan: TrainingPlan, values: Sequence[float]) -> Number:
    """That of the plan's recompute mode."""
    chosen: Number = values[0]
    for mode, (before, value) in enumerate(pairwise(values), start=1):
        if value != before:
            chosen = where(plan.recompute >= mode, value, chosen)
    return chosen


@lru_cache(maxsize=64)
def floors_of(
    model: ModelArchitecture,
    hardware: HardwareProfile,
    framework: FrameworkProfile,
    gemm: NumberFormat,
    efficiency: Efficiency,
    dtype: DTypeRule,
    tuned: tuple[Tuning, int, tuple[str, ...], tuple[tuple[str, Any], ...]],
    seq_len: float,
) -> Floors:
    """What plans have in common that differ in layout and batch alone."""
    plan = TrainingPlan(
        model=model,
        hardware=hardware,
        framework=framework,
        gemm=gemm,
        efficiency=efficiency,
        dtype=dtype,
        tuning=tuned[0],
        lora_rank=tuned[1],
        lora_targets=tuned[2],
        settings=dict(tuned[3]),
        seq_len=seq_len,
        layout=Layout(gpus=1),
        micro_batch=_MANY,
        gradient_accumulation=1,
        recompute=Recompute.NONE,
        tokens=0.0,
        cost_model="megatron",
    )
    lowered = model.lower(_MANY, seq_len)
    rank = Rank(plan, lowered, lowered, _at_plateaus(training_kernels(plan)), groups_of(plan.layout))
    leading, others = ([block for block in lowered.layers if block.leading is first] for first in (True, False))
    return Floors(
        leading=_floor(leading, rank) if leading else None,
        others=_floor(others, rank),
        head=ends(rank)[1].compute.all / _MANY,
        embedding=lowered.embedding.parameters,
        rank=rank,
    )


def _at_plateaus(kernels: Kernels) -> Kernels:
    attention = kernels.attention
    return evolve(
        kernels,
        narrow=evolve(kernels.narrow, curve=GemmCurve(plateau=kernels.narrow.curve.plateau)),
        wide=evolve(kernels.wide, curve=GemmCurve(plateau=kernels.wide.curve.plateau)),
        attention=AttentionKernel(
            forward=AttentionCurve(plateau=attention.forward.plateau),
            backward=AttentionCurve(plateau=attention.backward.plateau),
        ),
        curves=evolve(kernels.curves, launch_seconds=0.0),
    )


def _floor(blocks: Sequence[Block], rank: Rank) -> Floor:
    """Of the mean of their layers."""
    layers = sum(block.count for block in blocks)
    by_recompute = [evolve(rank, plan=evolve(rank.plan, recompute=mode)) for mode in Recompute]

    def mean(value: Callable[[Block], Number]) -> float:
        return total(block.count * value(block) for block in blocks) / layers

    def seconds(mode: Rank) -> float:
        return mean(lambda block: layer_times(block, mode).compute.all / _MANY)

    def kept(mode: Rank) -> float:
        return mean(lambda block: kept_bytes(block, mode) / _MANY)

    return Floor(
        seconds=[seconds(mode) for mode in by_recompute],
        kept=[kept(mode) for mode in by_recompute],
        reduced=mean(lambda block: _reduced_seconds(block, rank)),
        dense=mean(lambda block: block.parameters - block.expert_parameters),
        experts=mean(lambda block: block.expert_parameters),
        exchanges=_exchanges(blocks, layers),
        count=layers,
    )


def _exchanges(blocks: Sequence[Block], layers: int) -> Sequence[tuple[float, Operator]]:
    """Those that are alike in one."""
    found: dict[tuple[Number, int], tuple[float, Operator]] = {}
    for block in blocks:
        for operator in block.operators:
            if operator.exchanged is not None:
                key = operator.exchanged, operator.recomputed_from
                share, _ = found.get(key, (0.0, operator))
                found[key] = share + block.count / layers, evolve(operator, reduced_elements=None)
    return tuple(found.values())


def _reduced_seconds(block: Block, rank: Rank) -> float:
    """All-reduces of a sequence, or what amounts to them, forward and backward over ranks without number: 4 M."""
    elements = total(operator.reduced_elements or 0.0 for operator in block.operators) / _MANY
    operations = ("all_reduce", "all_gather", "reduce_scatter")
    fastest = max(collective_curve(rank.kernels.curves, operation).plateau for operation in operations)
    moved = (1.0 - rank.plan.framework.tensor_overlap) * 4.0 * elements * rank.activation_bytes
    return moved / (rank.plan.hardware.scale_up_bytes_per_second * fastest)
