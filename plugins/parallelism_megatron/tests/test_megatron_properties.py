"""Laws of ``megatron`` that hold whatever its curves and frameworks are calibrated to."""

import itertools

import pytest
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from megatron_plans import (
    ADAM,
    BREAKDOWNS,
    BUSY,
    CURVES,
    FP16,
    GPU,
    GROUPED,
    IDEAL,
    LATENT,
    MEGATRON,
    OLD,
    PLAIN,
    SHARING,
    plan,
    plans,
    price,
    with_curves,
)

from llmplan import train
from llmplan.records import Recompute
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import end_stages
from llmplan_parallelism_megatron.training.layer import layer_times
from llmplan_parallelism_megatron.training.memory import gradient_bytes, optimizer_bytes, weight_bytes
from llmplan_parallelism_megatron.training.parameters import stage_parameters
from llmplan_parallelism_megatron.training.pipeline import pipeline
from llmplan_parallelism_megatron.training.schedules import ZERO_BUBBLE

ROUNDING = 1 + 1e-12
UNSHARED = (IDEAL, BUSY, OLD)
"""Frameworks whose selective recomputation is that of the paper."""
some = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def _on(given_plan, **changes):
    return evolve(given_plan, hardware=evolve(given_plan.hardware, **changes))


def _under(given_plan, **changes):
    return evolve(given_plan, framework=evolve(given_plan.framework, **changes))


def _laid_out(given_plan, **changes):
    layout = evolve(given_plan.layout, **changes)
    return evolve(given_plan, layout=evolve(layout, gpus=layout.tp * layout.pp * layout.dp * layout.cp))


def _peaks(given_plan):
    peaks = {name: 3 * peak for name, peak in given_plan.hardware.peak_flops.items()}
    return evolve(
        _on(given_plan, peak_flops=peaks), gemm=evolve(given_plan.gemm, peak_flops=peaks[given_plan.gemm.name])
    )


def _each(curves, **changes):
    return {name: evolve(curve, **changes) for name, curve in curves.items()}


def _attention(forward, backward):
    return {
        name: evolve(one, forward=evolve(one.forward, **forward), backward=evolve(one.backward, **backward))
        for name, one in CURVES.attention.items()
    }


FASTER = {
    "memory": lambda one: _on(one, memory_bytes_per_second=5e12),
    "scale-up link": lambda one: _on(one, scale_up_bytes_per_second=9e11),
    "scale-out link": lambda one: _on(one, scale_out_bytes_per_second=9e10),
    "host link": lambda one: _on(one, host_bytes_per_second=4e11),
    "peaks": _peaks,
    "GEMMs": lambda one: with_curves(one, gemm=_each(CURVES.gemm, plateau=0.95)),
    "small GEMMs": lambda one: with_curves(one, gemm=_each(CURVES.gemm, half_m=8, half_n=8, half_k=8)),
    "attention": lambda one: with_curves(one, attention=_attention({"plateau": 0.9}, {"plateau": 0.8})),
    "memory kernels": lambda one: with_curves(one, hbm=0.99),
    "collectives": lambda one: with_curves(one, collectives=_each(CURVES.collectives, plateau=0.98)),
    "small collectives": lambda one: with_curves(
        one, collectives=_each(CURVES.collectives, half_bytes=0.0, half_ranks=0.0)
    ),
    "network": lambda one: with_curves(one, network=evolve(CURVES.network, plateau=0.9)),
    "sustained clocks": lambda one: with_curves(one, sustained={"fp16": 0.99}),
    "framework's kernels": lambda one: _under(one, kernel_rate=1.0),
    "fused elementwise kernels": lambda one: _under(one, elementwise_traffic=1.0),
}
SLOWER = {
    "GEMMs start late": lambda one: with_curves(one, gemm=_each(CURVES.gemm, launch_seconds=5e-5)),
    "memory kernels start late": lambda one: with_curves(one, launch_seconds=5e-5),
    "collectives start late": lambda one: with_curves(one, collectives=_each(CURVES.collectives, launch_seconds=1e-4)),
    "a step of a collective": lambda one: with_curves(one, collectives=_each(CURVES.collectives, step_seconds=2e-5)),
    "a step of the network": lambda one: with_curves(one, network=evolve(CURVES.network, step_seconds=1e-4)),
    "host, layers": lambda one: _under(one, host_seconds_per_layer=1e-3),
    "host, layers with experts": lambda one: _under(one, host_seconds_per_routed_layer=1e-3),
    "host, steps": lambda one: _under(one, host_seconds_per_step=0.5),
}


@pytest.mark.parametrize("change", FASTER)
@given(before=plans())
@some
def test_what_is_faster_takes_no_longer(change, before):
    """A better memory, link, tensor core or kernel would make the same plan slower."""
    after = FASTER[change](before)
    assert MEGATRON.train(after).iteration_seconds <= MEGATRON.train(before).iteration_seconds * ROUNDING


@pytest.mark.parametrize("change", SLOWER)
@given(before=plans())
@some
def test_what_starts_later_takes_no_less(change, before):
    """A longer latency, of the device, the network or the host, would make the same plan faster."""
    after = MEGATRON.train(SLOWER[change](before))
    assert after.iteration_seconds * ROUNDING >= MEGATRON.train(before).iteration_seconds


