"""Options of plans that make a list."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ("--broken", "1")
CODE = 1
SAID = "plan-option: broken of plan-options-settle-a-list settle: parts: is a list, not a table"


@hookimpl
def llmplan_plan_options():
    from llmplan.estimate import PlanOptions, Settled
    from llmplan.request.options import described
    from llmplan.request.values import as_positive

    option = described("Broken.", as_positive, metavar="X", heading="Money and energy")
    return [PlanOptions(name="broken", train={"broken": option}, settle=lambda *_: Settled(parts=[1]))]
