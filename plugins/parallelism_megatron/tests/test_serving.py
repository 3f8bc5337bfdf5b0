"""Inference under megatron: figures worked out by hand, limits, and laws that any figure keeps."""

from math import log, sqrt

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st
from megatron_plans import FP8, FP16, GPU, GROUPED, LATENT, MODELS, PLAIN, SPARSE, flat
from serving_plans import BUSY, ENGINES, IDEAL, KERNELS, OLD, SERVING, serving

from llmplan.records import GemmCurve, Step
from llmplan_parallelism_megatron.model import Megatron
from llmplan_parallelism_megatron.serving.extent import Extent, of_decoding
from llmplan_parallelism_megatron.serving.passes import forward
from llmplan_parallelism_megatron.serving.rank import Rank

MEGATRON = Megatron()
FLAT = flat()
"""All that kernels reach is a fraction, 1: no launches, no shapes."""
WINDOWED = evolve(GROUPED, name="windowed", sliding_window=100, full_attention_step=2)


# By hand


def test_a_token_reads_all_weights_of_layers_and_head_and_the_cache():
    """If it fails, decoding one sequence takes another time than its bytes over the bandwidth.

    A layer of plain holds 4 x 512 x 512 + 2 x 512 x 2048 weights; 8 layers and a head of 512 x 4000; K and V of 64 to
    127 tokens, 95.5 or 96 of them on average, itself included.
    """
    plan = serving(PLAIN, curves=FLAT)
    lines = MEGATRON.infer(plan).decode_breakdown
    weights = 8 * (4 * 512**2 + 2 * 512 * 2048)
    cache = 8 * 2 * 512 * (65 + 127) / 2
    assert lines["kv_cache"] == pytest.approx(2 * cache / 2e12)
    operands = 8 * (4 * 512 + 2 * 512 + 2 * (512 + 2048))  # inputs and outputs of four multiplications
    moved = 8 * (2 * 2048 + 2 * 2 * 512 + 2 * 2 * 512)  # activation function, residuals inside norms, rotations
    assert lines["attention"] + lines["mlp"] == pytest.approx(2 * (weights + operands + moved) / 2e12)


def test_a_token_is_sampled_from_logits_in_32_bits():
    """If it fails, the head reads its weights, but sampling comes for free or at half its bytes.

    512 x 4000 weights, their input and output, a norm that reads and writes 512 elements; 4,000 logits read, as many
    probabilities written.
    """
    head = MEGATRON.infer(serving(PLAIN, curves=FLAT)).decode_breakdown["output_embedding_loss"]
    moved = 2 * (512 * 4000 + 512 + 4000 + 2 * 512) + 4 * 2 * 4000
    assert head == pytest.approx(moved / 2e12, rel=1e-12)


def test_a_large_prompt_takes_its_flops():
    """If it fails, prefill takes another time than its multiplications, causal attention and logits of one position."""
    tokens = 100_000
    plan = serving(PLAIN, curves=FLAT, prompt_tokens=tokens, output_tokens=1)
    bounds = MEGATRON.infer(plan).prefill_bounds
    multiplied = 2 * tokens * 8 * (4 * 512**2 + 2 * 512 * 2048)
    attention = 8 * 4 * 512 * tokens * (tokens + 1) / 2
    assert bounds["compute"] == pytest.approx((multiplied + attention) / 1e14, rel=1e-3)


def test_the_ridge_is_where_decoding_turns_compute_bound():
    """If it fails, the batch that is said to use the GPU fully is not the one at which FLOPs take as long as bytes.

    b = 16 bits x 1e14 FLOP/s / (16 x 2e12 bytes/s) = 50, a little more for activations that are moved as well.
    """
    plan = serving(PLAIN, curves=FLAT, output_tokens=2, prompt_tokens=1)
    crossing = MEGATRON.infer(plan).compute_bound_batch
    assert 50 <= crossing <= 60
    bound = [MEGATRON.infer(evolve(plan, batch=batch)).decode_bottleneck.resource for batch in (1, 16 * crossing)]
    assert bound == ["weights", "compute"]


