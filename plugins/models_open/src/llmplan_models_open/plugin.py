"""What this package contributes: a folder of models, one a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues import TomlRecords

LLMPLAN_API = 1


@hookimpl
def llmplan_model_architectures() -> TomlRecords:
    """Models from GPT-2 to DeepSeek V3."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(Path(__file__).parent / "models")
