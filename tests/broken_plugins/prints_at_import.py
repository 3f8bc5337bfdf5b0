"""A module that prints when it is imported."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
STRICT = 0
SAID = "hello at import"

print("hello at import")


@hookimpl
def llmplan_optimizers():
    return []
