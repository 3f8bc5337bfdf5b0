"""What a token, and what a sequence, leaves behind: by hand, from the configurations."""

from pathlib import Path

import pytest

from llmplan.records import Phase
from llmplan_models_huggingface.architectures import build
from llmplan_models_huggingface.checkpoint import model_of
from llmplan_models_huggingface.config import Config

CONFIGS = Path(__file__).parent / "configs"
KIMI_LINEAR = {
    "model_type": "kimi_linear",
    "hidden_size": 2304,
    "num_hidden_layers": 27,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "intermediate_size": 9216,
    "moe_intermediate_size": 1024,
    "num_experts": 256,
    "num_experts_per_token": 8,
    "num_shared_experts": 1,
    "first_k_dense_replace": 1,
    "vocab_size": 163_840,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "linear_attn_config": {
        "full_attn_layers": [4, 8, 12, 16, 20, 24, 27],
        "head_dim": 128,
        "num_heads": 32,
        "short_conv_kernel_size": 4,
    },
}
GEMMA_3_27B = {
    "model_type": "gemma3_text",
    "hidden_size": 5376,
    "intermediate_size": 21_504,
    "num_hidden_layers": 62,
    "num_attention_heads": 32,
    "num_key_value_heads": 16,
    "head_dim": 128,
    "sliding_window": 1024,
}
QWEN3_NEXT = {
    "model_type": "qwen3_next",
    "hidden_size": 2048,
    "num_hidden_layers": 48,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
    "num_experts": 512,
    "num_experts_per_tok": 10,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512,
    "intermediate_size": 5120,
    "vocab_size": 151_936,
    "full_attention_interval": 4,
}
JAMBA = {
    "model_type": "jamba",
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_experts": 16,
    "num_experts_per_tok": 2,
    "attn_layer_period": 8,
    "attn_layer_offset": 4,
    "expert_layer_period": 2,
    "expert_layer_offset": 1,
    "mamba_d_state": 16,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
    "mamba_dt_rank": 256,
    "vocab_size": 65_536,
}
LONG = 100_000
"""Tokens, more than any window."""


def built(source):
    """From a file, or fields."""
    if isinstance(source, str):
        return model_of(CONFIGS / f"{source}.json", source, assume=False)
    return build(Config("config.json", source, assume=False), "model")


def state_bits(model):
    """Of a sequence, in all layers; what has no width of its own has 16 bits."""
    layers = model.lower(1.0, 1.0, phase=Phase.DECODE).layers
    operators = ((block.count, one.state) for block in layers for one in block.operators)
    return sum(count * state.elements * (state.bits or 16) for count, state in operators if state is not None)


TOKENS = {
    # 16 of 64 layers attend: K and V of 4 heads of 256
    "Qwen--Qwen3.5-27B": (16 * 2 * 4 * 256, 0),
    # 10 of 40: K and V of 2 heads of 256
    "Qwen--Qwen3.5-35B-A3B": (10 * 2 * 2 * 256, 0),
    # 7 of 27 layers: a latent of 512 and a key of 64
    "Kimi-Linear": (7 * (512 + 64), 0),
    # every sixth of 62 layers attends to all: K and V of 16 heads of 128; the other 52 keep 1024 tokens
    "Gemma 3 27B": (10 * 2 * 16 * 128, 52 * 2 * 16 * 128 * 1024),
    # 5 of 30 layers: K and V of 2 heads of 512; 25 keep 1024 tokens of 8 heads of 256
    "google--gemma-4-26B-A4B": (5 * 2 * 2 * 512, 25 * 2 * 8 * 256 * 1024),
    # 61 layers: a latent of 512, a key of 64, an index key of 128
    "deepseek-ai--DeepSeek-V3.2": (61 * (512 + 64 + 128), 0),
    # 21 of 43 layers keep a key of 512 and an index key of 128 of every 4 tokens, 20 a key of every 128; all 128 tokens
    "deepseek-ai--DeepSeek-V4-Flash": (21 * (512 + 128) / 4 + 20 * 512 / 128, 43 * 512 * 128),
    # 24 of 93 layers: a latent of 512 and a key of 64
    "moonshotai--Kimi-K3": (24 * (512 + 64), 0),
    "zai-org--GLM-5": (78 * (512 + 64 + 128), 0),
    # every other of 36 and 24 layers: K and V of 8 heads of 64; the others keep 128 tokens
    "openai--gpt-oss-120b": (18 * 2 * 8 * 64, 18 * 2 * 8 * 64 * 128),
    "openai--gpt-oss-20b": (12 * 2 * 8 * 64, 12 * 2 * 8 * 64 * 128),
    # 10 of 118 layers attend: 8 heads of 128; 6 of 52: 2 heads of 128
    "nvidia--Nemotron-H-56B-Base-8K": (10 * 2 * 8 * 128, 0),
    "nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": (6 * 2 * 2 * 128, 0),
    # 9 of 48 layers: keys of 192, values of 128, of 4 heads; 39 keep 128 tokens of 8 heads
    "XiaomiMiMo--MiMo-V2-Flash": (9 * 4 * (192 + 128), 39 * 8 * (192 + 128) * 128),
    # every fourth of 48 layers: 8 heads of 128; the others keep a chunk of 8192
    "meta-llama--Llama-4-Scout-17B-16E-Instruct": (12 * 2 * 8 * 128, 36 * 2 * 8 * 128 * 8192),
    # 60 layers: 4 heads of 128; 57 with an index key of 128
    "MiniMaxAI--MiniMax-M3": (60 * 2 * 4 * 128 + 57 * 128, 0),
    # 49 of 80 layers attend: 8 heads of 128
    "nvidia--Llama-3_3-Nemotron-Super-49B-v1": (49 * 2 * 8 * 128, 0),
    # a decoder of 24 layers: K and V of 128 heads of 128, of what was read or of what was written
    "T5 11B": (24 * 2 * 128 * 128, 0),
    # 4 of 32 layers: 8 heads of 128
    "Jamba": (4 * 2 * 8 * 128, 0),
}
FIELDS = {"Kimi-Linear": KIMI_LINEAR, "Gemma 3 27B": GEMMA_3_27B, "Jamba": JAMBA, "Qwen3-Next": QWEN3_NEXT}


