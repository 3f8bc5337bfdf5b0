"""What reports for people are made of: titles, facts, bars, memory, what was assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmplan.estimate import Estimate, ServerEstimate, Spread, TrainingEstimate
from llmplan.estimate.line import Bottleneck
from llmplan.estimate.spread import LEVEL
from llmplan.output.words import dotted, gib, percent

_INDENT = 2
_FREE = "free"
_WIDEST_BAR, _NARROWEST_BAR = 40, 8
_WIDTH_OF_WORDS = 50
"""Columns that name, figure and share of a breakdown take beside its bar."""


def title(estimate: Estimate, what: str) -> Text:
    """Model, accelerators, dtype and cost model."""
    plan = estimate.plan
    number = estimate.server.gpus if isinstance(estimate, ServerEstimate) else plan.layout.gpus
    title = Text(f"{plan.model.name} on {number:,} x {plan.hardware.name}", style="bold")
    return title.append(f"  {what}, {plan.dtype.name}, cost model {plan.cost_model}", style="not bold dim")


def layout(estimate: Estimate, *more: str) -> str:
    """Sizes of the parallelism, those of 1 only where they always stand."""
    layout = estimate.plan.layout
    always = ("tp", "pp", "dp")
    names = ("tp", "cp", "pp", "vpp", "dp", "ep")
    sizes = (f"{name} {getattr(layout, name)}" for name in names if name in always or getattr(layout, name) > 1)
    sequence_parallel = "sequence parallel" if layout.sequence_parallel and layout.tp > 1 else ""
    return dotted((*sizes, sequence_parallel, *more))


def plus_minus(spread: Spread | None) -> str:
    """How far off the figure may be, in percent."""
    return "" if spread is None else f" ({spread.low - 1:+.0%} to {spread.high - 1:+.0%})"


def behind(spread: Spread | None) -> dict[str, str]:
    """What the ranges rest on."""
    if spread is None:
        return {}
    if spread.extrapolated:
        few = (
            f"too few published runs of this kind, {spread.rows:,}" if spread.rows else "no published run of this kind"
        )
        return {"ranges": f"are EXTRAPOLATED: {few}"}
    return {"ranges": f"hold {LEVEL:.0%} of published runs of this kind, by {spread.rows:,} figures"}


def sequences(number: float) -> str:
    """``1 sequence``, ``256 sequences``."""
    return f"{number:,.0f} sequence{'' if number == 1 else 's'}"


def gpus(number: float) -> str:
    """``1 GPU``, ``2,048 GPUs``."""
    return f"{number:,} GPU{'' if number == 1 else 's'}"


def cost(cost: float | None, price: float | None) -> str:
    """A price, or how it becomes known."""
    return "not known: give --price-per-gpu-hour" if cost is None else f"{cost:,.2f} at {price:g} a GPU-hour"


def memory(estimate: Estimate, console: Console) -> Iterator[RenderableType]:
    """What the fullest device holds."""
    used, capacity = estimate.memory_bytes_per_gpu, estimate.memory_capacity_bytes
    fits = estimate.fits if isinstance(estimate, ServerEstimate) else estimate.feasible
    spread = estimate.memory_spread if isinstance(estimate, TrainingEstimate) else None
    verdict = f"{gib(capacity - used)} free" if fits else f"{gib(used - capacity)} TOO MUCH"
    style = "bold" if fits else "bold red"
    pool = estimate.fullest_pool if isinstance(estimate, ServerEstimate) else None
    which = "Memory of the fullest GPU" + (f", in the {pool} pool" if pool else "")
    yield heading(f"{which}: {gib(used)}{plus_minus(spread)} of {gib(capacity)}, {verdict}", style)
    free = {_FREE: capacity - used} if fits else {}
    yield bars({**estimate.memory_breakdown, **free}, max(capacity, used), gib, console)


def said(estimate: Estimate) -> Iterator[RenderableType]:
    """What was assumed, and what to know before trusting the figures."""
    if estimate.plan.assumptions:
        yield heading("Assumed")
        yield bullets(estimate.plan.assumptions)
    if estimate.warnings:
        yield heading("Warnings", "bold yellow")
        yield bullets(estimate.warnings)


def waits(of: Bottleneck | None, advice: str | None = None) -> Iterator[RenderableType]:
    """What takes most of a phase, and what would shorten it, in other words where these are given."""
    if of is not None:
        advice = of.advice if advice is None else advice
        yield facts({"bound by": f"{of.words}, {percent(of.share)}", **({"shorter with": advice} if advice else {})})


def heading(text: str, style: str = "bold") -> Padding:
    """Of a section."""
    return Padding(Text(text, style=style), (1, 0, 0, 0))


def facts(facts: Mapping[str, str]) -> Padding:
    """Names beside what they are."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, fact in facts.items():
        table.add_row(name, Text(fact))
    return Padding(table, (0, 0, 0, _INDENT))


def bullets(lines: Iterable[str]) -> Padding:
    """A list."""
    table = Table.grid(padding=(0, 1))
    for line in lines:
        table.add_row("-", Text(line))
    return Padding(table, (0, 0, 0, _INDENT))


def bars(breakdown: Mapping[str, float], whole: float, words: Callable[[float], str], console: Console) -> Padding:
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
    return Padding(table, (0, 0, 0, _INDENT))
