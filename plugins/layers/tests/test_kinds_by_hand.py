"""Kinds of layers, operator by operator, in small numbers by hand: FLOPs, weights, what is read, kept and moved."""

import pytest
from attrs import evolve

from llmplan.records import Phase, Split, Tensor, Works
from llmplan.records.model import NEVER_KEPT
from llmplan_layers import (
    CrossAttention,
    DeltaAttention,
    DenseMlp,
    GroupedAttention,
    LatentAttention,
    LatentAttentionLayer,
    Layer,
    Mamba1,
    Mamba2,
    MixtureOfExperts,
    SparseIndex,
    SparseMlp,
)
from llmplan_layers.attention import seen
from llmplan_layers.compressed_attention import CompressedAttention, CompressedIndex
from llmplan_layers.norms import end_matrix, end_norm, norm_operator
from llmplan_layers.residual import BlockResidual, HyperConnections

T = 10
"""Tokens of the pass; matrices do two FLOPs a weight and token."""
LONG = seen(100, 100, None)


def facts(operators):
    """By operator: FLOPs, weights, elements of inputs, elements of its state, elements that it moves beside."""
    return {
        operator.name: (
            operator.flops,
            operator.weights,
            tuple(tensor.elements for tensor in operator.inputs),
            None if operator.state is None else operator.state.elements,
            operator.moved,
        )
        for operator in operators
    }


def matrix(k, n, *read, state=None, moved=None):
    """Of a projection of k x n."""
    return 2 * T * k * n, k * n, read, state, moved


def of(layer, looked=LONG):
    """The facts of a layer over T tokens of width 32."""
    return facts(layer.operators(T, looked, Tensor(T * 32)))


DELTA = DeltaAttention(hidden=32, key_heads=2, value_heads=4, key_dim=8, value_dim=16)
"""Keys 16 wide, values 64, all three 96; a state of 8 x 16 a value head."""


def test_the_gated_delta_rule():
    """A hybrid model's linear layers would compute, keep or move other than Yang et al. 2024 say."""
    rule = T * 4 * (6 * 8 * 16 + 64 * (6 * 8 + 4 * 16))
    moved = T * (96 + 3 * 64 + 2 * 4 * 8 * 16 / 64)  # what goes in, values, gate and output, states of chunks
    assert of(DELTA) == {
        "linear attention projection": matrix(32, 96, T * 32),
        "gate projection": matrix(32, 64 + 2 * 4),
        "short convolution": (2 * 4 * T * 96, 4 * 96, (T * 96,), 3 * 96, 2 * T * 96),
        "delta rule": (rule, 0, (T * 96, T * 64), 4 * 8 * 16, moved),
        "output projection": matrix(64, 32, T * 64, moved=3 * T * 32),
    }
    assert DELTA.parameters == 32 * (96 + 72 + 64) + 4 * 96 + 4 + 4 + 16


def test_a_decay_for_each_channel():
    """Kimi's linear layers would have decays of heads, or one matrix where there are two narrow ones."""
    found = of(evolve(DELTA, channel_decay=True))
    assert found["gate projection"] == matrix(32, 8 + 16 + 4)
    assert found["decay projection"] == matrix(8, 4 * 8)
    assert found["output gate projection"] == matrix(16, 64)
    _, _, read, _, moved = found["delta rule"]
    assert read == (T * 96, T * (64 + 32))
    assert moved == T * (96 + 32 + 3 * 64 + 2 * 4 * 8 * 16 / 64)
    full = of(evolve(DELTA, channel_decay=True, full_gate=True))
    assert full["gate projection"] == matrix(32, 8 + 64 + 4)
    assert "output gate projection" not in full
    # the second matrix of decays, the convolution, a decay a head, a bias a channel, a norm
    further = 8 * 4 * 8 + 4 * 96 + 4 + 4 * 8 + 16
    assert evolve(DELTA, channel_decay=True).parameters == 32 * (96 + 28 + 64) + 16 * 64 + further
    assert evolve(DELTA, channel_decay=True, full_gate=True).parameters == 32 * (96 + 76 + 64) + further


