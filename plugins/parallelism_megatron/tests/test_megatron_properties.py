"""Laws that ``megatron`` keeps whatever the plan, and arrays of plans against each of them."""

import itertools
import random

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from llmplan.planner import train
from llmplan.records import Recompute, Schedule, Tuning

from .megatron_plans import (
    BREAKDOWNS,
    BUSY,
    CURVES,
    FP8,
    FP16,
    FRAMEWORKS,
    GPU,
    GROUPED,
    IDEAL,
    LATENT,
    MEGATRON,
    MODELS,
    MUON,
    OLD,
    OPERATIONS,
    SHARING,
    SPARSE,
    columns,
    plan,
    plans,
    price,
    with_curves,
)

ROUNDING = 1 + 1e-12
ARRAYS = (
    (GROUPED, {"framework": IDEAL}),
    (GROUPED, {"framework": BUSY, "dtype": FP8, "zero_group": 4}),
    (GROUPED, {"framework": OLD, "offload_activations": True, "offload_optimizer": True}),
    (SPARSE, {"framework": BUSY, "expert_imbalance": 1.5, "seq_len": 1000}),
    (SPARSE, {"framework": SHARING, "tuning": Tuning.QLORA, "lora_rank": 16}),
    (LATENT, {"framework": OLD, "optimizer": MUON}),
)


def law(examples=80):
    """The same examples in every run."""
    return settings(max_examples=examples, deadline=None, derandomize=True)


def random_plans(model, count, common):
    """Legal ones, faster than hypothesis draws them."""
    chosen = random.Random(f"{model.name} {count}")
    experts = 1 if model.moe is None else model.moe.n_routed_experts
    rows = []
    for _ in range(count):
        pick = chosen.choice
        tp, dp, cp, pp = pick([1, 2, 4, 8]), pick([1, 2, 3, 8, 16]), pick([1, 2, 4]), pick(range(1, 9))
        vpp = pick([v for v in (1, 2, 4) if v == 1 or (pp > 1 and model.layers % (pp * v) == 0)])
        rows.append(
            plan(
                model,
                tp=tp,
                pp=pp,
                dp=dp,
                cp=cp,
                ep=pick([ep for ep in (1, 2, 4, 8) if experts % ep == 0 and dp * cp % ep == 0]),
                vpp=vpp,
                zero=pick(range(4)),
                sequence_parallel=pick([False, True]),
                micro_batch=pick(range(1, 7)),
                gradient_accumulation=pp * pick(range(1, 5)),
                recompute=pick(list(Recompute)),
                schedule=pick(list(Schedule)) if vpp == 1 else Schedule.ONE_F_ONE_B,
                **common,
            )
        )
    return rows


@pytest.mark.parametrize(("model", "common"), ARRAYS)
def test_an_array_of_plans_is_priced_as_each_of_them_to_the_last_bit(model, common):
    """A search over arrays would find other figures than ``llmplan train`` prints for the same plan."""
    rows = random_plans(model, 200, common)
    together = MEGATRON.train(columns(rows))
    for index, row in enumerate(rows):
        alone = MEGATRON.train(row)
        for name in ("model_flops", "hardware_flops", "iteration_seconds", "memory_bytes_per_gpu"):
            assert np.broadcast_to(getattr(together, name), len(rows))[index] == getattr(alone, name), name
        for name in BREAKDOWNS:
            parts, arrays = getattr(alone, name), getattr(together, name)
            assert list(parts) == list(arrays)
            for part, value in parts.items():
                assert np.broadcast_to(arrays[part], len(rows))[index] == value, (name, part)


def faster_curve(curve, **changes):
    """A curve with a plateau a tenth higher, where it has one, or other changes."""
    return evolve(curve, **(changes or {"plateau": 1.1 * curve.plateau}))


def all_collectives(**changes):
    """Every collective's curve, changed alike."""
    return {name: faster_curve(curve, **changes) for name, curve in CURVES.collectives.items()}


def all_attention(**changes):
    """Every kernel generation, forward and backward, changed alike."""
    return {
        name: evolve(
            one, forward=faster_curve(one.forward, **changes), backward=faster_curve(one.backward, **changes)
        )
        for name, one in CURVES.attention.items()
    }


