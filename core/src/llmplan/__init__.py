"""llmplan: how long a model trains or serves on given hardware, how much memory it takes, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmplan.api import compare
    from llmplan.catalogues import registry
    from llmplan.errors import LlmplanError
    from llmplan.hookspecs import hookimpl
    from llmplan.search.infer import infer, plan_inference
    from llmplan.search.train import plan_training, train

__all__ = ["LlmplanError", "compare", "hookimpl", "infer", "plan_inference", "plan_training", "registry", "train"]

_HOMES = {
    "LlmplanError": "errors",
    "compare": "api",
    "hookimpl": "hookspecs",
    "infer": "search.infer",
    "plan_inference": "search.infer",
    "plan_training": "search.train",
    "registry": "catalogues",
    "train": "search.train",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: a plugin's entry point needs the marker alone."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"llmplan.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
