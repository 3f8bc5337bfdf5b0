"""A hook that splits the process, so that two would answer."""

from __future__ import annotations

import os

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin hook-forks 1.0 ignored: llmplan_optimizers: returned a int, not a Optimizer"


@hookimpl
def llmplan_optimizers():
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return [child]
