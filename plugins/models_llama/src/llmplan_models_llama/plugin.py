"""What this package contributes."""

from collections.abc import Iterable

from llmplan.hookspecs import hookimpl
from llmplan.records import ModelArchitecture, ValidationSet

LLMPLAN_API = 1


@hookimpl
def llmplan_model_architectures() -> Iterable[ModelArchitecture]:
    """LLaMA 1 to Llama 3.3, Code Llama, and the stand-ins of the published tables."""
    from llmplan_models_llama.iso import ISO_MODELS
    from llmplan_models_llama.models import MODELS

    return [*MODELS, *ISO_MODELS]


@hookimpl
def llmplan_validation_sets() -> Iterable[ValidationSet]:
    """The published LLaMA tables."""
    from llmplan_models_llama.published import PUBLISHED

    return [PUBLISHED]
