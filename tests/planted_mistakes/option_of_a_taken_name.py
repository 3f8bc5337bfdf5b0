"""An option that llmplan has already."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_plan_options():
    from llmplan.estimate import PlanOptions
    from llmplan.request.options import described
    from llmplan.request.values import as_positive

    gpus = described("Planted.", as_positive, metavar="N", heading="Money and energy")
    return [PlanOptions(name="planted", train={"gpus": gpus})]
