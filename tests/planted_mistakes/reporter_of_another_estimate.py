"""A reporter that only knows training."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_reporters():
    from llmplan.estimate import Reporter

    return [Reporter(name="planted", render=lambda estimate: str(estimate.iteration_seconds))]
