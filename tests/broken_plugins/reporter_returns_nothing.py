"""A reporter that prints its report and returns nothing."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.estimate import Reporter

ASKS = ("--reporter", "broken")
CODE = 1
SAID = "reporter: broken of reporter-returns-nothing returned a NoneType, not text"


@hookimpl
def llmplan_reporters():
    return [Reporter(name="broken", render=print)]
