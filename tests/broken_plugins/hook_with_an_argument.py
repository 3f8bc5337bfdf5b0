"""A hook with an argument that nobody passes."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin hook-with-an-argument 1.0 ignored: "


@hookimpl
def llmplan_optimizers(registry):
    return []
