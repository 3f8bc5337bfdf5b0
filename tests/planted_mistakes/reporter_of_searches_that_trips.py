"""A reporter that asks what was found for what it has not got."""

from __future__ import annotations

from llmplan import hookimpl


def render(estimate):
    return f"{estimate.memory_bytes_per_gpu:g} bytes\n"


@hookimpl
def llmplan_reporters():
    from llmplan.estimate import Reporter

    return [Reporter(name="planted", render=render, render_search=lambda result: render(result.winner))]