FASTER_DEVICES = {
    "HBM": {"memory_bytes_per_second": 3e12},
    "scale-up": {"scale_up_bytes_per_second": 4.5e11},
    "scale-out": {"scale_out_bytes_per_second": 1e11},
    "host link": {"host_bytes_per_second": 2e11},
}
BETTER_CURVES = {
    "HBM plateau": {"hbm": 0.95},
    "GEMM plateau": {"gemm": {name: faster_curve(curve) for name, curve in CURVES.gemm.items()}},
    "attention plateau": {"attention": all_attention()},
    "collective plateau": {"collectives": all_collectives()},
    "network plateau": {"network": faster_curve(CURVES.network)},
    "sustained rate": {"sustained": {"fp16": 1.0, "fp8": 1.0}},
}
LATER_CURVES = {
    "kernel launch": {"launch_seconds": 5e-5},
    "GEMM launch": {"gemm": {name: faster_curve(one, launch_seconds=5e-5) for name, one in CURVES.gemm.items()}},
    "attention launch": {"attention": all_attention(launch_seconds=5e-5)},
    "collective launch": {"collectives": all_collectives(launch_seconds=5e-5)},
    "collective step": {"collectives": all_collectives(step_seconds=5e-5)},
    "network step": {"network": faster_curve(CURVES.network, step_seconds=9e-5)},
}
LATER_HOSTS = ("host_seconds_per_layer", "host_seconds_per_routed_layer", "host_seconds_per_step")


@pytest.mark.parametrize("part", FASTER_DEVICES)
@given(given_plan=plans())
@law()
def test_a_faster_link_or_memory_is_never_slower(part, given_plan):
    """A plan would get slower on a better accelerator."""
    hardware = evolve(GPU, **FASTER_DEVICES[part])
    faster = MEGATRON.train(evolve(given_plan, hardware=hardware)).iteration_seconds
    assert faster <= MEGATRON.train(given_plan).iteration_seconds * ROUNDING


@given(given_plan=plans(), factor=st.sampled_from([1.01, 1.5, 4.0, 100.0]))
@law(150)
def test_a_faster_tensor_core_is_never_slower(given_plan, factor):
    """A plan would get slower where the peak rises: hiding behind computation would cost more than it saves."""
    peaks = {name: factor * peak for name, peak in GPU.peak_flops.items()}
    hardware = evolve(GPU, peak_flops=peaks)
    faster = evolve(given_plan, hardware=hardware, gemm=given_plan.dtype.gemm_format(hardware))
    assert MEGATRON.train(faster).iteration_seconds <= MEGATRON.train(given_plan).iteration_seconds * ROUNDING


@pytest.mark.parametrize("curve", BETTER_CURVES)
@given(given_plan=plans())
@law()
def test_a_better_efficiency_is_never_slower(curve, given_plan):
    """A plan would get slower where kernels or links reach more of their peak."""
    better = MEGATRON.train(with_curves(given_plan, **BETTER_CURVES[curve])).iteration_seconds
    assert better <= MEGATRON.train(given_plan).iteration_seconds * ROUNDING


@pytest.mark.parametrize("curve", LATER_CURVES)
@given(given_plan=plans())
@law()
def test_a_longer_latency_is_never_faster(curve, given_plan):
    """A plan would get faster where kernels or messages start later."""
    later = MEGATRON.train(with_curves(given_plan, **LATER_CURVES[curve])).iteration_seconds
    assert later * ROUNDING >= MEGATRON.train(given_plan).iteration_seconds


@pytest.mark.parametrize("name", LATER_HOSTS)
@given(given_plan=plans())
@law(40)
def test_a_slower_host_is_never_faster(name, given_plan):
    """A program that launches more slowly would train faster."""
    before = given_plan.framework
    later = evolve(given_plan, framework=evolve(before, **{name: getattr(before, name) + 1e-3}))
    assert (
        MEGATRON.train(later).iteration_seconds * ROUNDING >= MEGATRON.train(given_plan).iteration_seconds
    )


STATES = ("weights", "gradients", "optimizer")


def rising(before, after):
    """The states of which more is held afterwards."""
    held, less = MEGATRON.train(before).memory_breakdown, MEGATRON.train(after).memory_breakdown
    return [name for name in STATES if less[name] > held[name] * ROUNDING]


@given(given_plan=plans())
@law(120)
def test_more_tensor_parallelism_holds_no_more_states(given_plan):
    """Ranks of a wider tensor parallel group would hold more of the model."""
    layout = given_plan.layout
    wider = evolve(layout, tp=2 * layout.tp, gpus=2 * layout.gpus)
    assert not rising(given_plan, evolve(given_plan, layout=wider))