def test_an_answer_of_one_token_needs_no_decoding():
    """If it fails, prompts that are only scored are charged for a step that nobody makes."""
    estimate = MEGATRON.infer(serving(output_tokens=1))
    assert estimate.total_seconds == estimate.first_token_seconds


# Which tokens are looked at


@given(st.integers(0, 200), st.integers(1, 300), st.sampled_from([1, 37, 128, 1000, float("inf")]))
def test_keys_are_those_that_a_loop_counts(start, length, window):
    """If it fails, attention over a window, or over a chunk, is charged for keys that the mask hides."""
    looked_at = [min(position, window) for position in range(start + 1, start + length + 1)]
    assert Extent(1, start, start + length, length).keys(window) == pytest.approx(sum(looked_at) / length)


@pytest.mark.parametrize("model", [PLAIN, GROUPED, SPARSE, LATENT, WINDOWED], ids=lambda model: model.name)
@pytest.mark.parametrize("half_bytes", [0.0, 2e6])
def test_the_mean_step_stands_for_the_sum_over_all_steps(model, half_bytes):
    """If it fails, decoding does not read the cache at its real length: exact without a ramp, to 0.2 % with one."""
    curve = evolve(SERVING.decode, half_bytes=half_bytes)
    plan = serving(model, evolve(KERNELS, serving=evolve(SERVING, decode=curve)), output_tokens=300, batch=4)
    rank = Rank.of(plan)
    summed = sum(
        forward(rank, of_decoding(4.0, 64.0 + step, 2.0)).whole.seconds for step in range(plan.output_tokens - 1)
    )
    mean = forward(rank, of_decoding(4.0, 64.0, 300.0)).whole.seconds
    assert (plan.output_tokens - 1) * mean == pytest.approx(summed, rel=1e-9 if half_bytes == 0 else 2e-3)


# Laws


@pytest.mark.parametrize("model", [*MODELS, WINDOWED], ids=lambda model: model.name)
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_arrays_give_what_numbers_give(model, engine):
    """If it fails, a table over batches shows other figures than the plans one by one."""
    columns = {"batch": [1, 7, 64, 300], "prompt_tokens": [1, 100, 2048, 33], "output_tokens": [1, 5, 64, 1000]}
    together = MEGATRON.infer(
        serving(model, engine=engine, **{name: np.array(of, float) for name, of in columns.items()})
    )
    for row in range(4):
        alone = MEGATRON.infer(serving(model, engine=engine, **{name: of[row] for name, of in columns.items()}))
        for name in ("prefill_breakdown", "decode_breakdown", "memory_breakdown"):
            many, one = getattr(together, name), getattr(alone, name)
            assert {line: np.broadcast_to(value, 4)[row] for line, value in many.items()} == one
        assert np.broadcast_to(together.max_batch_size, 4)[row] == alone.max_batch_size


@given(
    st.sampled_from(MODELS), st.integers(1, 4096), st.integers(1, 4000), st.integers(2, 500), st.sampled_from([1, 2, 4])
)
@settings(max_examples=60, deadline=None)
def test_no_speed_is_beyond_the_bandwidth(model, batch, prompt, output, tp):
    """If it fails, tokens come faster than the weights that every step needs, and the cache, can be read."""
    plan = serving(model, batch=batch, prompt_tokens=prompt, output_tokens=output, tp=tp)
    estimate = MEGATRON.infer(plan)
    read = estimate.memory_breakdown["kv_cache"] * prompt / (prompt + output + 16)
    assert estimate.next_token_seconds >= read / plan.hardware.memory_bytes_per_second
    one_expert = 2.0 * min(block.parameters - block.expert_parameters for block in model.lower(1, 1).layers) / tp
    assert estimate.next_token_seconds >= model.layers * one_expert / plan.hardware.memory_bytes_per_second


