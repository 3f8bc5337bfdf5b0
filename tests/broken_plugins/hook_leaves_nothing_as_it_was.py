"""A hook that goes elsewhere, forgets where modules are, and changes variables, signals and depth, then fails."""

from __future__ import annotations

import os
import signal
import sys

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin hook-leaves-nothing-as-it-was 1.0 ignored: llmplan_optimizers: ZeroDivisionError"


@hookimpl
def llmplan_optimizers():
    os.chdir("/")
    os.environ.update(LLMPLAN_STRICT="1", LLMPLAN_PLUGINS="none", COLUMNS="20")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setrecursionlimit(sys.getrecursionlimit() // 2)
    sys.path.clear()
    return 1 // 0
