"""Options of plans with a price that is none."""

from __future__ import annotations

from llmplan import hookimpl

ASKS = ("--broken", "1")
CODE = 1
SAID = "plan-option: broken of plan-options-settle-nan settle: price_per_gpu_hour: is nan"


@hookimpl
def llmplan_plan_options():
    from llmplan.estimate import PlanOptions, Settled
    from llmplan.request.options import described
    from llmplan.request.values import as_positive

    option = described("Broken.", as_positive, metavar="X", heading="Money and energy")
    nothing = Settled(parts={}, price_per_gpu_hour=float("nan"))
    return [PlanOptions(name="broken", train={"broken": option}, settle=lambda *_: nothing)]