@given(st.sampled_from(MODELS), st.integers(1, 500), st.sampled_from(ENGINES))
@settings(max_examples=40, deadline=None)
def test_more_work_takes_longer_and_is_done_faster_together(model, batch, engine):
    """If it fails, a larger batch answers sooner, or serves fewer tokens a second."""
    small, large = (MEGATRON.infer(serving(model, batch=size, engine=engine)) for size in (batch, 2 * batch))
    assert small.first_token_seconds <= large.first_token_seconds
    assert small.next_token_seconds <= large.next_token_seconds
    assert small.tokens_per_second <= large.tokens_per_second * (1 + 1e-9)


def test_breakdown_and_bounds_are_the_same_seconds():
    """If it fails, what a phase is said to wait for does not add up to the time that it takes."""
    for model in MODELS:
        for engine in ENGINES:
            estimate = MEGATRON.infer(serving(model, engine=engine, tp=2, pp=2, batch=8))
            assert sum(estimate.prefill_bounds.values()) == pytest.approx(estimate.prefill_seconds)
            assert sum(estimate.decode_bounds.values()) == pytest.approx(estimate.decode_seconds_per_token)


# Parallelism


def test_kv_heads_are_copied_beyond_their_number():
    """If it fails, tp beyond the KV heads seems to shrink their cache for ever."""
    two, four = (MEGATRON.infer(serving(tp=tp)).memory_breakdown["kv_cache"] for tp in (2, 4))
    assert two == four


def test_a_pipeline_answers_no_sooner_and_serves_more():
    """If it fails, stages save a user time that they do not, or the batches in flight are not counted."""
    one, four = (MEGATRON.infer(serving(pp=pp, batch=64, prompt_tokens=512)) for pp in (1, 4))
    assert four.next_token_seconds > one.next_token_seconds
    assert one.tokens_per_second < four.tokens_per_second < 4 * one.tokens_per_second
    assert four.memory_breakdown["kv_cache"] == one.memory_breakdown["kv_cache"]


def test_decoding_reads_the_experts_that_a_batch_touches():
    """If it fails, one token is charged for all experts, or a large batch for the few that one token needs."""
    few, many = (MEGATRON.infer(serving(SPARSE, FLAT, batch=batch)).decode_bounds["weights"] for batch in (1, 16))
    layers, expert = 7, 2 * 3 * 512 * 512 / 2e12
    touched = 8 * (1 - (1 - 2 / 8) ** 16)
    assert many - few == pytest.approx(layers * (touched - 2) * expert, rel=1e-6)


def test_shared_experts_are_touched_by_the_tokens_of_all_replicas():
    """If it fails, ranks that hold an eighth of the experts seem to read an eighth of what one sequence touches."""
    alone = MEGATRON.infer(serving(SPARSE, FLAT, batch=8)).decode_bounds["weights"]
    shared = MEGATRON.infer(serving(SPARSE, FLAT, batch=1, dp=8, ep=8)).decode_bounds["weights"]
    dense = MEGATRON.infer(serving(GROUPED, FLAT, batch=1)).decode_bounds["weights"]
    assert alone > shared
    touched, on_the_busiest = (1 - (1 - 2 / 8) ** (8 * more) for more in (1, 1 + sqrt(2 * log(8) / 2)))
    of_an_expert = 7 * 2 * 3 * 512 * 512 / 2e12
    assert alone - shared == pytest.approx(of_an_expert * (8 * touched - on_the_busiest), rel=1e-6)
    assert dense < alone


def test_experts_over_tensor_parallel_ranks_weigh_as_much_and_are_wider():
    """If it fails, expert parallelism beyond dp changes what a rank holds, or moves nothing but names."""
    divided, whole = (MEGATRON.infer(serving(SPARSE, tp=8, ep=ep, batch=64)) for ep in (1, 8))
    assert divided.memory_breakdown["weights"] == whole.memory_breakdown["weights"]
    assert whole.prefill_breakdown["mlp"] < divided.prefill_breakdown["mlp"]


