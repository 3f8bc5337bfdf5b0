"""A pipeline's iteration as a Gantt chart: a row a stage, its passes, the bubble, and what no computation hides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.estimate.line import Kind, kind_of, of_kinds
from llmplan.output.words import seconds
from llmplan_report.drawing import GREY, HUES, PALE, as_file, legend, titled, unit_of_seconds
from llmplan_report.passes import BACKWARD, FORWARD, WEIGHTS, Pass, Times, passes
from llmplan_report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_WIDE, _HIGH_STAGE, _HEAD = 10.0, 0.3, 1.7
_HIGH_BAR = 0.8
_MOST_STAGES, _MOST_PASSES = 64, 20_000
_MOST_SHAPES = 1_000
"""Passes beyond which they are drawn as points: as shapes they would make megabytes."""
_NAMED = 0.012
"""Of the width: a pass that is wider has room for the number of its micro-batch."""
_RECOMPUTE, _EXPOSED = "recompute", "exposed communication"
_COLOURS = {FORWARD: HUES[0], BACKWARD: HUES[1], WEIGHTS: HUES[2], _RECOMPUTE: HUES[3], _EXPOSED: HUES[5]}
_EDGE = 30.0
"""Points of white between passes, over their number: many passes have less between them, which is no bubble."""
_OF_PASSES = ("forward", "backward", "recompute")


def draw(subject: Subject, suffix: str) -> bytes:
    """Of one training plan; all stages take the time of the slowest."""
    if len(subject.priced) != 1 or not isinstance(subject.priced[0][1], TrainingEstimate):
        raise BadInputError("picture: a Gantt chart is of one training plan")
    estimate: Any = subject.priced[0][1]
    plan = estimate.plan
    p, v, m = int(plan.layout.pp), int(plan.layout.vpp), int(plan.gradient_accumulation)
    if p > _MOST_STAGES or 2 * p * v * m > _MOST_PASSES:
        raise BadInputError(f"picture: {2 * p * v * m:,} passes on {p} stages are more than can be read")
    if estimate.forward_breakdown is None:
        raise BadInputError("picture: a plan with --mfu has no passes to draw")
    times, exposed, after = times_of(estimate)
    made = passes(plan.schedule.among[0], p, v, m, times)
    end = max(one.end for one in made)
    unit, name = unit_of_seconds(end + sum(after.values()))

    def drawn(sheet: Sheet) -> None:
        panel = sheet.subplots()
        whole = f"{seconds(float(estimate.iteration_seconds))} an iteration"
        titled(sheet, f"{subject.title}, schedule {plan.schedule_name}: {whole}")
        handles = _passes(panel, made, times, exposed, unit)
        handles |= _after(panel, p, end, after, unit)
        panel.set_yticks(range(p), [f"stage {stage}" for stage in range(p)])
        panel.set_ylim(p - 0.5, -0.5)
        panel.set_xlim(0, (end + sum(after.values())) / unit)
        panel.set_xlabel(f"{name}; white is bubble; every stage taken to be as slow as the slowest")
        legend(sheet, handles)

    return as_file(suffix, _WIDE, _HEAD + _HIGH_STAGE * p, drawn)


def times_of(estimate: TrainingEstimate) -> tuple[Times, float, Mapping[str, float]]:
    """Seconds of one micro-batch's passes, the share of them that is exposed communication, and what follows them."""
    lines, m = estimate.time_breakdown, int(estimate.plan.gradient_accumulation)
    of_passes = {line: float(size) for line, size in lines.items() if line in _OF_PASSES or _within(line)}
    whole = sum(of_passes.values()) / m
    forward = float(sum((estimate.forward_breakdown or {}).values()))
    times = Times(
        forward=min(forward, whole),
        backward=max(whole - forward, 0.0),
        recompute=min(float(lines.get("recompute", 0.0)) / m, max(whole - forward, 0.0)),
    )
    exposed = float(of_kinds(of_passes, [Kind.COMMUNICATION])) / sum(of_passes.values())
    waits = {line for line in lines if kind_of(line) is Kind.WAITING}
    after = {line: float(size) for line, size in lines.items() if line not in of_passes and line not in waits}
    return times, exposed, {line: size for line, size in after.items() if size > 0}


def _within(line: str) -> bool:
    """Communication of each micro-batch: that of tensor, context and expert parallel groups and of the pipeline."""
    return kind_of(line) is Kind.COMMUNICATION and not line.startswith("dp")


def _passes(panel: Axes, made: Sequence[Pass], times: Times, exposed: float, unit: float) -> dict[str, Any]:
    """Each pass in its colour, its recomputation and exposed communication at its ends; what the legend says."""
    again = times.recompute / times.backward if times.backward else 0.0
    spans: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for one in made:
        left = one.start
        for kind, share in _parts(one.kind, again, exposed):
            if share * one.seconds > 0:
                spans.setdefault((kind, one.stage), []).append((left / unit, share * one.seconds / unit))
                left += share * one.seconds
    found: dict[str, Any] = {}
    for (kind, stage), parts in spans.items():
        low = stage - _HIGH_BAR / 2
        bars = panel.broken_barh(parts, (low, _HIGH_BAR), facecolors=_COLOURS[kind], edgecolors="white",
                                 linewidth=min(0.4, _EDGE / len(made)))  # fmt: skip
        bars.set_rasterized(len(made) > _MOST_SHAPES)
        found.setdefault(kind, bars)
    _numbers(panel, made, unit)
    return found


def _parts(kind: str, again: float, exposed: float) -> list[tuple[str, float]]:
    """Of a pass, what it is made of and the share of each."""
    own = 1.0 - exposed
    recomputed = again * own if kind == BACKWARD else 0.0
    return [(_RECOMPUTE, recomputed), (kind, own - recomputed), (_EXPOSED, exposed)]


def _numbers(panel: Axes, made: Sequence[Pass], unit: float) -> None:
    end = max(one.end for one in made)
    for one in made:
        if one.seconds / end > _NAMED:
            middle = (one.start + one.seconds / 2) / unit
            panel.text(middle, one.stage, f"{one.micro_batch + 1}", ha="center", va="center", fontsize="x-small",
                       color="white", clip_on=True)  # fmt: skip


def _after(panel: Axes, p: int, end: float, after: Mapping[str, float], unit: float) -> dict[str, Any]:
    """What every stage does behind its passes: gradients of data parallel ranks, the optimizer."""
    found: dict[str, Any] = {}
    for place, (line, size) in enumerate(after.items()):
        colour = (PALE, GREY, "#a0a0a0")[place % 3]
        for stage in range(p):
            (bar,) = panel.barh(stage, size / unit, left=end / unit, height=_HIGH_BAR, color=colour)
            found.setdefault(getattr(line, "words", line), bar)
        end += size
    return found
