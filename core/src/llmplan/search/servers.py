"""Questions about layouts of servers under a load, put to the server model that looks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmplan.catalogues import SERVER_MODELS, registry
from llmplan.catalogues.guard import Guard
from llmplan.errors import BadInputError
from llmplan.estimate import SearchingServerModel, ServerModel
from llmplan.request import InferRequest
from llmplan.space.server import load_of, server_model_of

if TYPE_CHECKING:
    from llmplan.search.result import SearchResult
    from llmplan.space.inference_space import InferenceSpace

_SEARCHES = ("search", "layout_for")


def search_servers(space: InferenceSpace, objective: str = "throughput", **options: Any) -> SearchResult:
    """The best servers of a space, within limits: options are those of `InferSearchRequest`, and how it is run."""
    model = server_model_of(space.request, "search")
    looking = _looking(model, "search")
    with Guard(SERVER_MODELS, looking.name):
        found: SearchResult = looking.search(space, objective, model, **options)
    return found


def layout_for(request: InferRequest) -> tuple[InferRequest, str]:
    """A request with a load, all sizes given; and why these, in words."""
    model = server_model_of(request, load_of(request))
    looking = _looking(model, load_of(request))
    with Guard(SERVER_MODELS, looking.name):
        fixed, why = looking.layout_for(request, model)
    return fixed, why


def _looking(model: ServerModel, asked: str) -> SearchingServerModel:
    """The model itself where it looks for layouts, else the first installed one that does."""
    models: list[Any] = [model, *registry().server_models.values()]
    found = [one for one in models if all(hasattr(one, name) for name in _SEARCHES)]
    if not found:
        raise BadInputError(
            f"{asked}: server model {model.name} looks for no layouts; give tp, pp and dp, or pip install "
            "llmplan-serving-load"
        )
    looking: SearchingServerModel = found[0]
    return looking
