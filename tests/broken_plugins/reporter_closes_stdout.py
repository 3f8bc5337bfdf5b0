"""A reporter that closes stdout."""

from __future__ import annotations

import os

from llmplan import hookimpl
from llmplan.estimate import Reporter

ASKS = ("--reporter", "broken")
SAID = "reporter: broken of reporter-closes-stdout returned a NoneType, not text"


@hookimpl
def llmplan_reporters():
    return [Reporter(name="broken", render=lambda _: os.close(1))]
