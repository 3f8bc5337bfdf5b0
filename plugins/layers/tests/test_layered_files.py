"""Models of layers in TOML."""

import pytest
from attrs import asdict, evolve, frozen

from llmplan import registry
from llmplan.catalogues import MODELS
from llmplan.catalogues.record_file import read_record
from llmplan.errors import BadInputError
from llmplan.records import LayerKind, Works
from llmplan_layers import (
    CrossAttention,
    DeltaAttention,
    DenseMlp,
    GroupedAttention,
    Layer,
    LayeredModel,
    Mamba1,
    Mamba2,
    Mask,
    MixtureOfExperts,
    SparseIndex,
    SparseMlp,
)
from llmplan_listing.record_text import record_text

HYBRID = """
layers = 6
order = ["2 x linear", "full"]
hidden = 64
vocab = 100
tied_embeddings = true

[kinds.linear]
delta = { key_heads = 2, value_heads = 4, key_dim = 8, value_dim = 16 }
mlp = { ffn_hidden = 96, gated = true }

[kinds.full]
window = 8
attention = { heads = 4, head_dim = 16, rotary = true }
mlp = { ffn_hidden = 96, gated = true }
moe = { n_routed_experts = 8, top_k = 2, moe_ffn_hidden = 48 }
"""


@pytest.fixture(name="write")
def _write(tmp_path):
    """Writes a file."""

    def write(text, name="hybrid"):
        path = tmp_path / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_file_of_two_kinds(write):
    """If it fails, the order, the kinds or a width that follows is misread."""
    model = read_record(write(HYBRID), MODELS)
    mlp = DenseMlp(hidden=64, ffn_hidden=96, gated=True)
    linear = Layer(mixer=DeltaAttention(hidden=64, key_heads=2, value_heads=4, key_dim=8, value_dim=16), mlp=mlp)
    moe = MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=48)
    attention = GroupedAttention(hidden=64, heads=4, kv_heads=4, head_dim=16, rotary=True)
    full = Layer(mixer=attention, mlp=SparseMlp(moe=moe, dense=mlp), window=8)
    wanted = LayeredModel(name="hybrid", hidden=64, vocab=100, tied_embeddings=True, order=(linear, linear, full) * 2)
    assert (model.name, model.layers) == ("hybrid", 6)
    same(model, wanted)


def same(one, other):
    """Whatever is asked of them."""
    assert one.parameters_by_part() == other.parameters_by_part()
    assert one.active_parameters() == other.active_parameters()
    assert one.kv_cache(2, 100).elements == other.kv_cache(2, 100).elements
    ours, theirs = one.lower(2, 32), other.lower(2, 32)
    for mine, its in zip(
        (ours.embedding, *ours.layers, ours.head), (theirs.embedding, *theirs.layers, theirs.head), strict=True
    ):
        assert (mine.count, mine.parameters, mine.leading) == (its.count, its.parameters, its.leading)
        assert [asdict(of) for of in mine.operators] == [asdict(of) for of in its.operators]


MLP = DenseMlp(hidden=64, ffn_hidden=96, gated=False, bias=True)
ATTENTION = GroupedAttention(
    hidden=64, heads=4, kv_heads=2, head_dim=16, index=SparseIndex(heads=2, head_dim=8, top_k=4)
)
EVERY = (
    Layer(mixer=ATTENTION, mlp=MLP, mask=Mask.CHUNKED, window=8),
    Layer(mixer=Mamba1(hidden=64, inner=128, state_size=16, dt_rank=4), norms=1),
    Layer(mixer=Mamba2(hidden=64, heads=8, head_dim=16, state_size=32), norms=1),
    Layer(mlp=MLP, norms=1),
    Layer(mixer=CrossAttention(own=ATTENTION, cross=ATTENTION), mlp=MLP, norms=3, works=Works.ANSWER),
    Layer(mixer=ATTENTION, mlp=MLP, again=True),
)


def test_a_model_is_written_as_it_is_read(write):
    """If it fails, llmplan show --toml prints another model."""
    ends = {"beside": {"vision": 7}, "embedding_width": 16, "position_rows": 5, "head_parameters": 3}
    model = LayeredModel(name="every", hidden=64, vocab=100, order=EVERY, **ends)
    same(read_record(write(record_text(MODELS, model), "every"), MODELS), model)


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        (('"full"]', '"ful"]'), "order: 'ful' is none of linear, full"),
        (('["2 x linear", "full"]', "[]"), "order: names no layer"),
        (("layers = 6", "layers = 0"), "layers: 0 is not a whole number of at least 1"),
        (("window = 8", 'window = "8"'), "kinds.full.window: '8' is not a whole number"),
        (("key_heads = 2", "key_heads = 0"), "key_heads: 0 is not a whole number of at least 1"),
        (("rotary = true", "rotari = true"), "kinds.full.attention.rotari: not a field (did you mean rotary?)"),
        (
            (
                "gated = true }\nmoe",
                "gated = true }\ndelta = { key_heads = 1, value_heads = 1, key_dim = 1, value_dim = 1 }\nmoe",
            ),
            "kinds.full: attention and delta are both given",
        ),
        (("mlp = { ffn_hidden = 96, gated = true }\nmoe", "moe"), "kinds.full: moe: experts are like the mlp"),
        (("window = 8", 'mask = "wide"'), "mask: 'wide' is none of causal, chunked, full"),
    ],
)
def test_what_is_wrong_is_named(write, instead, words):
    """If it fails, a slip in a file of layers is priced, or ends in a traceback."""
    with pytest.raises(BadInputError) as error:
        read_record(write(HYBRID.replace(*instead)), MODELS)
    assert words in str(error.value)


def test_a_model_may_be_like_one_of_layers(write):
    """If it fails, somebody who changes one number of a hybrid model has to write all of it."""
    base = LayeredModel(name="every", hidden=64, vocab=100, order=EVERY)
    wider = read_record(write('like = "every"\nvocab = 200\n', "wider"), MODELS, lambda _: base)
    same(wider, evolve(base, name="wider", vocab=200))


@frozen(kw_only=True, eq=False)
class Averaged(DeltaAttention):
    """A third party's kind of layer."""

    part: str = "averages"


def test_a_third_party_adds_a_kind_of_layer_with_a_class_and_its_key(write, monkeypatch):
    """If it fails, a new kind of layer needs a change of ours."""
    kinds = {**registry().layer_kinds, "running-average": LayerKind(name="running-average", cls=Averaged)}
    monkeypatch.setitem(vars(registry()), "layer_kinds", kinds)
    text = """\
layers = 2
order = ["averaging"]
hidden = 64
vocab = 100
[kinds.averaging]
running_average = { key_heads = 2, value_heads = 4, key_dim = 8, value_dim = 16 }
"""
    model = read_record(write(text, "new"), MODELS)
    assert model.parameters_by_part()["averages"] > 0
    same(read_record(write(record_text(MODELS, model), "new"), MODELS), model)
    monkeypatch.undo()
    with pytest.raises(BadInputError, match=r"running_average: not a field; there are .*delta"):
        read_record(write(text, "new"), MODELS)