@pytest.mark.parametrize("name", TOKENS)
def test_cache_of_a_token_by_hand(name):
    """If it fails, serving holds other bytes than the model keeps; full windows add the same for any length."""
    each, windows = TOKENS[name]
    model = built(FIELDS.get(name, name))
    assert model.kv_cache(1, LONG).elements == LONG * each + windows
    assert model.kv_cache(3, LONG + 1).elements == 3 * ((LONG + 1) * each + windows)


STATES = {
    # 48 layers: 48 heads of 128 x 128 in FP32; 3 tokens of 2 x 16 x 128 + 48 x 128 channels in 16 bits
    "Qwen--Qwen3.5-27B": 48 * (48 * 128 * 128 * 32 + 3 * (2 * 16 + 48) * 128 * 16),
    "Qwen--Qwen3.5-35B-A3B": 30 * (32 * 128 * 128 * 32 + 3 * (2 * 16 + 32) * 128 * 16),
    # 20 layers: 32 heads of 128 x 128 in FP32; 3 tokens of queries, keys and values, 3 x 4096
    "Kimi-Linear": 20 * (32 * 128 * 128 * 32 + 3 * 3 * 4096 * 16),
    # 69 layers: 96 heads of 128 x 128 in FP32; 3 tokens of 3 x 12,288 channels in 16 bits
    "moonshotai--Kimi-K3": 69 * (96 * 128 * 128 * 32 + 3 * 3 * 12_288 * 16),
    # 21 layers pool groups of 4 and the one before, values and weights of 512 and of 128 twice each, 20 groups of 128
    "deepseek-ai--DeepSeek-V4-Flash": (21 * 8 * 4 * (512 + 128) + 20 * 128 * 2 * 512) * 32,
    # 54 layers: 256 heads of 64 x 256 in FP32; 3 tokens of 256 x 64 + 2 x 8 x 256 channels
    "nvidia--Nemotron-H-56B-Base-8K": 54 * (256 * 64 * 256 * 32 + 3 * (256 * 64 + 2 * 8 * 256) * 16),
    # 23 layers: 64 heads of 64 x 128; 64 x 64 + 2 x 8 x 128 channels
    "nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": 23 * (64 * 64 * 128 * 32 + 3 * (64 * 64 + 2 * 8 * 128) * 16),
    # 28 layers: 8192 channels of 16; 3 tokens of them
    "Jamba": 28 * (8192 * 16 * 32 + 3 * 8192 * 16),
    "deepseek-ai--DeepSeek-V3.2": 0,
    "Gemma 3 27B": 0,
}


@pytest.mark.parametrize("name", STATES)
def test_state_of_a_sequence_by_hand(name):
    """If it fails, recurrent layers hold other bytes of a sequence than they do."""
    assert state_bits(built(FIELDS.get(name, name))) == STATES[name]


