"""What a family of models is: which fields it reads, and how a model follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from llmplan.errors import BadInputError, shown
from llmplan_layers import DenseMlp, GroupedAttention, Layer
from llmplan_layers.transformer_checks import MOST_LAYERS
from llmplan_models_huggingface.config import Config
from llmplan_models_huggingface.fields import NAMES, Shape

COMMON = (
    "num_hidden_layers hidden_size num_attention_heads num_key_value_heads head_dim intermediate_size vocab_size "
    "max_position_embeddings hidden_act tie_word_embeddings num_nextn_predict_layers"
)
"""Fields that every family reads."""


@frozen(eq=False)
class Family:
    """One model_type, or several that differ in name alone."""

    make: Callable[[Shape], Mapping[str, Any]]
    """The fields of a `Transformer` that are not those of `decoder`; with an `order`, those of a `LayeredModel`."""
    reads: frozenset[str]
    aliases: Mapping[str, str]
    defaults: Mapping[str, Any]
    """What the configuration class has where a file says nothing, and what of it is not that of LLaMA's."""

    def shape(self, config: Config) -> Shape:
        """The fields of a configuration, structured."""
        return config.shape(self.reads, self.aliases, self.defaults)


def family(
    make: Callable[[Shape], Mapping[str, Any]],
    reads: str = "",
    aliases: Mapping[str, str] | None = None,
    **defaults: Any,
) -> Family:
    """A family that reads these fields beside the common ones."""
    names = frozenset(f"{COMMON} {reads}".split())
    assert names <= NAMES, names - NAMES  # noqa: S101 - a slip in a table of ours
    return Family(make, names, aliases or {}, defaults)


def required(shape: Shape, name: str) -> Any:
    """A field that a model cannot do without."""
    value = getattr(shape, name)
    if value is None:
        raise BadInputError(f"{name}: missing")
    if name == "num_hidden_layers" and value > MOST_LAYERS:
        raise BadInputError(f"{name}: {shown(value)} is more than {MOST_LAYERS:,} layers")
    return value


def width_of_heads(shape: Shape) -> int:
    """As stated, or an equal share of the states."""
    if shape.head_dim is not None:
        return shape.head_dim
    hidden, heads = required(shape, "hidden_size"), required(shape, "num_attention_heads")
    if hidden % heads:
        raise BadInputError(f"head_dim: missing, and hidden_size {hidden} is no multiple of {heads} heads")
    return int(hidden // heads)


def decoder(shape: Shape) -> dict[str, Any]:
    """What the fields mean in most families: RMSNorm, a gated MLP, rotary positions, no biases."""
    heads = required(shape, "num_attention_heads")
    return {
        "layers": required(shape, "num_hidden_layers"),
        "hidden": required(shape, "hidden_size"),
        "heads": heads,
        "kv_heads": shape.num_key_value_heads or heads,
        "head_dim": width_of_heads(shape),
        "ffn_hidden": shape.intermediate_size or 4 * required(shape, "hidden_size"),
        "gated_mlp": True,
        "vocab": required(shape, "vocab_size"),
        "tied_embeddings": bool(shape.tie_word_embeddings),
        "max_seq_len": shape.max_position_embeddings,
    }


def window_step(layer_types: list[str] | None, layers: int) -> int | None:
    """Every so many-th layer attends to all tokens, the others to a window; 0 where the order is another.

    None where no layer has a window.
    """
    if layer_types is None:
        return None
    full = [number for number, kind in enumerate(layer_types, 1) if kind == "full_attention"]
    if len(full) == layers:
        return None
    step = full[0] if full else layers + 1
    regular = all((number % step == 0) == (number in full) for number in range(1, layers + 1))
    return step if regular and len(layer_types) == layers else 0


def stack(shape: Shape, order: Sequence[Layer]) -> dict[str, Any]:
    """Make a model of these layers."""
    return {
        "order": tuple(order),
        "hidden": required(shape, "hidden_size"),
        "vocab": required(shape, "vocab_size"),
        "tied_embeddings": bool(shape.tie_word_embeddings),
        "max_seq_len": shape.max_position_embeddings,
    }


def grouped(shape: Shape, **more: Any) -> GroupedAttention:
    """Make attention as `decoder` has it."""
    heads = required(shape, "num_attention_heads")
    given = {
        "hidden": required(shape, "hidden_size"),
        "heads": heads,
        "kv_heads": shape.num_key_value_heads or heads,
        "head_dim": more.get("head_dim") or width_of_heads(shape),
        "qkv_bias": bool(shape.attention_bias),
        "o_bias": bool(shape.attention_bias),
        "rotary": True,
    }
    return GroupedAttention(**{**given, **more})


def gated_mlp(shape: Shape, width: int | None = None) -> DenseMlp:
    """Of this width, or of `intermediate_size`."""
    width = required(shape, "intermediate_size") if width is None else width
    return DenseMlp(hidden=required(shape, "hidden_size"), ffn_hidden=width, gated=True, bias=bool(shape.mlp_bias))


def kinds_of_layers(shape: Shape, field: str, kinds: Mapping[Any, Layer]) -> list[Layer]:
    """One layer for each entry of a list in the configuration."""
    pattern: Sequence[Any] = required(shape, field)
    layers = required(shape, "num_hidden_layers")
    if len(pattern) != layers:
        raise BadInputError(f"{field}: {len(pattern)} entries, and num_hidden_layers is {layers}")
    for entry in pattern:
        if entry not in kinds:
            raise BadInputError(f"{field}: {entry!r} is none of {', '.join(map(str, kinds))}")
    return [kinds[entry] for entry in pattern]