def test_small_sums_take_the_engines_own_kernels():
    """If it fails, decoding under tensor parallelism pays the library's latency, or large sums lose its speed."""
    own, library = (
        MEGATRON.infer(serving(tp=4, engine=evolve(IDEAL, custom_all_reduce=own), prompt_tokens=4000))
        for own in (True, False)
    )
    assert own.decode_breakdown["tp_comm"] < library.decode_breakdown["tp_comm"]
    assert own.prefill_breakdown["tp_comm"] <= library.prefill_breakdown["tp_comm"]


# Dtypes


def test_narrow_weights_save_bytes_and_cost_their_widening():
    """If it fails, four-bit weights are free to widen, or their scales weigh nothing."""
    four = evolve(FP16, name="four", weight_bits=4, scale_bits=0.25)
    curves = evolve(FLAT, serving=SERVING)
    wide, narrow = (MEGATRON.infer(serving(curves=curves, dtype=dtype)) for dtype in (FP16, four))
    assert narrow.decode_bounds["weights"] < wide.decode_bounds["weights"]
    assert narrow.decode_bounds["launch"] - wide.decode_bounds["launch"] == pytest.approx(8 * 4 * 4e-6)
    layers = wide.memory_breakdown["weights"] - 2 * 2 * 4000 * 512 - 2 * 512
    saved = wide.memory_breakdown["weights"] - narrow.memory_breakdown["weights"]
    assert saved == pytest.approx(layers * (1 - 4.25 / 16), rel=1e-3)


def test_experts_can_be_narrower_than_the_rest():
    """If it fails, a model of which experts alone are quantised is held or read at one width."""
    some = evolve(FP16, name="experts", expert_bits=4)
    wide, narrow = (MEGATRON.infer(serving(SPARSE, FLAT, dtype=dtype)) for dtype in (FP16, some))
    experts = 7 * 8 * 3 * 512 * 512
    saved = wide.memory_breakdown["weights"] - narrow.memory_breakdown["weights"]
    assert saved == pytest.approx(experts * 1.5)


def test_quantisation_inside_other_kernels_costs_no_launch_of_its_own():
    """If it fails, an engine that fuses quantisation pays for it as one that does not."""
    fused, apart = (
        MEGATRON.infer(serving(dtype=FP8, engine=evolve(IDEAL, fuses_quantisation=fused), batch=16))
        for fused in (True, False)
    )
    assert apart.decode_bounds["launch"] - fused.decode_bounds["launch"] == pytest.approx(8 * 4 * 2e-6)


def test_bits_of_the_cache_are_its_own():
    """If it fails, --kv-bits changes nothing, or the cache follows the activations."""
    wide, narrow = (MEGATRON.infer(serving(kv_bits=bits, batch=64, prompt_tokens=4000)) for bits in (16, 8))
    assert narrow.memory_breakdown["kv_cache"] == wide.memory_breakdown["kv_cache"] / 2
    assert narrow.decode_bounds["kv_cache"] < 0.6 * wide.decode_bounds["kv_cache"]


# Engines


@pytest.mark.parametrize(
    ("worse", "phase"),
    [
        ({"gemm_rate": 0.5}, "prefill"),
        ({"memory_rate": 0.5}, "decode"),
        ({"launch_share": 2.0}, "decode"),
        ({"elementwise_traffic": 3.0}, "prefill"),
        ({"launch_seconds_per_layer": 1e-4}, "prefill"),
        ({"host_seconds_per_step": 1e-3}, "decode"),
        ({"host_seconds_per_sequence": 1e-5}, "decode"),
        ({"rank_wait_seconds": 1e-5}, "decode"),
        ({"fuses_residual": False}, "decode"),
        ({"attention": "unfused"}, "prefill"),
        ({"grouped_heads": 1}, "decode"),
        ({"cache_token_cycles": 1400.0}, "decode"),
    ],
    ids=str,
)
def test_every_cost_of_an_engine_is_felt(worse, phase):
    """If it fails, a field of the profile is read and does nothing."""
    plan = serving(tp=2, batch=32, prompt_tokens=2000)
    ideal, engine = (MEGATRON.infer(evolve(plan, engine=of)) for of in (IDEAL, evolve(IDEAL, **worse)))
    slower = {name: sum(getattr(engine, f"{name}_breakdown").values()) for name in ("prefill", "decode")}
    assert slower[phase] > sum(getattr(ideal, f"{phase}_breakdown").values())


