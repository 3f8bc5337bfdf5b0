"""From a reference to a model."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from llmplan.records import ModelArchitecture, ModelReader
from llmplan_models_huggingface.finding import claims, find


def read(reference: str, assume_transformer: bool) -> ModelArchitecture:
    """The model that a config.json describes, its bytes by the weight files beside it."""
    config, name = find(reference)
    return _read(config, name, assume_transformer, config.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(config: Path, name: str, assume: bool, _written: int) -> ModelArchitecture:
    """Once, as long as nobody writes the file: a search looks its model up again and again."""
    from llmplan_models_huggingface.checkpoint import model_of

    return model_of(config, name, assume=assume)


READER = ModelReader(
    name="huggingface",
    description="a config.json, a folder that holds one, or an id like Qwen/Qwen3-8B, from the local cache or the hub",
    claims=claims,
    read=read,
)
