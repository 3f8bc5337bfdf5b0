"""One plan as a picture: where its time and its memory go, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from llmplan.estimate import Estimate, TrainingEstimate
from llmplan.estimate.line import SECONDS, kind_of
from llmplan.output.words import gib, percent, seconds
from llmplan_report.drawing import as_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_WIDE, _HIGH_BAR, _HEAD = 7.5, 0.28, 0.9
"""Inches of the sheet, of a bar, and of the titles of a panel."""


def draw(estimate: Estimate, suffix: str) -> bytes:
    """A panel for each breakdown: of an iteration, or of prefill and decode; and of memory."""
    panels = [(name, words, parts) for name, words, lines in _breakdowns(estimate) if (parts := _known(lines))]
    heights = [_HEAD + _HIGH_BAR * len(parts) for _, _, parts in panels]
    plan = estimate.plan

    def drawn(sheet: Sheet) -> None:
        sheet.suptitle(f"{plan.model.name} on {plan.hardware.name}, {plan.dtype.name}", fontsize="medium")
        axes = sheet.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
        for panel, (name, words, parts) in zip(axes.flat, panels, strict=True):
            _bars(panel, name, words, parts)
        _legend(sheet, [parts for _, words, parts in panels if words is seconds])

    return as_file(suffix, _WIDE, sum(heights) + _HEAD, drawn)


def _breakdowns(estimate: Estimate) -> tuple[tuple[str, Callable[[float], str], Mapping[str, float]], ...]:
    memory = ("memory of the fullest GPU", gib, estimate.memory_breakdown)
    if isinstance(estimate, TrainingEstimate):
        return (("an iteration", seconds, estimate.time_breakdown), memory)
    prefill, decode = estimate.prefill_breakdown, estimate.decode_breakdown
    return (("prefill", seconds, prefill), ("a decode step", seconds, decode), memory)


def _known(lines: Mapping[str, float]) -> dict[str, float]:
    return {line: float(value) for line, value in lines.items() if value > 0}


def _colour(line: str) -> str:
    """Of its kind of seconds; grey of bytes, and where the cost model does not say."""
    kind = kind_of(line)
    return f"C{SECONDS.index(kind)}" if kind in SECONDS else "0.6"


def _legend(sheet: Sheet, panels: Iterable[Mapping[str, float]]) -> None:
    """The kinds of seconds that there are."""
    from matplotlib.patches import Patch

    lines = {kind: line for parts in panels for line in parts if (kind := kind_of(line)) in SECONDS}
    handles = [Patch(color=_colour(lines[kind]), label=kind.value) for kind in SECONDS if kind in lines]
    if handles:
        sheet.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _bars(panel: Axes, name: str, words: Callable[[float], str], parts: Mapping[str, float]) -> None:
    whole = sum(parts.values())
    shares = [100 * part / whole for part in parts.values()]
    bars = panel.barh([str(line) for line in parts], shares, color=[_colour(line) for line in parts])
    panel.bar_label(bars, [f"{words(part)}, {percent(part / whole)}" for part in parts.values()], padding=3)
    panel.invert_yaxis()
    panel.set_title(f"{name}: {words(whole)}", loc="left", fontsize="medium")
    panel.set_xlim(0, 100)
    panel.set_xticks([])
    panel.margins(x=0.3)
    for side in ("top", "right", "bottom"):
        panel.spines[side].set_visible(False)
