"""Transformers beyond the plain one: experts, latents, windows, biases and norms, by hand on a small shape."""

from __future__ import annotations

import pytest
from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records import Recompute
from llmplan.testing import check_model
from llmplan_layers import LatentAttention, MixtureOfExperts, Transformer

PLAIN = Transformer(
    name="mini", layers=4, hidden=64, heads=4, kv_heads=2, head_dim=16, ffn_hidden=256, gated_mlp=True, vocab=1000
)
MOE = MixtureOfExperts(n_routed_experts=8, n_shared_experts=1, top_k=2, moe_ffn_hidden=32, first_dense_layers=1)
SPARSE = evolve(PLAIN, moe=MOE)
MLA = LatentAttention(q_lora_rank=24, kv_lora_rank=12, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6)
LATENT = evolve(PLAIN, kv_heads=4, head_dim=12, mla=MLA)
WINDOWED = evolve(PLAIN, sliding_window=8, full_attention_step=3)
EVERYTHING = evolve(
    SPARSE, norm="layer", norms_per_layer=4, qk_norm="full", embedding_norm=True, qkv_bias=True, o_bias=True,
    mlp_bias=True, lm_head_bias=True, attention_sinks=True, position="learned", max_seq_len=128, learned_pos_rows=130,
    sliding_window=8, full_attention_step=2, moe=evolve(MOE, router_bias=True, shared_expert_gate=True),
)  # fmt: skip
PARALLEL = evolve(PLAIN, parallel_attn_mlp=True, norms_per_layer=1)

ATTENTION = 2 * 64 * 64 + 2 * 64 * 32
DENSE, EXPERT = 3 * 64 * 256, 3 * 64 * 32
TOKENS, SEQ = 32, 16
HEAD_FLOPS = 2 * TOKENS * 64 * 1000


def parameters(model):
    """All of them."""
    return sum(model.parameters_by_part().values())


def operators(model, batch=2, seq_len=SEQ):
    """Of each kind of layer, by name."""
    return [{one.name: one for one in block.operators} for block in model.lower(batch, seq_len).layers]


@pytest.mark.parametrize("model", [SPARSE, LATENT, evolve(LATENT, mla=evolve(MLA, q_lora_rank=None)), WINDOWED,
                                   EVERYTHING, PARALLEL, evolve(LATENT, moe=MOE, o_bias=True)])  # fmt: skip
def test_contract(model):
    """If it fails, a shape lowers to something that no cost model can rely on."""
    check_model(model)


def test_experts_by_hand():
    """If it fails, sparse models are priced as if they used all their experts, or none."""
    router, dense_layers, sparse_layers = 64 * 8, 1, 3
    mlp = dense_layers * DENSE + sparse_layers * (router + 8 * EXPERT + EXPERT)
    assert SPARSE.parameters_by_part()["mlp"] == mlp
    assert SPARSE.active_parameters() == parameters(SPARSE) - sparse_layers * 6 * EXPERT
    assert PLAIN.active_parameters() == parameters(PLAIN)
    attention = 2 * TOKENS * ATTENTION + 4 * TOKENS * SEQ * 64
    used = 2 * TOKENS * (dense_layers * DENSE + sparse_layers * (router + 2 * EXPERT + EXPERT))
    assert SPARSE.lower(2, SEQ).flops == 4 * attention + used + HEAD_FLOPS == 14_548_992
    assert [block.count for block in SPARSE.lower(2, SEQ).layers] == [1, 3]


def test_a_small_batch_reads_the_experts_that_it_touches():
    """If it fails, decoding one token is priced as reading every expert."""
    (_, sparse) = operators(SPARSE, 1, 1)
    up = sparse["routed experts: up projection"]
    assert up.weights == 8 * 2 * 64 * 32
    assert up.weights_read == pytest.approx(2 * 2 * 64 * 32)
    assert MOE.experts_touched(2.0) == pytest.approx(8 * (1 - 0.75**2))
    assert MOE.experts_touched(1e6) == 8
    assert evolve(MOE, top_k=8).experts_touched(1.0) == 8


def test_the_experts_outputs_are_reduced_once():
    """If it fails, a sparse layer pays for two all-reduces after its experts."""
    for layer in operators(SPARSE):
        assert sum(one.reduced_elements is not None for one in layer.values() if one.part == "mlp") == 1


def test_every_other_layer_may_hold_experts():
    """If it fails, a step between sparse layers counts one too many or too few."""
    stepped = evolve(SPARSE, layers=5, moe=evolve(MOE, first_dense_layers=0, moe_layer_step=2))
    assert [(block.count) for block in stepped.lower(1, 1).layers] == [3, 2]
    assert stepped.parameters_by_part()["mlp"] == 3 * DENSE + 2 * (64 * 8 + 9 * EXPERT)


def test_latent_attention_by_hand():
    """If it fails, latent attention is priced, or its cache is held, as that of plain heads."""
    matrices = 64 * 24 + 24 * 4 * 12 + 64 * (12 + 4) + 12 * 4 * (8 + 6) + 4 * 6 * 64
    assert LATENT.parameters_by_part()["attention"] == 4 * (matrices + 24 + 12)
    core = 2 * TOKENS * SEQ * 4 * (12 + 6)
    assert LATENT.lower(2, SEQ).flops == 4 * (2 * TOKENS * (matrices + DENSE) + core) + HEAD_FLOPS
    cache = LATENT.kv_cache(2, 10)
    assert (cache.elements, cache.max_ways) == (4 * 2 * 10 * (12 + 4), 1)


