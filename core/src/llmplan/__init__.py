"""llmplan: how long a model trains or serves on given hardware, how much memory it takes, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.lazily import lazily

if TYPE_CHECKING:
    from llmplan.api import compare as compare
    from llmplan.catalogues import registry as registry
    from llmplan.errors import LlmplanError as LlmplanError
    from llmplan.hookspecs import hookimpl as hookimpl
    from llmplan.search.infer import infer as infer, plan_inference as plan_inference
    from llmplan.search.train import plan_training as plan_training, train as train

__getattr__, __all__ = lazily(
    __name__,
    {
        "api": "compare",
        "catalogues": "registry",
        "errors": "LlmplanError",
        "hookspecs": "hookimpl",
        "llmplan.search.infer": "infer plan_inference",
        "llmplan.search.train": "plan_training train",
    },
)
