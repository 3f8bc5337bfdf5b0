"""What a picture of plans is of: one plan, those of a comparison, or the best ones of a search, each with a label."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from llmplan.estimate import Comparison, Estimate, ServerEstimate
from llmplan.output.document import layout_of
from llmplan.records import Recompute, TrainingPlan
from llmplan.search.result import SearchResult
from llmplan_report.columns import plain_words
from llmplan_report.words import dotted

_SIZES = ("tp", "cp", "pp", "vpp", "dp", "ep")


@frozen(eq=False)
class Drawn:
    """One plan as a picture shows it."""

    label: str
    estimate: Estimate | None
    """None where it cannot be priced."""
    layout: str = ""
    """``tp 8 dp 16 · ZeRO 1``; empty where the plan cannot be priced."""


@frozen(eq=False)
class Subject:
    """The plans of a picture, and what is said above them."""

    plans: tuple[Drawn, ...]
    title: str

    @property
    def priced(self) -> tuple[tuple[Drawn, Any], ...]:
        """Those that have an estimate, with it."""
        return tuple((one, one.estimate) for one in self.plans if one.estimate is not None)

    @property
    def labels(self) -> tuple[str, ...]:
        """What stands beside each plan: with its layout, where layouts differ."""
        differ = len({one.layout for one, _ in self.priced}) > 1
        return tuple(
            dotted((one.label, "not priced" if one.estimate is None else one.layout if differ else ""))
            for one in self.plans
        )


def of_plan(estimate: Estimate) -> Subject:
    """A picture's subject that is one plan."""
    plan = estimate.plan
    server = estimate.server if isinstance(estimate, ServerEstimate) else None
    gpus = int(server.gpus if server else plan.layout.gpus)
    title = dotted((f"{plan.model.name} on {gpus:,} x {plan.hardware.name}", plan.dtype.name, layout_words(estimate)))
    return Subject((Drawn(plan.model.name, estimate, layout_words(estimate)),), title)


def of_comparison(comparison: Comparison) -> Subject:
    """A picture's subject that is a comparison, its plans in their order."""
    from llmplan.output.document import rows
    from llmplan_report.terminal.comparison_report import title

    plans = tuple(
        Drawn(
            dotted(plain_words(value) for value in one.varied.values()),
            one.estimate,
            "" if one.estimate is None else layout_words(one.estimate),
        )
        for one in comparison.variants
    )
    return Subject(plans, title(comparison, rows(comparison)))


def of_search(result: SearchResult) -> Subject:
    """The best plans that it found."""
    differing = [
        name
        for name in ("model", "hardware", "dtype")
        if len({getattr(estimate.plan, name).name for estimate in result.best}) > 1
    ]
    plans = tuple(
        Drawn(dotted([f"#{place}", *(getattr(estimate.plan, name).name for name in differing)]), estimate,
              layout_words(estimate))
        for place, estimate in enumerate(result.best, start=1)
    )  # fmt: skip
    return Subject(plans, f"{search_title(result)}: best plans by {result.objective}")


def search_title(result: SearchResult) -> str:
    """The title of a search: ``llama-65b on h100-sxm-80gb``."""
    return dotted(", ".join(result.space[name]) for name in ("model", "gpu", "dtype") if name in result.space)


def layout_words(estimate: Estimate) -> str:
    """The sizes that are not 1, and what of memory a training plan does without."""
    plan = estimate.plan
    layout = layout_of(plan)
    sizes = [f"{name} {layout[name]}" for name in _SIZES if layout.get(name, 1) > 1]
    if not isinstance(plan, TrainingPlan):
        return " ".join(sizes)
    zero = [f"ZeRO {layout['zero']}"] if layout["zero"] else []
    recompute = Recompute(plan.recompute)
    again = [] if recompute is Recompute.NONE else [f"recompute {recompute.label}"]
    return ", ".join([" ".join(sizes), *zero, f"micro-batch {layout['micro_batch']}", *again]).removeprefix(", ")
