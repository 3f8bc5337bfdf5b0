"""Text as bytes."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_reporters():
    from llmplan.estimate import Reporter

    return [Reporter(name="planted", render=lambda _: b"fits")]
