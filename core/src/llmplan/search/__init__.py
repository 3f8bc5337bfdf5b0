"""The search for the best plan: everything that is legal, priced in arrays; what cannot win or fit is not priced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.lazily import lazily

if TYPE_CHECKING:
    from llmplan.search.result import SearchResult as SearchResult
    from llmplan.space.inference_space import InferenceSpace as InferenceSpace
    from llmplan.space.training_space import TrainingSpace as TrainingSpace

__getattr__, __all__ = lazily(
    __name__,
    {
        "llmplan.api": "search",
        "llmplan.space.inference_space": "InferenceSpace",
        "llmplan.space.training_space": "TrainingSpace",
        "result": "SearchResult",
    },
)
