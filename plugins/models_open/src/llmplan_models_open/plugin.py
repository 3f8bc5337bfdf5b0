"""What this package contributes."""

from collections.abc import Iterable

from llmplan.hookspecs import hookimpl
from llmplan.records import ModelArchitecture

LLMPLAN_API = 1


@hookimpl
def llmplan_model_architectures() -> Iterable[ModelArchitecture]:
    """Models from GPT-2 to DeepSeek V3, each family in a module of its own."""
    from llmplan_models_open.models import MODELS

    return MODELS