def test_without_graphs_decoding_is_launched_kernel_by_kernel():
    """If it fails, --no-cuda-graphs changes nothing."""
    captured, apart = (MEGATRON.infer(serving(engine=BUSY, cuda_graphs=graphs)) for graphs in (True, False))
    gaps = apart.next_token_seconds - captured.next_token_seconds
    assert gaps == pytest.approx(8 * BUSY.launch_seconds_per_layer)
    assert apart.first_token_seconds == captured.first_token_seconds


def test_prompts_beyond_a_step_are_read_in_parts():
    """If it fails, an engine that reads 512 tokens at once reads weights as often as one that reads all."""
    parts, whole = (
        MEGATRON.infer(serving(PLAIN, FLAT, prompt_tokens=2048, engine=evolve(IDEAL, step_tokens=tokens)))
        for tokens in (512, 2048)
    )
    assert parts.prefill_seconds > whole.prefill_seconds
    assert parts.prefill_breakdown["layernorm"] == pytest.approx(whole.prefill_breakdown["layernorm"])


# Memory


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("sizes", [{}, {"tp": 2}, {"pp": 2}])
def test_the_largest_batch_fits_and_one_more_does_not(engine, sizes):
    """If it fails, --max-batch names a batch that does not fit, or leaves room unused."""
    plan = evolve(serving(engine=engine, **sizes), hardware=evolve(serving().hardware, memory_bytes=4e9))
    most = int(MEGATRON.infer(plan).max_batch_size)
    assert most > 1
    assert MEGATRON.infer(evolve(plan, batch=most)).feasible
    assert not MEGATRON.infer(evolve(plan, batch=most + 2)).feasible


@pytest.mark.parametrize("model", [GROUPED, WINDOWED], ids=lambda model: model.name)
def test_the_longest_context_fits_and_a_longer_one_does_not(model):
    """If it fails, --max-context names prompts that do not fit, or leaves room unused."""
    small = evolve(serving().hardware, memory_bytes=1.2e9)
    plan = evolve(serving(model, batch=16, engine=IDEAL), hardware=small)
    most = MEGATRON.infer(plan).max_context
    fits = [
        MEGATRON.infer(evolve(plan, prompt_tokens=tokens - plan.output_tokens)).feasible for tokens in (most, most + 1)
    ]
    assert fits == [True, False]


def test_caches_take_whole_pages():
    """If it fails, paging costs nothing, or a page more than the last."""
    one, page, more = (
        MEGATRON.infer(serving(prompt_tokens=tokens, output_tokens=1)).memory_breakdown["kv_cache"]
        for tokens in (1, 15, 16)
    )
    assert one == page == more / 2


# Steps of a server


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("model", [GROUPED, LATENT], ids=lambda model: model.name)
def test_steps_of_a_server_are_those_of_a_batch(model, engine):
    """If it fails, a server under load and a static batch are priced by two different models."""
    plan = serving(model, engine=evolve(engine, step_tokens=100_000, host_seconds_per_sequence=0.0), prompt_tokens=100)
    steps, estimate = MEGATRON.serving(plan), MEGATRON.infer(plan)
    prompt = Step(prompt_tokens=100, prompt_context=50.5, prompts=1)
    assert steps.step_seconds(prompt) == pytest.approx(estimate.first_token_seconds)
    context = (101 + 163) / 2
    assert steps.step_seconds(Step(sequences=1, context=context)) == pytest.approx(estimate.next_token_seconds)


