"""The server model ``continuous-batching``: one server, and the search for the best one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import frozen

from llmplan.estimate import InferenceEstimate, ServerEstimate
from llmplan.records import InferencePlan, Request, ServerPlan, ServingSteps

if TYPE_CHECKING:
    from llmplan.estimate import ServerModel
    from llmplan.request import InferRequest
    from llmplan.search.result import SearchResult
    from llmplan.space.inference_space import InferenceSpace


@frozen
class ContinuousBatching:
    """Replicas that read prompts and decode in shared passes."""

    name: str = "continuous-batching"
    description: str = "queues in closed form, and a simulation request by request"
    default: bool = True

    def serve(
        self,
        plan: ServerPlan,
        steps: Callable[[InferencePlan], ServingSteps],
        batches: Callable[[InferencePlan], InferenceEstimate],
    ) -> ServerEstimate:
        """In closed form, and simulated where requests are to be counted."""
        from llmplan_serving_load.queueing.estimate import estimate_server
        from llmplan_serving_load.queueing.known import known_server

        return estimate_server(known_server(plan, steps), batches)

    def read_trace(self, path: str, context: int | None) -> tuple[Request, ...]:
        """CSV, as published traces are written."""
        from llmplan_serving_load.trace_file import read_trace

        return read_trace(path, context)

    def search(self, space: InferenceSpace, objective: str, model: ServerModel, **options: Any) -> SearchResult:
        """Every layout in closed form, the best confirmed by `model`."""
        from llmplan_serving_load.search.searching import search_inference

        return search_inference(space, objective, model=model, **options)

    def layout_for(self, request: InferRequest, model: ServerModel) -> tuple[InferRequest, str]:
        """The first of a search without limits."""
        from llmplan_serving_load.search.choosing import best_for_load

        return best_for_load(request, model)
