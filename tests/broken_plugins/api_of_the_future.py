"""A module that was written for hooks of another version."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin api-of-the-future 1.0 ignored: built for plugin API "


LLMPLAN_API = "two"


@hookimpl
def llmplan_optimizers():
    return []
