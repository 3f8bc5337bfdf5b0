"""Shapes, parameter counts, FLOPs and caches of the open model families."""

from math import inf

import pytest

from llmplan import registry
from llmplan.records import Phase
from llmplan.testing import check_plugin
from llmplan_models_open import plugin

BY_NAME = {name: model for name, by, model in registry().models.entries() if by == "llmplan-models-open"}
MODELS = list(BY_NAME.values())

PARAMETERS = {
    "mistral-7b-v0.1": 7_241_732_096,
    "mistral-7b-v0.3": 7_248_023_552,
    "mixtral-8x7b": 46_702_792_704,
    "mixtral-8x22b": 140_620_634_112,
    "qwen2-0.5b": 494_032_768,
    "qwen2-1.5b": 1_543_714_304,
    "qwen2-7b": 7_615_616_512,
    "qwen2-72b": 72_706_203_648,
    "qwen2.5-0.5b": 494_032_768,
    "qwen2.5-1.5b": 1_543_714_304,
    "qwen2.5-3b": 3_085_938_688,
    "qwen2.5-7b": 7_615_616_512,
    "qwen2.5-14b": 14_770_033_664,
    "qwen2.5-32b": 32_763_876_352,
    "qwen2.5-72b": 72_706_203_648,
    "qwen2-57b-a14b": 57_408_658_944,
    "qwen3-0.6b": 596_049_920,
    "qwen3-1.7b": 1_720_574_976,
    "qwen3-4b": 4_022_468_096,
    "qwen3-8b": 8_190_735_360,
    "qwen3-14b": 14_768_307_200,
    "qwen3-32b": 32_762_123_264,
    "qwen3-30b-a3b": 30_532_122_624,
    "qwen3-235b-a22b": 235_093_634_560,
    "qwen3-coder-480b-a35b": 480_154_875_392,
    "deepseek-v2-lite": 15_706_484_224,
    "deepseek-v2": 235_741_434_880,
    "deepseek-v3": 671_026_419_200,
    "deepseek-r1": 671_026_419_200,
    "kimi-k2": 1_026_408_232_448,
    "glm-4.5": 352_797_829_024,
    "glm-4.5-air": 106_852_251_264,
    "gemma-2b": 2_506_172_416,
    "gemma-7b": 8_537_680_896,
    "gemma-2-2b": 2_614_341_888,
    "gemma-2-9b": 9_241_705_984,
    "gemma-2-27b": 27_227_128_320,
    "gemma-3-1b": 999_885_952,
    "gemma-3-4b": 3_880_263_168,
    "gemma-3-12b": 11_766_034_176,
    "gemma-3-27b": 27_009_346_304,
    "phi-2": 2_779_683_840,
    "phi-3-mini-4k": 3_821_079_552,
    "phi-3-medium-4k": 13_960_238_080,
    "phi-4": 14_659_507_200,
    "phi-4-mini": 3_836_021_760,
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
    "gpt-j-6b": 6_050_882_784,
    "gpt-neox-20b": 20_554_567_680,
    "nemotron-4-340b": 341_029_195_776,
    "gpt3-175b": 174_604_259_328,
    "mt-nlg-530b": 529_581_506_560,
    "megatron-22b": 22_074_273_792,
    "megatron-175b": 174_615_846_912,
    "megatron-530b": 529_600_819_200,
    "megatron-1t": 1_008_038_758_400,
    "opt-125m": 125_239_296,
    "opt-1.3b": 1_315_758_080,
    "opt-2.7b": 2_651_596_800,
    "opt-6.7b": 6_658_473_984,
    "opt-13b": 12_853_473_280,
    "opt-30b": 29_974_540_288,
    "opt-66b": 65_719_701_504,
    "opt-175b": 174_604_468_224,
    "bloom-560m": 559_214_592,
    "bloom-1b1": 1_065_314_304,
    "bloom-1b7": 1_722_408_960,
    "bloom-3b": 3_002_557_440,
    "bloom-7b1": 7_069_016_064,
    "bloom-176b": 176_247_271_424,
    "falcon-7b": 6_921_720_704,
    "falcon-40b": 41_303_293_952,
    "falcon-180b": 178_557_088_768,
    "mpt-7b": 6_649_286_656,
    "mpt-30b": 29_957_200_896,
    "gpt-oss-20b": 20_914_757_184,
    "gpt-oss-120b": 116_829_156_672,
    "starcoder2-3b": 3_030_371_328,
    "starcoder2-7b": 7_173_923_840,
    "starcoder2-15b": 15_957_889_024,
    "olmo-2-1b": 1_484_916_736,
    "olmo-2-7b": 7_298_617_344,
    "olmo-2-13b": 13_716_198_400,
    "olmo-2-32b": 32_234_279_936,
}
"""Exact, of the shapes in the published configurations."""