COMPRESSED = CompressedAttention(
    hidden=32, heads=4, head_dim=8, q_rank=16, o_groups=2, o_rank=6, window=20, ratio=4, overlaps=True,
    index=CompressedIndex(heads=2, head_dim=4, top_k=3),
)  # fmt: skip


def test_compressed_attention():
    """DeepSeek-V4's layers would look at more, or fewer, tokens than are left, or compress them for nothing."""
    found = of(COMPRESSED)
    latent, queries, keys = T * 16, T * 32, T * 8
    near = T * 20  # tokens of the window
    far = T * 3  # of compressed ones the best three
    assert found == {
        "index query projection": matrix(16, 8),
        "index weights": matrix(32, 2),
        "compression of index keys": matrix(32, 16, state=4 * 2 * 16, moved=T * (16 + 4 / 4)),
        "index scores": (T * 100 * 2 * 8 / 4, 0, (T * 8, T * 4 / 4), None, None),
        "query down projection": matrix(32, 16, T * 32),
        "key projection": matrix(32, 8),
        "compression of tokens": matrix(32, 32, state=4 * 2 * 32, moved=T * (32 + 8 / 4)),
        "query and key norms": (0, 0, (latent, keys), None, 2 * (latent + keys)),
        "query up projection": matrix(16, 32, latent),
        "QK^T": (2 * near * 32, 0, (queries, keys), None, None),
        "softmax": (0, 0, (near * 4,), None, None),
        "attention over V": (2 * near * 32, 0, (near * 4, keys), None, None),
        "compressed: QK^T": (2 * far * 32, 0, (queries, keys), None, None),
        "compressed: softmax": (0, 0, (far * 4,), None, None),
        "compressed: attention over V": (2 * far * 32, 0, (far * 4, keys), None, None),
        "grouped output projection": matrix(32, 6, queries),
        "output projection": matrix(12, 32, T * 12, moved=3 * T * 32),
    }


