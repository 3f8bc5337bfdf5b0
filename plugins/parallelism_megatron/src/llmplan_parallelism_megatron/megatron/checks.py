"""What ``megatron`` has to say about a plan before pricing it."""

from __future__ import annotations

from llmplan.records import InferencePlan, TrainingPlan
from llmplan_parallelism_megatron import roofline_checks


def check(plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """Words against the layout of a plan of numbers; BadInputError where it cannot be priced."""
    return roofline_checks.check(plan) if isinstance(plan, InferencePlan) else ()


def remarks(plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """What to know of a plan of numbers, whatever its layout."""
    return roofline_checks.remarks(plan) if isinstance(plan, InferencePlan) else ()
