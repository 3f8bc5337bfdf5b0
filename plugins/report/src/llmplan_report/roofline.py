"""The roofline of an accelerator with the operators of a plan: which multiply, and which wait for memory.

Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785: an operator of so many FLOPs for each byte that it
reads and writes reaches at most min(peak, FLOPs a byte x bandwidth).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.records.model import LoweredModel, Operator
from llmplan_report.drawing import BLACK, GREY, HUES, as_file, labelled, legend, plain_powers, titled
from llmplan_report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_WIDE, _HIGH = 8.0, 5.2
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_BITS = 8.0
_TERA = 1e12
_AROUND = 4.0
"""Times by which the axis goes beyond the outermost operators and the ridge."""


@frozen(eq=False)
class _Dot:
    """One operator of all layers."""

    name: str
    flops: float
    moved: float

    @property
    def intensity(self) -> float:
        return self.flops / self.moved


def draw(subject: Subject, suffix: str) -> bytes:
    """A panel's dots are operators of a pass: the forward pass, or prefill and a decode step."""
    if len(subject.priced) != 1:
        raise BadInputError("picture: a roofline is of one plan")
    estimate = subject.priced[0][1]
    phases = {phase: found for phase, lowered, keys in _phases(estimate) if (found := _dots(estimate, lowered, keys))}

    def drawn(sheet: Sheet) -> None:
        panel = sheet.subplots()
        titled(sheet, f"{subject.title}: operators on the {estimate.plan.gemm.name} roofline")
        _roof(panel, estimate, [dot.intensity for dots in phases.values() for dot in dots])
        for place, (phase, dots) in enumerate(phases.items()):
            _place(panel, estimate, phase, dots, filled=place == 0)
        panel.set(xscale="log", yscale="log", xlabel="FLOPs a byte of memory traffic", ylabel="reachable TFLOP/s")
        panel.grid(which="both")
        plain_powers(panel.yaxis)
        plain_powers(panel.xaxis)
        legend(sheet, labelled([panel]))

    return as_file(suffix, _WIDE, _HIGH, drawn)


def _phases(estimate: Any) -> Iterator[tuple[str, LoweredModel, float | None]]:
    """Passes as the model lowers them, and how many tokens of cache each sequence looks back on."""
    plan = estimate.plan
    if isinstance(estimate, TrainingEstimate):
        yield "forward", plan.model.lower(plan.micro_batch, plan.seq_len), None
        return
    yield "prefill", plan.model.lower(plan.batch, plan.prompt_tokens), None
    context = plan.prompt_tokens + plan.output_tokens / 2
    yield "decode", plan.model.lower(plan.batch, 1, context), context


def _dots(estimate: Any, lowered: LoweredModel, context: float | None) -> list[_Dot]:
    """Operators with FLOPs, those of one name in all layers together; those without weights by their part, since a
    kernel that fuses them reads queries, keys and values once.
    """
    bits = estimate.plan.dtype.bits
    sums: dict[str, list[float]] = {}
    for block in (*lowered.layers, lowered.head):
        for operator in block.operators:
            of = sums.setdefault(operator.name if operator.weights else operator.part, [0.0, 0.0])
            of[0] += block.count * float(operator.flops)
            of[1] += block.count * _moved(operator, bits, context)
    return [_Dot(name, flops, moved) for name, (flops, moved) in sums.items() if flops > 0 and moved > 0]


def _moved(operator: Operator, bits: Mapping[str, float], context: float | None) -> float:
    """Bytes of its weights and inputs, scores that a fused kernel keeps on the chip aside; of a cache, all it reads."""
    weights = operator.weights if operator.weights_read is None else operator.weights_read
    moved = float(weights) * bits["weight"]
    moved += sum(float(tensor.elements) * bits[tensor.width] for tensor in operator.inputs if not tensor.fusible)
    if context is not None and operator.scores is not None and operator.scores.cache is not None:
        cache = operator.scores.cache
        moved += float(cache.elements) * min(context, cache.window) * bits["activation"]
    return moved / _BITS


def _roof(panel: Axes, estimate: Any, intensities: list[float]) -> None:
    plan = estimate.plan
    peak, bandwidth = plan.gemm.peak_flops, plan.hardware.memory_bytes_per_second
    ridge = peak / bandwidth
    least, most = min([*intensities, ridge]) / _AROUND, max([*intensities, ridge]) * _AROUND
    xs = [least, ridge, most]
    panel.plot(xs, [min(peak, x * bandwidth) / _TERA for x in xs], color=BLACK, linewidth=1.6,
               label=f"{plan.hardware.name}: {peak / _TERA:,.0f} TFLOP/s, {bandwidth / _TERA:,.2f} TB/s")  # fmt: skip
    panel.axvline(ridge, color=GREY, linestyle=":", linewidth=1)
    panel.annotate(f"{ridge:,.0f} FLOPs a byte", (ridge, min(least * bandwidth, peak) / _TERA), rotation=90,
                   xytext=(-9, 2), textcoords="offset points", color=GREY, fontsize="small")  # fmt: skip


def _place(panel: Axes, estimate: Any, phase: str, dots: list[_Dot], *, filled: bool) -> None:
    plan = estimate.plan
    for place, dot in enumerate(dots):
        reached = min(plan.gemm.peak_flops, dot.intensity * plan.hardware.memory_bytes_per_second) / _TERA
        colour = HUES[place % len(HUES)]
        panel.plot(dot.intensity, reached, _MARKERS[place % len(_MARKERS)], color=colour, markersize=8,
                   markerfacecolor=colour if filled else "white", linestyle="none",
                   label=f"{phase}: {dot.name.replace('_', ' ')}")  # fmt: skip
