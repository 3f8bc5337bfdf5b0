"""The contracts that plugin authors run on their own plugins, which the package ``llmplan-kit`` holds.

``from llmplan.testing import check_plugin``; that package's docstrings say what each checks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    try:
        kit = import_module("llmplan_kit")
    except ModuleNotFoundError as error:
        raise ImportError("llmplan.testing: pip install llmplan-kit brings the contracts") from error
    return getattr(kit, name)
