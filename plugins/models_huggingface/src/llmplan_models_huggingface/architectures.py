"""The table of model types, and a model made by it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records import Transformer
from llmplan_models_huggingface import dense, older, sparse
from llmplan_models_huggingface.config import Config
from llmplan_models_huggingface.family import Family, decoder
from llmplan_models_huggingface.fields import Shape

FAMILIES: Mapping[str, Family] = {**dense.FAMILIES, **sparse.FAMILIES, **older.FAMILIES}
"""By `model_type`."""


def build(config: Config, name: str) -> Transformer:
    """The model of a configuration; BadInputError names the file and the field that keeps it from being one."""
    try:
        model = _transformer(config, name)
    except BadInputError as error:
        message = str(error)
        raise BadInputError(message if message.startswith("model: ") else f"model: {config.path}: {message}") from error
    if config.left_out:
        config.assumed.append(f"{config.path}: left out as unknown: {', '.join(config.left_out)}")
    return evolve(model, assumed=tuple(config.assumed))


def _transformer(config: Config, name: str) -> Transformer:
    of = FAMILIES.get(config.model_type) or _unknown(config)
    shape = of.shape(config)
    fields = {**decoder(shape), **of.make(shape)}
    _say_what_is_beside(shape, config)
    return Transformer(
        name=name,
        family=config.model_type,
        sources={"layers": config.path},
        **{key: value for key, value in fields.items() if value is not None},
    )


def _say_what_is_beside(shape: Shape, config: Config) -> None:
    heads = shape.num_nextn_predict_layers
    if heads:
        layers = "layer" if heads == 1 else "layers"
        config.assumed.append(f"{heads} {layers} for multi-token prediction not counted: they serve speculation alone")


def _unknown(config: Config) -> Family:
    kind = config.values.get("model_type")
    if kind is None:
        words = f"missing; known are {len(FAMILIES)} model types"
    else:
        near = get_close_matches(str(kind), FAMILIES, n=2)
        hint = f"; nearest are {', '.join(near)}" if near else ""
        words = f"{kind!r} is not known{hint}"
    config.refuse_unless_assumed("model_type", words, "a decoder-only transformer like LLaMA")
    return PLAIN


def _plain(shape: Shape) -> Mapping[str, Any]:
    moe = sparse.experts(shape) if shape.num_experts and shape.num_experts_per_tok else None
    return {**dense.llama(shape), "moe": moe}


PLAIN = Family(
    _plain,
    dense.FAMILIES["llama"].reads | sparse.FAMILIES["mixtral"].reads - {"sliding_window"},
    {},
    {},
)
"""What is assumed of a type that is not known."""