def test_what_compressed_attention_holds_and_keeps():
    """A checkpoint would have other parameters than its file, or a sequence another cache."""
    pooled = {width: 32 * 4 * width + 4 * 4 * width // 2 + width for width in (8, 4)}
    queries, output = 32 * 16 + 16 * 32 + 16, 32 * 6 + 2 * 6 * 32
    index = 16 * 8 + 32 * 2 + pooled[4]
    assert COMPRESSED.parameters == queries + 32 * 8 + 8 + output + 4 + pooled[8] + index
    assert COMPRESSED.cached(100) == 8 * 20 + 100 * (8 + 4) / 4
    assert COMPRESSED.cached(10) == 8 * 10 + 10 * (8 + 4) / 4
    alone = evolve(COMPRESSED, ratio=0, index=None)
    assert alone.parameters == queries + 32 * 8 + 8 + output + 4
    assert (alone.cached(100), alone.cached(10)) == (8 * 20, 8 * 10)
    single = evolve(COMPRESSED, overlaps=False, index=None)
    assert single.parameters == alone.parameters + 32 * 2 * 8 + 4 * 2 * 8 // 2 + 8
    assert single.cached(100) == 8 * 20 + 100 * 8 / 4
    assert "compressed: QK^T" not in of(alone)
    # without an index all compressed tokens are looked at
    assert of(single)["compressed: QK^T"][0] == 2 * T * 100 / 4 * 32


def test_caches_of_compressed_attention():
    """A step of decoding would read the window for the compressed tokens, or the other way round."""
    caches = {one.name: one.scores.cache for one in COMPRESSED.operators(T, LONG, Tensor(T * 32)) if one.scores}
    read = {name: (cache.elements, cache.pair_flops, cache.window) for name, cache in caches.items()}
    assert read["QK^T"] == (8, 4 * 32, 20)
    assert read["compressed: QK^T"] == (2, 4 * 32 / 4, 12)
    assert read["index scores"] == (1, 2 * 8 / 4, float("inf"))
    shapes = {one.name: one.scores for one in COMPRESSED.operators(T, LONG, Tensor(T * 32)) if one.scores}
    near, far = shapes["QK^T"], shapes["compressed: QK^T"]
    assert (near.head_dim, far.head_dim, shapes["index scores"].head_dim) == (8, 8, 4)
    # as many keys as a causal kernel would have that looks at so many: all but the first corner of the band
    assert (near.share, near.tokens) == (pytest.approx(0.9), pytest.approx(2 * 0.9 * 20))
    assert (far.share, far.tokens) == (pytest.approx(0.94), pytest.approx(2 * 0.94 * 12 / 4))


def test_state_spaces():
    """Mamba's layers would compute, keep or move other than their papers say."""
    second = Mamba2(hidden=32, heads=4, head_dim=8, state_size=16, groups=2)
    mixed, states = 32 + 2 * 2 * 16, 4 * 8 * 16
    scan = T * (4 * states + 128 * (2 * 2 * 16 + 2 * 32))
    assert of(second) == {
        "state space projection": matrix(32, 32 + mixed + 4, T * 32),
        "short convolution": (2 * 4 * T * mixed, 4 * mixed, (T * mixed,), 3 * mixed, 2 * T * mixed),
        "state space scan": (scan, 0, (T * mixed, T * 32), states, T * (mixed + 4 * 32 + 2 * states / 128)),
        "output projection": matrix(32, 32, T * 32, moved=3 * T * 32),
    }
    assert second.parameters == 32 * (32 + mixed + 4 + 32) + 5 * mixed + 3 * 4 + 32
    assert evolve(second, bias=True).parameters == second.parameters + (32 + mixed + 4) + 32
    alone = Mamba2(hidden=32, heads=4, head_dim=8, state_size=16)  # heads share their matrices unless said
    assert of(alone)["state space projection"] == matrix(32, 32 + (32 + 2 * 16) + 4, T * 32)
    first = Mamba1(hidden=32, inner=64, state_size=16, dt_rank=2)
    narrow = 2 + 2 * 16
    assert of(first) == {
        "state space projection": matrix(32, 128, T * 32),
        "short convolution": (2 * 4 * T * 64, 4 * 64, (T * 64,), 3 * 64, 2 * T * 64),
        "state matrices projection": matrix(64, narrow, T * 64),
        "time step projection": matrix(2, 64),
        "state space scan": (9 * T * 64 * 16, 0, (T * 64, T * 64), 64 * 16, T * (5 * 64 + narrow)),
        "output projection": matrix(64, 32, T * 64, moved=3 * T * 32),
    }
    assert first.parameters == 3 * 32 * 64 + 64 * narrow + 3 * 64 + 5 * 64 + 64 * 16 + 64
    assert evolve(first, bias=True, inner_norms=True).parameters == first.parameters + 128 + 32 + narrow


OWN = GroupedAttention(hidden=32, heads=4, kv_heads=2, head_dim=8)


def test_cross_attention():
    """A decoder would read its prompt's keys at every step, or cache twice what it looks at."""
    layer = CrossAttention(own=OWN, cross=OWN)
    operators = layer.operators(T, LONG, Tensor(T * 32))
    assert layer.parameters == 2 * OWN.parameters == 2 * (32 * 32 + 32 * 2 * 16 + 32 * 32)
    found = {one.name: one for one in operators}
    assert (found["QK^T"].scores.cache.elements, found["QK^T"].scores.cache.pair_flops) == (0, 0)
    looked = found["cross-attention: QK^T"]
    assert looked.flops == 2 * T * 100 * 32
    assert looked.scores.share == 1  # nothing that was read is masked
    assert looked.scores.cache.elements == 2 * 2 * 8
    norm = found["norm before cross-attention"]
    assert ([tensor.elements for tensor in norm.inputs], norm.moved) == ([T * 32], 2 * T * 32)
    assert {tensor.max_ways for tensor in norm.inputs} == {1}
    made = [one for one in operators if one.works is Works.PROMPT]
    assert [one.weights for one in made] == [32 * 2 * 2 * 8]
    assert not made[0].gemm.joins
    states = found["cross-attention: query projection"].inputs
    assert [(tensor.elements, tensor.max_ways) for tensor in states] == [(T * 32, 1)]


@pytest.mark.parametrize("weighs", [True, False])
def test_an_index_of_keys(weighs):
    """Scores of an index would be free, or attention be left with other keys than the best."""
    index = SparseIndex(heads=2, head_dim=4, top_k=8, weighs_heads=weighs)
    narrow = 4 + 2 * weighs
    assert facts(index.operators(T, LONG, 32, 16)) == {
        "index query projection": matrix(16, 8),
        "index key projection": matrix(32, narrow),
        "index scores": (T * 100 * 2 * 8, 0, (T * 8, T * 4), None, None),
    }
    assert index.parameters(32, 16) == 16 * 8 + 32 * narrow + 2 * 4
    left = index.chosen(LONG)
    assert (left.keys, left.share, left.window) == (8, pytest.approx(1 - 4 / 100), 8)
    assert left.at_once == pytest.approx(2 * left.share * 8)
    few = index.chosen(seen(4, 4, None))
    assert (few.keys, few.share) == (4, 0.5)


def test_streams_and_blocks_of_residuals():
    """Several streams would cost no more than one, or blocks be added for nothing."""
    streams = HyperConnections(hidden=32, streams=4)
    matrix_of, mixed = streams.operators(T, "mlp")
    assert (matrix_of.flops, matrix_of.weights) == (2 * T * 128 * 24, 128 * 24)
    assert ([read.elements for read in matrix_of.inputs], matrix_of.max_ways) == ([T * 128], 1)
    assert (mixed.flops, mixed.moved) == (2 * T * 32 * (16 + 8), T * 32 * (2 * 4 + 2))
    assert streams.parameters == 128 * 24 + 24 + 3
    blocks = BlockResidual(hidden=32, blocks=3.0)
    (summed,) = blocks.operators(T, "mlp")
    assert (summed.flops, summed.moved) == (4 * T * 32 * 3, T * 32 * 3 + T * 32)
    assert blocks.parameters == 64


def caches(layer, looked=LONG):
    """By kernel of attention, what decoding reads of a token, its FLOPs for a query and a key, query heads a key."""
    found = [one for one in layer.operators(T, looked, Tensor(T * 32)) if one.scores is not None]
    return {one.name: (one.scores.cache.elements, one.scores.cache.pair_flops, one.scores.cache.heads_per_key)
            for one in found}  # fmt: skip


def test_grouped_attention():
    """Query heads would be as many as keys, or keys be rotated, normed and gated for nothing."""
    plain = of(OWN)
    scores = (T * 100 * 4,)
    assert plain == {
        "query projection": matrix(32, 32, T * 32),
        "key and value projection": matrix(32, 2 * 16),
        "QK^T": (2 * T * 100 * 32, 0, (T * 32, T * 16), None, None),
        "softmax": (0, 0, scores, None, None),
        "attention over V": (2 * T * 100 * 32, 0, (*scores, T * 16), None, None),
        "output projection": matrix(32, 32, T * 32, moved=3 * T * 32),
    }
    assert caches(OWN) == {"QK^T": (16 + 16, 2 * (32 + 32), 2)}
    full = of(evolve(OWN, rotary=True, qk_norm="head", output_gate=True))
    assert full["query projection"] == matrix(32, 2 * 32, T * 32, moved=2 * T * (32 + 16))
    assert full["query and key norms"] == (0, 0, (T * 32, T * 16), None, 2 * T * (32 + 16))
    assert full["output gate"] == (0, 0, (T * 32,), None, 3 * T * 32)
    thin = of(evolve(OWN, value_head_dim=4))
    assert thin["key and value projection"] == matrix(32, 16 + 8)
    assert thin["output projection"] == matrix(16, 32, T * 16, moved=3 * T * 32)
    assert caches(evolve(OWN, value_head_dim=4)) == {"QK^T": (16 + 8, 2 * (32 + 16), 2)}


def test_matrices_that_stand_side_by_side():
    """Adapters would be put beside one matrix where there are two, or messages speak of heads that are none."""

    def made(**changes):
        operators = evolve(OWN, **changes).operators(T, LONG, Tensor(T * 32))
        return {one.name: one for one in operators}.get("key and value projection")

    assert (made().gemm.matrices, made().parts, made().max_ways) == (2, "KV heads", 2)
    assert (made(keys_are_values=True).gemm.matrices, made(keys_are_values=True).weights) == (1, 32 * 16)
    assert (made(kv_heads=4).parts, made(kv_heads=4).max_ways) == ("heads", 4)
    assert made(keys_from_before=True) is None


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, 0),
        ({"qkv_bias": True}, 32 + 16 + 16),
        ({"qkv_bias": True, "key_bias": False}, 32 + 16),
        ({"o_bias": True}, 32),
        ({"qk_norm": "head"}, 8 + 8),
        ({"qk_norm": "full"}, 32 + 16),
        ({"sinks": True}, 4),
        ({"output_gate": True}, 32 * 32),
        ({"keys_from_before": True}, -32 * 32),
        ({"keys_from_before": True, "qk_norm": "head"}, -32 * 32 + 8),
        ({"keys_from_before": True, "qk_norm": "full"}, -32 * 32 + 32),
        ({"keys_are_values": True}, -32 * 16),
    ],
)
def test_parameters_of_grouped_attention(changes, more):
    """A checkpoint would weigh other than its file."""
    assert evolve(OWN, **changes).parameters == 32 * (32 + 2 * 16 + 32) + more


