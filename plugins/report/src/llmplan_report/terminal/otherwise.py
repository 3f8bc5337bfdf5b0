"""What the point estimates alone would have chosen, where ranges lead to another plan."""

from __future__ import annotations

from llmplan.estimate import TrainingEstimate
from llmplan.estimate.figures import TRAINING
from llmplan.output.plan_words import changes
from llmplan.output.words import seconds
from llmplan_report.terminal.sections import range_of
from llmplan_report.words import value_words


def otherwise(estimate: TrainingEstimate, other: TrainingEstimate | None) -> dict[str, str]:
    """A line of the report: what the other plan does otherwise, and what it takes; none where nothing differs."""
    changed = {} if other is None else changes(estimate, other)
    if other is None or not changed:
        return {}
    what = ", ".join(f"{name} {value_words(value)}" for name, value in changed.items())
    took = f"{seconds(TRAINING.value(other))}{range_of(TRAINING, other)}"
    return {"otherwise": f"the point estimate alone would choose {what}: {took}"}
