"""What holds of the operators of every kind of layer: two FLOPs a weight and token, sums where a matrix was split."""

from math import inf

import pytest
from attrs import evolve

from llmplan.records import Tensor
from llmplan_layers import (
    CrossAttention,
    DeltaAttention,
    DenseMlp,
    GroupedAttention,
    LatentAttention,
    LatentAttentionLayer,
    Mamba1,
    Mamba2,
    Mask,
    MixtureOfExperts,
    SparseIndex,
    SparseMlp,
)
from llmplan_layers.attention import seen
from llmplan_layers.compressed_attention import CompressedAttention, CompressedIndex
from llmplan_layers.residual import BlockResidual, HyperConnections

T = 10
LONG = seen(100, 100, None)
STATES = Tensor(T * 32)
OWN = GroupedAttention(hidden=32, heads=4, kv_heads=2, head_dim=8)
DELTA = DeltaAttention(hidden=32, key_heads=2, value_heads=4, key_dim=8, value_dim=16)
MLA = LatentAttention(q_lora_rank=12, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6)
LATENT = LatentAttentionLayer(hidden=32, heads=4, mla=MLA)
MOE = MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=6, n_shared_experts=1, shared_expert_gate=True)
GATED = DenseMlp(hidden=32, ffn_hidden=24, gated=True)
WIDE = evolve(OWN, head_dim=6, rotary=True, qk_norm="head", output_gate=True)
SIMPLE = CompressedAttention(hidden=32, heads=4, head_dim=8, q_rank=16, o_groups=2, o_rank=6, window=20)
COMPRESSED = evolve(SIMPLE, ratio=4, overlaps=True, index=CompressedIndex(heads=2, head_dim=4, top_k=3))
MIXERS = {
    "delta": DELTA,
    "decay of channels": evolve(DELTA, channel_decay=True),
    "grouped": OWN,
    "wide": WIDE,
    "latent": LATENT,
    "plain latent": evolve(LATENT, output_gate=True, mla=evolve(MLA, q_lora_rank=None)),
    "compressed": COMPRESSED,
    "window": SIMPLE,
    "cross": CrossAttention(own=OWN, cross=WIDE),
    "mamba 1": Mamba1(hidden=32, inner=64, state_size=16, dt_rank=2),
    "mamba 2": Mamba2(hidden=32, heads=4, head_dim=8, state_size=16, groups=2),
}
MLPS = {
    "gated": GATED,
    "plain": evolve(GATED, gated=False),
    "experts": SparseMlp(moe=MOE, dense=GATED),
    "latent experts": SparseMlp(moe=evolve(MOE, latent_hidden=16), dense=GATED),
}
RESIDUALS = {"streams": HyperConnections(hidden=32, streams=4), "blocks": BlockResidual(hidden=32, blocks=3.0)}
EVERY = (*MIXERS, *MLPS, *RESIDUALS, "index")


def made(kind):
    """The operators of a kind of layer, or of a part of one."""
    if kind in MIXERS:
        return MIXERS[kind].operators(T, LONG, STATES)
    if kind in MLPS:
        return MLPS[kind].operators(T, STATES)
    if kind in RESIDUALS:
        return RESIDUALS[kind].operators(T, "mlp")
    return SparseIndex(heads=2, head_dim=4, top_k=8, weighs_heads=True).operators(T, LONG, 32, 16)


@pytest.mark.parametrize("kind", EVERY)
def test_a_multiplication_does_two_flops_a_weight_and_token(kind):
    """A shape would be priced that is not that of the weights, or of the FLOPs that are counted."""
    for one in made(kind):
        if one.gemm is not None:
            shape = one.gemm
            assert one.flops == 2 * shape.groups * shape.m * shape.n * shape.k, one.name
            assert one.weights == shape.groups * shape.n * shape.k, one.name


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_split_along_its_sum_is_summed_over_ranks(kind):
    """Ranks would keep parts of a sum, or add up what each of them has whole."""
    operators = made(kind)
    split = [one for one in operators if one.gemm is not None and one.gemm.splits_sum]
    summed = [one.reduced_elements for one in operators if one.reduced_elements is not None]
    assert summed == ([T * 32] * (2 if kind == "cross" else 1) if split else [])
    # partial results of shared experts are added to those of routed ones, and summed with them
    assert all(one.reduced_elements == T * 32 for one in split if "experts" not in kind)
    for one in made(kind):
        if one.gemm is not None and one.gemm.joins:
            assert one.inputs == (), one.name  # which the operator before it reads