def test_deepseek_v4_flash_by_hand():
    """If it fails, a matrix of DeepSeek V4 is missing: 284 billion parameters, 13 active, as its card says."""
    h, d, q, heads, experts = 4096, 512, 1024, 64, 256
    attention = h * q + q + q * heads * d + h * d + d + heads * d * 1024 + 8 * 1024 * h + heads
    every_4 = h * 4 * d + 4 * 2 * d + d
    index = q * 64 * 128 + h * 64 + h * 4 * 128 + 4 * 2 * 128 + 128
    every_128 = h * 2 * d + 128 * d + d
    mlp = (experts + 1) * 3 * h * 2048 + h * experts
    streams = 2 * (4 * h * 24 + 24 + 3)
    layers = 43 * (attention + mlp + streams + 2 * h) + 40 * experts + 21 * (every_4 + index) + 20 * every_128
    ends = 2 * 129_280 * h + h + 4 * 4 * h + 4 + 1
    model = built("deepseek-ai--DeepSeek-V4-Flash")
    assert sum(model.parameters_by_part().values()) == layers + ends == 284_332_240_471
    assert model.active_parameters() == pytest.approx(13e9, rel=0.07)


def test_deepseek_v4_looks_at_less_than_it_has_read():
    """If it fails, a million tokens are priced as full attention: 128 + 512 keys, and an index over a fourth."""
    model = built("deepseek-ai--DeepSeek-V4-Flash")

    def flops(tokens):
        layer = model.lower(1.0, tokens).layers[1].operators
        scored = sum(one.flops for one in layer if one.name.startswith("index scores"))
        looked = sum(one.flops for one in layer if "QK^T" in one.name or "over V" in one.name)
        return scored / tokens, looked / tokens

    pair = 4 * 64 * 512
    assert flops(1_000_000) == (2 * 64 * 128 * 250_000, pair * (128 + 512))
    assert flops(100) == (2 * 64 * 128 * 25, pair * (100 + 25))


def test_kimi_k3_by_hand():
    """If it fails, a matrix of Kimi K3 is missing: 2.8 trillion parameters, without its tower."""
    h, wide, narrow = 7168, 96 * 128, 3584
    delta = 3 * h * wide + 3 * 4 * wide + h * 128 + 128 * wide + h * wide + h * 96 + 96 + wide + 128 + wide * h
    query = h * 1536 + 1536 + 1536 * 96 * 192
    latent = query + h * 576 + 512 + 512 * 96 * 256 + 2 * wide * h
    experts = 896 * (3 * narrow * 3072 + h + 1) + 2 * 3 * h * 3072 + 2 * h * narrow + narrow
    layers = 69 * delta + 24 * latent + 92 * experts + 3 * h * 33_792 + 93 * 2 * (h + 2 * h)
    model = built("moonshotai--Kimi-K3")
    parts = model.parameters_by_part()
    assert sum(parts.values()) - parts["vision_encoder"] == layers + 2 * 163_840 * h + h + 2 * h
    assert layers == pytest.approx(2.78e12, rel=0.01)


T5_11B = {
    "model_type": "t5",
    "is_encoder_decoder": True,
    "d_model": 1024,
    "d_ff": 65_536,
    "d_kv": 128,
    "num_heads": 128,
    "num_layers": 24,
    "vocab_size": 32_128,
}
WHISPER_LARGE_V2 = {
    "model_type": "whisper",
    "is_encoder_decoder": True,
    "d_model": 1280,
    "encoder_layers": 32,
    "decoder_layers": 32,
    "encoder_attention_heads": 20,
    "decoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "decoder_ffn_dim": 5120,
    "vocab_size": 51_865,
    "max_source_positions": 1500,
    "max_target_positions": 448,
    "num_mel_bins": 80,
}
FIELDS |= {"T5 11B": T5_11B, "Whisper large v2": WHISPER_LARGE_V2}
PARAMETERS = {
    "T5 11B": 11_307_321_344,
    "Whisper large v2": 1_543_304_960,
    "Kimi-Linear": 49_122_681_728,
    "Jamba": 51_570_323_328,
    "Qwen3-Next": 79_674_391_296,
    "Gemma 3 27B": 27_009_346_304,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_of_checkpoints_whose_files_are_not_here(name):
    """If it fails, a matrix of a recurrent layer is missing: totals on the hub, of Gemma without its tower."""
    assert sum(built(FIELDS[name]).parameters_by_part().values()) == PARAMETERS[name]


def test_an_index_bounds_what_attention_looks_at():
    """If it fails, DeepSeek V3.2 is priced as V3: beyond 2048 tokens only the index of 64 heads of 128 grows."""
    model = built("deepseek-ai--DeepSeek-V3.2")

    def flops(tokens):
        return sum(one.flops for one in model.lower(1.0, tokens).layers[0].operators if one.scores) / tokens

    pairs = 128 * (128 + 64)
    assert flops(65_536) == 2 * 64 * 128 * 65_536 + 2 * pairs * 2048
    assert flops(1024) == 2 * 64 * 128 * 1024 + 2 * pairs * 1024