def test_latent_attention():
    """DeepSeek's layers would make keys of other latents, or decode with keys that nobody caches."""
    mla = LatentAttention(q_lora_rank=12, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6)
    layer = LatentAttentionLayer(hidden=32, heads=4, mla=mla, output_gate=True)
    queries, values = T * 4 * 12, T * 4 * 6
    scores = (T * 100 * 4,)
    assert of(layer) == {
        "query down projection": matrix(32, 12, T * 32),
        "key and value down projection": matrix(32, 16 + 4),
        "output gate projection": matrix(32, 4 * 6, moved=3 * T * 4 * 6),
        "query latent norm": (0, 0, (T * 12,), None, 2 * T * 12),
        "query up projection": matrix(12, 4 * 12, T * 12),
        "key and value latent norm": (0, 0, (T * 16,), None, 2 * T * 16),
        "key and value up projection": matrix(16, 4 * (8 + 6), T * 16),
        "QK^T": (2 * T * 100 * 4 * 12, 0, (queries, queries), None, None),
        "softmax": (0, 0, scores, None, None),
        "attention over V": (2 * T * 100 * 4 * 6, 0, (*scores, values), None, None),
        "output projection": matrix(24, 32, values, moved=3 * T * 32),
    }
    # absorbed: a query against latent and key with position, weights times the latent
    assert [one[:2] for one in caches(layer).values()] == [(16 + 4, 2 * 4 * (16 + 4) + 2 * 4 * 16)]
    assert of(evolve(layer, mla=evolve(mla, q_lora_rank=None)))["query projection"] == matrix(32, 4 * 12, T * 32)
    held = 32 * 12 + 12 * 48 + 32 * 20 + 16 * 56 + 24 * 32 + 12 + 16  # matrices down and up, the output's, norms
    assert layer.parameters == held + 24 * 32
    assert evolve(layer, output_gate=False, o_bias=True).parameters == held + 32
    # what reads the states that the queries read is multiplied with them at once
    joined = {one.name for one in layer.operators(T, LONG, Tensor(T * 32)) if one.gemm is not None and one.gemm.joins}
    assert joined == {"key and value down projection", "output gate projection"}