@given(given_plan=plans())
@law(120)
def test_a_longer_pipeline_holds_no_more_states(given_plan):
    """Stages of a longer pipeline would hold more of the model."""
    layout = given_plan.layout
    longer = evolve(layout, pp=2 * layout.pp, gpus=2 * layout.gpus, vpp=1)
    assert layout.pp * 2 > given_plan.model.layers or not rising(given_plan, evolve(given_plan, layout=longer))


@given(given_plan=plans(models=(SPARSE, LATENT)))
@law(120)
def test_more_expert_parallelism_holds_no_more_states(given_plan):
    """Ranks that share the experts would hold more of them."""
    layout = given_plan.layout
    ep = 2 * layout.ep
    possible = ep <= given_plan.model.moe.n_routed_experts and layout.dp * layout.cp % ep == 0
    assert not possible or not rising(given_plan, evolve(given_plan, layout=evolve(layout, ep=ep)))


@given(given_plan=plans(), stage=st.integers(1, 3))
@law(120)
def test_a_higher_zero_stage_holds_no_more_states(given_plan, stage):
    """ZeRO would add to what it divides."""
    lower, higher = (evolve(given_plan, layout=evolve(given_plan.layout, zero=zero)) for zero in (stage - 1, stage))
    assert not rising(lower, higher)


@given(given_plan=plans())
@law(120)
def test_more_recompute_holds_less_and_takes_longer(given_plan):
    """A stronger recompute mode would hold more activations or take less time.

    Where selective recomputation runs a share of all operators again, it is none between the modes beside it: it holds
    and takes something between none and full.
    """
    shared = given_plan.framework.selective_share > 0
    modes = [mode for mode in Recompute if not shared or mode in {Recompute.NONE, Recompute.FULL}]
    estimates = [MEGATRON.train(evolve(given_plan, recompute=mode)) for mode in modes]
    for weaker, stronger in itertools.pairwise(estimates):
        assert stronger.memory_breakdown["activations"] <= weaker.memory_breakdown["activations"] * ROUNDING
        assert stronger.iteration_seconds * ROUNDING >= weaker.iteration_seconds
        assert stronger.hardware_flops >= weaker.hardware_flops


@given(given_plan=plans())
@law(120)
def test_breakdowns_sum_and_nothing_is_negative(given_plan):
    """A total would not be its parts, or a part would give time or memory back."""
    estimate = MEGATRON.train(given_plan)
    assert estimate.iteration_seconds == pytest.approx(sum(estimate.time_breakdown.values()), rel=1e-12)
    assert estimate.memory_bytes_per_gpu == pytest.approx(sum(estimate.memory_breakdown.values()), rel=1e-12)
    for name in BREAKDOWNS:
        assert all(0 <= value < float("inf") for value in getattr(estimate, name).values())
    assert 0 < estimate.model_flops <= estimate.hardware_flops


@given(given_plan=plans())
@law(120)
def test_no_plan_beats_its_peak(given_plan):
    """More FLOP/s would be reached than tensor cores print: FLOPs of an operator would be missing from the time.

    Attention is priced over the half that the mask leaves and counted whole; recomputed and adapter FLOPs differ too.
    """
    ideal = evolve(given_plan, framework=IDEAL, tuning=Tuning.FULL)
    assert MEGATRON.train(evolve(ideal, recompute=Recompute.NONE)).mfu < 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("options", [{}, {"tp": 2}, {"pp": 2, "tp": 2}, {"cp": 2}, {"dp": 4}])
def test_planned_sizes_multiply_to_the_gpus(model, options):
    """A plan would use other GPUs than it is charged for."""
    chosen = {"gpu": GPU, "dtype": FP16, "cost_model": MEGATRON, "framework": IDEAL}
    layout = train(model=model, **chosen, gpus=16, global_batch=64, seq_len=512, tokens=1e9, **options).plan.layout
    assert layout.dp * layout.tp * layout.pp * layout.cp == layout.gpus == 16
    assert all(getattr(layout, name) == size for name, size in options.items())


def test_every_framework_and_collective_is_tried():
    """A word that a profile may say would be tried by no test here."""
    assert {framework.attention for framework in FRAMEWORKS} >= {"unfused", "flash-2", "flash-3"}
    assert set(CURVES.collectives) == set(OPERATIONS)
    assert price().iteration_seconds > 0