@pytest.mark.parametrize("framework", [IDEAL, OLD])
@pytest.mark.parametrize("backward", [{}, {"plateau": 0.8}])
def test_faster_attention_pays_though_it_hides_less_of_the_ring(framework, backward):
    """Where K and V come in too slowly to hide, faster attention would make a step slower: its time would be taken off
    more passes than it is spent in.
    """
    one = plan(PLAIN, framework=framework, hardware=evolve(GPU, scale_out_bytes_per_second=1e9), cp=16, seq_len=16384)
    before = MEGATRON.train(one)
    assert before.time_breakdown["cp_comm"] > 0
    after = MEGATRON.train(with_curves(one, attention=_attention({"plateau": 0.9}, backward)))
    assert after.iteration_seconds <= before.iteration_seconds * ROUNDING
    memory = MEGATRON.train(_on(one, memory_bytes_per_second=4e12))
    assert memory.iteration_seconds <= before.iteration_seconds * ROUNDING


HOST_BOUND = evolve(BUSY, name="host-bound", host_seconds_per_layer=1e-2, elementwise_traffic=8.0)


@pytest.mark.parametrize("change", ["framework's kernels", "GEMMs", "sustained clocks"])
def test_the_host_does_not_make_faster_kernels_slower(change):
    """Where the host sets the pace, faster multiplications would move time from the backward pass to the forward pass,
    where there is less to hide, and a step get slower.
    """
    slow = evolve(GPU, scale_up_bytes_per_second=1e8)
    before = plan(GROUPED, framework=HOST_BOUND, hardware=slow, dp=8, seq_len=512)
    after = FASTER[change](before)
    assert pipeline(Rank.of(after)).slowest.waiting > 0
    assert MEGATRON.train(after).iteration_seconds <= MEGATRON.train(before).iteration_seconds * ROUNDING


@pytest.mark.parametrize("micro_batches", [1, 2, 4, 8, 16])
def test_zero_bubble_fills_with_work_that_there_is(micro_batches):
    """With few micro-batches the bubble would be filled with more gradients of weights than a stage has to make, and a
    step get faster with slower ones.
    """
    one = plan(PLAIN, pp=8, gradient_accumulation=micro_batches, schedule=ZERO_BUBBLE, micro_batch=4)
    fused = MEGATRON.train(one)
    unfused = MEGATRON.train(_under(one, fused_accumulation=False))
    assert unfused.iteration_seconds >= fused.iteration_seconds


def test_a_slower_host_makes_no_zero_bubble_shorter():
    """Where kernels bound the head's stage and the host all others, a slower host would fill the bubble."""
    wide = evolve(PLAIN, name="wide-head", vocab=16_000)
    one = plan(wide, tp=2, pp=2, gradient_accumulation=2, schedule=ZERO_BUBBLE, micro_batch=2, seq_len=512)
    hosts = (_under(one, host_seconds_per_layer=seconds) for seconds in (0.0, 1e-4, 1.5e-4, 2e-4, 3e-4))
    seconds = [MEGATRON.train(slower).iteration_seconds for slower in hosts]
    assert seconds == sorted(seconds)


def test_the_slower_end_of_the_pipeline_sets_the_pace():
    """On a slow link the first stage, with the all-reduce of the embedding, would wait for nobody and cost nothing."""
    one = plan(PLAIN, tp=8, pp=2, gradient_accumulation=8, hardware=evolve(GPU, scale_up_bytes_per_second=1e9))
    rank = Rank.of(one)
    layer, embedding = (layer_times(block, rank) for block in (rank.model.layers[0], rank.model.embedding))
    assert pipeline(rank).slowest.all * ROUNDING >= 4 * layer.all + embedding.all


def _states(given_plan):
    """Bytes of weights, gradients and optimizer states on both ends of the pipeline."""
    rank = Rank.of(given_plan)
    for stage in end_stages(rank.model, given_plan.layout):
        parameters = stage_parameters(rank, stage)
        for held in (weight_bytes, gradient_bytes, optimizer_bytes):
            yield held(rank, parameters)


@pytest.mark.parametrize("size", ["tp", "pp", "ep"])
@given(before=plans(offload_parameters=False, vpp=1))
@some
def test_more_ways_hold_no_more_states(size, before):
    """Weights, gradients or optimizer states of a rank would grow where more ranks share them; a pipeline, under which
    ZeRO 2 and 3 leave them whole, aside.
    """
    assume(size != "pp" or before.layout.zero < 2)
    assume(getattr(before.layout, size) <= 4)
    assume(size != "ep" or (before.layout.dp * before.layout.cp) % (2 * before.layout.ep) == 0)
    assume(size != "ep" or before.model.moe is not None)
    after = _laid_out(before, **{size: 2 * getattr(before.layout, size)})
    assert all(more <= less * ROUNDING for more, less in zip(_states(after), _states(before), strict=True))


