"""The report for people: the plan, what was assumed, where time and memory go, totals, warnings."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping

from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmplan.output.blocks import INDENT, facts, heading, listed
from llmplan.output.console import rendered
from llmplan.output.words import count, digits, dotted, gib, percent, seconds
from llmplan.quantities import total
from llmplan.records import InferenceEstimate, Recompute, Schedule, Spread, TrainingEstimate, TrainingPlan, Tuning
from llmplan.records.spread import LEVEL

_FREE = "free"
_WIDEST_BAR, _NARROWEST_BAR = 40, 8
_WIDTH_OF_WORDS = 50
"""Columns that name, figure and share of a breakdown take beside its bar."""
_ABOUT = ((86_400.0, "days", 172_800.0), (3_600.0, "hours", 7_200.0), (60.0, "min", 120.0))
"""Seconds of a unit, its name, and the seconds from which on it is used."""
_TWO_DIGITS = 10
_ENERGY_UNITS = ((1e6, "GWh"), (1e3, "MWh"), (1.0, "kWh"))


def report(estimate: TrainingEstimate | InferenceEstimate, width: int | None = None) -> str:
    """As wide as the terminal, or of the given width and plain, for a file."""
    console = Console(highlight=False) if width is None else Console(file=io.StringIO(), width=width, highlight=False)
    sections = _training(estimate, console) if isinstance(estimate, TrainingEstimate) else _inference(estimate, console)
    return rendered(console, sections)


def _training(estimate: TrainingEstimate, console: Console) -> Iterator[RenderableType]:
    plan, layout, time = estimate.plan, estimate.plan.layout, estimate.time_spread
    yield _title(estimate, "training")
    yield facts(
        {
            "layout": _layout(estimate, *_sharing(plan)),
            "batch": f"micro-batch {plan.micro_batch} x {plan.gradient_accumulation:,} accumulated x dp {layout.dp} = "
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
            "training": f"{seconds(estimate.training_seconds)} on {_gpus(layout.gpus)}{_plus_minus(time)}",
            **_wall_clock(estimate),
            "GPU-hours": f"{estimate.gpu_hours:,.0f}{_from_to(time, estimate.gpu_hours)}",
            "cost": f"{_cost(estimate.cost, plan.price_per_gpu_hour)}{_from_to(time, estimate.cost)}",
            "energy": _energy(estimate),
            "speed": f"{count(estimate.tokens_per_second)} tokens/s, {estimate.tokens_per_second_per_gpu:,.0f} a GPU",
            "utilisation": f"MFU {percent(estimate.mfu)}, HFU {percent(estimate.hfu)} of "
            f"{plan.gemm.peak_flops / 1e12:,.4g} T(FL)OP/s {plan.gemm.name}",
            **_behind(time),
        }
    )
    yield heading(f"Time of an iteration: {seconds(estimate.iteration_seconds)}{_plus_minus(time)}")
    yield _bars(estimate.time_breakdown, estimate.iteration_seconds, seconds, console)
    forward = estimate.forward_breakdown
    if forward is not None:
        whole = total(forward.values())
        yield heading(f"Forward pass of a micro-batch on a pipeline stage: {seconds(whole)}")
        yield _bars(forward, whole, seconds, console)
    yield from _memory(estimate, console)
    yield from _said(estimate)


def _plus_minus(spread: Spread | None) -> str:
    """How far off the figure may be, in percent."""
    return "" if spread is None else f" ({spread.low - 1:+.0%} to {spread.high - 1:+.0%})"


def _from_to(spread: Spread | None, figure: float | None) -> str:
    if spread is None or figure is None:
        return ""
    return f" ({figure * spread.low:,.0f} to {figure * spread.high:,.0f})"


def _behind(spread: Spread | None) -> dict[str, str]:
    """What the ranges rest on."""
    if spread is None:
        return {}
    of_what = "of other architectures: EXTRAPOLATED" if spread.extrapolated else "nearest in kind"
    return {"ranges": f"hold {LEVEL:.0%} of published runs, by the {spread.rows} {of_what}"}


def _inference(estimate: InferenceEstimate, console: Console) -> Iterator[RenderableType]:
    plan = estimate.plan
    yield _title(estimate, "inference")
    yield facts(
        {
            "layout": _layout(estimate),
            "batch": f"{_sequences(plan.batch)} a replica, {plan.prompt_tokens:,} prompt and "
            f"{plan.output_tokens:,} output tokens each",
            "KV cache": f"{plan.kv_bits:g} bits",
        }
    )
    yield heading("Totals")
    price = _cost(estimate.cost_per_million_tokens, plan.price_per_gpu_hour)
    yield facts(
        {
            "first token": f"{seconds(estimate.first_token_seconds)} (prefill)",
            "each token": f"{seconds(estimate.next_token_seconds)} (decode)",
            "whole answer": seconds(estimate.total_seconds),
            "speed": f"{digits(estimate.tokens_per_second)} output tokens/s on {_gpus(plan.layout.gpus)}",
            "cost": price if plan.price_per_gpu_hour is None else f"{price} per million output tokens",
            "largest batch": f"{_sequences(estimate.max_batch_size)} a replica fit into memory",
        }
    )
    stage = "" if plan.layout.pp == 1 else " on a pipeline stage"
    for name, breakdown in (("Prefill", estimate.prefill_breakdown), ("Decode", estimate.decode_breakdown)):
        whole = total(breakdown.values())
        yield heading(f"{name}{stage}: {seconds(whole)}")
        yield _bars(breakdown, whole, seconds, console)
    yield from _memory(estimate, console)
    yield from _said(estimate)


def _title(estimate: TrainingEstimate | InferenceEstimate, what: str) -> Text:
    plan = estimate.plan
    title = Text(f"{plan.model.name} on {plan.layout.gpus:,} x {plan.hardware.name}", style="bold")
    return title.append(f"  {what}, {plan.dtype.name}, cost model {plan.cost_model}", style="not bold dim")


def _layout(estimate: TrainingEstimate | InferenceEstimate, *more: str) -> str:
    layout = estimate.plan.layout
    always = ("tp", "pp", "dp")
    names = ("tp", "cp", "pp", "vpp", "dp", "ep")
    sizes = (f"{name} {getattr(layout, name)}" for name in names if name in always or getattr(layout, name) > 1)
    sequence_parallel = "sequence parallel" if layout.sequence_parallel and layout.tp > 1 else ""
    return dotted((*sizes, sequence_parallel, *more))


def _sharing(plan: TrainingPlan) -> tuple[str, str]:
    """Schedule, where it is not the usual one, and ZeRO."""
    schedule, group = Schedule(plan.schedule), plan.layout.zero_group
    over = "" if group is None else f" over {group:,}"
    return "" if schedule is Schedule.ONE_F_ONE_B else schedule.label, f"ZeRO {plan.layout.zero}{over}"


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


def _sequences(number: float) -> str:
    return f"{number:,.0f} sequence{'' if number == 1 else 's'}"


def _gpus(number: float) -> str:
    return f"{number:,} GPU{'' if number == 1 else 's'}"


def _cost(cost: float | None, price: float | None) -> str:
    return "not known: give --price-per-gpu-hour" if cost is None else f"{cost:,.2f} at {price:g} a GPU-hour"


def _memory(estimate: TrainingEstimate | InferenceEstimate, console: Console) -> Iterator[RenderableType]:
    used, capacity = estimate.memory_bytes_per_gpu, estimate.memory_capacity_bytes
    spread = estimate.memory_spread if isinstance(estimate, TrainingEstimate) else None
    verdict = f"{gib(capacity - used)} free" if estimate.feasible else f"{gib(used - capacity)} TOO MUCH"
    style = "bold" if estimate.feasible else "bold red"
    yield heading(f"Memory of the fullest GPU: {gib(used)}{_plus_minus(spread)} of {gib(capacity)}, {verdict}", style)
    free = {_FREE: capacity - used} if estimate.feasible else {}
    yield _bars({**estimate.memory_breakdown, **free}, max(capacity, used), gib, console)


def _said(estimate: TrainingEstimate | InferenceEstimate) -> Iterator[RenderableType]:
    if estimate.plan.assumptions:
        yield heading("Assumed")
        yield listed(estimate.plan.assumptions)
    if estimate.warnings:
        yield heading("Warnings", "bold yellow")
        yield listed(estimate.warnings)


def _bars(breakdown: Mapping[str, float], whole: float, words: Callable[[float], str], console: Console) -> Padding:
    """Name, figure, share and, where there is room, a bar of each part against the whole; no line for a part of 0."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    wide_enough_for_shares = console.width >= _WIDTH_OF_WORDS
    width = min(_WIDEST_BAR, console.width - _WIDTH_OF_WORDS)
    before = 0.0
    for name, part in breakdown.items():
        if part == 0:
            continue
        cells: list[RenderableType] = [name, words(part)]
        if wide_enough_for_shares:
            cells.append(percent(part / whole))
        if width >= _NARROWEST_BAR:
            cells.append(
                Bar(whole, before, before + part, width=width, color="bright_black" if name == _FREE else "cyan")
            )
        table.add_row(*cells)
        before += part
    return Padding(table, (0, 0, 0, INDENT))
