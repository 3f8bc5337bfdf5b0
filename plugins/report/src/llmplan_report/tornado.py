"""What moves the answer most: each rate and size of a plan a tenth up and down, the longest swing on top."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from llmplan.errors import BadInputError
from llmplan.estimate import InferenceEstimate, TrainingEstimate
from llmplan.output.words import seconds
from llmplan.space.asked import cost_model_of
from llmplan_report.drawing import BLACK, HUES, as_file, labelled, legend, titled
from llmplan_report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

_WIDE, _HIGH_BAR, _HEAD = 8.0, 0.34, 1.5
STEP = 0.1
"""By how much each number is changed: up and down by a tenth."""
_LINKS = {
    "memory_bytes_per_second": "memory bandwidth",
    "scale_up_bytes_per_second": "scale-up bandwidth",
    "scale_out_bytes_per_second": "scale-out bandwidth",
    "host_bytes_per_second": "host link",
}
_SIZES = {
    "tokens": "tokens to train on",
    "seq_len": "sequence length",
    "prompt_tokens": "prompt length",
    "output_tokens": "answer length",
    "batch": "batch",
}
_NOTHING = 1e-6


@frozen(eq=False)
class Swing:
    """What becomes of the answer where one number is a tenth lower, and a tenth higher."""

    name: str
    lower: float
    higher: float

    @property
    def reach(self) -> float:
        """From the least to the most."""
        return abs(self.higher - self.lower)


def swings(estimate: Any) -> list[Swing]:
    """Of the whole run, or of a whole answer, in seconds; the largest first, those that move nothing left out."""
    if not isinstance(estimate, (TrainingEstimate, InferenceEstimate)):
        raise BadInputError("picture: a tornado is of a training run or a static batch, not of a server under load")
    found = [
        Swing(name, _answer(estimate, change(1.0 - STEP)), _answer(estimate, change(1.0 + STEP)))
        for name, change in _changes(estimate.plan)
    ]
    base = answer_of(estimate)
    return sorted((one for one in found if one.reach > _NOTHING * base), key=lambda one: -one.reach)


def answer_of(estimate: Any) -> float:
    """Seconds of the whole run, or of a whole answer."""
    found = estimate.training_seconds if isinstance(estimate, TrainingEstimate) else estimate.total_seconds
    return float(found)


def _answer(estimate: Any, plan: Any) -> float:
    model = cost_model_of(plan)
    if isinstance(estimate, TrainingEstimate):
        changed = model.train(plan)
        # whole iterations would hide a small change of tokens
        return float(changed.iteration_seconds * plan.tokens / changed.tokens_per_iteration)
    return answer_of(model.infer(plan))


def _changes(plan: Any) -> Iterator[tuple[str, Callable[[float], Any]]]:
    """The plan with one of its numbers times a factor, by what that number is called."""
    hardware = plan.hardware
    yield "peak FLOP/s", lambda by: evolve(plan, gemm=evolve_peak(plan.gemm, by))
    for field, name in _LINKS.items():
        if getattr(hardware, field) is not None:
            yield name, _scaled_hardware(plan, field)
    for field, name in _SIZES.items():
        if getattr(plan, field, None):
            yield name, _scaled(plan, field)


def evolve_peak(gemm: Any, by: float) -> Any:
    """A number format at another rate."""
    return evolve(gemm, peak_flops=gemm.peak_flops * by)


def _scaled_hardware(plan: Any, field: str) -> Callable[[float], Any]:
    return lambda by: evolve(plan, hardware=evolve(plan.hardware, **{field: getattr(plan.hardware, field) * by}))


def _scaled(plan: Any, field: str) -> Callable[[float], Any]:
    return lambda by: evolve(plan, **{field: getattr(plan, field) * by})


def draw(subject: Subject, suffix: str) -> bytes:
    """A bar a number: from the answer where it is a tenth lower to that where it is a tenth higher."""
    if len(subject.priced) != 1:
        raise BadInputError("picture: a tornado is of one plan")
    estimate = subject.priced[0][1]
    found, base = swings(estimate), answer_of(estimate)

    def drawn(sheet: Sheet) -> None:
        panel = sheet.subplots()
        what = "training time" if isinstance(estimate, TrainingEstimate) else "whole answer"
        titled(sheet, f"{subject.title}: {what} {seconds(base)}")
        for place, swing in enumerate(found):
            for end, name, hue in ((swing.lower, "10 % lower", HUES[1]), (swing.higher, "10 % higher", HUES[0])):
                change = 100.0 * (end / base - 1.0)
                panel.barh(place, change, color=hue, label=name if place == 0 else None)
        panel.axvline(0, color=BLACK, linewidth=1)
        panel.set_yticks(range(len(found)), [swing.name for swing in found])
        panel.set_ylim(len(found) - 0.5, -0.5)
        panel.set_xlabel(f"change of the {what}, %, where this number is")
        panel.grid(axis="x")
        legend(sheet, labelled([panel]))

    return as_file(suffix, _WIDE, _HEAD + _HIGH_BAR * len(found), drawn)
