"""What fields of a transformer must agree on with each other."""

from __future__ import annotations

from typing import Any

from llmplan.errors import BadInputError

# each is called with the model, the attrs field and its value


MOST_LAYERS = 10_000
"""Beyond any model: each is lowered by itself."""


def few_enough(model: Any, of: Any, layers: int) -> None:
    """Layers are listed one by one."""
    if layers > MOST_LAYERS:
        raise BadInputError(f"{model.name}: {of.name}: {layers:,} is more than {MOST_LAYERS:,} layers")


def divides_heads(model: Any, _field: Any, kv_heads: int) -> None:
    """Heads of queries are dealt out evenly."""
    if kv_heads > model.heads or model.heads % kv_heads:
        raise BadInputError(f"{model.name}: kv_heads: {kv_heads} does not divide heads = {model.heads}")


def learned_needs_rows(model: Any, _field: Any, max_seq_len: int | None) -> None:
    """A learned position table has a length."""
    if model.position == "learned" and max_seq_len is None and model.learned_pos_rows is None:
        raise BadInputError(f"{model.name}: max_seq_len: missing, and position = learned has a row for each token")


def only_learned_has_rows(model: Any, _field: Any, rows: int | None) -> None:
    """Rows of a table that there is not would silently not count."""
    if rows is not None and model.position != "learned":
        raise BadInputError(f"{model.name}: learned_pos_rows: {rows}, and position = {model.position} has no table")


def one_norm_feeds_both(model: Any, _field: Any, norms: int) -> None:
    """One norm feeds attention and MLP only where they run side by side."""
    if norms == 1 and not model.parallel_attn_mlp:
        raise BadInputError(f"{model.name}: norms_per_layer: 1, and without parallel_attn_mlp = true each has its own")


def needs_window(model: Any, _field: Any, step: int | None) -> None:
    """Full attention in between says nothing where all of it is full."""
    if step is not None and model.sliding_window is None:
        raise BadInputError(f"{model.name}: full_attention_step: {step}, and there is no sliding_window")


def some_layer_has_experts(model: Any, _field: Any, moe: Any) -> None:
    """A mixture of experts that no layer holds is a slip."""
    if moe is not None and not any(moe.has_experts(layer) for layer in range(model.layers)):
        raise BadInputError(
            f"{model.name}: moe: first_dense_layers = {moe.first_dense_layers} and moe_layer_step = "
            f"{moe.moe_layer_step} leave none of {model.layers} layers with experts"
        )


def latents_fit(model: Any, _field: Any, mla: Any) -> None:
    """Latent attention has head widths and norms of its own; fields that contradict them are a slip."""
    if mla is None:
        return
    if model.head_dim != mla.qk_head_dim:
        raise BadInputError(
            f"{model.name}: head_dim: {model.head_dim} is not qk_nope_head_dim + qk_rope_head_dim = {mla.qk_head_dim}"
        )
    if model.kv_heads != model.heads:
        raise BadInputError(f"{model.name}: kv_heads: {model.kv_heads} is not heads = {model.heads}, as mla has it")
    for name, without in (("qkv_bias", False), ("qk_norm", "none"), ("attention_sinks", False)):
        if (value := getattr(model, name)) != without:
            raise BadInputError(f"{model.name}: {name}: {value!r} is not part of mla")
