"""A comparison for people: what the plans have in common, a line for each, and what to know about some of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmplan.catalogues.figures import figures_of
from llmplan.estimate import Comparison, Variant
from llmplan.estimate.figure import LOW, Figure
from llmplan.estimate.figures import kind_of_estimate
from llmplan.output.console import rendered
from llmplan.output.document import rows
from llmplan.output.table import Column, Row, fitted
from llmplan.output.words import digits
from llmplan.request import option_name
from llmplan.space.dimensions import SIZES
from llmplan_report.columns import RANGE_COLUMNS, figure_columns, fits, plain_words
from llmplan_report.terminal.console import INDENT, console_of, heading, wide_console
from llmplan_report.terminal.next_steps import next_steps
from llmplan_report.terminal.sections import facts, in_brief
from llmplan_report.words import dotted

_MOST_ANSWERS, _LONG = 3, 45
"""Figures of which the best plan is named, where what varies takes less than so many letters; else of one."""
_NAMED = 3
"""Plans that a warning names, before it counts them."""
_TITLES = {"train": "training", "infer": "inference"}
_NAMES = ("model", "gpu", "dtype", "cost_model", "engine", "framework", "optimizer", "recompute")
_NUMBERS = ("batch", "prompt_tokens", "output_tokens", "kv_bits", "global_batch", "seq_len", "tokens")
_FOLLOWS = "kv-bits"
"""From the dtype, where it is not given."""
_ALWAYS = "tp"
"""Said at 1 too."""


def comparison_report(comparison: Comparison, width: int | None = None) -> str:
    """As wide as the terminal, or of the given width and plain, for a file."""
    console = wide_console() if width is None else console_of(width)
    return rendered(console, _sections(comparison, console))


def _sections(comparison: Comparison, console: Console) -> Iterator[RenderableType]:
    plans = rows(comparison)
    pairs = list(zip(comparison.variants, plans, strict=True))
    yield Text(title(comparison, plans), style="bold")
    same = common(comparison.varied, plans).items()
    shared = dotted(f"{name} {value}" for name, value in same if name not in ("model", "gpu"))
    yield from _answer(comparison)
    yield Text("")
    yield from fitted(columns(comparison.varied, plans), plans, console, 0)
    yield heading("All plans")
    yield Padding(Text(shared), (0, 0, 0, INDENT))
    yield from _listed("Not priced", [(row["refused"], [one.label]) for one, row in pairs if row["refused"]])
    yield from _listed("EXTRAPOLATED: no published run of this kind, or too few", _extrapolated(pairs), "bold yellow")
    yield from _listed("Warnings", _said(pairs, "warnings"), "bold yellow")
    assumed = [line for line, labels in _said(pairs, "assumptions") if not labels]
    if assumed:
        yield heading("Assumed for every plan, beside what --json says of each")
        yield in_brief(assumed, console)
    yield from next_steps(comparison, console)


def _answer(comparison: Comparison) -> Iterator[RenderableType]:
    """Which plan is best by each figure that people decide by, out of those that fit."""
    fitting = [variant for variant in comparison.variants if variant.feasible]
    if not fitting:
        yield Padding(Text("none of them can be counted on", style="bold red"), (0, 0, 0, INDENT))
        return
    found: dict[str, str] = {}
    most = _MOST_ANSWERS if max(len(one.label) for one in fitting) < _LONG else 1
    for figure in figures_of(kind_of_estimate(fitting[0].estimate)):
        if figure.essential and figure.better and len(found) < most:
            known = [one for one in fitting if figure.value(one.estimate) is not None]
            if known:
                found[figure.heading] = _best(figure, known)
    whole = len(comparison.variants)
    found["fit"] = "all of them" if len(fitting) == whole else f"{len(fitting):,} of {whole:,}"
    yield facts({f"best {name}" if name != "fit" else name: of for name, of in found.items()})


def _best(figure: Figure, plans: Sequence[Variant]) -> str:
    """Of a figure that all have, by what one can count on; the best by the estimate too, where it is another."""
    first = min if figure.better == LOW else max
    sure = first(plans, key=lambda one: (figure.counted_on(one.estimate), figure.value(one.estimate)))
    alone = first(plans, key=lambda one: figure.value(one.estimate))
    said = [f"{digits(figure.value(one.estimate) / figure.scale)} with {one.label}" for one in (sure, alone)]
    equal = figure.value(sure.estimate) == figure.value(alone.estimate)
    return said[0] if equal else f"{said[0]}; {said[1]} by the estimate alone"


def columns(varied: Collection[str], plans: Sequence[Row]) -> list[Column]:
    """What varies, what was chosen differently, and the figures that people decide by."""
    chosen = [column for column in _chosen(varied) if len(column.said(plans)) > 1 and column.heading != _FOLLOWS]
    rest = [column for column in (*_BOUNDS, *RANGE_COLUMNS) if column.said(plans)]
    ends = [*figure_columns(plans), *rest, Column("fits", fits, right=False)]
    return [*(_varying(name, plans) for name in varied), *chosen, *ends]


def common(varied: Collection[str], plans: Sequence[Row]) -> dict[str, str]:
    """What the plans have in common, by its name."""
    said = {column.heading: column.said(plans) for column in _chosen(varied)}
    return {heading: texts.pop() for heading, texts in said.items() if len(texts) == 1}


def title(comparison: Comparison, plans: Sequence[Row]) -> str:
    """``llama-65b on l40s, inference, 9 plans by batch``."""
    same = common(comparison.varied, plans)
    names = " on ".join(same[name] for name in ("model", "gpu") if name in same)
    by = ", ".join(option_name(name) for name in comparison.varied)
    number = f"{len(plans):,} plan{'' if len(plans) == 1 else 's'} by {by}"
    what = "server" if any(row.get("server") for row in plans) else _TITLES[comparison.command]
    return ", ".join(filter(None, (names, what, number)))


def _bound(name: str) -> Column:
    """What a phase waits for longest."""

    def text(row: Row) -> str:
        waits = row.get(f"{name}_bounds")
        return max(waits, key=waits.__getitem__) if waits else ""

    return Column(f"{name} bound by", text, right=False, spare=2)


_BOUNDS = (_bound("prefill"), _bound("decode"))


def _varying(name: str, plans: Sequence[Row]) -> Column:
    right = not any(isinstance(row["varied"][name], str) for row in plans)
    return Column(option_name(name), lambda row: plain_words(row["varied"][name]), right)


def _chosen(varied: Collection[str]) -> list[Column]:
    """What a plan is beside what varies: given for all of them, or filled in for each."""
    found = [_given(name, right=False) for name in _NAMES] + [_given(name) for name in _NUMBERS]
    found.append(_of_layout("gpus"))
    found.append(Column("layout", lambda row: _layout(row, varied), right=False))
    found.append(_of_layout("micro_batch"))
    headings = [option_name(name) for name in varied]
    return [column for column in found if column.heading not in headings]


def _given(name: str, *, right: bool = True) -> Column:
    return Column(option_name(name), lambda row: plain_words(row.get(name)), right)


def _of_layout(name: str) -> Column:
    return Column(option_name(name), lambda row: plain_words((row.get("layout") or {}).get(name)))


def _layout(row: Row, varied: Collection[str]) -> str:
    layout = row.get("layout") or {}
    sizes = [name for name in SIZES if name in layout and name not in varied]
    return " ".join(f"{name} {layout[name]}" for name in sizes if name == _ALWAYS or layout[name] > 1)


def _extrapolated(pairs: Sequence[tuple[Variant, Row]]) -> list[tuple[str, list[str]]]:
    """What of which plans is off by nobody knows how much, but for what such leaps have cost."""
    return _by_line(
        pairs, lambda row: [f"the range of {name.replace('_', ' ')}" for name, of in _behind(row) if of["extrapolated"]]
    )


def _behind(row: Row) -> Iterator[tuple[str, Any]]:
    """What ranges rest on, by what they are of."""
    return ((name, of) for name, of in (row.get("ranges") or {}).items() if isinstance(of, dict))


def _said(pairs: Sequence[tuple[Variant, Row]], key: str) -> list[tuple[str, list[str]]]:
    """What a plan says of itself under a key."""
    return _by_line(pairs, lambda row: row.get(key) or ())


def _by_line(
    pairs: Sequence[tuple[Variant, Row]], lines: Callable[[Row], Iterable[str]]
) -> list[tuple[str, list[str]]]:
    """The lines of all plans, each once, with the plans that have it; no plan is named where all have it."""
    found: dict[str, list[str]] = {}
    for variant, row in pairs:
        for line in lines(row):
            found.setdefault(line, []).append(variant.label)
    priced = sum(not row["refused"] for _, row in pairs)
    return [(line, [] if len(labels) == priced else labels) for line, labels in found.items()]


def _listed(text: str, lines: Iterable[tuple[str, list[str]]], style: str = "bold") -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 1))
    for line, plans in lines:
        more = f" and {len(plans) - _NAMED} more" if len(plans) > _NAMED else ""
        where = f"{'; '.join(plans[:_NAMED])}{more}: " if plans else ""
        table.add_row("-", Text.assemble((where, "dim"), line))
    if table.row_count:
        yield heading(text, style)
        yield Padding(table, (0, 0, 0, INDENT))
