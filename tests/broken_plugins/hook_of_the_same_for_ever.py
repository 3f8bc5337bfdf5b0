"""A hook that yields one record again and again."""

from __future__ import annotations

from itertools import repeat

from llmplan import hookimpl
from llmplan.records import Optimizer

ASKS = ()
CODE = 0
SAID = "plugin hook-of-the-same-for-ever 1.0 ignored: llmplan_optimizers: offers "


@hookimpl
def llmplan_optimizers():
    return repeat(Optimizer(name="one", state_bytes=8))
