"""Time and memory of plans as stacked bars, a bar a plan, side by side; memory against capacity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.output.words import gib, seconds
from llmplan.units import GIB
from llmplan_report.drawing import BLACK, as_file, below, legend_inches, looks, titled, unit_of_seconds, words_of
from llmplan_report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_WIDE, _HEAD, _HIGH_BAR = 5.0, 0.95, 0.34
"""Inches of a panel, of titles, of a bar."""
_LETTER = 0.075
_MOST_BARS = 200
_ROOM = 1.22
"""Of the longest bar: what stands behind it needs place."""
_WORDS = 0.2
"""Of a panel, that words behind a bar take at most."""
_HALF_BAR = 0.4
_NO_ROOM, _CAPACITY = "does not fit", "capacity"


@frozen(eq=False)
class _Panel:
    title: str
    breakdown: str
    words: Callable[[float], str]


_MEMORY = _Panel("memory of the fullest GPU", "memory_breakdown", gib)
_TRAINING = (_Panel("one iteration", "time_breakdown", seconds), _MEMORY)
_SERVING = (
    _Panel("prefill", "prefill_breakdown", seconds),
    _Panel("a decode step", "decode_breakdown", seconds),
    _MEMORY,
)
_FORWARD = (_Panel("forward pass of a micro-batch on one stage", "forward_breakdown", seconds),)


def draw(subject: Subject, suffix: str) -> bytes:
    """Draw time and memory as stacked bars."""
    training = all(isinstance(estimate, TrainingEstimate) for _, estimate in subject.priced)
    return _drawn(subject, _TRAINING if training else _SERVING, suffix)


def draw_phases(subject: Subject, suffix: str) -> bytes:
    """Where the forward pass of training goes, or prefill and a decode step of serving."""
    training = all(isinstance(estimate, TrainingEstimate) for _, estimate in subject.priced)
    return _drawn(subject, _FORWARD if training else _SERVING[:2], suffix)


def draw_memory(subject: Subject, suffix: str) -> bytes:
    """Draw the memory of each plan alone, against capacity."""
    return _drawn(subject, (_MEMORY,), suffix)


def _drawn(subject: Subject, asked: Sequence[_Panel], suffix: str) -> bytes:
    if len(subject.plans) > _MOST_BARS:
        raise BadInputError(f"picture: {len(subject.plans):,} bars are more than the {_MOST_BARS} that can be read")
    panels = [panel for panel in asked if _lines(subject, panel)]
    if not panels:
        raise BadInputError("picture: these plans have no such breakdown (a plan with --mfu has none of time)")
    names = 0.3 + _LETTER * max(map(len, subject.labels))
    under = max(legend_inches([*map(words_of, _lines(subject, panel)), _CAPACITY], _WIDE) for panel in panels)
    high = _HEAD + _HIGH_BAR * len(subject.plans) + under

    def drawn(sheet: Sheet) -> None:
        titled(sheet, subject.title)
        sheet.get_layout_engine().set(rect=(0, under / high, 1, 1 - under / high))  # type: ignore[union-attr, call-arg]
        axes = sheet.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axis, panel in zip(axes, panels, strict=True):
            below(axis, _bars(axis, subject, panel), _WIDE)
        axes[0].set_yticks(range(len(subject.plans)), subject.labels)
        axes[0].set_ylim(len(subject.plans) - 0.5, -0.5)

    return as_file(suffix, names + _WIDE * len(panels), high, drawn)


def _lines(subject: Subject, panel: _Panel) -> list[str]:
    """The lines of a breakdown that are more than nothing in some plan, in their order."""
    parts = [_parts(estimate, panel) for _, estimate in subject.priced]
    return list(dict.fromkeys(line for lines in parts for line in lines if any(one.get(line, 0) > 0 for one in parts)))


def _parts(estimate: Any, panel: _Panel) -> Mapping[str, float]:
    found: Mapping[str, float] = getattr(estimate, panel.breakdown, None) or {}
    return found


def _bars(axis: Axes, subject: Subject, panel: _Panel) -> dict[str, Any]:
    """The bars of one panel; what its legend says."""
    lines, of_bytes = _lines(subject, panel), panel is _MEMORY
    longest = max(sum(_parts(estimate, panel).values()) for _, estimate in subject.priced)
    unit, name = (GIB, "GiB") if of_bytes else unit_of_seconds(longest)
    found: dict[str, Any] = {}
    for line, look in looks(lines).items():
        for place, one in enumerate(subject.plans):
            parts = _parts(one.estimate, panel)
            before = sum(parts.get(earlier, 0.0) for earlier in lines[: lines.index(line)])
            size = parts.get(line, 0.0)
            if size > 0:
                (bar,) = axis.barh(place, size / unit, left=before / unit, **look)
                found.setdefault(words_of(line), bar)
    _ends(axis, subject, panel, unit)
    if of_bytes:
        found |= _capacities(axis, subject)
    axis.set_title(panel.title, loc="left")
    axis.set_xlabel(name)
    axis.set_xlim(0, _ROOM * max(longest / unit, axis.dataLim.x1))
    axis.grid(axis="x")
    return found


def _ends(axis: Axes, subject: Subject, panel: _Panel, unit: float) -> None:
    """What a bar comes to, behind it; that a plan does not fit, where it does not."""
    longest = max(sum(_parts(estimate, panel).values()) for _, estimate in subject.priced)
    for place, one in enumerate(subject.plans):
        parts = _parts(one.estimate, panel)
        if one.estimate is None or not parts:
            continue
        whole, room = sum(parts.values()), one.estimate.memory_capacity_bytes if panel is _MEMORY else 0.0
        short = 0.0 < room < whole
        beside = whole if room - whole > _WORDS * _ROOM * max(longest, room) else max(whole, room)
        text = f" {panel.words(whole)}{f', {_NO_ROOM}' if short else ''}"
        axis.text(
            beside / unit,
            place,
            text,
            va="center",
            fontsize="small",
            fontweight="bold" if short else "normal",
        )


def _capacities(axis: Axes, subject: Subject) -> dict[str, Any]:
    """A line at each bar at which the memory of its GPU ends."""
    handle: Any = None
    for place, one in enumerate(subject.plans):
        if one.estimate is not None:
            at = float(one.estimate.memory_capacity_bytes) / GIB
            (handle,) = axis.plot([at, at], [place - _HALF_BAR, place + _HALF_BAR], color=BLACK, linewidth=1.6)
    return {} if handle is None else {_CAPACITY: handle}
