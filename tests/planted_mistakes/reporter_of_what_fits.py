"""Trips over a plan that does not fit, which people ask for first."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_reporters():
    from llmplan.estimate import Reporter

    return [Reporter(name="planted", render=lambda found: {True: "fits"}[found.feasible])]
