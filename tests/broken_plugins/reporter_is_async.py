"""A reporter that promises its text."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.estimate import Reporter

ASKS = ("--reporter", "broken")
SAID = "reporter: broken of reporter-is-async returned a coroutine, not text"


async def render(estimate):
    return str(estimate)


@hookimpl
def llmplan_reporters():
    return [Reporter(name="broken", render=render)]