JOINED = {
    "delta": {"gate projection"},
    "decay of channels": {"gate projection"},
    "grouped": {"key and value projection"},
    "wide": {"key and value projection"},
    "compressed": {"key projection", "compression of tokens"},
    "window": {"key projection"},
    "cross": {"key and value projection"},
    "mamba 1": set(),
    "mamba 2": set(),
    "gated": set(),
    "experts": set(),
}
BESIDE = {"key and value projection": 2, "cross-attention: key and value projection": 2}


@pytest.mark.parametrize("kind", JOINED)
def test_matrices_that_read_the_same_run_as_one(kind):
    """A kernel would be started for what runs with another, or what needs another's output run beside it."""
    assert {one.name for one in made(kind) if one.gemm is not None and one.gemm.joins} == JOINED[kind]
    for one in made(kind):
        if one.gemm is not None and one.part == "attention":
            assert one.gemm.matrices == BESIDE.get(one.name, 1), one.name


@pytest.mark.parametrize("kind", EVERY)
def test_scores_alone_may_stay_on_chip(kind):
    """A fused kernel would write its scores to memory, or never read what a norm was given."""
    fused = [(one.name.split(": ")[-1], place) for one in made(kind) for place, read in enumerate(one.inputs)
             if read.fusible]  # fmt: skip
    kernels = sum(one.name.endswith("QK^T") for one in made(kind))
    assert fused == kernels * [("softmax", 0), ("attention over V", 0)]


def test_compressed_keys_are_scored_by_kernels_of_as_many():
    """An index would be scored for every token, or a group's state be held as often as it is pooled with others."""
    at_once = LONG.at_once / 4
    scores = {one.name: one.scores for one in made("compressed") if one.scores is not None}
    assert scores["index scores"].tokens == at_once
    states = {one.name: one.state for one in made("compressed") if one.state is not None}
    assert {state.bits for state in states.values()} == {32}
    alone = {one.name: one.state for one in evolve(COMPRESSED, overlaps=False).operators(T, LONG, STATES)}
    name = "compression of tokens"
    assert (states[name].elements, alone[name].elements) == (4 * 2 * 32, 4 * 16)
    assert (SIMPLE.ratio, SIMPLE.overlaps, SIMPLE.cached(100)) == (0, False, 8 * 20)
    odd = evolve(COMPRESSED, index=evolve(COMPRESSED.index, heads=5))
    (index,) = [one for one in odd.operators(T, LONG, STATES) if one.name == "index scores"]
    assert index.flops == T * 100 * 2 * 20 / 4


@pytest.mark.parametrize(
    ("seq_len", "window", "mask", "looked"),
    [
        (100, None, Mask.CAUSAL, (100, 0.5, 100, inf)),
        (100, 20, Mask.CAUSAL, (20, 0.9, 2 * 0.9 * 20, 20)),  # a band without its first corner
        (100, 200, Mask.CAUSAL, (100, 0.5, 100, 200)),
        (25, None, Mask.CAUSAL, (100, 0.5, 25, inf)),  # a quarter of the context, on each of four ranks
        (100, None, Mask.FULL, (100, 1, 200, inf)),
        (100, 20, Mask.CHUNKED, (20, 0.5, 20, 20)),
    ],
)
def test_what_a_mask_leaves(seq_len, window, mask, looked):
    """An encoder would look at half of its square, or a window at tokens that it has left."""
    found = seen(seq_len, 100, window, mask)
    assert (found.keys, found.share, found.at_once, found.window) == looked
