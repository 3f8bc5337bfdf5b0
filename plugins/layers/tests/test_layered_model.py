"""Layers of kinds that a plain transformer has not: what they hold, keep and compute, by hand."""

import pytest
from attrs import evolve

from llmplan.records import Phase, Works
from llmplan.testing import check_model
from llmplan_layers import (
    CrossAttention,
    DeltaAttention,
    DenseMlp,
    GroupedAttention,
    LatentAttention,
    LatentAttentionLayer,
    Layer,
    LayeredModel,
    Mamba1,
    Mamba2,
    Mask,
    MixtureOfExperts,
    SparseIndex,
    SparseMlp,
    Transformer,
)

H = 64
MLP = DenseMlp(hidden=H, ffn_hidden=96, gated=True)
ATTENTION = GroupedAttention(hidden=H, heads=4, kv_heads=2, head_dim=16, rotary=True)
DELTA = DeltaAttention(hidden=H, key_heads=2, value_heads=4, key_dim=8, value_dim=16)
KIMI = DeltaAttention(hidden=H, key_heads=4, value_heads=4, key_dim=8, value_dim=8, channel_decay=True)
MAMBA2 = Mamba2(hidden=H, heads=8, head_dim=16, state_size=32, groups=2)
MAMBA1 = Mamba1(hidden=H, inner=128, state_size=16, dt_rank=4, inner_norms=True)
INDEX = SparseIndex(heads=4, head_dim=8, top_k=32)
LATENT = LatentAttention(q_lora_rank=24, kv_lora_rank=32, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16)
SPARSE = SparseMlp(moe=MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=48, n_shared_experts=1), dense=MLP)
MIXERS = {
    "grouped": ATTENTION,
    "gated": evolve(ATTENTION, output_gate=True, qk_norm="head"),
    "narrow values": evolve(ATTENTION, value_head_dim=8),
    "keys as values": evolve(ATTENTION, keys_are_values=True),
    "keys from before": evolve(ATTENTION, keys_from_before=True, qk_norm="head"),
    "indexed": evolve(ATTENTION, index=INDEX),
    "latent": LatentAttentionLayer(hidden=H, heads=4, mla=LATENT),
    "indexed latent": LatentAttentionLayer(hidden=H, heads=4, mla=LATENT, index=INDEX),
    "delta": DELTA,
    "kimi delta": KIMI,
    "mamba 2": MAMBA2,
    "mamba 1": MAMBA1,
}


def model(*order, **more):
    """A model of these layers."""
    return LayeredModel(name="layered", hidden=H, vocab=100, order=order, **more)


@pytest.mark.parametrize("mixer", MIXERS.values(), ids=MIXERS)
@pytest.mark.parametrize("mlp", [MLP, SPARSE, None], ids=["dense", "experts", "no mlp"])
def test_every_kind_of_layer_keeps_the_contract(mixer, mlp):
    """If it fails, parameters and operators disagree, or a layer cannot be priced by arrays."""
    kinds = [Layer(mixer=mixer, mlp=mlp), Layer(mlp=MLP, norms=1), Layer(mixer=ATTENTION, mlp=MLP, norms=6)]
    check_model(model(*kinds, kinds[0], beside={"vision_encoder": 1234}, position_rows=7, head_parameters=5))


@pytest.mark.parametrize("mask", Mask)
def test_masks_keep_the_contract(mask):
    """If it fails, an encoder or chunks cannot be priced."""
    check_model(model(Layer(mixer=ATTENTION, mlp=MLP, window=8, mask=mask)))


CROSS = CrossAttention(own=ATTENTION, cross=ATTENTION)


def test_an_encoder_and_a_decoder_keep_the_contract():
    """If it fails, models that read before they write cannot be priced."""
    encoder = Layer(mixer=ATTENTION, mlp=MLP, mask=Mask.FULL, works=Works.PROMPT)
    decoder = Layer(mixer=CROSS, mlp=MLP, norms=3, works=Works.ANSWER)
    of = model(encoder, encoder, decoder)
    check_model(of)
    # the encoder keeps nothing; a token is in one of the two caches of the decoder
    assert of.kv_cache(1, 10).elements == 10 * 64
    read, written, both = (
        [[one.name for one in block.operators] for block in of.lower(1, 8, phase=phase).layers]
        for phase in (Phase.PREFILL, Phase.DECODE, Phase.TRAINING)
    )
    assert read == [both[0], ["cross-attention: key and value projection"]]
    assert written == [[], [name for name in both[1] if name not in read[1]]]


