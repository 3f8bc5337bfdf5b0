"""Embedding, head and layers of a model of kinds, in small numbers by hand."""

import pytest
from attrs import evolve, fields

from llmplan.records import Phase
from llmplan_layers import (
    DeltaAttention,
    DenseMlp,
    GroupedAttention,
    Layer,
    LayeredModel,
    MixtureOfExperts,
    SparseMlp,
    Transformer,
)
from llmplan_layers.residual import BlockResidual

H, V, T = 8, 100, 10
"""Tokens of the pass: two sequences of five."""
WIDE = GroupedAttention(hidden=H, heads=2, kv_heads=2, head_dim=4)
NARROW = GroupedAttention(hidden=H, heads=2, kv_heads=1, head_dim=4)
MLP = DenseMlp(hidden=H, ffn_hidden=6, gated=False)
DENSE = Layer(mixer=WIDE, mlp=MLP)
SPARSE = Layer(
    mixer=NARROW, mlp=SparseMlp(moe=MixtureOfExperts(n_routed_experts=4, top_k=1, moe_ffn_hidden=3), dense=MLP)
)
EXPERTS = 4 * 2 * 8 * 3
LINEAR = Layer(mixer=DeltaAttention(hidden=H, key_heads=1, value_heads=1, key_dim=4, value_dim=4), mlp=MLP)


def model(*order, **more):
    """Of these layers."""
    return LayeredModel(name="small", hidden=H, vocab=V, order=order or (DENSE,), **more)


def ends(given, phase=Phase.TRAINING):
    """By operator of the embedding and of the head: FLOPs, weights, what it reads and what it moves."""
    lowered = given.lower(2, 5, phase=phase)
    return [
        {one.name: (one.flops, one.weights, tuple(read.elements for read in one.inputs), one.moved)
         for one in block.operators}
        for block in (lowered.embedding, lowered.head)
    ]  # fmt: skip


def test_the_ends_of_a_model():
    """A lookup would multiply by its table, logits be of one position, or the loss read them once."""
    embedding, head = ends(model())
    assert embedding == {"token embedding": (0, V * H, (), 2 * T * H)}
    assert head == {
        "final norm": (0, 0, (T * H,), 2 * T * H),
        "output embedding": (2 * T * V * H, V * H, (T * H,), None),
        "loss": (0, 0, (T * V,), 2 * T * V),
    }
    embedding, head = ends(model(embedding_norm=True, final_norm=False))
    assert embedding["embedding norm"] == (0, 0, (T * H,), 2 * T * H)
    assert "final norm" not in head
    lookup = model().lower(2, 5).embedding.operators[0]
    assert lookup.reduced_elements == T * H


def test_tables_that_are_narrower_than_the_model():
    """ALBERT's tables would be as wide as its states, or lead there and back for nothing."""
    narrow = model(embedding_width=3)
    embedding, head = ends(narrow)
    assert embedding["token embedding"] == (0, V * 3, (), 2 * T * H)
    assert embedding["embedding projection"][:2] == (2 * T * 3 * H, 3 * H)
    assert head["head projection"][:2] == (2 * T * 3 * H, 3 * H)
    assert head["output embedding"][:2] == (2 * T * V * 3, V * 3)
    gemm = next(one.gemm for one in narrow.lower(2, 5).head.operators if one.name == "output embedding")
    assert (gemm.m, gemm.n, gemm.k) == (T, V, 3)


