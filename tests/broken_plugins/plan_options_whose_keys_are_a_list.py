"""Options of plans that make a list of what the JSON says, of plans without these options, too."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ()
CODE = 0
SAID = "plugin plan-options-whose-keys-are-a-list 1.0 ignored: keys of broken: AttributeError"


@hookimpl
def llmplan_plan_options():
    from llmplan.estimate import PlanOptions

    return [PlanOptions(name="broken", keys=lambda _: [1])]