def test_layers_that_share_weights_hold_them_once():
    """If it fails, ALBERT has the parameters of BERT, or computes as a model of one layer."""
    layer = Layer(mixer=ATTENTION, mlp=SPARSE)
    shared, apart = model(layer, *[evolve(layer, again=True)] * 3), model(*[layer] * 4)
    check_model(shared)
    assert sum(shared.parameters_by_part().values()) == sum(model(layer).parameters_by_part().values())
    assert shared.lower(1, 8).flops == apart.lower(1, 8).flops
    assert shared.active_parameters() == apart.active_parameters()


def test_tables_narrower_than_the_states():
    """If it fails, factorised embeddings are as large as others: tables 100 x 16, matrices 16 x 64 and back."""
    narrow = model(Layer(mlp=MLP, norms=1), embedding_width=16, tied_embeddings=True)
    check_model(narrow)
    parts = narrow.parameters_by_part()
    assert (parts["input_embedding"], parts["output_embedding"]) == (100 * 16 + 16 * 64, 64 * 16)


PARAMETERS = {
    # Q 64x64, K and V 64x32 each, O 64x64
    "grouped": 4096 + 4096 + 4096,
    # the same, a gate of 64x64, norms of 16 each
    "gated": 3 * 4096 + 4096 + 32,
    # Q 64x64, K 64x32, V 64x16, O 32x64
    "narrow values": 4096 + 2048 + 1024 + 2048,
    "keys as values": 4096 + 2048 + 4096,
    # Q and O, a norm of queries
    "keys from before": 4096 + 4096 + 16,
    # an index with queries 64x32, keys 64x8, weights of heads 64x4, scale and bias of keys
    "indexed": 3 * 4096 + 64 * 32 + 64 * 8 + 64 * 4 + 16,
    # down 64x24 and 64x40, up 24x96 and 32x128, out 64x64, norms 24 and 32; index queries from the latent
    "indexed latent": 1536 + 2560 + 2304 + 4096 + 4096 + 56 + 24 * 32 + 64 * 8 + 64 * 4 + 16,
    # Q and K 16, V 64, gate 64, two numbers for each of 4 heads; out 64x64; convolution 4 x 96; decay, bias, norm
    "delta": 64 * (16 + 16 + 64 + 64 + 8) + 4096 + 4 * 96 + 4 + 4 + 16,
    # Q, K and V 32 each, strengths 4, out 32x64; narrow 64x8 and 8x32 twice; convolution 4 x 96; decay, bias, norm
    "kimi delta": 64 * (96 + 4) + 32 * 64 + 2 * (64 * 8 + 8 * 32) + 4 * 96 + 4 + 32 + 8,
    # in 64 x (128 gate + 128 + 2x2x32 + 8), out 128x64; convolution (4 + 1) x 256; three of each head, a norm
    "mamba 2": 64 * (128 + 256 + 8) + 128 * 64 + 5 * 256 + 24 + 128,
    # in 64x256, out 128x64, 128 x (4 + 32), (4 + 1) x 128; convolution 5 x 128; decays 128x16, skips, norms
    "mamba 1": 64 * 256 + 128 * 64 + 128 * 36 + 5 * 128 + 5 * 128 + 2048 + 128 + 36,
}


@pytest.mark.parametrize("kind", PARAMETERS)
def test_parameters_by_hand(kind):
    """If it fails, a matrix of this mixer is missing or counted twice."""
    assert MIXERS[kind].parameters == PARAMETERS[kind]


CACHE = {
    "grouped": 2 * 32,
    "narrow values": 32 + 16,
    "keys as values": 2 * 32,
    "keys from before": 0,
    "indexed": 2 * 32 + 8,
    "indexed latent": 40 + 8,
    "delta": 0,
    "mamba 2": 0,
}


@pytest.mark.parametrize("kind", CACHE)
def test_cache_by_hand(kind):
    """If it fails, decoding keeps other elements of a token than the model does."""
    of = model(Layer(mixer=MIXERS[kind], mlp=MLP), Layer(mixer=MIXERS[kind], mlp=MLP))
    assert of.kv_cache(3, 10).elements == 2 * 3 * 10 * CACHE[kind]


STATES = {
    # 4 heads of 8x16 in FP32; 3 tokens of 96 channels
    "delta": {"delta rule": (4 * 8 * 16, 32), "short convolution": (3 * 96, None)},
    "kimi delta": {"delta rule": (4 * 8 * 8, 32), "short convolution": (3 * 96, None)},
    "mamba 2": {"state space scan": (8 * 16 * 32, 32), "short convolution": (3 * 256, None)},
    "mamba 1": {"state space scan": (128 * 16, 32), "short convolution": (3 * 128, None)},
}


