"""A reporter that puts a stream of its own in the place of stdout."""

from __future__ import annotations

import io
import sys

from llmplan import hookimpl
from llmplan.estimate import Reporter

ASKS = ("--reporter", "broken")
SAID = "reporter: broken of reporter-replaces-stdout returned a NoneType, not text"


def render(estimate):
    sys.stdout = io.StringIO()
    print(estimate)


@hookimpl
def llmplan_reporters():
    return [Reporter(name="broken", render=render)]
