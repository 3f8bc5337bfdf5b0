"""The search for the best plan: everything that is legal, priced in arrays; what cannot win or fit is not priced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmplan.search.result import SearchResult
    from llmplan.space.inference_space import InferenceSpace
    from llmplan.space.training_space import TrainingSpace

__all__ = ["InferenceSpace", "SearchResult", "TrainingSpace", "search"]

_HOMES = {
    "InferenceSpace": "space.inference_space",
    "SearchResult": "search.result",
    "TrainingSpace": "space.training_space",
    "search": "api",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: numpy is slow to import."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"llmplan.{_HOMES[name]}"), name)