def test_queries_need_no_latent():
    """If it fails, a model whose queries come straight from the states is counted with a latent of width 0."""
    straight = evolve(LATENT, mla=evolve(MLA, q_lora_rank=None))
    matrices = 64 * 4 * 12 + 64 * (12 + 4) + 12 * 4 * (8 + 6) + 4 * 6 * 64
    assert straight.parameters_by_part()["attention"] == 4 * (matrices + 12)


def test_windows_by_hand():
    """If it fails, windowed layers are priced as if they saw all tokens, or hold all of them."""
    assert [block.count for block in WINDOWED.lower(1, SEQ).layers] == [3, 1]
    core = 4 * TOKENS * 64 * (3 * 8 + SEQ)
    assert WINDOWED.lower(2, SEQ).flops == 4 * 2 * TOKENS * (ATTENTION + DENSE) + core + HEAD_FLOPS
    assert WINDOWED.kv_cache(1, 20).elements == 2 * 32 * (3 * 8 + 20)
    assert WINDOWED.kv_cache(1, 5).elements == PLAIN.kv_cache(1, 5).elements
    everywhere = evolve(WINDOWED, full_attention_step=None)
    assert everywhere.kv_cache(1, 20).elements == 2 * 32 * 4 * 8


def test_biases_norms_and_rows_by_hand():
    """If it fails, a checkpoint has more weights than its record."""
    parts = EVERYTHING.parameters_by_part()
    assert parts["input_embedding"] == 1000 * 64 + 130 * 64 + 2 * 64
    assert parts["attention"] == 4 * (ATTENTION + (64 + 2 * 32) + 64 + (64 + 32) + 4)
    biased = (2 * 32 + 64) + EXPERT
    assert parts["mlp"] == (DENSE + 2 * 256 + 64) + 3 * ((64 + 1) * 8 + 9 * biased + 64)
    assert (parts["layernorm"], parts["final_norm"]) == (4 * 4 * 2 * 64, 2 * 64)
    assert parts["output_embedding"] == 1000 * 64 + 1000
    assert evolve(PLAIN, qk_norm="head").parameters_by_part()["attention"] == 4 * (ATTENTION + 2 * 16)
    assert evolve(PLAIN, norm="layer", norm_bias=False).parameters_by_part()["final_norm"] == 64
    bare = evolve(PLAIN, final_norm=False)
    assert parameters(PLAIN) - parameters(bare) == 64
    assert "final norm" not in {one.name for one in bare.lower(1, 1).head.operators}


@pytest.mark.parametrize(
    ("model", "norms"),
    [
        (PLAIN, ["norm before attention", "norm before mlp"]),
        (PARALLEL, ["norm before attention and mlp"]),
        (
            evolve(PLAIN, norms_per_layer=4),
            ["norm before attention", "norm after attention", "norm before mlp", "norm after mlp"],
        ),
    ],
)
def test_norms_of_a_layer(model, norms):
    """If it fails, the time of norms is that of another model."""
    (layer,) = operators(model)
    assert [one.name for one in layer.values() if one.part == "layernorm"] == norms


@pytest.mark.parametrize("norms", [1, 2])
def test_states_that_attention_and_mlp_share_are_kept_once(norms):
    """If it fails, a layer with both side by side seems to hold the states that they read twice."""
    (layer,) = operators(evolve(PARALLEL, norms_per_layer=norms))
    kept = [
        tensor
        for one in layer.values()
        for tensor in one.inputs
        if tensor.elements == TOKENS * 64 and tensor.split.value == "sequence" and tensor.dropped_from > Recompute.NONE
    ]
    assert len(kept) == norms + 1


WRONG = [
    (PLAIN, {"norms_per_layer": 1}, "norms_per_layer: 1, and without parallel_attn_mlp"),
    (PLAIN, {"norms_per_layer": 3}, "norms_per_layer: 3 is none of 1, 2, 4"),
    (PLAIN, {"qk_norm": "both"}, "qk_norm: 'both' is none of none, head, full"),
    (PLAIN, {"learned_pos_rows": 10}, "learned_pos_rows: 10, and position = rope has no table"),
    (PLAIN, {"full_attention_step": 2}, "full_attention_step: 2, and there is no sliding_window"),
    (PLAIN, {"moe": evolve(MOE, first_dense_layers=4)}, "moe: first_dense_layers = 4"),
    (LATENT, {"head_dim": 16}, "head_dim: 16 is not qk_nope_head_dim"),
    (LATENT, {"kv_heads": 2}, "kv_heads: 2 is not heads = 4"),
    (LATENT, {"qkv_bias": True}, "qkv_bias: True is not part of mla"),
    (LATENT, {"qk_norm": "head"}, "qk_norm: 'head' is not part of mla"),
    (MOE, {"top_k": 9}, "top_k: 9 is more than n_routed_experts = 8"),
    (MOE, {"n_shared_experts": 0, "shared_expert_gate": True}, "shared_expert_gate: True, and n_shared_experts = 0"),
]


@pytest.mark.parametrize(("record", "changes", "message"), WRONG)
def test_contradictions_are_refused(record, changes, message):
    """If it fails, a field that means nothing is passed over in silence, and the count is wrong."""
    with pytest.raises(BadInputError) as caught:
        evolve(record, **changes)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [-1, 1.5, True, "1", None])
def test_a_number_of_layers_or_experts_is_a_count(value):
    """If it fails, half a shared expert is counted."""
    with pytest.raises(BadInputError, match=r"n_shared_experts: .* is not a whole number of at least 0"):
        evolve(MOE, n_shared_experts=value)
