"""A function that is marked as a hook and is none."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = (
    "plugin hook-of-no-name 1.0 ignored: llmplan_optimisers is not a hook of llmplan (did you mean llmplan_optimizers?)"
)


@hookimpl
def llmplan_optimisers():
    return []