@given(before=plans(), zero=st.integers(1, 3))
@some
def test_a_higher_zero_stage_holds_no_more_states(before, zero):
    """ZeRO would cost memory, or divide something at one stage and hold it whole again at the next."""
    lower, higher = (_laid_out(before, zero=stage) for stage in (zero - 1, zero))
    assert all(more <= less for more, less in zip(_states(higher), _states(lower), strict=True))


def _modes(given_plan):
    estimates = [MEGATRON.train(evolve(given_plan, recompute=mode)) for mode in Recompute]
    return itertools.pairwise(estimates)


@given(one=plans(framework=BUSY))
@some
def test_more_recompute_keeps_no_more(one):
    """A stronger mode would keep more activations between forward and backward pass."""
    for weaker, stronger in _modes(one):
        assert stronger.memory_breakdown["activations"] <= weaker.memory_breakdown["activations"] * ROUNDING


@given(one=plans(models=(PLAIN, GROUPED)), framework=st.sampled_from(UNSHARED))
@some
def test_more_recompute_holds_no_more_at_the_peak(one, framework):
    """What the layer at work makes again would outweigh all that the layers of a stage no longer keep.

    Of a model whose layers are alike: where kinds of layers mix, a stage holds a mean layer and works on the largest.
    """
    for weaker, stronger in _modes(evolve(one, framework=framework)):
        before, after = (
            held["activations"] + held["recompute_buffer"] + held["logits_and_loss"]
            for held in (weaker.memory_breakdown, stronger.memory_breakdown)
        )
        assert after <= before * ROUNDING


@given(one=plans(offload_activations=False), framework=st.sampled_from(UNSHARED))
@some
def test_more_recompute_takes_no_less(one, framework):
    """A stronger mode would save time, which recomputation never does.

    Unless activations travel to the host: there is less of them to send then.
    """
    one = evolve(one, framework=framework)
    for weaker, stronger in _modes(one):
        assert stronger.iteration_seconds * ROUNDING >= weaker.iteration_seconds
        assert stronger.hardware_flops >= weaker.hardware_flops


@given(one=plans(offload_activations=False, framework=SHARING))
@some
def test_a_share_of_other_operators_keeps_the_order_of_modes(one):
    """A framework whose selective recomputation does more would hold less with it than with a stronger mode."""
    for weaker, stronger in _modes(one):
        assert stronger.memory_breakdown["activations"] <= weaker.memory_breakdown["activations"] * ROUNDING
        assert stronger.iteration_seconds * ROUNDING >= weaker.iteration_seconds


@given(one=plans())
@some
def test_breakdowns_sum_to_their_totals(one):
    """A total would not be the sum of the lines shown below it, or a line be negative or no number."""
    estimate = MEGATRON.train(one)
    assert estimate.iteration_seconds == pytest.approx(sum(estimate.time_breakdown.values()), rel=1e-12)
    assert estimate.memory_bytes_per_gpu == pytest.approx(sum(estimate.memory_breakdown.values()), rel=1e-12)
    forward = sum(estimate.forward_breakdown.values())
    assert forward == pytest.approx(pipeline(Rank.of(one)).slowest.forward, rel=1e-12)
    for breakdown in BREAKDOWNS:
        for line, value in getattr(estimate, breakdown).items():
            assert 0 <= value < float("inf"), line


@given(one=plans())
@some
def test_a_step_takes_no_less_than_its_flops_at_the_peak(one):
    """A plan would run faster than its accelerators can multiply: an MFU above 1."""
    peak = max(one.hardware.peak_flops.values()) * one.layout.gpus
    assert MEGATRON.train(one).model_flops / 2 / peak <= MEGATRON.train(one).iteration_seconds


@pytest.mark.parametrize("gpus", [2, 6, 8, 48, 64])
@pytest.mark.parametrize("given_sizes", [{}, {"cp": 2}, {"pp": 2, "tp": 1}])
def test_a_planned_layout_uses_all_gpus(gpus, given_sizes):
    """The planner would leave GPUs idle or use one twice: dp x tp x pp x cp would not be their number."""
    estimate = train(
        model=GROUPED,
        gpu=GPU,
        dtype=FP16,
        cost_model=MEGATRON,
        framework=IDEAL,
        optimizer=ADAM,
        gpus=gpus,
        tokens=1e10,
        seq_len=1024,
        **given_sizes,
    )
    layout = estimate.plan.layout
    assert layout.gpus == gpus == layout.dp * layout.tp * layout.pp * layout.cp
    for name, size in given_sizes.items():
        assert getattr(layout, name) == size


@pytest.mark.parametrize("model", [GROUPED, LATENT], ids=lambda model: model.name)
def test_a_plan_of_one_gpu_talks_to_nobody(model):
    """One GPU would be charged for communication, bubbles or buffers of collectives."""
    estimate = price(model, framework=BUSY, zero=3, sequence_parallel=True, gradient_accumulation=4)
    for line in ("tp_comm", "cp_comm", "ep_comm", "pp_comm", "pipeline_bubble", "dp_comm"):
        assert estimate.time_breakdown[line] == 0, line
    assert estimate.memory_breakdown["communication_buffers"] == 0
