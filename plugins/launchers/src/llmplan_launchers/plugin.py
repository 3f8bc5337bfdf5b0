"""The hook that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues import LazyRecord

LLMPLAN_API = 1

_SERVING = ("vllm", "sglang", "tensorrt-llm", "llama-cpp", "kubernetes")
"""The others train."""


@hookimpl
def llmplan_launchers() -> Iterable[LazyRecord]:
    """Contribute the launchers, each of which is a module."""
    from llmplan.catalogues import LazyRecord
    from llmplan_launchers.programs import PROGRAMS

    for name, programs in PROGRAMS.items():
        yield LazyRecord(name, partial(_launcher, name), programs)


def _launcher(name: str) -> Any:
    home = f"{'serving' if name in _SERVING else 'training'}.{name.replace('-', '_')}"
    return import_module(f"llmplan_launchers.{home}").LAUNCHER
