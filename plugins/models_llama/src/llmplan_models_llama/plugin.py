"""What this package contributes: a folder of models, one a file, and the published tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues import TomlRecords
    from llmplan.records import ValidationSet

LLMPLAN_API = 1


@hookimpl
def llmplan_model_architectures() -> TomlRecords:
    """LLaMA 1 to Llama 3.3, Code Llama, and the stand-ins of the published tables."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(Path(__file__).parent / "models")


@hookimpl
def llmplan_validation_sets() -> Iterable[ValidationSet]:
    """Contribute the published LLaMA tables as a validation set."""
    from llmplan_models_llama.published import PUBLISHED

    return [PUBLISHED]