def test_a_mixed_step_takes_less_than_both_and_more_than_either():
    """If it fails, prompts that fill steps beside what decodes cost nothing, or gain nothing."""
    steps = MEGATRON.serving(serving())
    prompt = Step(prompt_tokens=200, prompt_context=100.5, prompts=1)
    decoding = Step(sequences=20, context=500)
    both = evolve(prompt, sequences=20, context=500)
    apart = [steps.step_seconds(step) for step in (prompt, decoding)]
    assert max(apart) < steps.step_seconds(both) < sum(apart)


def test_a_pipeline_starts_the_next_step_before_the_last_one_ends():
    """If it fails, a server's pipeline takes one batch at a time, or its stages take longer than all of it."""
    steps = MEGATRON.serving(serving(pp=4))
    step = Step(sequences=8, context=100)
    assert steps.step_interval_seconds(step) < steps.step_seconds(step) < 5 * steps.step_interval_seconds(step)
    assert steps.batches_in_flight == 4


def test_flat_efficiencies_are_the_whole_of_it():
    """If it fails, efficiencies that a user states are not what kernels reach."""
    half = evolve(FLAT, gemm={"fp16": GemmCurve(plateau=0.5), "fp8": GemmCurve(plateau=0.5)}, hbm=0.5)
    full, slow = (MEGATRON.infer(serving(PLAIN, curves, engine=OLD)) for curves in (FLAT, half))
    of_kernels = [sum(of.decode_bounds[name] for name in ("compute", "weights", "activations")) for of in (full, slow)]
    assert of_kernels[1] == pytest.approx(2 * of_kernels[0])


LAYOUTS = st.tuples(st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 3]), st.sampled_from([1, 2, 4])).flatmap(
    lambda sizes: st.tuples(st.just(sizes), st.sampled_from(sorted({1, sizes[2], sizes[2] * sizes[0]})))
)
STEPS = st.builds(
    Step,
    prompt_tokens=st.sampled_from([0.0, 64.0, 700.5]),
    prompt_context=st.floats(1.0, 900.0),
    prompts=st.sampled_from([1.0, 3.0]),
    sequences=st.floats(1.0, 500.0),
    context=st.floats(1.0, 3000.0),
)


@settings(max_examples=25, deadline=None)
@given(
    model=st.sampled_from(MODELS),
    engine=st.sampled_from(ENGINES),
    layouts=st.lists(LAYOUTS, min_size=2, max_size=4),
    steps=st.lists(STEPS, min_size=2, max_size=3),
)
def test_arrays_of_layouts_and_steps_are_what_each_is_alone(model, engine, layouts, steps):
    """If it fails, a search for servers chooses by other seconds and bytes than a plan has."""
    sizes = [{"tp": tp, "pp": pp, "dp": dp, "ep": ep} for (tp, pp, dp), ep in layouts]
    together = {name: np.array([float(one[name]) for one in sizes]) for name in sizes[0]}
    many = Megatron().serving(serving(model, engine=engine, **together))
    fields = ("prompt_tokens", "prompt_context", "prompts", "sequences", "context")
    step = Step(**{name: np.array([[getattr(one, name)] for one in steps]) for name in fields})
    whole, stage, memory = many.step_seconds(step), many.step_interval_seconds(step), many.fixed_memory(512.0)
    for at, one in enumerate(sizes):
        alone = Megatron().serving(serving(model, engine=engine, **one))
        for number, wanted in enumerate(steps):
            assert whole[number, at] == alone.step_seconds(wanted)
            assert stage[number, at] == alone.step_interval_seconds(wanted)
        for line, size in alone.fixed_memory(512.0).items():
            assert np.broadcast_to(memory[line], (len(sizes),))[at] == size
        assert many.kv_bytes(777.0)[at] == alone.kv_bytes(777.0)
        assert many.kv_transfer_seconds(777.0)[at] == alone.kv_transfer_seconds(777.0)