def test_dense_mlps():
    """A gate would be free, or a bias be held twice."""
    gated = DenseMlp(hidden=32, ffn_hidden=24, gated=True)
    found = facts(gated.operators(T, Tensor(T * 32)))
    assert found == {
        "up projection": matrix(32, 48, T * 32),
        "activation function": (0, 0, (T * 24, T * 24), None, 3 * T * 24),
        "down projection": matrix(24, 32, T * 24, moved=3 * T * 32),
    }
    plain = evolve(gated, gated=False)
    assert facts(plain.operators(T, Tensor(T * 32)))["activation function"] == (0, 0, (T * 24,), None, 2 * T * 24)
    assert (gated.parameters, plain.parameters) == (3 * 32 * 24, 2 * 32 * 24)
    assert evolve(gated, bias=True).parameters == gated.parameters + 2 * 24 + 32
    assert evolve(plain, bias=True).parameters == plain.parameters + 24 + 32


def test_experts():
    """A token would be multiplied with all experts, sent to none, or weights be read that no token goes to."""
    moe = MixtureOfExperts(
        n_routed_experts=8, top_k=2, moe_ffn_hidden=6, n_shared_experts=1, latent_hidden=16, shared_expert_gate=True,
        router_bias=True, router_scale=True, latent_norm=True,
    )  # fmt: skip
    mlp = SparseMlp(moe=moe, dense=DenseMlp(hidden=32, ffn_hidden=24, gated=True))
    operators = {one.name: one for one in mlp.operators(T, Tensor(T * 32))}
    found = facts(operators.values())
    copies, expert = T * 2, 3 * 16 * 6
    touched = 8 * (1 - (1 - 2 / 8) ** T)
    assert found["router"] == matrix(32, 8, T * 32)
    assert found["latent down projection"] == matrix(32, 16, T * 32)
    assert found["latent up projection"] == matrix(16, 32, T * 16, moved=3 * T * 32)
    up, down = operators["routed experts: up projection"], operators["routed experts: down projection"]
    assert (up.flops, down.flops) == (2 * copies * 16 * 12, 2 * copies * 16 * 6)
    assert (up.weights, down.weights) == (8 * 16 * 12, 8 * 16 * 6)
    assert (up.weights_read, down.weights_read) == (pytest.approx(touched * 16 * 12), pytest.approx(touched * 16 * 6))
    assert [tensor.elements for tensor in (*up.inputs, *down.inputs)] == [copies * 16, copies * 6]
    assert (operators["router"].max_ways, operators["shared experts: gate"].max_ways) == (1, 1)
    assert [one.moved for one in operators.values() if one.name.startswith("shared")] == [None, 3 * T * 6, None, None]
    assert (up.gemm.m, up.gemm.groups, up.gemm.routed, down.gemm.routed) == (copies / 8, 8, True, True)
    assert (up.moved, up.exchanged, down.moved) == (4 * copies * 16, copies * 16, None)
    summed = operators["sum over experts"]
    assert (summed.moved, summed.exchanged) == (5 * copies * 16, copies * 16)
    assert [tensor.max_ways for tensor in summed.inputs] == [1]  # of each every rank has its part
    # of routed experts, in their narrow width until then, and of shared ones together
    assert (summed.reduced_elements, operators["latent up projection"].reduced_elements) == (None, T * 32)
    assert found["shared experts: up projection"] == matrix(32, 12, T * 32)
    assert operators["shared experts: gate"].flops == 2 * T * 32
    router, latents, shared = (32 + 1) * 8 + 32, 2 * 32 * 16 + 16, 3 * 32 * 6 + 32
    assert mlp.parameters == router + 8 * expert + shared + latents
    assert mlp.active_parameters == router + 2 * expert + shared + latents
    assert mlp.routed_parameters == 8 * expert
    latent = [operators[f"latent {way} projection"] for way in ("down", "up")]
    assert [(one.max_ways, one.moved_split) for one in latent] == [(1, Split.TENSOR), (1, Split.SEQUENCE)]
    assert [evolve(moe, first_dense_layers=1, moe_layer_step=2).has_experts(layer) for layer in range(4)] == [
        *(False, True, False, True),
    ]
    assert [evolve(moe, moe_layer_step=3).has_experts(layer) for layer in range(4)] == [False, False, True, False]


