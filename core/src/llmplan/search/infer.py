"""``infer``: a static batch, or a server under a load; where the layout is open the one that a search would find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import evolve

from llmplan.estimate import InferenceEstimate, ServerEstimate
from llmplan.estimate.answer import answering
from llmplan.records import InferencePlan
from llmplan.request import InferRequest, check_names, of_server
from llmplan.request.latencies import latency_limits
from llmplan.space.choice import choose
from llmplan.space.inference import checked_plan, price_batch
from llmplan.space.kept import kept
from llmplan.space.server import check_load, serve
from llmplan.space.server_sizes import SIZES, fixed_request

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from llmplan.request.keywords import InferOptions


def infer(request: InferRequest | None = None, **options: Unpack[InferOptions]) -> InferenceEstimate | ServerEstimate:
    """Price a static batch: ``infer(model="llama-65b", gpu="a100-sxm-80gb", tp=2, batch=8)``.

    With a rate, a number of users or a trace it is a server under load, and the estimate a `ServerEstimate`. Takes the
    options of ``llmplan infer`` by name, or an `InferRequest`. Records may stand where names do.
    """
    if request is not None and options:
        raise TypeError(f"options {', '.join(options)} beside a request that has its own")
    if request is None:
        check_names(InferRequest, options, "inference")
        request = InferRequest(**cast("Any", options))
    answer: InferenceEstimate | ServerEstimate = answering(request, _priced(request))
    return evolve(answer, kept=kept(answer, request)) if latency_limits(request) else answer


def _priced(request: InferRequest) -> InferenceEstimate | ServerEstimate:
    if not of_server(request):
        return price_batch(request, choose(request, "infer"))
    check_load(request)
    choice = choose(request, "infer")
    fixed = fixed_request(request, choice.model)
    if fixed is not None:
        return serve(fixed, choice, checked_plan(evolve(fixed, batch=1), choice))
    fixed, said = _chosen(request)
    plan = checked_plan(evolve(fixed, batch=1), choice)
    return serve(fixed, choice, evolve(plan, assumptions=(said, *plan.assumptions)))


def plan_inference(request: InferRequest | None = None, **options: Unpack[InferOptions]) -> InferencePlan:
    """The plan that `infer` prices, everything filled in."""
    return infer(request, **options).plan


def _chosen(request: InferRequest) -> tuple[InferRequest, str]:
    """The request with the layout that a search without limits would put first, and what was chosen."""
    from llmplan.search.servers import layout_for

    fixed, why = layout_for(request)
    names = [name for name in SIZES if getattr(request, name) is None]
    shown = (f"{name} {getattr(fixed, name)}" for name in names if name != "ep" or (fixed.ep or 1) > 1)
    return fixed, f"{' '.join(shown)}: {why}"
