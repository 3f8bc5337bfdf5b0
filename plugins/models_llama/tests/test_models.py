"""Shapes and parameter counts of the LLaMA family."""

import pytest

from llmplan import registry
from llmplan.testing import check_plugin
from llmplan_models_llama import plugin

BY_NAME = {name: model for name, by, model in registry().models.entries() if by == "llmplan-models-llama"}
MODELS = [model for name, model in BY_NAME.items() if not name.endswith("-iso")]

PARAMETERS = {
    "llama-7b": 6_738_415_616,
    "llama-13b": 13_015_864_320,
    "llama-33b": 32_528_943_616,
    "llama-65b": 65_285_660_672,
    "llama-2-7b": 6_738_415_616,
    "llama-2-13b": 13_015_864_320,
    "llama-2-70b": 68_976_648_192,
    "codellama-34b": 33_743_970_304,
    "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496,
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.1-70b": 70_553_706_496,
    "llama-3.1-405b": 405_853_388_800,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
    "llama-3.3-70b": 70_553_706_496,
}
"""Exact, of the published checkpoints."""


def test_the_table_covers_every_model():
    """A model would be offered whose count nobody has checked."""
    assert {model.name for model in MODELS} == PARAMETERS.keys()


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_checkpoint(name):
    """A shape would be wrong, and every figure of the model with it."""
    assert sum(BY_NAME[name].parameters_by_part().values()) == PARAMETERS[name]


@pytest.mark.parametrize(("size", "layers", "hidden"), [("7b", 32, 4096), ("33b", 60, 6656), ("65b", 80, 8192)])
def test_iso_models_are_described_by_their_width_alone(size, layers, hidden):
    """The stand-in of the published tables would not be 12h^2 a layer and one table, and the tables would be missed."""
    iso = BY_NAME[f"llama-{size}-iso"]
    norms = (2 * layers + 1) * hidden
    assert sum(iso.parameters_by_part().values()) == 12 * layers * hidden**2 + 32_000 * hidden + norms
    assert "stand-in" in iso.note


def test_iso_models_stand_in_for_llama_1_only():
    """A stand-in would be offered that no published table uses."""
    iso = {name for name in BY_NAME if name.endswith("-iso")}
    assert iso == {f"llama-{size}-iso" for size in ("7b", "13b", "33b", "65b")}


def test_grouped_query_attention_and_context():
    """A KV cache would be eight times too large, or a context that the model has would be refused."""
    model = BY_NAME["llama-3.1-70b"]
    assert model.kv_cache(1, 1).elements == 2 * 80 * 8 * 128
    assert (model.max_seq_len, model.training_seq_len) == (131_072, 8192)
    assert BY_NAME["llama-3.2-1b"].tied_embeddings


def test_contract():
    """The plugin would break what llmplan asks of every model plugin."""
    check_plugin(plugin)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_number_has_a_source(model):
    """A user could not look up where a shape or a token count comes from."""
    numbers = {"layers", "hidden", "heads", "kv_heads", "head_dim", "ffn_hidden", "gated_mlp", "vocab", "max_seq_len"}
    assert numbers | {"training_tokens", "training_seq_len"} <= model.sources.keys()