@pytest.mark.parametrize("model", [GROUPED, SPARSE], ids=lambda model: model.name)
def test_a_model_is_lowered_once_a_phase_of_a_plan(model, monkeypatch):
    """If it fails, a server is priced by lowering its model anew for each of a thousand steps."""
    plan, lowered = serving(model, tp=2), []
    lower = type(model).lower
    monkeypatch.setattr(type(model), "lower", lambda *given: lowered.append(given) or lower(*given))
    estimate = Megatron().infer(plan)
    assert estimate.max_batch_size
    assert estimate.max_context
    assert estimate.compute_bound_batch != 0
    assert len(lowered) == 2
    steps = Megatron().serving(plan)
    for tokens in range(1, 9):
        steps.step_seconds(Step(sequences=float(tokens), context=9.0))
        steps.fixed_memory(float(tokens))
        steps.kv_bytes(tokens)
    assert len(lowered) == 2


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 40),
    prompt=st.integers(1, 3000),
    output=st.integers(1, 64),
    share=st.floats(0.0, 1.2),
    engine=st.sampled_from(ENGINES),
)
def test_what_fits_is_no_more_than_the_largest_batch(batch, prompt, output, share, engine):
    """If it fails, a plan that fits is said to have room for no sequence, or for fewer than it has."""
    options = {"batch": batch, "prompt_tokens": prompt, "output_tokens": output, "engine": engine}
    used = sum(Megatron().infer(serving(**options)).memory_breakdown.values())
    tight = evolve(serving(**options), hardware=evolve(GPU, memory_bytes=used * (0.9 + 0.2 * share)))
    estimate = Megatron().infer(tight)
    assert estimate.feasible == (batch <= estimate.max_batch_size)


# Hosts and cores


def eager(**changes):
    """An engine whose host launches ten kernels a layer."""
    return evolve(IDEAL, launches_per_layer=10.0, host_seconds_per_launch=1e-3, captures_launches=False, **changes)


def test_a_host_that_is_slower_than_kernels_binds_a_pass():
    """If it fails, the time of launches is added to that of kernels, which run meanwhile, or left out."""
    bound = MEGATRON.infer(serving(engine=eager(), cuda_graphs=False))
    assert bound.next_token_seconds == pytest.approx(8 * 10 * 1e-3)
    quick = evolve(eager(), host_seconds_per_launch=1e-9)
    running = MEGATRON.infer(serving(engine=quick, cuda_graphs=False)).next_token_seconds
    assert running < 8 * 10 * 1e-3
    quickest = evolve(eager(), host_seconds_per_launch=0.0)
    assert running == pytest.approx(MEGATRON.infer(serving(engine=quickest, cuda_graphs=False)).next_token_seconds)


def test_captured_steps_do_not_wait_for_the_host():
    """If it fails, CUDA graphs change nothing for an engine that is bound by its host."""
    captured = MEGATRON.infer(serving(engine=eager(), cuda_graphs=True))
    assert captured.next_token_seconds < 8 * 10 * 1e-3
    assert captured.first_token_seconds >= 8 * 10 * 1e-3


def test_cores_bind_weights_where_memory_is_faster():
    """If it fails, a wider memory speeds kernels up that unpack weights no faster for it."""
    narrow = evolve(IDEAL, cycle_bytes={"16": 1.0})
    plan = serving(engine=narrow)
    slow, fast = (
        MEGATRON.infer(
            evolve(plan, hardware=evolve(plan.hardware, memory_bytes_per_second=rate, sm_count=100, clock_hertz=1e9))
        ).decode_bounds["weights"]
        for rate in (1e12, 4e12)
    )
    assert slow == pytest.approx(fast)


def test_scores_that_are_held_take_memory():
    """If it fails, unfused attention over long prompts is said to fit where it does not."""
    unfused = evolve(IDEAL, attention="unfused", held_score_bytes=10.0)
    short, long = (
        MEGATRON.infer(serving(engine=unfused, prompt_tokens=tokens)).memory_breakdown["scores"]
        for tokens in (512, 1024)
    )
    assert long == 4 * short > 0
