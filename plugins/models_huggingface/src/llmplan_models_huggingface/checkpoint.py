"""From a config.json, and the weight files beside it, to a model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records import ModelArchitecture, Phase
from llmplan.text_file import read_text
from llmplan_models_huggingface.config import Config


def model_of(path: Path, name: str, *, assume: bool) -> ModelArchitecture:
    """The model that this config.json describes."""
    from llmplan_models_huggingface.architectures import build
    from llmplan_models_huggingface.storage import stored_weights

    values = _values(path)
    config = Config(str(path), values, assume=assume)
    model = build(config, lookup_name(name))
    stored = stored_weights(model.lower(1.0, 1.0, phase=Phase.PREFILL), config, path.parent)
    return model if stored is None else evolve(model, stored=stored)


def lookup_name(name: str) -> str:
    """The name as llmplan writes names: ``Qwen3-8B`` becomes ``qwen3-8b``."""
    return "-".join(re.findall(r"[a-z0-9]+(?:\.[a-z0-9]+)*", name.lower())) or "model"


def _values(path: Path) -> Mapping[str, Any]:
    text = read_text(path, "model")
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInputError(f"model: {path}: line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"model: {path}: {error}") from error
    if not isinstance(values, dict):
        raise BadInputError(f"model: {path}: holds no JSON object")
    return values
