"""Serving models that read with an encoder and write with a decoder."""

import pytest
from attrs import evolve

from llmplan import infer, train
from llmplan.records import Works
from llmplan_layers import CrossAttention, DenseMlp, GroupedAttention, Layer, LayeredModel, Mask

MLP = DenseMlp(hidden=1024, ffn_hidden=4096, gated=False)
ATTENTION = GroupedAttention(hidden=1024, heads=16, kv_heads=16, head_dim=64)
ENCODER = Layer(mixer=ATTENTION, mlp=MLP, mask=Mask.FULL, works=Works.PROMPT)
DECODER = Layer(mixer=CrossAttention(own=ATTENTION, cross=ATTENTION), mlp=MLP, norms=3, works=Works.ANSWER)
PLAN = {"gpu": "h100-sxm-80gb", "dtype": "bf16", "cost_model": "megatron", "tp": 1, "pp": 1, "dp": 1, "batch": 8}


def model(encoders, decoders):
    """So many layers of each."""
    order = (ENCODER,) * encoders + (DECODER,) * decoders
    return LayeredModel(name="encoder-decoder", hidden=1024, vocab=32_000, order=order)


def served(encoders, decoders, **options):
    """A prompt of 512 tokens, an answer of 128."""
    return infer(model=model(encoders, decoders), **{**PLAN, "prompt_tokens": 512, "output_tokens": 128, **options})


def test_an_encoder_runs_when_the_prompt_is_read_and_never_again():
    """If it fails, each token of an answer pays for the encoder."""
    few, many = served(4, 4), served(24, 4)
    kernels = ("attention", "mlp", "layernorm", "kv_cache")
    assert many.prefill_seconds > 2 * few.prefill_seconds
    for line in kernels:
        assert many.decode_breakdown[line] == pytest.approx(few.decode_breakdown[line])


def test_a_decoder_reads_one_token_of_a_prompt():
    """If it fails, the prompt runs through the decoder too."""
    few, many = served(4, 4), served(4, 8)
    # four layers more: keys and values of the whole prompt, and one token through the rest
    read, written = (many.prefill_breakdown[line] - few.prefill_breakdown[line] for line in ("attention", "mlp"))
    assert written == pytest.approx(many.decode_breakdown["mlp"] - few.decode_breakdown["mlp"])
    projections = 4 * 2 * 8 * 512 * 1024 * 2048 / 989e12
    assert projections < read < 20 * projections


def test_both_caches_are_held_and_looked_at():
    """If it fails, a decoder forgets the prompt, or what it has written: 4 layers, K and V of 1024, 640 tokens of 8."""
    assert served(4, 4).memory_breakdown["kv_cache"] == 8 * 640 * 4 * 2 * 1024 * 2
    short, long = served(4, 4, prompt_tokens=512), served(4, 4, prompt_tokens=32_768)
    assert long.decode_breakdown["kv_cache"] > 5 * short.decode_breakdown["kv_cache"]


def test_it_is_trained():
    """If it fails, an encoder before a decoder cannot be trained."""
    estimate = train(model=model(12, 12), gpu="h100-sxm-80gb", gpus=8, tokens=1e9, seq_len=512)
    more = train(model=model(12, 24), gpu="h100-sxm-80gb", gpus=8, tokens=1e9, seq_len=512)
    assert 0.05 < estimate.mfu < 0.8
    assert more.model_flops > estimate.model_flops


def test_a_decoder_alone_is_the_same_with_shared_weights():
    """If it fails, layers that share weights are read or held as something else."""
    layer = Layer(mixer=ATTENTION, mlp=MLP)
    again = evolve(layer, again=True)
    apart, shared = (
        infer(
            model=LayeredModel(name="shared", hidden=1024, vocab=32_000, order=order),
            **{**PLAN, "prompt_tokens": 128, "output_tokens": 128},
        )
        for order in ((layer,) * 4, (layer, *(again,) * 3))
    )
    assert shared.decode_seconds_per_token == pytest.approx(apart.decode_seconds_per_token)
    assert shared.memory_breakdown["weights"] < apart.memory_breakdown["weights"]
