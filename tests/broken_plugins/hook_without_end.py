"""A hook whose generator has no end."""

from __future__ import annotations

from itertools import count

from llmplan import hookimpl
from llmplan.records import Optimizer

ASKS = ()
CODE = 0
SAID = "plugin hook-without-end 1.0 ignored: llmplan_optimizers: offers more than"


@hookimpl
def llmplan_optimizers():
    return (Optimizer(name=f"one-{number}", state_bytes=8) for number in count())
