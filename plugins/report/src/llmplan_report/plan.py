"""One plan as a picture: where its time and its memory go, line by line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from llmplan.estimate import Estimate, TrainingEstimate
from llmplan.estimate.line import SECONDS, Kind, kind_of
from llmplan.output.words import gib, seconds
from llmplan_report.drawing import HUES, as_file, kind_colour, legend, titled, words_of
from llmplan_report.subject import of_plan
from llmplan_report.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_OF_MEMORY = HUES[2]
"""None of the colours that kinds of time have."""
_WIDE, _HIGH_BAR, _HEAD = 8.0, 0.28, 0.8
"""Inches of the sheet, of a bar, and of the titles of a panel."""


def draw(estimate: Estimate, suffix: str) -> bytes:
    """A panel for each breakdown: of an iteration, or of prefill and decode; and of memory."""
    panels = [(name, words, parts) for name, words, lines in _breakdowns(estimate) if (parts := _known(lines))]
    heights = [_HEAD + _HIGH_BAR * len(parts) for _, _, parts in panels]

    def drawn(sheet: Sheet) -> None:
        titled(sheet, of_plan(estimate).title)
        axes = sheet.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
        kinds: dict[str, Any] = {}
        for panel, (name, words, parts) in zip(axes.flat, panels, strict=True):
            kinds |= _bars(panel, name, words, parts)
        legend(sheet, kinds)

    return as_file(suffix, _WIDE, sum(heights) + _HEAD, drawn)


def _breakdowns(estimate: Estimate) -> tuple[tuple[str, Callable[[float], str], Mapping[str, float]], ...]:
    room = gib(float(estimate.memory_capacity_bytes))
    memory = (f"memory of the fullest GPU, which has {room}", gib, estimate.memory_breakdown)
    if isinstance(estimate, TrainingEstimate):
        return (("an iteration", seconds, estimate.time_breakdown), memory)
    prefill, decode = estimate.prefill_breakdown, estimate.decode_breakdown
    return (("prefill", seconds, prefill), ("a decode step", seconds, decode), memory)


def _known(lines: Mapping[str, float]) -> dict[str, float]:
    return {line: float(value) for line, value in lines.items() if value > 0}


def _bars(panel: Axes, name: str, words: Callable[[float], str], parts: Mapping[str, float]) -> dict[str, Any]:
    """A bar a line; by kind of seconds, what its colour means."""
    whole, found = sum(parts.values()), dict[str, Any]()
    for place, line in enumerate(parts):
        share = parts[line] / whole
        colour = kind_colour(line) or _OF_MEMORY
        (bar,) = panel.barh(place, 100 * share, color=colour)
        panel.text(100 * share, place, f" {words(parts[line])}, {percent(share)}", va="center")
        if (kind := kind_of(line)) in SECONDS:
            found.setdefault("memory traffic" if kind is Kind.MEMORY else kind.value, bar)
    panel.set_yticks(range(len(parts)), [words_of(line) for line in parts])
    panel.set_ylim(len(parts) - 0.5, -0.5)
    panel.set_title(f"{name}: {words(whole)}", loc="left")
    panel.set_xlim(0, 100)
    panel.set_xticks([])
    panel.spines["bottom"].set_visible(False)
    return found
