"""Options of plans that are none."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin plan-options-not-described 1.0 ignored: llmplan_plan_options: train.broken: is not made by"


@hookimpl
def llmplan_plan_options():
    from llmplan.estimate import PlanOptions

    return [PlanOptions(name="broken", train={"broken": 7})]
