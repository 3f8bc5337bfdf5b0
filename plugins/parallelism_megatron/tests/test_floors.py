"""No range goes below what the printed peaks allow: arithmetic of its own, for plans at random."""

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from llmplan import infer, registry, train
from llmplan.arrays.quantities import total
from llmplan.estimate import Spread
from llmplan_parallelism_megatron.serving.ideal import ideal_seconds

EXACT = 1.0 - 1e-9
MODELS = ("llama-7b", "llama-2-70b", "llama-3-8b", "mistral-7b-v0.1", "mixtral-8x7b")
CHIPS = ("a100-sxm-80gb", "h100-sxm-80gb", "rtx-4090", "l4", "v100-sxm2-32gb", "mi300x-192gb", "tpu-v5e")
ENGINES = ("vllm", "tensorrt-llm-0.5", "autoawq", "llama.cpp", "transformers", "faster-transformer", "exllama")


def dense_parameters(model):
    """Of the layers, outside of routed experts: all of them are read in every pass."""
    layers = registry().models[model].lower(1, 1).layers
    return total(block.count * (block.parameters - block.expert_parameters) for block in layers)


def peak_of(chip):
    """The fastest that it multiplies anything."""
    hardware = registry().gpus[chip]
    return max(hardware.peak_flops.values()) * (hardware.fp16_sum_rate or 1.0)


@settings(max_examples=30, deadline=None)
@given(
    model=st.sampled_from(MODELS), chip=st.sampled_from(CHIPS), engine=st.sampled_from(ENGINES),
    dtype=st.sampled_from(("w16a16e16", "w8a16e16", "w4a16e16")), tp=st.sampled_from((1, 2, 8)),
    pp=st.sampled_from((1, 2)), batch=st.sampled_from((1, 3, 32, 256)), prompt=st.sampled_from((1, 512, 1900)),
)  # fmt: skip
def test_no_answer_comes_before_its_weights_are_read_and_multiplied(model, chip, engine, dtype, tp, pp, batch, prompt):
    """AWQ on two RTX 4090s had a range from 9.3 ms a token, where reading the weights takes 17 ms."""
    estimate = infer(
        model=model, gpu=chip, engine=engine, dtype=dtype, tp=tp, pp=pp, dp=1, batch=batch,
        prompt_tokens=prompt, output_tokens=64, cost_model="megatron",
    )  # fmt: skip
    plan, parameters = estimate.plan, dense_parameters(model)
    reading = parameters * plan.dtype.weight_bits / 8 / tp / plan.hardware.memory_bytes_per_second
    each = 2.0 * parameters / tp / peak_of(chip)
    first, further = estimate.first_token_spread, estimate.next_token_spread
    steps = plan.output_tokens - 1
    least_first, least_further = max(reading, each * batch * prompt / pp), max(reading, each * batch)
    assert estimate.first_token_seconds * first.low >= EXACT * least_first
    assert estimate.next_token_seconds * further.low >= EXACT * least_further
    assert estimate.total_seconds * estimate.total_spread.low >= EXACT * (least_first + steps * least_further)
    rate = estimate.tokens_per_second * estimate.throughput_spread.inverted().high
    assert (
        rate <= batch * plan.output_tokens / (least_first + steps * least_further) * estimate.batches_in_flight / EXACT
    )
    for spread in (first, further):
        assert spread.low <= 1.0 <= spread.high


@settings(max_examples=20, deadline=None)
@given(
    model=st.sampled_from(MODELS), chip=st.sampled_from(("a100-sxm-80gb", "h100-sxm-80gb", "l4", "mi300x-192gb")),
    tp=st.sampled_from((1, 8)), dp=st.sampled_from((1, 16)), micro=st.sampled_from((1, 4)),
    steps=st.sampled_from((1, 16)), length=st.sampled_from((16, 512, 2048)), tuning=st.sampled_from(("full", "lora")),
)  # fmt: skip
def test_no_iteration_ends_before_its_flops_are_done_and_its_weights_are_read(
    model, chip, tp, dp, micro, steps, length, tuning
):
    """A range would promise more than all of the peak."""
    estimate = train(
        model=model, gpu=chip, tp=tp, pp=1, cp=1, dp=dp, micro_batch=micro, gradient_accumulation=steps, seq_len=length,
        tuning=tuning, cost_model="megatron",
    )  # fmt: skip
    plan, parameters = estimate.plan, dense_parameters(model)
    least = estimate.iteration_seconds * estimate.time_spread.low
    passes = 3.0 if tuning == "full" else 2.0
    flops = passes * 2.0 * parameters * micro * steps * dp * length
    assert least >= EXACT * flops / (tp * dp * plan.gemm.peak_flops)
    assert (
        least
        >= EXACT * steps * 2 * parameters / tp * plan.dtype.weight_bits / 8 / plan.hardware.memory_bytes_per_second
    )
    assert estimate.time_spread.low <= 1.0
    assert estimate.time_spread.upper(0.9) == estimate.spreads(plan)[0].upper(0.9)


def test_the_least_of_a_decode_step_is_its_weights_and_its_cache_at_the_printed_bandwidth():
    """By hand: Llama 2 70B in 4 bits and a half on two RTX 4090s, one sequence of 64 + 64 tokens."""
    estimate = infer(
        model="llama-2-70b",
        gpu="rtx-4090",
        tp=2,
        dtype="w4a16e16",
        engine="autoawq",
        prompt_tokens=64,
        output_tokens=64,
    )
    plan = estimate.plan
    weights = (
        80 * (2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672) * (plan.dtype.weight_bits + plan.dtype.scale_bits) / 8
    )
    head = 8192 * 32000 * 2
    cache = 80 * 2 * 1024 * 2 * (64 + 63 / 2 + 0.5 + 0.5)
    by_hand = (weights + head + cache) / 2 / 1.008e12
    assert ideal_seconds(plan)[1] == pytest.approx(by_hand, rel=1e-3)


def test_an_array_of_plans_has_the_floor_of_each():
    """The ranges of a search's arrays would end where no plan of theirs does."""
    wide = Spread(low=0.01, high=2.0, rows=9, extrapolated=False)
    plan = train(model="llama-7b", gpu="h100-sxm-80gb", gpus=8, tp=1, pp=1, dp=8, seq_len=512, micro_batch=1).plan

    def low(micro):
        estimate = registry().cost_models["megatron"].train(evolve(plan, micro_batch=micro))
        return evolve(estimate, spreads=lambda _: (wide, wide)).time_spread.low

    micro = (1, 8, 64)
    alone = [low(one) for one in micro]
    assert np.broadcast_to(low(np.array(micro, dtype=float)), len(micro)).tolist() == pytest.approx(alone, rel=1e-12)
    assert 0.01 < alone[0] < alone[1] < alone[2]


def test_layouts_of_servers_in_arrays_have_the_least_of_each():
    """The same of servers, whose layouts are arrays."""
    plan = infer(model="mixtral-8x7b", gpu="h100-sxm-80gb", tp=2, batch=4).plan
    tps = (1, 2, 8)
    tp = np.array(tps, dtype=float)
    many = ideal_seconds(evolve(plan, layout=evolve(plan.layout, tp=tp, gpus=tp)))
    for place, one in enumerate(tps):
        alone = ideal_seconds(evolve(plan, layout=evolve(plan.layout, tp=one, gpus=one)))
        for which in (0, 1):
            assert np.broadcast_to(many[which], len(tps))[place] == pytest.approx(alone[which], rel=1e-12)
