"""Server models: what turns priced passes and a load into what a server does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from llmplan.records.inference_plan import InferencePlan
from llmplan.records.server import ServerPlan
from llmplan.records.serving import ServingSteps

if TYPE_CHECKING:
    from llmplan.estimate.inference import InferenceEstimate
    from llmplan.estimate.server import ServerEstimate
    from llmplan.records.workload import Request


class ServerModel(Protocol):
    """What a plugin provides that answers for servers under a load: queueing formulas, a simulator."""

    @property
    def name(self) -> str:
        """The name to look it up by."""

    @property
    def description(self) -> str:
        """One line: how it comes to its figures."""

    @property
    def default(self) -> bool:
        """Whether it is meant where the user names none."""

    def serve(
        self,
        plan: ServerPlan,
        steps: Callable[[InferencePlan], ServingSteps],
        batches: Callable[[InferencePlan], InferenceEstimate],
    ) -> ServerEstimate:
        """What a server does under its load.

        `steps` prices passes of a replica of a plan, `batches` a whole batch of it, both by the cost model.
        """


class TracingServerModel(ServerModel, Protocol):
    """A server model that reads the files of ``--trace``, too, for itself and for those that read none."""

    def read_trace(self, path: str, context: int | None) -> Iterable[Request]:
        """In order of arrival; BadInputError names file and line of what is none, or beyond the context of a model."""


class SearchingServerModel(ServerModel, Protocol):
    """A server model that looks for layouts, too. Without one, every size of a server has to be given.

    It looks on behalf of `model`, which may be another: what that says of a server is what counts in the end.
    """

    def search(self, space: Any, objective: str, model: ServerModel, **options: Any) -> Any:
        """The `SearchResult` of an `InferenceSpace`; options are those of `llmplan.search.search`."""

    def layout_for(self, request: Any, model: ServerModel) -> tuple[Any, str]:
        """An `InferRequest` with a load and its sizes open, with all sizes given; and why these, in words."""
