"""What reports for people are made of: facts, bars, memory, what was assumed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isinf
from textwrap import shorten, wrap
from typing import TYPE_CHECKING

from rich.bar import Bar
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmplan.catalogues.figures import figures_of
from llmplan.estimate.figure import Figure
from llmplan.estimate.figures import AT_CONFIDENCE, MEMORY, is_server, kind_of_estimate
from llmplan.estimate.spread import EVEN, LEVEL
from llmplan.output.words import gib
from llmplan.space.dimensions import BY_NAME, SIZES
from llmplan.units import rate
from llmplan_report.doubt import doubted
from llmplan_report.terminal.console import INDENT, heading
from llmplan_report.words import about, dotted, in_words, percent

if TYPE_CHECKING:
    from llmplan.estimate import Estimate, Spread
    from llmplan.estimate.line import Bottleneck

GAP = 2
SEQUENCE_PARALLEL = "sequence parallel"
_FREE = "free"
_WIDEST_TEXT = 120
_WIDEST_BAR, _NARROWEST_BAR = 40, 8
_WIDTH_OF_WORDS = 50
"""Columns that name, figure and share of a breakdown take beside its bar."""
_SHORT = range(100, 36, -4)
"""Letters of an assumption, beyond which it ends at a colon, a semicolon or a comma: the most that fit."""
_FIRST = 60
"""The same of the first two, which tell of how many accelerators and of the layout."""
_MOST_LINES = 5
"""That assumptions take, where nobody asked for their sources."""


def priced_by(estimate: Estimate) -> str:
    """The dtype, the format that matrices are multiplied in, and the cost model."""
    plan = estimate.plan
    site = "" if plan.site is None else f" at site {plan.site.name}"
    return f"cost model {plan.cost_model}{site}, {plan.dtype.name}, multiplications in {plan.gemm.name}"


def asked_by(estimate: Estimate) -> dict[str, str]:
    """Prices and emissions, where more is known of them than the number."""
    parts = estimate.plan.parts.items()
    said = {getattr(part, "fact", name): getattr(part, "words", "") for name, part in parts}
    return {name: words for name, words in said.items() if words}


def layout(estimate: Estimate, *more: str) -> str:
    """Sizes of the parallelism, those of 1 only where they always stand."""
    layout = estimate.plan.layout
    held = {one: getattr(layout, one.name) for one in map(BY_NAME.__getitem__, SIZES)}
    sizes = (f"{one.name} {size}" for one, size in held.items() if one.always_said or size > 1)
    sequence_parallel = SEQUENCE_PARALLEL if layout.sequence_parallel and layout.tp > 1 else ""
    return dotted((*sizes, sequence_parallel, *more))


def figure_facts(estimate: Estimate) -> dict[str, str]:
    """The lines of the report that figures stand in; how one becomes known where it is not."""
    found: dict[str, list[str]] = {}
    for figure in figures_of(kind_of_estimate(estimate)):
        if not figure.fact or (figure is AT_CONFIDENCE and getattr(estimate.plan, "confidence", 1.0) <= EVEN):
            continue
        if figure.value(estimate) is not None:
            found.setdefault(figure.fact, []).append(said_of(figure, estimate))
        elif figure.needs and not figure.needs.startswith("--"):  # of options the headline tells
            found.setdefault(figure.fact, [f"not known without {figure.needs}"])
    return {fact: ", ".join(pieces) for fact, pieces in found.items()}


def said_of(figure: Figure, estimate: Estimate) -> str:
    """What the line of the report says of a figure that is known."""
    value, plan = figure.value(estimate), estimate.plan
    number = estimate.server.gpus if is_server(estimate) else plan.layout.gpus
    return figure.say.format(
        value=in_words(value, figure.unit),
        number=value,
        about=about(value),
        range=range_of(figure, estimate),
        gpus=counted(number, "GPU"),
        plan=plan,
        of=estimate,
        peak=rate(plan.gemm.peak_flops, plan.gemm.name),
    )


def range_of(figure: Figure, estimate: Estimate) -> str:
    """How far off it may be: in percent of a time or of bytes, else from what to what."""
    spread = figure.spread(estimate)
    ends = figure.ends(figure.value(estimate), spread)
    if ends is None or figure.unit in ("s", "bytes", "t"):
        return plus_minus(spread)
    return f" ({ends[0]:,.0f} to {ends[1]:,.0f})"


def plus_minus(spread: Spread | None) -> str:
    """How far off a figure may be, in percent."""
    if spread is None:
        return ""
    return f" ({spread.low - 1:+.0%} to {'no end' if isinf(spread.high) else f'{spread.high - 1:+.0%}'})"


def between(ends: tuple[float, float] | None, words: Callable[[float], str], like: float) -> str:
    """``21.9 to 29.6``: with a unit where that is not the one of the figure; nothing where no range is known."""
    if ends is None:
        return ""
    if isinf(ends[1]):
        return f"{words(ends[0])} to no end"
    (low, low_unit), (high, high_unit), (_, unit) = (_parts(words(value)) for value in (*ends, like))
    if low_unit == high_unit == unit:
        return f"{low} to {high}"
    return f"{words(ends[0])} to {words(ends[1])}"


def _parts(text: str) -> tuple[str, str]:
    number, _, unit = text.partition(" ")
    return number, unit


def behind(spread: Spread | None) -> dict[str, str]:
    """What a range rests on: published runs of this kind, or none."""
    if spread is None:
        return {}
    if spread.extrapolated:
        few = (
            f"too few published runs of this kind, {spread.rows:,}" if spread.rows else "no published run of this kind"
        )
        return {"ranges": f"are EXTRAPOLATED: {few}"}
    return {"ranges": f"hold {LEVEL:.0%} of published runs of this kind, by {spread.rows:,} figures"}


def resting(spreads: Mapping[str, Spread | None]) -> dict[str, str]:
    """What the ranges of several figures rest on."""
    found: dict[str, list[str]] = {}
    for name, spread in spreads.items():
        for words in behind(spread).values():
            found.setdefault(words, []).append(name)
    if len(found) == 1 and all(spreads.values()):
        return {"ranges": next(iter(found))}
    said = [f"those of {' and '.join(names)} {words}" for words, names in found.items()]
    return {"ranges": "; ".join(said)} if said else {}


def counted(number: float, what: str) -> str:
    """A number of things: ``1 GPU``, ``2,048 GPUs``."""
    return f"{number:,.0f} {what}{'' if number == 1 else 's'}"


def memory_words(estimate: Estimate, *, mark: bool = False, ranged: bool = True) -> str:
    """What the fullest device holds of what it has, how far off that may be where there is room to say it, with a mark
    where nobody has measured it, and what is left or missing.
    """
    used, capacity = estimate.memory_bytes_per_gpu, estimate.memory_capacity_bytes
    doubt, verdict = doubted(estimate), f"{gib(used - capacity)} too much"
    if estimate.fits:
        verdict = doubt or f"{gib(capacity - used)} free"
    spread = MEMORY.spread(estimate)
    off = between(MEMORY.ends(used, spread), gib, used) if ranged else ""
    if mark and off and not doubt and spread is not None and spread.extrapolated:
        off += ", extrapolated"
    return f"{gib(used)}{off and f' ({off})'} of {gib(capacity)}, {verdict}"


def memory(estimate: Estimate, console: Console) -> Iterator[RenderableType]:
    """The memory of the fullest device, line by line."""
    used, capacity = estimate.memory_bytes_per_gpu, estimate.memory_capacity_bytes
    pool = estimate.fullest_pool if is_server(estimate) else None
    which = "Memory of the fullest GPU" + (f", in the {pool} pool" if pool else "")
    yield heading(
        f"{which}: {memory_words(estimate)}", "bold red" if doubted(estimate) or not estimate.fits else "bold"
    )
    free = {_FREE: capacity - used} if estimate.fits else {}
    yield bars({**estimate.memory_breakdown, **free}, max(capacity, used), gib, console)


def said(
    assumptions: Sequence[str], warnings: Sequence[str], console: Console, *, sources: bool
) -> Iterator[RenderableType]:
    """What to know before trusting the figures, and what was assumed, in five lines or with all sources."""
    if warnings:
        yield heading("Warnings", "bold yellow")
        yield bullets(warnings)
    if assumptions:
        yield heading("Assumed" if sources else "Assumed (--sources says why, and the rest)")
        yield bullets(assumptions) if sources else in_brief(assumptions, console)


def in_brief(assumptions: Sequence[str], console: Console) -> Padding:
    """As much of each as five lines have room for: less of the long ones first, then fewer of them."""
    width = min(console.width, _WIDEST_TEXT) - INDENT
    for longest in _SHORT:
        limits = (max(longest, _FIRST) if at < 2 else longest for at in range(len(assumptions)))  # noqa: PLR2004
        parts = list(map(in_short, assumptions, limits))
        lines = packed(parts, width)
        if len(lines) <= _MOST_LINES:
            break
    while len(lines) > _MOST_LINES:
        parts.pop()
        lines = packed([*parts, f"and {len(assumptions) - len(parts)} more"], width)
    return Padding(Text("\n".join(lines)), (0, 0, 0, INDENT))


def in_short(assumption: str, longest: int) -> str:
    """As much of it as fits, up to where it goes on to say why; the why alone where the rest is longer than that."""
    if len(assumption) <= longest:
        return assumption
    what, colon, why = assumption.partition(": ")
    if colon and len(what) > longest:
        return in_short(why, longest)
    cuts = [found.start() for found in re.finditer(r": |; |, | = ", assumption) if found.start() <= longest]
    if cuts:
        return assumption[: cuts[-1]]
    return shorten(assumption, longest, placeholder=" ...")


def packed(parts: Iterable[str], width: int) -> list[str]:
    """Parts side by side, with dots between them, on lines that break between words."""
    return wrap(" · ".join(parts), width, break_on_hyphens=False)


def bound_by(of: Bottleneck | None, advice: str | None = None) -> Iterator[RenderableType]:
    """What takes most of a phase, and what would shorten it, in other words where these are given."""
    if of is not None:
        advice = of.advice if advice is None else advice
        yield facts({"bound by": f"{of.words}, {percent(of.share)}", **({"shorter with": advice} if advice else {})})


def facts(facts: Mapping[str, str]) -> Padding:
    """Names in a column beside what they are."""
    table = Table.grid(padding=(0, GAP), expand=True)
    table.add_column(style="dim", no_wrap=True, width=_widest(facts))
    table.add_column(ratio=1)
    for name, fact in facts.items():
        table.add_row(name, Text(fact))
    return Padding(table, (0, 0, 0, INDENT))


def _widest(cells: Iterable[str]) -> int:
    """The width of a column that is said, since Rich lays out every cell once more to find it."""
    return max(map(cell_len, cells), default=1)


def bullets(lines: Iterable[str]) -> Padding:
    """A list with a dash before each line."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=1)
    table.add_column(ratio=1)
    for line in lines:
        table.add_row("-", Text(line))
    return Padding(table, (0, 0, 0, INDENT))


def bars(breakdown: Mapping[str, float], whole: float, words: Callable[[float], str], console: Console) -> Padding:
    """Name, figure, share and, where there is room, a bar of each part against the whole; no line for a part of 0."""
    parts = {name: part for name, part in breakdown.items() if part != 0}
    said = [[words(part) for part in parts.values()]]
    if console.width >= _WIDTH_OF_WORDS:
        said.append([percent(part / whole) for part in parts.values()])
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, width=_widest(parts))
    for figures in said:
        table.add_column(justify="right", no_wrap=True, width=_widest(figures))
    width = min(_WIDEST_BAR, console.width - _WIDTH_OF_WORDS)
    before = 0.0
    for (name, part), *figures in zip(parts.items(), *said, strict=True):
        cells: list[RenderableType] = [name, *figures]
        if width >= _NARROWEST_BAR:
            cells.append(
                Bar(whole, before, before + part, width=width, color="bright_black" if name == _FREE else "cyan")
            )
        table.add_row(*cells)
        before += part
    return Padding(table, (0, 0, 0, INDENT))
