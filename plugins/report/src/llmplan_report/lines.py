"""A comparison as a picture: a panel for each figure that people decide by, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate import Comparison
from llmplan.estimate.figure import Figure
from llmplan.estimate.figures import CAPACITY, FIGURES, MEMORY
from llmplan.output.document import rows
from llmplan.output.table import Row
from llmplan.output.words import digits
from llmplan.request import option_name
from llmplan_report.columns import DOUBTED, NO_FIT, OVERLOADED, TOO_SLOW, plain_words, value_in, why_not
from llmplan_report.drawing import BLACK, HUES, as_file, labelled, legend, plain_powers, titled
from llmplan_report.terminal.comparison_report import title
from llmplan_report.words import dotted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_WIDE, _HIGH, _HIGH_BAR, _HEAD = 4.4, 3.0, 0.32, 1.0
"""Inches of a panel, of one of its bars, and of title and legend."""
_ACROSS, _MOST_PANELS, _MOST_BARS = 3, 9, 200
_DOUBLINGS, _DECADES = 8, 30
"""Times the smallest value from which on an axis counts in powers of two, or of ten."""
_MOST_MARKS = 12
_UPRIGHT = 8
"""Values of an axis that stand side by side."""
_ROOM, _ROOM_FOR_WORDS, _HALF_BAR = 1.05, 1.18, 0.4
_PLAIN = "{x:,.10g}"
_CHANGES = "layout changes here"
_DECIDED = tuple({figure.key: figure for figure in FIGURES if figure.drawn}.values())


def draw(comparison: Comparison, suffix: str) -> bytes:
    """Lines over the option with the most numbers, one for each combination of the others; bars where none has any."""
    plans = rows(comparison)
    over = axis_of(comparison, plans)
    panels = [one for one in _DECIDED if any(value_in(row, one) is not None for row in plans)][:_MOST_PANELS]
    if over is None and len(plans) > _MOST_BARS:
        raise BadInputError(f"picture: {len(plans):,} bars are more than the {_MOST_BARS} that can be read")
    high = _HIGH if over else max(_HIGH, _HIGH_BAR * len(plans))
    across = 2 if len(panels) in (2, 4) else min(_ACROSS, len(panels))
    down = -(-len(panels) // across)

    def drawn(sheet: Sheet) -> None:
        titled(sheet, title(comparison, plans))
        axes = list(sheet.subplots(down, across, squeeze=False, sharey=False if over else "row").flat)
        for panel, figure in zip(axes, panels, strict=False):
            _lines(panel, figure, over, plans) if over else _bars(panel, figure, plans)
        for spare in axes[len(panels) :]:
            spare.remove()
        legend(sheet, _in_order(labelled(sheet.axes)))

    return as_file(suffix, across * _WIDE, down * high + _HEAD, drawn)


def axis_of(comparison: Comparison, plans: Sequence[Row]) -> str | None:
    """The option to draw lines over: of those with several numbers, and not tied to others, the one with the most."""
    numbers = {
        name: len(values)
        for name, values in comparison.varied.items()
        if len(values) > 1 and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    }
    free = [name for name in numbers if numbers[name] * len({_label(row, name) for row in plans}) == len(plans)]
    return max(free, key=lambda name: numbers[name], default=None)


def _lines(panel: Axes, figure: Figure, over: str, plans: Sequence[Row]) -> None:
    """A line for each combination of the other options."""
    series: dict[str, list[Row]] = {}
    for row in plans:
        series.setdefault(_label(row, over), []).append(row)
    for label, members in series.items():
        _line(panel, figure, over, label, members)
    if figure.key == MEMORY.key:
        for capacity in {row[CAPACITY.key] for row in plans if row.get(CAPACITY.key) is not None}:
            panel.axhline(capacity / figure.scale, color=BLACK, linestyle="--", linewidth=1, label="capacity")
    panel.set(xlabel=option_name(over), ylabel=figure.heading)
    _scale(panel, sorted({row["varied"][over] for row in plans}), [value_in(row, figure) for row in plans])
    panel.grid(alpha=0.3)


def _line(panel: Axes, figure: Figure, over: str, label: str, plans: Sequence[Row]) -> None:
    """Hollow where a plan does not fit; a stroke where its layout is not that of the point before."""
    points = [(row["varied"][over], value, row) for row in plans if (value := value_in(row, figure)) is not None]
    points.sort(key=lambda point: point[0])
    (line,) = panel.plot([x for x, _, _ in points], [y for _, y, _ in points], marker="o", label=label)
    before = None
    for x, y, row in points:
        if not row["feasible"]:
            panel.plot(x, y, "o", color=line.get_color(), markerfacecolor="white", label=why_not(row))
        if before is not None and row["layout"] != before:
            panel.plot(x, y, "|", color=BLACK, markersize=14, label=_CHANGES)
        before = row["layout"]


def _scale(panel: Axes, values: Sequence[float], heights: Iterable[float | None]) -> None:
    """In powers where values or heights are far apart, else from zero."""
    if _is_spread(values, _DOUBLINGS):
        panel.set_xscale("log", base=2)
    marked = marks(values, in_powers=panel.get_xscale() == "log")
    panel.set_xticks(marked, [plain_words(value) for value in marked], rotation=45 if len(marked) > _UPRIGHT else 0)
    panel.minorticks_off()
    if _is_spread([height for height in heights if height is not None], _DECADES):
        panel.set_yscale("log")
        plain_powers(panel.yaxis)
    else:
        panel.set_ylim(0, _ROOM * panel.get_ylim()[1])
        panel.yaxis.set_major_formatter(_PLAIN)


def marks(values: Sequence[float], *, in_powers: bool) -> Sequence[float]:
    """The values that stand at an axis: as many as have room, those that double where it counts in powers."""
    if len(values) <= _MOST_MARKS:
        return values
    found = [values[0]]
    least = (values[-1] - values[0]) / _MOST_MARKS
    for value in values[1:]:
        if value >= 2 * found[-1] if in_powers else value - found[-1] >= least:
            found.append(value)
    return found


def _is_spread(values: Sequence[float], times: float) -> bool:
    return 0 < min(values) * times <= max(values)


def _bars(panel: Axes, figure: Figure, plans: Sequence[Row]) -> None:
    """A bar for each plan, the first on top; hatched where it does not fit."""
    labels = [_label(row) + ("" if row.get("feasible") is not None else " (not priced)") for row in plans]
    for place, row in enumerate(plans):
        if (value := value_in(row, figure)) is not None:
            fits = row["feasible"]
            panel.barh(place, value, color=HUES[0] if fits else "none", edgecolor=HUES[0],
                       hatch=None if fits else "///", label=None if fits else why_not(row))  # fmt: skip
            panel.text(value, place, f" {digits(value)}", va="center", fontsize="small")
        if figure.key == MEMORY.key and row.get(CAPACITY.key) is not None:
            ends = (place - _HALF_BAR, place + _HALF_BAR)
            panel.plot([row[CAPACITY.key] / figure.scale] * 2, ends, color=BLACK, linestyle="--", label="capacity")
    panel.set_yticks(range(len(plans)), labels)
    panel.set_ylim(len(plans) - 0.5, -0.5)
    panel.set(xlabel=figure.heading, xlim=(0, _ROOM_FOR_WORDS * panel.dataLim.x1))
    panel.xaxis.set_major_formatter(_PLAIN)
    panel.grid(axis="x", alpha=0.3)


def _label(row: Row, but: str | None = None) -> str:
    return dotted(plain_words(value) for name, value in row["varied"].items() if name != but)


def _in_order(found: dict[str, Any]) -> dict[str, Any]:
    """What marks points stands behind what names lines."""
    for last in (NO_FIT, DOUBTED, OVERLOADED, TOO_SLOW, _CHANGES, "capacity"):
        if last in found:
            found[last] = found.pop(last)
    found.pop("", None)
    return found
