"""From fields to shapes, and what is refused."""

import json

import pytest

from llmplan import train
from llmplan.errors import BadInputError
from llmplan_models_huggingface.checkpoint import lookup_name, model_of


def refusal(read, **fields):
    """What reading such a config.json says."""
    with pytest.raises(BadInputError) as error:
        read(**fields)
    message = str(error.value)
    assert message.startswith("model: ")
    return message.partition("config.json: ")[2]


def test_fields_of_llama(read):
    """If it fails, the plainest model of all is misread."""
    model = read()
    assert (model.layers, model.hidden, model.heads, model.kv_heads) == (2, 64, 4, 2)
    assert (model.head_dim, model.ffn_hidden, model.vocab, model.tied_embeddings) == (16, 96, 100, False)


def test_other_words_for_a_field(read):
    """If it fails, a family with words of its own cannot be read."""
    words = {"n_layer": 3, "n_embd": 32, "n_head": 2, "n_positions": 128, "model_type": "gpt2"}
    without = dict.fromkeys(("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads"))
    model = read(**words, **without, intermediate_size=None)
    assert (model.layers, model.hidden, model.heads, model.ffn_hidden, model.max_seq_len) == (3, 32, 2, 128, 128)


def test_an_unknown_type_is_refused_with_its_name(read):
    """If it fails, any architecture is priced as LLaMA."""
    assert refusal(read, model_type="llamma").startswith("model_type: 'llamma' is not known; nearest are llama")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("index_topk", 2048, "index_topk: 2048 is not priced in llama"),
        ("num_local_experts", 8, "num_local_experts: 8 is not priced in llama"),
        ("frobnication_rank", 7, "frobnication_rank: 7 is not known to be a field of llama"),
    ],
)
def test_a_field_that_nobody_reads_is_refused(read, field, value, words):
    """If it fails, a variant of a known family is silently priced as the family."""
    assert refusal(read, **{field: value}).startswith(words)


@pytest.mark.parametrize("field", ["index_topk", "frobnication_rank", "layer_types"])
@pytest.mark.parametrize("value", [None, False, 0, [], ""])
def test_a_field_that_says_nothing_is_no_obstacle(read, field, value):
    """If it fails, configurations that spell out their defaults are refused."""
    assert read(**{field: value}).layers == 2


def test_assume_transformer_says_what_it_assumes(read):
    """If it fails, the user does not learn what an estimate rests on."""
    model = read(assume=True, model_type="strange", frobnication_rank=7)
    assert model.layers == 2
    said = " ".join(model.assumed)
    assert "model_type: 'strange' is not known: a decoder-only transformer like LLaMA is assumed" in said
    assert "left out as unknown: frobnication_rank" in said
    plan = {"gpu": "h100-sxm-80gb", "gpus": 8, "tokens": 1e9, "seq_len": 128}
    assert set(model.assumed) <= set(train(model=model, **plan).plan.assumptions)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"num_hidden_layers": "two"}, "num_hidden_layers: 'two' is not a whole number"),
        ({"num_hidden_layers": 2.5}, "num_hidden_layers: 2.5 is not a whole number"),
        ({"num_hidden_layers": True}, "num_hidden_layers: True is not a whole number"),
        ({"num_hidden_layers": None, "n_layer": "x"}, "n_layer: 'x' is not a whole number"),
        ({"hidden_size": None}, "hidden_size: missing"),
        ({"num_key_value_heads": 3}, "kv_heads: 3 does not divide heads = 4"),
        ({"hidden_size": 66}, "head_dim: missing, and hidden_size 66 is no multiple of 4 heads"),
        ({"model_type": None}, "model_type: missing"),
        ({"model_type": "opt", "word_embed_proj_dim": 32}, "word_embed_proj_dim: 32"),
        ({"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 8}, "use_sliding_window"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(read, fields, words):
    """If it fails, a user cannot tell what is wrong with a configuration."""
    assert words in refusal(read, **fields)


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "line 1"), ("[]", "holds no JSON object"), ("\N{LATIN SMALL LETTER E WITH ACUTE}", "line 1")],
)
def test_a_file_that_is_no_configuration(tmp_path, text, words):
    """If it fails, a broken file ends in a traceback."""
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError, match=words):
        model_of(path, "x", assume=False)


@pytest.mark.parametrize(
    ("name", "looked_up"),
    [("Qwen3-8B", "qwen3-8b"), ("Llama-3.1-8B", "llama-3.1-8b"), ("a_b c", "a-b-c"), ("---", "model")],
)
def test_names_become_those_of_llmplan(name, looked_up):
    """If it fails, a model has a name that no table can hold."""
    assert lookup_name(name) == looked_up


def test_windows_of_every_so_many_layers(read):
    """If it fails, layers that look at all tokens are taken for windows, or the other way round."""
    kinds = ["sliding_attention", "full_attention"] * 2
    given = {"model_type": "olmo3", "num_hidden_layers": 4, "layer_types": kinds, "sliding_window": 8}
    model = read(**given)
    assert (model.sliding_window, model.full_attention_step) == (8, 2)
    # K and V of 2 heads of 16: 8 tokens in two layers, 100 in the others
    assert model.kv_cache(1, 100).elements == 2 * 2 * 16 * (2 * 8 + 2 * 100)


def test_json_is_read_as_written(write):
    """If it fails, the name of a model does not follow from its folder."""
    path = write(folder="My_Model-7B")
    assert json.loads(path.read_text())["hidden_size"] == 64
    assert model_of(path, path.parent.name, assume=False).name == "my-model-7b"