def test_experts_of_which_nothing_more_is_said():
    """Mixtral would have a shared expert, a dense layer, or norms that are in none of its files."""
    plain = MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=6)
    dense = DenseMlp(hidden=32, ffn_hidden=24, gated=True)
    assert (plain.shared_width, plain.has_experts(0)) == (0, True)
    assert SparseMlp(moe=plain, dense=dense).parameters == 32 * 8 + 8 * 3 * 32 * 6
    narrow = SparseMlp(moe=evolve(plain, latent_hidden=16), dense=dense)
    assert narrow.parameters == 32 * 8 + 8 * 3 * 16 * 6 + 2 * 32 * 16


def test_a_layer_of_one_part_or_two():
    """A layer without an MLP would hold, or pass tokens through, parameters that are not there."""
    mlp = DenseMlp(hidden=32, ffn_hidden=24, gated=True)
    streams = HyperConnections(hidden=32, streams=2)
    both, alone, without = Layer(mixer=OWN, mlp=mlp), Layer(mixer=OWN, norms=1), Layer(mlp=mlp, norms=1)
    of_mixer, of_mlp = 32 * (32 + 32 + 32), 3 * 32 * 24
    assert [one.parameters(32) for one in (both, alone, without)] == [
        of_mixer + of_mlp + 64,
        of_mixer + 32,
        of_mlp + 32,
    ]
    assert [one.active_parameters(32) for one in (both, alone, without)] == [
        *(of_mixer + of_mlp + 64, of_mixer + 32, of_mlp + 32),
    ]
    assert [one.routed_parameters for one in (both, alone)] == [0, 0]
    weights = streams.parameters
    assert [evolve(one, residual=streams).residual_parameters for one in (both, alone, without)] == [
        *(2 * weights, weights, weights),
    ]
    assert both.residual_parameters == 0
    assert evolve(both, residual=streams).parameters(32) == of_mixer + of_mlp + 64 + 2 * weights
    assert list(facts(without.operators(32, T, LONG, Phase.TRAINING))) == [
        *("norm before mlp", "up projection", "activation function", "down projection"),
    ]
    assert evolve(both, again=True).parameters(32) == 0