@pytest.mark.parametrize("kind", STATES)
def test_states_by_hand(kind):
    """If it fails, a recurrent layer keeps other bytes of a sequence than the model does."""
    operators = MIXERS[kind].operators(10.0, None, None)
    states = {of.name: (of.state.elements, of.state.bits) for of in operators if of.state is not None}
    assert states == STATES[kind]


def test_layers_of_different_windows_keep_what_they_look_back_on():
    """If it fails, a window is ignored, or taken for the whole model."""
    short, full = Layer(mixer=ATTENTION, mlp=MLP, window=4), Layer(mixer=ATTENTION, mlp=MLP)
    assert model(short, short, full).kv_cache(1, 100).elements == 64 * (4 + 4 + 100)


def test_an_encoder_computes_twice_what_a_causal_mask_leaves():
    """If it fails, an encoder's attention is that of a decoder."""
    shares = [
        next(
            of.scores.share
            for of in model(Layer(mixer=ATTENTION, mask=mask)).lower(1, 32).layers[0].operators
            if of.scores
        )
        for mask in (Mask.FULL, Mask.CAUSAL)
    ]
    assert shares == [1.0, 0.5]


def test_chunks_see_half_of_each():
    """If it fails, chunked attention is priced as a window, or as the whole square."""
    layer = Layer(mixer=ATTENTION, window=8, mask=Mask.CHUNKED)
    scores = next(of.scores for of in model(layer).lower(1, 64).layers[0].operators if of.scores)
    assert (scores.share, scores.tokens) == (0.5, 8)


def test_an_index_leaves_attention_its_best_keys():
    """If it fails, sparse attention is priced as full, or its index is free."""
    operators = model(Layer(mixer=MIXERS["indexed"])).lower(1, 1024).layers[0].operators
    index, attention = (of for of in operators if of.scores)
    assert index.flops == 1024 * 1024 * 2 * 4 * 8
    assert attention.flops == 2 * 1024 * 32 * 64
    assert (index.scores.cache.elements, attention.scores.cache.elements) == (8, 64)
    assert (index.scores.cache.window, attention.scores.cache.window) == (float("inf"), 32)


def test_a_model_in_fields_is_one_of_layers():
    """If it fails, two ways to write the same model disagree."""
    fields = {"layers": 3, "heads": 4, "kv_heads": 2, "head_dim": 16, "ffn_hidden": 96, "gated_mlp": True}
    one = Transformer(name="t", hidden=H, vocab=100, **fields)
    layer = Layer(mixer=ATTENTION, mlp=MLP)
    other = model(layer, layer, layer)
    assert one.parameters_by_part() == other.parameters_by_part()
    assert one.lower(2, 8).flops == other.lower(2, 8).flops
    assert one.kv_cache(2, 8).elements == other.kv_cache(2, 8).elements


def test_dense_layers_ahead_of_experts_lead():
    """If it fails, pipeline stages are dealt layers in another order than the model's."""
    dense, sparse = Layer(mixer=ATTENTION, mlp=MLP), Layer(mixer=ATTENTION, mlp=SPARSE)
    assert [block.leading for block in model(dense, sparse, sparse).lower(1, 1).layers] == [True, False]
    assert [block.leading for block in model(sparse, dense, sparse).lower(1, 1).layers] == [False, False]


def test_what_stands_beside_is_held_and_not_active():
    """If it fails, an encoder of images takes no memory, or every token passes through it."""
    plain, more = model(Layer(mixer=ATTENTION, mlp=MLP)), model(Layer(mixer=ATTENTION, mlp=MLP), beside={"vision": 777})
    assert sum(more.parameters_by_part().values()) - sum(plain.parameters_by_part().values()) == 777
    assert more.active_parameters() == plain.active_parameters()
    assert more.lower(1, 8).flops == plain.lower(1, 8).flops


@pytest.mark.parametrize("kind", ["indexed", "indexed latent"])
def test_scores_of_an_index_are_a_kernel_of_their_own(kind):
    """If it fails, cost models take the index for a part of the attention that follows it."""
    operators = model(Layer(mixer=MIXERS[kind])).lower(1, 8).layers[0].operators
    place = next(number for number, of in enumerate(operators) if of.name == "index scores")
    assert operators[place + 1].gemm is not None
    assert not operators[place + 1].gemm.joins
