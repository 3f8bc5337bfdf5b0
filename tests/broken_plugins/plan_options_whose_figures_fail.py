"""Options of plans with figures that fail, of plans without these options, too."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin plan-options-whose-figures-fail 1.0 ignored: figures of broken: ZeroDivisionError"


@hookimpl
def llmplan_plan_options():
    from llmplan.estimate import PlanOptions

    return [PlanOptions(name="broken", figures=lambda: 1 // 0)]