@pytest.mark.parametrize(
    ("more", "embedding", "norms", "head"),
    [
        ({}, V * H, 2 * H, V * H),
        ({"tied_embeddings": True}, V * H, 2 * H, 0),
        ({"norm_bias": True}, V * H, 2 * 2 * H, V * H),
        ({"norm_bias": True, "embedding_norm": True}, V * H + 2 * H, 2 * 2 * H, V * H),
        ({"position_rows": 7}, V * H + 7 * H, 2 * H, V * H),
        ({"embedding_width": 3}, V * 3 + 3 * H, 2 * H, V * 3 + 3 * H),
        ({"embedding_width": 3, "position_rows": 7}, (V + 7) * 3 + 3 * H, 2 * H, V * 3 + 3 * H),
        ({"embedding_width": 3, "position_rows": 7, "positions_are_wide": True}, V * 3 + 10 * H, 2 * H, V * 3 + 3 * H),
        ({"lm_head_bias": True, "head_parameters": 5}, V * H, 2 * H, V * H + V + 5),
    ],
)
def test_parameters_by_part(more, embedding, norms, head):
    """A checkpoint would weigh other than its file."""
    given = model(**more)
    final = H * (1 + bool(more.get("norm_bias")))
    assert given.parameters_by_part() == {
        "input_embedding": embedding,
        "attention": WIDE.parameters,
        "mlp": MLP.parameters,
        "layernorm": norms,
        "final_norm": final,
        "output_embedding": head,
    }
    lowered = given.lower(1, 1)
    assert (lowered.embedding.parameters, lowered.head.parameters) == (embedding, head + final)
    assert lowered.head.shared_parameters == (V * H if given.tied_embeddings else 0)


def test_what_text_does_not_pass_through_is_held():
    """An encoder of images would be free, or every token pass through it."""
    seeing = model(beside={"vision_tower": 50})
    assert seeing.parameters_by_part()["vision_tower"] == 50
    assert seeing.active_parameters() == model().active_parameters() == sum(model().parameters_by_part().values())
    embedding = seeing.lower(2, 5).embedding
    assert embedding.parameters == V * H + 50
    assert [(one.name, one.weights, one.flops) for one in embedding.operators][1:] == [("vision tower", 50, 0)]


def test_a_model_generates_unless_said():
    """A decoder would be refused as an encoder is that predicts no token."""
    assert model().generates


def test_the_list_of_layers_is_not_shown():
    """`llmplan show`, which prints the fields with a repr, would list a hundred layers, one like the other."""
    assert not fields(LayeredModel).order.repr


def test_layers_are_counted_by_kind():
    """A stage would hold another kind of layers than lie on it, or experts be counted that a token does not see."""
    mixed = model(DENSE, SPARSE, DENSE, SPARSE, SPARSE)
    assert list(mixed.kinds.values()) == [2, 3]
    dense, sparse = mixed.lower(2, 5).layers
    assert [(block.count, block.leading, block.expert_parameters) for block in (dense, sparse)] == [
        (2, False, 0),
        (3, False, EXPERTS),
    ]
    assert [block.leading for block in model(DENSE, DENSE, SPARSE).lower(2, 5).layers] == [True, False]
    assert [block.leading for block in model(DENSE, DENSE).lower(2, 5).layers] == [False]
    # without experts nothing leads
    assert [block.leading for block in model(DENSE, evolve(DENSE, mixer=NARROW)).lower(2, 5).layers] == [False, False]
    assert sum(mixed.parameters_by_part().values()) - mixed.active_parameters() == 3 * EXPERTS * 3 / 4


def test_a_layer_that_runs_again_holds_nothing_more():
    """Layers that share their weights would be held twice, or those behind them be forgotten."""
    again = evolve(SPARSE, again=True)
    shared = model(SPARSE, again, DENSE)
    assert shared.parameters_by_part() == model(SPARSE, DENSE).parameters_by_part()
    first, second, _ = shared.lower(2, 5).layers
    assert (first.shared_parameters, first.expert_parameters) == (0, EXPERTS)
    assert (second.parameters, second.expert_parameters) == (0, 0)
    assert second.shared_parameters == sum(one.weights for one in first.operators)
    assert shared.active_parameters() > model(SPARSE, DENSE).active_parameters()


