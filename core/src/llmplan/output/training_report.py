"""The report of a training run: the plan, what it takes, where time and memory go, warnings."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType

from llmplan.arrays.quantities import total
from llmplan.estimate import Spread, TrainingEstimate
from llmplan.output.sections import bars, behind, cost, facts, gpus, heading, layout, memory, plus_minus, said, title
from llmplan.output.words import count, digits, dotted, percent, seconds
from llmplan.records import Recompute, TrainingPlan, Tuning

_ABOUT = ((86_400.0, "days", 172_800.0), (3_600.0, "hours", 7_200.0), (60.0, "min", 120.0))
"""Seconds of a unit, its name, and the seconds from which on it is used."""
_TWO_DIGITS = 10
_ENERGY_UNITS = ((1e6, "GWh"), (1e3, "MWh"), (1.0, "kWh"))


def training_report(estimate: TrainingEstimate, console: Console) -> Iterator[RenderableType]:
    """All of its sections."""
    plan, of, time = estimate.plan, estimate.plan.layout, estimate.time_spread
    yield title(estimate, "training")
    yield facts(
        {
            "layout": layout(estimate, *_sharing(plan)),
            "batch": f"micro-batch {plan.micro_batch} x {plan.gradient_accumulation:,} accumulated x dp {of.dp} = "
            f"{plan.global_batch:,} sequences of {plan.seq_len:,} = {count(estimate.tokens_per_iteration)} tokens",
            "recompute": Recompute(plan.recompute).label,
            "framework": plan.framework.name,
            "optimizer": _optimizer(plan),
            "tokens": f"{count(plan.tokens)} in {estimate.iterations:,.0f} iterations",
        }
    )
    yield heading("Totals")
    yield facts(
        {
            "training": f"{seconds(estimate.training_seconds)} on {gpus(of.gpus)}{plus_minus(time)}"
            f"{_counted_on(estimate)}",
            **_wall_clock(estimate),
            "GPU-hours": f"{estimate.gpu_hours:,.0f}{_from_to(time, estimate.gpu_hours)}",
            "cost": f"{cost(estimate.cost, plan.price_per_gpu_hour)}{_from_to(time, estimate.cost)}",
            "energy": _energy(estimate),
            "speed": f"{count(estimate.tokens_per_second)} tokens/s, {estimate.tokens_per_second_per_gpu:,.0f} a GPU",
            "utilisation": f"MFU {percent(estimate.mfu)}, HFU {percent(estimate.hfu)} of "
            f"{plan.gemm.peak_flops / 1e12:,.4g} T(FL)OP/s {plan.gemm.name}",
            **behind(time),
        }
    )
    yield heading(f"Time of an iteration: {seconds(estimate.iteration_seconds)}{plus_minus(time)}")
    yield bars(estimate.time_breakdown, estimate.iteration_seconds, seconds, console)
    forward = estimate.forward_breakdown
    if forward is not None:
        whole = total(forward.values())
        yield heading(f"Forward pass of a micro-batch on a pipeline stage: {seconds(whole)}")
        yield bars(forward, whole, seconds, console)
    yield from memory(estimate, console)
    yield from said(estimate)


def _counted_on(estimate: TrainingEstimate) -> str:
    """What the run stays below with the confidence that was asked for."""
    sure = estimate.training_seconds_at_confidence
    return "" if sure is None else f"; {seconds(sure)} with {estimate.plan.confidence:.0%} confidence"


def _from_to(spread: Spread | None, figure: float | None) -> str:
    if spread is None or figure is None:
        return ""
    return f" ({figure * spread.low:,.0f} to {figure * spread.high:,.0f})"


def _sharing(plan: TrainingPlan) -> tuple[str, str]:
    """Schedule, where it is not the usual one, and ZeRO."""
    (schedule,), group = plan.schedule.among, plan.layout.zero_group
    over = "" if group is None else f" over {group:,}"
    return "" if schedule.default else schedule.name, f"ZeRO {plan.layout.zero}{over}"


def _optimizer(plan: TrainingPlan) -> str:
    offloaded = {"optimizer": plan.offload_optimizer, "activations": plan.offload_activations}
    waiting = " and ".join(name for name, waits in offloaded.items() if waits)
    return dotted(
        (
            plan.optimizer.name,
            "" if plan.tuning is Tuning.FULL else f"{plan.tuning.value} rank {plan.lora_rank}",
            "" if plan.master_weights else "no master weights",
            f"gradients in {plan.gradient_bits:g} bits",
            f"{waiting} in host memory" if waiting else "",
        )
    )


def _wall_clock(estimate: TrainingEstimate) -> dict[str, str]:
    """Where failures were asked for."""
    wall_clock, goodput = estimate.wall_clock_seconds, estimate.goodput
    mtbf, interval = estimate.mtbf_seconds, estimate.checkpoint_interval_seconds
    if wall_clock is None or goodput is None or mtbf is None or interval is None:
        return {}
    how_long = f"{seconds(wall_clock)} at goodput {goodput:.2f}" if goodput else "without end, goodput 0"
    return {"wall clock": f"{how_long}: a failure every {_about(mtbf)}, a checkpoint every {_about(interval)}"}


def _about(value: float) -> str:
    """``5.1 hours``, ``34 min``."""
    for unit, name, enough in _ABOUT:
        if value >= enough:
            return f"{value / unit:,.{0 if value >= _TWO_DIGITS * unit else 1}f} {name}"
    return seconds(value)


def _energy(estimate: TrainingEstimate) -> str:
    energy, watts = estimate.energy_kwh, estimate.average_power_watts
    if energy is None or watts is None:
        return "not known: the accelerator has no TDP"
    unit, name = next((unit, name) for unit, name in _ENERGY_UNITS if energy >= unit or unit == 1)
    return f"{digits(energy / unit)} {name} at {watts:,.0f} W a GPU, PUE {estimate.plan.pue:g}"
