"""Holding llmplan against published figures: rows become plans, plans are priced, errors are summed up by source."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmplan_validation.result import Checked, Validation
    from llmplan_validation.run import validate

__all__ = ["Checked", "Validation", "validate"]

_HOMES = {"Checked": "result", "Validation": "result", "validate": "run"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: every command loads this package to learn of its own."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
