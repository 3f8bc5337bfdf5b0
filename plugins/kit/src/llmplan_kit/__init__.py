"""Contracts of llmplan's plugins, which their authors run: ``check_plugin(module)`` for all that one offers.

The names of `llmplan_kit.plugin_contract`, which is imported when the first of them is asked for: commands of this
package are mounted at every start of llmplan.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(import_module("llmplan_kit.plugin_contract"), name)
