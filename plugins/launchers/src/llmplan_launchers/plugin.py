"""The hook that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.estimate import Launcher

LLMPLAN_API = 1

_TRAINING = ("megatron", "megatron_bridge", "torchtitan", "deepspeed", "accelerate", "axolotl", "trl")
_SERVING = ("vllm", "sglang", "tensorrt_llm", "llama_cpp", "kubernetes")


@hookimpl
def llmplan_launchers() -> Iterable[Launcher]:
    """Contribute the launchers, each of which is a module."""
    for name in _TRAINING:
        yield import_module(f"llmplan_launchers.training.{name}").LAUNCHER
    for name in _SERVING:
        yield import_module(f"llmplan_launchers.serving.{name}").LAUNCHER
