"""The columns of a comparison: what varies, what was chosen differently, and the figures that people decide by.

A row is a plan in the JSON contract; a column is there where a row has something to say in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import frozen

from llmplan.estimate import Comparison
from llmplan.output.words import count, digits, gib
from llmplan.request import option_name
from llmplan.units import GIB

_MANY = 1e9
"""From here on in billions and trillions, as tokens are."""

Row: TypeAlias = Mapping[str, Any]


@frozen(eq=False)
class Column:
    """A heading, and what a row says under it: nothing where the figure does not apply."""

    heading: str
    text: Callable[[Row], str]
    right: bool = True
    spare: bool = False
    """The first to go where a terminal is too narrow."""


@frozen(eq=False)
class Figure:
    """A figure that people decide by, in a unit that a whole column or axis shares."""

    key: str
    """In the JSON contract; with dots, inside other keys."""
    heading: str
    unit: float = 1.0
    """Of the heading, in SI."""
    drawn: bool = True
    """In the picture too; what is not is what a narrow table goes without."""

    def value(self, row: Row) -> float | None:
        """In the unit; None where a row has no such figure."""
        found: Any = row
        for key in self.key.split("."):
            found = None if found is None else found.get(key)
        return None if found is None else found / self.unit

    @property
    def column(self) -> Column:
        """The figure in a table."""
        return Column(
            self.heading, lambda row: "" if (value := self.value(row)) is None else digits(value), spare=not self.drawn
        )


MEMORY = Figure("memory_bytes_per_gpu", "memory, GiB", GIB)
FIGURES = (
    Figure("training_seconds", "training, days", 86_400.0),
    Figure("wall_clock_seconds", "wall clock, days", 86_400.0, drawn=False),
    Figure("gpu_hours", "GPU-hours", drawn=False),
    Figure("cost", "cost"),
    Figure("first_token_seconds", "first token, ms", 1e-3),
    Figure("next_token_seconds", "each token, ms", 1e-3),
    Figure("server.simulated.first_token.p99", "p99 first token, ms", 1e-3),
    Figure("server.simulated.next_token.p99", "p99 each token, ms", 1e-3, drawn=False),
    Figure("server.requests_per_second", "requests/s", drawn=False),
    Figure("server.share_of_capacity", "load, %", 0.01),
    Figure("tokens_per_second", "tokens/s", drawn=False),
    Figure("tokens_per_second_per_gpu", "tokens/s a GPU"),
    Figure("mfu", "MFU, %", 0.01),
    Figure("cost_per_million_tokens", "cost of 1M tokens"),
    Figure("max_batch_size", "largest batch", drawn=False),
    MEMORY,
)
_TITLES = {"train": "training", "infer": "inference"}
_NAMES = ("model", "gpu", "dtype", "cost_model", "engine", "framework", "optimizer", "recompute")
_NUMBERS = ("batch", "prompt_tokens", "output_tokens", "kv_bits", "global_batch", "seq_len", "tokens")
OVERLOADED = "overloaded"
"""What fits into memory and is not feasible: more comes than it answers."""
_FOLLOWS = "kv-bits"
"""From the dtype, where it is not given."""
_SIZES = ("tp", "cp", "pp", "vpp", "dp", "ep")
_ALWAYS = "tp"
"""Said at 1 too."""


def columns(varied: Collection[str], rows: Sequence[Row]) -> list[Column]:
    """The columns of a table of these rows."""
    chosen = [column for column in _chosen(varied) if len(_said(column, rows)) > 1 and column.heading != _FOLLOWS]
    figures = [figure.column for figure in FIGURES]
    ends = [column for column in (*figures, *_BOUNDS, Column("range, %", _range)) if _said(column, rows)]
    return [*(_varying(name, rows) for name in varied), *chosen, *ends, Column("fits", _fits, right=False)]


def _bound(name: str) -> Column:
    """What a phase waits for longest."""

    def text(row: Row) -> str:
        waits = row.get(f"{name}_bounds")
        return max(waits, key=waits.__getitem__) if waits else ""

    return Column(f"{name} bound by", text, right=False, spare=True)


_BOUNDS = (_bound("prefill"), _bound("decode"))


def common(varied: Collection[str], rows: Sequence[Row]) -> dict[str, str]:
    """What the plans have in common, by its name."""
    said = {column.heading: _said(column, rows) for column in _chosen(varied)}
    return {heading: texts.pop() for heading, texts in said.items() if len(texts) == 1}


def title(comparison: Comparison, rows: Sequence[Row]) -> str:
    """``llama-65b on l40s, inference, 9 plans by batch``."""
    same = common(comparison.varied, rows)
    names = " on ".join(same[name] for name in ("model", "gpu") if name in same)
    by = ", ".join(option_name(name) for name in comparison.varied)
    plans = f"{len(rows):,} plan{'' if len(rows) == 1 else 's'} by {by}"
    what = "server" if any(row.get("server") for row in rows) else _TITLES[comparison.command]
    return ", ".join(filter(None, (names, what, plans)))


def _said(column: Column, rows: Sequence[Row]) -> set[str]:
    return {text for row in rows if (text := column.text(row))}


def _varying(name: str, rows: Sequence[Row]) -> Column:
    right = not any(isinstance(row["varied"][name], str) for row in rows)
    return Column(option_name(name), lambda row: plain(row["varied"][name]), right)


def _chosen(varied: Collection[str]) -> list[Column]:
    """What a plan is beside what varies: given for all of them, or filled in for each."""
    found = [_given(name, right=False) for name in _NAMES] + [_given(name) for name in _NUMBERS]
    found.append(Column("layout", lambda row: _layout(row, varied), right=False))
    found.append(Column("micro-batch", lambda row: plain((row.get("layout") or {}).get("micro_batch"))))
    headings = [option_name(name) for name in varied]
    return [column for column in found if column.heading not in headings]


def _given(name: str, *, right: bool = True) -> Column:
    return Column(option_name(name), lambda row: plain(row.get(name)), right)


def _layout(row: Row, varied: Collection[str]) -> str:
    layout = row.get("layout") or {}
    sizes = [name for name in _SIZES if name in layout and name not in varied]
    return " ".join(f"{name} {layout[name]}" for name in sizes if name == _ALWAYS or layout[name] > 1)


def plain(value: Any) -> str:
    """A value of an option, or a choice."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return count(value) if value >= _MANY else f"{value:,.10g}"
    return str(value)


def _range(row: Row) -> str:
    """How far off times may be, in percent."""
    of = row.get("iteration_seconds_range")
    return "" if of is None else "/".join(f"{100 * (end / row['iteration_seconds'] - 1):+.0f}" for end in of)


def _fits(row: Row) -> str:
    feasible = row.get("feasible")
    if feasible is None:
        return "not priced"
    over = row["memory_bytes_per_gpu"] - row["memory_capacity_bytes"]
    return "yes" if feasible else f"NO, {gib(over)} over" if over > 0 else OVERLOADED