def test_residual_blocks_have_parameters_of_their_own():
    """A model would seem smaller by what weighs its residuals."""
    blocks = BlockResidual(hidden=H, blocks=3.0)
    weighing = model(evolve(DENSE, residual=blocks), evolve(DENSE, residual=blocks, norms=1))
    assert weighing.parameters_by_part()["residual"] == 2 * 2 * 2 * H
    assert "residual" not in model().parameters_by_part()


def test_a_cache_is_divided_as_far_as_the_narrowest_of_its_layers():
    """Ranks would divide heads that a layer has not, or keep what none looks back on."""
    cache = model(DENSE, SPARSE, DENSE).kv_cache(3, 7)
    assert cache.elements == 3 * 7 * (2 * 2 * 8 + 2 * 4)
    assert cache.max_ways == 1
    assert model(DENSE).kv_cache(3, 7).max_ways == 2
    hybrid = model(DENSE, LINEAR)
    assert (hybrid.kv_cache(3, 7).elements, hybrid.kv_cache(3, 7).max_ways) == (3 * 7 * 2 * 8, 2)
    assert hybrid.parameters_by_part()["linear_attention"] == LINEAR.mixer.parameters


def test_layers_that_predict_further_tokens():
    """They would run while serving, be like the first layer, or the draft hold the model's tables once more."""
    predicting = model(DENSE, SPARSE, mtp_layers=2)
    training, serving = (predicting.lower(2, 5, phase=phase).layers for phase in (Phase.TRAINING, Phase.DECODE))
    assert (len(training), len(serving)) == (3, 2)
    experts = [one for one in training[-1].operators if one.gemm is not None and one.gemm.routed]
    assert experts
    assert model(SPARSE, DENSE, mtp_layers=2).lower(2, 5).layers[-1].expert_parameters == 0
    assert model().draft is None
    longer = model(DENSE, DENSE, SPARSE, mtp_layers=1)
    assert longer.draft.order == (SPARSE,)
    assert any(one.gemm is not None and one.gemm.routed for one in longer.lower(2, 5).layers[-1].operators)
    draft = predicting.draft
    assert (draft.name, draft.order, draft.mtp_layers, draft.drafts) == ("small-mtp", (SPARSE,), 0, True)
    joining = 2 * H * H + 2 * H
    parts = draft.parameters_by_part()
    assert (parts["input_embedding"], parts["output_embedding"]) == (joining, 0)
    lowered = draft.lower(2, 5)
    assert (lowered.embedding.parameters, lowered.embedding.shared_parameters) == (joining, V * H)
    assert (lowered.head.parameters, lowered.head.shared_parameters) == (H, V * H)


TRANSFORMER = Transformer(
    name="transformer", layers=5, hidden=H, heads=2, kv_heads=2, head_dim=4, ffn_hidden=6, gated_mlp=False, vocab=V
)


def test_positions_are_rotated_or_have_a_table():
    """A model that learns positions would rotate as well, or hold as many as it reads and not as many as it has."""
    turned, learned = TRANSFORMER, evolve(TRANSFORMER, position="learned", max_seq_len=50)
    moved = [given.lower(2, 5).layers[0].operators[1].moved for given in (turned, learned)]
    assert moved == [2 * T * (H + H), None]
    every = (turned, learned, evolve(learned, learned_pos_rows=7), evolve(turned, max_seq_len=50))
    tables = [given.lower(2, 5).embedding.parameters - V * H for given in every]
    assert tables == [0, 50 * H, 7 * H, 0]


@pytest.mark.parametrize(("step", "windows"), [(None, [(5, 3)]), (3, [(4, 3), (1, 5)]), (1, [(5, 5)])])
def test_every_so_many_th_layer_looks_at_all(step, windows):
    """The layer before, or the one behind, would be the one without a window."""
    given = evolve(TRANSFORMER, sliding_window=3, full_attention_step=step)
    found = [
        (block.count, next(one.flops for one in block.operators if one.scores is not None) / (2 * T * H))
        for block in given.lower(2, 5).layers
    ]
    assert found == windows
