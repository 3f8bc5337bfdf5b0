"""From a reference to a model."""

from __future__ import annotations

from pathlib import Path

from llmplan.records import ModelArchitecture, ModelReader
from llmplan_models_huggingface.finding import claims, find


def read(reference: str, assume_transformer: bool) -> ModelArchitecture:
    """The model that a config.json describes, its bytes by the weight files beside it."""
    from llmplan_models_huggingface.checkpoint import model_of

    config, name = find(reference)
    return model_of(Path(config), name, assume=assume_transformer)


READER = ModelReader(
    name="huggingface",
    description="a config.json, a folder that holds one, or an id like Qwen/Qwen3-8B, from the local cache or the hub",
    claims=claims,
    read=read,
)
