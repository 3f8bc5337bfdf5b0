"""Serving models whose layers keep a state, not a cache."""

import pytest

from llmplan import infer, train
from llmplan.records import Operator
from llmplan.search.infer import plan_inference
from llmplan_layers import DeltaAttention, DenseMlp, GroupedAttention, Layer, LayeredModel
from llmplan_parallelism_megatron.serving.layers import without_shape
from llmplan_parallelism_megatron.serving.rank import Rank

MLP = DenseMlp(hidden=2048, ffn_hidden=6144, gated=True)
DELTA = Layer(mixer=DeltaAttention(hidden=2048, key_heads=16, value_heads=32, key_dim=128, value_dim=128), mlp=MLP)
FULL = Layer(mixer=GroupedAttention(hidden=2048, heads=16, kv_heads=2, head_dim=128), mlp=MLP)
PLAN = {"gpu": "h100-sxm-80gb", "dtype": "bf16", "cost_model": "megatron", "engine": "vllm", "pp": 1, "dp": 1}
STATE_BYTES = 32 * 128 * 128 * 4 + 3 * (2 * 2048 + 4096) * 2
"""Of a layer and sequence: matrices in FP32, and three tokens of all channels in BF16."""


def model(*order):
    """Of these layers."""
    return LayeredModel(name="recurrent", hidden=2048, vocab=50_000, order=order, max_seq_len=131_072)


def served(*order, **options):
    """Answers of 128 tokens by this model."""
    return infer(**{**PLAN, "tp": 1, "batch": 4, "output_tokens": 128, "model": model(*order), **options})


@pytest.mark.parametrize("prompt", [128, 16_384])
def test_a_state_takes_the_same_memory_whatever_the_context(prompt):
    """If it fails, linear attention is charged for a cache, or its state is free."""
    memory = served(DELTA, DELTA, DELTA, prompt_tokens=prompt).memory_breakdown
    assert memory["kv_cache"] == pytest.approx(4 * 3 * STATE_BYTES)


def test_states_and_caches_add_up():
    """If it fails, a hybrid keeps only one of the two."""
    memory = served(DELTA, DELTA, DELTA, FULL, prompt_tokens=896).memory_breakdown
    assert memory["kv_cache"] == pytest.approx(4 * (3 * STATE_BYTES + 1024 * 2 * 2 * 128 * 2))


def test_states_are_divided_over_tensor_parallel_ranks():
    """If it fails, every rank holds the heads of all."""
    one, two = (served(DELTA, tp=tp, prompt_tokens=128).memory_breakdown["kv_cache"] for tp in (1, 2))
    assert two == pytest.approx(one / 2)


def test_a_step_takes_the_same_time_whatever_the_context():
    """If it fails, decoding slows down with contexts that nothing looks back on."""
    short, long = (served(DELTA, DELTA, prompt_tokens=n).decode_seconds_per_token for n in (128, 65_536))
    assert short == pytest.approx(long)


def test_a_step_reads_and_writes_the_state_of_every_sequence():
    """If it fails, a larger batch of recurrent sequences costs no more."""
    few, many = (served(*[DELTA] * 4, prompt_tokens=128, batch=n).decode_breakdown["kv_cache"] for n in (256, 512))
    read = 256 * 4 * 2 * STATE_BYTES / 3.35e12
    assert few + read < many < few + 2 * read


def test_a_hybrid_is_trained():
    """If it fails, training has no time or memory for linear attention."""
    plan = {
        "model": model(DELTA, DELTA, DELTA, FULL),
        "gpu": "h100-sxm-80gb",
        "gpus": 8,
        "tokens": 1e9,
        "seq_len": 4096,
    }
    estimate = train(**plan)
    assert 0.1 < estimate.mfu < 0.8
    assert estimate.model_flops > 0


def test_what_multiplies_no_weights_gains_nothing_by_narrow_ones():
    """If it fails, FP8 weights halve the time of the delta rule, which multiplies states and keys."""
    rank = Rank.of(plan_inference(**PLAN | {"dtype": "fp8", "tp": 1, "model": model(DELTA)}))
    alone, weighing = (
        without_shape(Operator("one", "part", flops=1e12, weights=weights), 1.0, rank.kernels).seconds
        for weights in (0.0, 1.0)
    )
    assert weighing > 1e12 / 1979e12
    assert alone > 1e12 / 989e12 > weighing