def test_caches_of_a_layer():
    """An encoder would keep a cache that nobody reads, or a window more than it looks back on."""
    layer = Layer(mixer=OWN)
    assert [layer.cached(100), evolve(layer, window=20).cached(100), evolve(layer, window=20).cached(10)] == [
        *(3200, 640, 320),
    ]
    assert [evolve(layer, works=Works.PROMPT).cached(tokens) for tokens in (100, 0)] == [0, 0]
    assert Layer(mixer=Mamba1(hidden=32, inner=64, state_size=16, dt_rank=2)).cached(100) == 0
    assert Layer(mlp=DenseMlp(hidden=32, ffn_hidden=24, gated=True)).cached(100) == 0
    assert Layer(mixer=COMPRESSED).cached(100) == COMPRESSED.cached(100)


def test_what_a_decoder_makes_of_its_prompt():
    """A layer of answers would look at its prompt in proportion to what it generates, or read it not at all."""
    decoder = Layer(mixer=CrossAttention(own=OWN, cross=OWN), works=Works.ANSWER)
    made = decoder.operators(32, T, LONG, Phase.PREFILL)
    assert [(one.weights, one.works) for one in made] == [(32 * 2 * 2 * 8, Works.ALL)]


@pytest.mark.parametrize(("changes", "kept"), [({}, True), ({"parallel": True}, False), ({"norms": 1}, None)])
def test_states_that_mixer_and_mlp_share(changes, kept):
    """What both read would be kept twice for the backward pass, or what only one reads not at all."""
    layer = evolve(Layer(mixer=OWN, mlp=DenseMlp(hidden=32, ffn_hidden=24, gated=True)), **changes)
    norms = {one.name: one for one in layer.operators(32, T, LONG, Phase.TRAINING) if one.part == "layernorm"}
    second = norms.get("norm before mlp")
    assert len(norms) == (1 if kept is None else 2)
    if second is not None:
        assert (second.inputs[0].dropped_from == NEVER_KEPT) is not kept


def test_ends_and_norms():
    """The output head would multiply a part of its table, or norms move other than what they read and write."""
    head = end_matrix("logits", "head", T, (32, 1000))
    assert (head.flops, head.weights, head.max_ways) == (2 * T * 32_000, 32_000, 1)
    assert (head.gemm.m, head.gemm.n, head.gemm.k) == (T, 1000, 32)
    for norm in (norm_operator("norm", T * 32), end_norm("last norm", "head", T * 32)):
        assert ([tensor.elements for tensor in norm.inputs], norm.moved) == ([T * 32], 2 * T * 32)
        assert norm.moved_split is Split.SEQUENCE
