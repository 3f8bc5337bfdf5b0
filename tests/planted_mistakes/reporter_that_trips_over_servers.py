"""A reporter that takes every estimate for one of training or of a batch."""

from __future__ import annotations

from llmplan import hookimpl


def render(estimate):
    training = hasattr(estimate, "time_breakdown")
    return f"{estimate.iteration_seconds if training else estimate.memory_bytes_per_sequence:g}\n"


@hookimpl
def llmplan_reporters():
    from llmplan.estimate import Reporter

    return [Reporter(name="planted", render=render)]
