"""A reporter that ends the process."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan.estimate import Reporter

ASKS = ("--reporter", "broken")
CODE = 1
SAID = "reporter: broken of reporter-exits failed: SystemExit: 0 (reporter_exits.py, line 1"


@hookimpl
def llmplan_reporters():
    return [Reporter(name="broken", render=lambda _: sys.exit(0))]
