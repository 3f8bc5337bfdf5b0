"""Decoders whose layers are recurrent but for a few: gated delta rule, Kimi delta attention, Mamba."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan_layers import (
    BlockResidual,
    DeltaAttention,
    DenseMlp,
    LatentAttentionLayer,
    Layer,
    Mamba1,
    Mamba2,
    MlpLayer,
    SparseMlp,
)
from llmplan_models_huggingface.family import Family, family, gated_mlp, grouped, kinds_of_layers, required, stack
from llmplan_models_huggingface.fields import Shape
from llmplan_models_huggingface.sparse import EXPERTS, LATENT, experts, latent


def qwen3_next(shape: Shape) -> Mapping[str, Any]:
    """Three layers of the gated delta rule before each of attention, whose output is gated (arXiv:2412.06464)."""
    mlp = _qwen_mlp(shape)
    delta = DeltaAttention(
        hidden=required(shape, "hidden_size"),
        key_heads=required(shape, "linear_num_key_heads"),
        value_heads=required(shape, "linear_num_value_heads"),
        key_dim=required(shape, "linear_key_head_dim"),
        value_dim=required(shape, "linear_value_head_dim"),
        conv_kernel=shape.linear_conv_kernel_dim or 4,
    )
    full = grouped(shape, qk_norm="head", output_gate=shape.attn_output_gate is not False)
    kinds = {"linear_attention": Layer(mixer=delta, mlp=mlp), "full_attention": Layer(mixer=full, mlp=mlp)}
    if shape.layer_types is not None:
        return stack(shape, kinds_of_layers(shape, "layer_types", kinds))
    step = shape.full_attention_interval or 4
    numbers = range(1, required(shape, "num_hidden_layers") + 1)
    words = ("linear_attention" if number % step else "full_attention" for number in numbers)
    return stack(shape, [kinds[word] for word in words])


def _qwen_mlp(shape: Shape) -> MlpLayer:
    """Dense, or experts with a gated shared one in every layer."""
    if not shape.num_experts:
        return gated_mlp(shape)
    if shape.mlp_only_layers or shape.decoder_sparse_step not in (None, 1):
        raise BadInputError(
            "mlp_only_layers, decoder_sparse_step: layers without experts are not priced in this family"
        )
    width = required(shape, "shared_expert_intermediate_size")
    moe = experts(shape, n_shared_experts=1, shared_ffn_hidden=width, shared_expert_gate=True)
    return SparseMlp(
        moe=moe, dense=gated_mlp(shape, shape.intermediate_size or required(shape, "moe_intermediate_size"))
    )


def kimi_linear(shape: Shape) -> Mapping[str, Any]:
    """Kimi delta attention, with latent attention in every fourth layer, and experts (arXiv:2510.26692)."""
    table = required(shape, "linear_attn_config")
    hidden, layers = required(shape, "hidden_size"), required(shape, "num_hidden_layers")
    heads, width = table["num_heads"], table["head_dim"]
    delta = DeltaAttention(
        hidden=hidden,
        key_heads=heads,
        value_heads=heads,
        key_dim=width,
        value_dim=width,
        conv_kernel=table.get("short_conv_kernel_size", 4),
        channel_decay=True,
        full_gate=bool(table.get("use_full_rank_gate")),
    )
    full = LatentAttentionLayer(
        hidden=hidden,
        heads=required(shape, "num_attention_heads"),
        mla=latent(shape),
        output_gate=bool(shape.mla_use_output_gate),
    )
    dense = gated_mlp(shape)
    narrow, normed = shape.routed_expert_hidden_size, bool(shape.latent_moe_use_norm)
    moe = experts(shape, router_bias=True, latent_hidden=narrow, latent_norm=normed and narrow is not None)
    sparse = SparseMlp(moe=moe, dense=dense)
    residual = _blocks(shape, layers)
    kinds = {
        (mixer, mlp): Layer(mixer=mixer, mlp=mlp, residual=residual)
        for mixer in (delta, full)
        for mlp in (dense, sparse)
    }
    attending, first = set(table.get("full_attn_layers") or ()), shape.first_k_dense_replace or 0
    order = [
        kinds[full if number in attending else delta, dense if number <= first else sparse]
        for number in range(1, layers + 1)
    ]
    return {**stack(shape, order), "head_parameters": 0 if residual is None else residual.parameters}


def _blocks(shape: Shape, layers: int) -> BlockResidual | None:
    """So many blocks of layers, on the mean over what attention and MLPs of all layers read."""
    size = shape.attn_res_block_size
    if not size:
        return None
    attention = [-(-number // size) + 1 if number else 0 for number in range(layers)]
    mlps = [number // size + 2 for number in range(layers)]
    return BlockResidual(hidden=required(shape, "hidden_size"), blocks=sum(attention + mlps) / (2 * layers))


def nemotron_h(shape: Shape) -> Mapping[str, Any]:
    """Mamba-2, MLPs of two matrices, experts and attention, each a layer of its own (arXiv:2504.03624)."""
    hidden = required(shape, "hidden_size")
    mamba = Mamba2(
        hidden=hidden,
        heads=required(shape, "mamba_num_heads"),
        head_dim=required(shape, "mamba_head_dim"),
        state_size=required(shape, "ssm_state_size"),
        groups=shape.n_groups or 1,
        conv_kernel=shape.conv_kernel or 4,
        conv_bias=shape.use_conv_bias is not False,
        bias=bool(shape.bias or shape.mamba_proj_bias),
        chunk=shape.chunk_size or 128,
    )
    bias = bool(shape.mlp_bias)
    mlp = DenseMlp(hidden=hidden, ffn_hidden=required(shape, "intermediate_size"), gated=False, bias=bias)
    kinds = {
        "M": Layer(mixer=mamba, norms=1),
        "-": Layer(mlp=mlp, norms=1),
        "*": Layer(mixer=grouped(shape, rotary=False), norms=1),
    }
    if shape.num_experts:
        moe = experts(shape, shared_ffn_hidden=shape.shared_expert_intermediate_size, router_bias=True)
        kinds["E"] = Layer(mlp=SparseMlp(moe=moe, dense=mlp), norms=1)
    return stack(shape, kinds_of_layers(shape, "hybrid_override_pattern", kinds))


def jamba(shape: Shape) -> Mapping[str, Any]:
    """Mamba, with attention in one of so many layers, and experts in every other one (arXiv:2403.19887)."""
    hidden = required(shape, "hidden_size")
    rank = shape.mamba_dt_rank
    mamba = Mamba1(
        hidden=hidden,
        inner=(shape.mamba_expand or 2) * hidden,
        state_size=shape.mamba_d_state or 16,
        dt_rank=rank if isinstance(rank, int) else -(-hidden // 16),
        conv_kernel=shape.mamba_d_conv or 4,
        conv_bias=shape.mamba_conv_bias is not False,
        bias=bool(shape.mamba_proj_bias),
        inner_norms=True,
    )
    full, dense = grouped(shape, rotary=False), gated_mlp(shape)
    sparse = SparseMlp(moe=experts(shape), dense=dense) if required(shape, "num_experts") > 1 else dense
    kinds = {(mixer, mlp): Layer(mixer=mixer, mlp=mlp) for mixer in (mamba, full) for mlp in (dense, sparse)}
    attends = (shape.attn_layer_period or 8, 4 if shape.attn_layer_offset is None else shape.attn_layer_offset)
    chooses = (shape.expert_layer_period or 2, 1 if shape.expert_layer_offset is None else shape.expert_layer_offset)

    def layer(number: int) -> Layer:
        mixer = full if number % attends[0] == attends[1] else mamba
        return kinds[mixer, sparse if number % chooses[0] == chooses[1] else dense]

    return stack(shape, [layer(number) for number in range(required(shape, "num_hidden_layers"))])


_DELTA = (
    "layer_types full_attention_interval attn_output_gate attention_bias linear_num_key_heads linear_num_value_heads "
    "linear_key_head_dim linear_value_head_dim linear_conv_kernel_dim"
)
_QWEN = f"{_DELTA} {EXPERTS} decoder_sparse_step mlp_only_layers shared_expert_intermediate_size"
_MAMBA = (
    "hybrid_override_pattern mamba_num_heads mamba_head_dim mamba_proj_bias n_groups ssm_state_size conv_kernel "
    "use_conv_bias expand bias mlp_bias attention_bias chunk_size shared_expert_intermediate_size"
)
_JAMBA = (
    "mamba_d_state mamba_d_conv mamba_expand mamba_dt_rank mamba_conv_bias mamba_proj_bias attn_layer_period "
    "attn_layer_offset expert_layer_period expert_layer_offset"
)
_KIMI = "linear_attn_config mla_use_output_gate routed_expert_hidden_size latent_moe_use_norm attn_res_block_size"
FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"), family(qwen3_next, _QWEN)),
    "kimi_linear": family(kimi_linear, f"{EXPERTS} {LATENT} {_KIMI}"),
    "nemotron_h": family(nemotron_h, f"{_MAMBA} {EXPERTS}"),
    "jamba": family(jamba, f"{_JAMBA} {EXPERTS}", num_key_value_heads=8),
}
