"""The table of model types, and a model made by it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan_layers import LayeredModel, Transformer
from llmplan_models_huggingface import compressed, dense, encoders, hybrid, mixed, older, sparse
from llmplan_models_huggingface.config import Config
from llmplan_models_huggingface.family import Family, decoder
from llmplan_models_huggingface.fields import Shape

Model = Transformer | LayeredModel

FAMILIES: Mapping[str, Family] = {
    **dense.FAMILIES,
    **sparse.FAMILIES,
    **older.FAMILIES,
    **mixed.FAMILIES,
    **hybrid.FAMILIES,
    **compressed.FAMILIES,
    **encoders.FAMILIES,
}
"""By `model_type`."""
WRAPPERS: Mapping[str, str] = {
    "gemma3": "gemma3_text",
    "gemma4": "gemma4_text",
    "kimi_k25": "kimi_k2",
    "kimi_k3": "kimi_linear",
    "llama4": "llama4_text",
    "maira2": "phi3",
    "minimax_m3_vl": "minimax_m3",
    "mistral3": "mistral",
    "mllama": "mllama_text_model",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "qwen3_vl": "qwen3",
    "qwen3_vl_moe": "qwen3_moe",
}
"""Types with a language model in their table `text_config`, and the type of that where it states none of its own."""
_SAME = {"qwen3_vl_text": "qwen3", "qwen3_vl_moe_text": "qwen3_moe"}
"""Types of language models that are another's."""
REFUSED: Mapping[str, tuple[str, str]] = {
    "git": ("vision_config", "images among the tokens of a text model are not priced"),
    "yuan": ("model_type", "yuan filters the states before attention, which is not priced"),
}
"""Types that are known and not priced: the field that keeps them from it, and why."""


def build(config: Config, name: str) -> Model:
    """The model of a configuration; BadInputError names the file and the field that keeps it from being one."""
    try:
        model = _model(config, name)
    except BadInputError as error:
        message = str(error)
        raise BadInputError(message if message.startswith("model: ") else f"model: {config.path}: {message}") from error
    if config.left_out:
        config.assumed.append(f"{config.path}: left out as unknown: {', '.join(config.left_out)}")
    return evolve(model, assumed=tuple(config.assumed))


def _model(config: Config, name: str) -> Model:
    kind = config.model_type
    if kind in REFUSED:
        field, words = REFUSED[kind]
        config.refuse_unless_assumed(field, words, "a decoder-only transformer like LLaMA")
    text = _language_model(config)
    kind = text.model_type
    of = FAMILIES.get(_SAME.get(kind, kind)) or _unknown(text)
    shape = of.shape(text)
    fields: dict[str, Any] = dict(of.make(shape))
    _say_what_is_beside(shape, text)
    more: dict[str, Any] = {
        "name": name,
        "family": config.model_type,
        "sources": {"layers": config.path},
        "mtp_layers": shape.num_nextn_predict_layers or 0,
        "beside": dict(_beside(config, shape)),
    }
    more["beside"] |= fields.pop("beside", {})
    if "order" in fields:
        return LayeredModel(**more, **fields)
    fields = {**decoder(shape), **fields}
    return Transformer(**more, **{key: value for key, value in fields.items() if value is not None})


def _language_model(config: Config) -> Config:
    """The table of it, where there is one; whether it shares its tables may be said outside."""
    text = config.nested("text_config")
    if text is None or (config.model_type not in WRAPPERS and not config.assume):
        return config
    shared = {key: config.values[key] for key in ("tie_word_embeddings",) if key in config.values}
    text.values = {"model_type": WRAPPERS.get(config.model_type, ""), **shared, **text.values}
    return text


def _beside(config: Config, shape: Shape) -> Mapping[str, int]:
    """Encoders of images; what is not counted is said."""
    for key in ("audio_config", "audio_processor", "mm_vision_tower", "embd_layer", "vision_lora", "speech_lora"):
        if config.values.get(key):
            config.assumed.append(f"{key}: not counted: text alone")
    table = config.values.get("vision_config")
    if not isinstance(table, Mapping):
        return {}
    size, exact = encoders.vision_parameters(table, shape.hidden_size or 0)
    if not size:
        config.assumed.append("vision_config: an encoder of images that is not counted: text alone")
        return {}
    words = f"{size:,} parameters" if exact else f"about {size:,} parameters, by its layers"
    config.assumed.append(f"vision_config: {words}, held and not run: text alone")
    return {"vision_encoder": size}


def _say_what_is_beside(shape: Shape, config: Config) -> None:
    if config.values.get("is_encoder_decoder"):
        config.assumed.append(
            "the encoder reads the prompt, the decoder writes the answer; training has as many of each"
        )
    if shape.cross_attention_layers:
        config.assumed.append(
            f"{len(shape.cross_attention_layers)} layers attend to images: held and not run: text alone"
        )
    heads = shape.num_nextn_predict_layers
    if heads:
        layers = "layer" if heads == 1 else "layers"
        config.assumed.append(
            f"{heads} {layers} for multi-token prediction, like the last: beside the parameters, trained, and run by "
            "speculation alone (--draft-model mtp)"
        )


def _unknown(config: Config) -> Family:
    if config.model_type in REFUSED:
        return PLAIN
    kind = config.values.get("model_type")
    if not kind:
        words = f"missing; known are {len(FAMILIES)} model types"
    else:
        near = get_close_matches(str(kind), [*FAMILIES, *WRAPPERS], n=2)
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
