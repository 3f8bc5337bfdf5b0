"""States of a parameter in bits."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_optimizers():
    from llmplan.records import Optimizer

    return [Optimizer(name="planted", state_bytes=64.0, source="paper")]
