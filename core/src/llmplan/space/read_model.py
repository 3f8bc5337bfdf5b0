"""Models that no plugin registers, made by the readers of plugins."""

from __future__ import annotations

from pathlib import Path

from llmplan.catalogues import conforms, registry
from llmplan.catalogues.plugins import PluginError
from llmplan.errors import LlmplanError
from llmplan.records import ModelArchitecture


def read_model(reference: str, *, assume_transformer: bool = False) -> ModelArchitecture | None:
    """By the first reader that claims the reference; None where none does.

    What a reader raises without meaning to becomes one line that names it, its plugin and the place.
    """
    for name, provider, reader in registry().model_readers.entries():
        try:
            model = reader.read(reference, assume_transformer) if reader.claims(reference) else None
        except LlmplanError:
            raise
        except Exception as error:
            from traceback import extract_tb

            place = extract_tb(error.__traceback__)[-1]
            raise PluginError(
                f"model: {reference}: the reader {name} of {provider} failed: {type(error).__name__}: "
                f"{' '.join(str(error).split())} ({Path(place.filename).name}, line {place.lineno})"
            ) from error
        if model is not None:
            if not conforms(model, ModelArchitecture):
                raise PluginError(f"model: the reader {name} of {provider} made a {type(model).__name__}, no model")
            return model
    return None
