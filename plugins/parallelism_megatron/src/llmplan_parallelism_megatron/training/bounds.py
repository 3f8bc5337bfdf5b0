"""What no plan falls below, at a fraction of its price: a search passes over plans that are bound to lose.

Of time the formulas themselves, of few plans: layers and the head are priced once for all plans that agree in what
these depend on. Transfers, data parallel traffic, the optimizer and waiting for the host are left out. Of memory one
rank that has it all, which tp, cp and ep divide at best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, ceil, maximum, minimum, total, where
from llmplan.records import (
    Block,
    DTypeRule,
    Efficiency,
    FrameworkProfile,
    HardwareProfile,
    Layout,
    ModelArchitecture,
    NumberFormat,
    PipelineTimes,
    Recompute,
    Schedules,
    TrainingPlan,
    Tuning,
)
from llmplan_parallelism_megatron.kernels.reached import training_kernels
from llmplan_parallelism_megatron.network.groups import groups_of
from llmplan_parallelism_megatron.rank import Rank, expert_tp
from llmplan_parallelism_megatron.stages import ends_as_layers
from llmplan_parallelism_megatron.training.in_flight import held_activations, micro_batches_in_flight, stages_held
from llmplan_parallelism_megatron.training.layer import layer_times
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

_MANY = 1e6
"""Sequences of a micro-batch beside which a layer's weights are nothing."""
_ROUNDING = 1.0 - 1e-9


_SIZES = ("tp", "cp", "ep", "pp", "dp", "gpus", "sequence_parallel")
_RUN = ("micro_batch", "seq_len", "recompute")
_DECIDING = ("tp", "cp", "ep", "gpus", "sequence_parallel")
"""Of the sizes, what the time of a layer depends on, beside whether a schedule hides the exchanges of its pipeline."""


@frozen(eq=False, repr=False)
class Floor:
    """Of one layer, or of the mean of several, for one sequence on one rank."""

    kept: Sequence[float]
    """Bytes by recompute mode."""
    dense: float
    """Parameters outside of experts."""
    experts: float
    count: int


@frozen(eq=False, repr=False)
class Floors:
    """What no plan of a model can take less than."""

    leading: Floor | None
    others: Floor
    embedding: float
    """Parameters."""
    rank: Rank
    """The rank that has it all."""


def bounds(plan: TrainingPlan) -> tuple[Number, Number]:
    """Seconds of an iteration, bytes of the first stage."""
    tuned = plan.tuning, plan.lora_rank, plan.lora_targets, tuple(plan.settings.items())
    fixed = plan.hardware, plan.framework, plan.gemm, plan.efficiency, plan.dtype, tuned
    floors = floors_of(plan.model, *fixed, plan.seq_len)
    timed = plan if plan.data is None else evolve(plan, seq_len=plan.worked_tokens)
    held = ceil(plan.model.layers / plan.layout.pp)
    return _ROUNDING * _seconds(timed, held), _ROUNDING * _bytes(plan, floors, held)


def _seconds(plan: TrainingPlan, held: Number) -> Number:
    """T >= m t + (whole - t)/v: micro-batches on the slowest stage and the bubble, which zero-bubble may fill."""
    layout, m = plan.layout, plan.gradient_accumulation
    rank, filled = _ranks(plan)
    head = filled(ends(rank)[1].all)
    leading, others = _mean_seconds(rank, leading=True), _mean_seconds(rank, leading=False)
    one, many = filled(others[0]), others[1]
    fewer = ends_as_layers(plan.model.layers, layout)
    slowest, whole = maximum((held - fewer) * one + head, held * one), many * one + head
    if leading[1]:
        more, first, last = filled(leading[0]) - one, minimum(held, leading[1]), maximum(held - many, 0.0)
        slowest, whole = slowest + minimum(first * more, last * more), whole + leading[1] * (more + one)
    if plan.framework.balances_stages:
        slowest = whole / layout.pp
    rest = whole - slowest
    # as if all of the time were gradients of weights, which a schedule may fill its bubble with
    times = PipelineTimes(rest, rest, slowest, layout.pp, layout.vpp, m)
    bubble: Number = plan.schedule.of(lambda schedule: schedule.bubble_seconds(times))
    return m * slowest + bubble


def _ranks(plan: TrainingPlan) -> tuple[Rank, Callable[[Any], Any]]:
    """The ranks of plans that differ in what a layer's time depends on; and what makes of their figures those of all
    plans.
    """
    layout, schedule = Layout(**{name: getattr(plan.layout, name) for name in _SIZES}), plan.schedule
    hides = schedule.of(lambda one: one.both_ways) & (layout.pp > 1)
    deciding = (*(getattr(layout, name) for name in _DECIDING), *(getattr(plan, name) for name in _RUN), hides)
    arrays = [value for value in deciding if getattr(value, "ndim", 0)]
    if not arrays or not len(arrays[0]):
        return Rank.of(evolve(plan, layout=layout)), lambda value: value
    from llmplan_costing.combinations import distinct

    found = distinct(arrays)

    def some(value: Any) -> Any:
        return value.take(found.rows) if getattr(value, "ndim", 0) else value

    sizes, run = ({name: some(getattr(of, name)) for name in names} for of, names in ((layout, _SIZES), (plan, _RUN)))
    if isinstance(schedule, Schedules):
        run["schedule"] = schedule.at(some(schedule.which))
    few = evolve(plan, layout=evolve(layout, **sizes), **run)
    return Rank.of(few), lambda value: value.take(found.numbers) if getattr(value, "ndim", 0) else value


def _mean_seconds(rank: Rank, *, leading: bool) -> tuple[Number, int]:
    """Of a layer of those that lead, or of the others, on average; and how many they are."""
    blocks = [block for block in rank.model.layers if block.leading is leading]
    layers = sum(block.count for block in blocks)
    seconds = total(block.count * layer_times(block, rank).all for block in blocks)
    return seconds / max(1, layers), layers


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
    rank = Rank(plan, lowered, lowered, training_kernels(plan), groups_of(plan.layout))
    leading, others = ([block for block in lowered.layers if block.leading is first] for first in (True, False))
    return Floors(
        leading=_floor(leading, rank) if leading else None,
        others=_floor(others, rank),
        embedding=lowered.embedding.parameters,
        rank=rank,
    )


def _floor(blocks: Sequence[Block], rank: Rank) -> Floor:
    """Of the mean of their layers."""
    layers = sum(block.count for block in blocks)
    by_recompute = [evolve(rank, plan=evolve(rank.plan, recompute=mode)) for mode in Recompute]

    def mean(value: Callable[[Block], Number]) -> float:
        return total(block.count * value(block) for block in blocks) / layers

    def kept(mode: Rank) -> float:
        return mean(lambda block: kept_bytes(block, mode) / _MANY)

    return Floor(
        kept=[kept(mode) for mode in by_recompute],
        dense=mean(lambda block: block.parameters - block.expert_parameters),
        experts=mean(lambda block: block.expert_parameters),
        count=layers,
    )
