"""Models that no plugin registers, made by the readers of plugins."""

from __future__ import annotations

from llmplan.catalogues import MODEL_READERS, conforms, registry
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.records import ModelArchitecture


def read_model(reference: str, *, assume_transformer: bool = False) -> ModelArchitecture | None:
    """By the first reader that claims the reference; None where none does."""
    for name, provider, reader in registry().model_readers.entries():
        with Guard(MODEL_READERS, name, provider):
            model = reader.read(reference, assume_transformer) if reader.claims(reference) else None
            if model is not None and not conforms(model, ModelArchitecture):
                raise WrongAnswerError(f"made a {type(model).__name__} of {reference}, no model")
        if model is not None:
            return model
    return None