ACTIVE = {
    "mixtral-8x7b": 12_879_925_248,
    "mixtral-8x22b": 39_152_031_744,
    "qwen2-57b-a14b": 14_249_270_784,
    "qwen3-30b-a3b": 3_353_032_704,
    "qwen3-235b-a22b": 22_190_763_520,
    "qwen3-coder-480b-a35b": 35_474_765_312,
    "deepseek-v2-lite": 2_661_150_208,
    "deepseek-v2": 21_375_800_320,
    "deepseek-v3": 37_552_297_472,
    "deepseek-r1": 37_552_297_472,
    "kimi-k2": 32_861_500_928,
    "glm-4.5": 33_632_266_144,
    "glm-4.5-air": 13_424_129_664,
    "gpt-oss-20b": 4_187_440_704,
    "gpt-oss-120b": 5_711_982_912,
}
"""What one token passes through, the whole embedding table included."""


def test_the_table_covers_every_model():
    """A model would be offered whose count nobody has checked."""
    assert BY_NAME.keys() == PARAMETERS.keys()


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_exact(name):
    """A shape would be wrong, and every figure of the model with it."""
    assert sum(BY_NAME[name].parameters_by_part().values()) == PARAMETERS[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_active_parameters_are_exact(name):
    """The FLOPs of a sparse model would be off."""
    assert BY_NAME[name].active_parameters() == ACTIVE.get(name, PARAMETERS[name])
    assert (BY_NAME[name].moe is not None) == (name in ACTIVE)


def test_contract():
    """A file could not be read, or a model would break what llmplan asks of every one."""
    check_plugin(plugin)


@pytest.mark.parametrize("model", MODELS, ids=BY_NAME)
def test_every_number_has_a_source(model):
    """A user could not look up where a shape or a token count comes from."""
    shape = {"layers", "hidden", "heads", "kv_heads", "head_dim", "ffn_hidden", "vocab", "max_seq_len"}
    training = {name for name in ("training_tokens", "training_seq_len") if getattr(model, name)}
    assert shape | training <= model.sources.keys()
    assert all(source.strip() not in {"", "config.json of"} for source in model.sources.values())
    assert model.training_tokens is None or 1e11 <= model.training_tokens <= 1e14


def test_experts_of_mixtral_by_hand():
    """Mixtral would be priced as a dense model of 47B, or decoding as reading all of it."""
    model = BY_NAME["mixtral-8x7b"]
    table, norms = 32_000 * 4096, 65 * 4096
    matrices = ACTIVE["mixtral-8x7b"] - table - norms
    assert model.lower(1, 1).flops == 2 * matrices + 4 * 32 * 4096
    (block,) = model.lower(1, 1).layers
    held = sum(one.weights for one in block.operators)
    read = sum(one.weights if one.weights_read is None else one.weights_read for one in block.operators)
    assert held - read == pytest.approx(6 * 3 * 4096 * 14_336)


def test_latents_of_deepseek_v3_by_hand():
    """Its cache would be seventy times too large, or its 61 layers all sparse."""
    model = BY_NAME["deepseek-v3"]
    cache = model.kv_cache(1, 1000)
    assert (cache.elements, cache.max_ways) == (61 * (512 + 64) * 1000, 1)
    dense, sparse = model.lower(1, 1, phase=Phase.DECODE).layers
    assert (dense.count, sparse.count) == (3, 58)
    norms = 61 * (1536 + 512 + 2 * 7168) + 7168
    matrices = ACTIVE["deepseek-v3"] - 129_280 * 7168 - norms - 58 * 256
    assert model.lower(1, 1, phase=Phase.DECODE).flops == 2 * matrices + 2 * 61 * 128 * (192 + 128)


def test_windows_of_gemma_2_by_hand():
    """Half its layers would look at twice the tokens that they see."""
    model = BY_NAME["gemma-2-9b"]
    windowed, full = model.lower(1, 8192).layers
    assert (windowed.count, full.count) == (21, 21)
    norms = (42 * 4 + 1) * 3584
    matrices = PARAMETERS["gemma-2-9b"] - norms  # the tied table is the output head
    attention = 4 * 16 * 256 * 8192 * 21 * (4096 + 8192)
    assert model.lower(1, 8192).flops == 2 * 8192 * matrices + attention
    assert model.kv_cache(1, 8192).elements == 2 * 8 * 256 * 21 * (4096 + 8192)


@pytest.mark.parametrize(
    ("name", "full"), [("gemma-3-1b", 4), ("gemma-3-27b", 10), ("gpt-oss-120b", 18), ("phi-3-mini-4k", 0)]
)
def test_layers_without_window(name, full):
    """A long context would cost too much or too little."""
    model = BY_NAME[name]
    far, further = (model.kv_cache(1, tokens).elements for tokens in (10_000, 10_001))
    assert further - far == full * 2 * model.kv_heads * model.head_dim


def test_falcon_shares_one_kv_head():
    """The cache of Falcon 7B would be 71 times too large."""
    cache = BY_NAME["falcon-7b"].kv_cache(1, 1)
    assert (cache.elements, cache.max_ways) == (2 * 32 * 64, 1)
    assert all(one.max_ways in {1, 71, inf} for one in BY_NAME["falcon-7b"].lower(1, 1).layers[0].operators)
