"""The accounting of ``roofline``, by hand and by its laws."""

import itertools

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st
from roofline_plans import DTYPE, GPU, GROUPED, MODEL, ROOFLINE, inference, training

from llmplan.records import Efficiency, Layout, NumberFormat, Recompute
from llmplan_costing.sharding import rank_of
from llmplan_layers import Transformer


def test_forward_flops_are_those_of_the_paper():
    """FLOPs would differ from L (8bsh^2 + 4bs^2h + 16bsh^2) + 2bsVh, and with them every time."""
    b, s, h, layers, vocab = 2, 128, 64, 4, 1000
    expected = layers * (24 * b * s * h**2 + 4 * b * s**2 * h) + 2 * b * s * vocab * h
    assert MODEL.lower(b, s).flops == expected


def test_grouped_and_gated_flops():
    """K and V of fewer heads, or a gate, would be priced as if there were none."""
    tokens, s, h, f = 256, 128, 64, 256
    attention = 2 * tokens * (2 * h * h + 2 * h * 16) + 4 * tokens * s * h
    expected = 4 * (attention + 6 * tokens * h * f) + 2 * tokens * 1000 * h
    assert GROUPED.lower(2, s).flops == expected


def test_training_time_by_hand():
    """time = (3 forward + 4bs^2h a layer) / (GPUs x F) would not hold."""
    plan = training(dp=4, efficiency=Efficiency(flops=0.5))
    estimate = ROOFLINE.train(plan)
    forward = MODEL.lower(2, 128).flops * 16
    recomputed = 4 * 4 * 2 * 128**2 * 64 * 16
    assert estimate.iteration_seconds == pytest.approx((3 * forward + recomputed) / (4 * 0.5e14), rel=1e-14)
    assert estimate.hfu == pytest.approx(0.5)
    assert estimate.mfu == pytest.approx(0.5 * 3 * forward / (3 * forward + recomputed))


@pytest.mark.parametrize(
    ("mode", "per_layer"),
    [
        (Recompute.NONE, 0),
        (Recompute.ATTENTION_COMPUTE, 4 * 256 * 128 * 64),
        (Recompute.ATTENTION, 8 * 256 * 64**2 + 4 * 256 * 128 * 64),
        (Recompute.NORM_ATTENTION_NORM, 8 * 256 * 64**2 + 4 * 256 * 128 * 64),
        (Recompute.FULL, 24 * 256 * 64**2 + 4 * 256 * 128 * 64),
    ],
)
def test_recompute_prices_what_it_repeats(mode, per_layer):
    """A mode would be charged for another part of the layer than the one it computes again."""
    estimate = ROOFLINE.train(training(recompute=mode))
    assert estimate.hardware_flops - estimate.model_flops == 4 * 4 * per_layer


@pytest.mark.parametrize(
    ("mode", "elements"),
    [
        # norm input, norm output, Q K V, softmax output, context, norm input, norm output, twice 4h
        (Recompute.NONE, 256 * (7 * 64 + 64 + 2 * 256) + 256 * 128 * 8),
        (Recompute.ATTENTION_COMPUTE, 256 * (7 * 64 + 64 + 2 * 256)),
        (Recompute.ATTENTION, 256 * (4 * 64 + 2 * 256)),
        (Recompute.NORM_ATTENTION_NORM, 256 * (2 * 64 + 2 * 256)),
        (Recompute.FULL, 256 * 64),
    ],
)
def test_activations_kept_by_each_mode(mode, elements):
    """A recompute mode would keep another set of tensors than it says (Korthikanti et al. 2022, table 2)."""
    estimate = ROOFLINE.train(training(recompute=mode, gradient_accumulation=1))
    final_norm_head_and_logits = 2 * 2 * 256 * 64 + 4 * 256 * 1000
    assert estimate.memory_breakdown["activations"] == 4 * 2 * elements + final_norm_head_and_logits


def test_activations_match_korthikanti():
    """Without dropout masks, sbh (8 + 24/t) + 2as^2b/t and, with sequence parallelism, all of it over t, would not
    hold (Korthikanti et al. 2022, equations 2 and 4, less 2sbh of masks and 3as^2b of masks and dropout output).
    """
    b, s, h, a, t = 1, 2048, 12_288, 96, 8
    model = Transformer(
        name="gpt-3-layer",
        layers=2,
        hidden=h,
        heads=a,
        kv_heads=a,
        head_dim=128,
        ffn_hidden=4 * h,
        gated_mlp=False,
        vocab=1000,
        norm="layer",
    )
    shape = {"model": model, "recompute": Recompute.NONE, "micro_batch": b, "seq_len": s, "tp": t, "pp": 2}
    kept = ROOFLINE.train(training(gradient_accumulation=2, **shape)).memory_breakdown["activations"]
    assert kept == 2 * (s * b * h * (8 + 24 / t) + 2 * a * s * s * b / t)
    sharded = ROOFLINE.train(training(gradient_accumulation=2, sequence_parallel=True, **shape))
    assert sharded.memory_breakdown["activations"] == 2 * (32 * s * b * h / t + 2 * a * s * s * b / t)


def test_memory_of_states_by_hand():
    """Weights, gradients and optimizer states would not be 2 + 2 + 12 bytes a parameter, divided by tp and by ZeRO."""
    parameters = sum(GROUPED.parameters_by_part().values())
    whole = ROOFLINE.train(training(model=GROUPED)).memory_breakdown
    assert (whole["weights"], whole["gradients"], whole["optimizer"]) == (
        2 * parameters,
        2 * parameters,
        12 * parameters,
    )
    sharded = ROOFLINE.train(training(model=GROUPED, dp=4, zero=2)).memory_breakdown
    assert (sharded["weights"], sharded["gradients"], sharded["optimizer"]) == (
        2 * parameters,
        2 * parameters / 4,
        12 * parameters / 4,
    )
    assert ROOFLINE.train(training(model=GROUPED, dp=4, zero=3)).memory_breakdown["weights"] == parameters / 2


def test_training_holds_weights_in_the_width_that_the_dtype_says():
    """Weights that are held wider than a GEMM reads them would take too little room, and a plan seem to fit."""
    parameters, tables = sum(GROUPED.parameters_by_part().values()), 2 * 1000 * 64 + 64
    narrow = evolve(DTYPE, name="narrow", weight_bits=8)
    held = ROOFLINE.train(training(model=GROUPED, dtype=narrow)).memory_breakdown["weights"]
    assert held == parameters - tables + 2 * tables
    wider = evolve(narrow, training_weight_bits=16)
    assert ROOFLINE.train(training(model=GROUPED, dtype=wider)).memory_breakdown["weights"] == 2 * parameters
    assert (
        ROOFLINE.infer(inference(GROUPED, dtype=wider)).memory_breakdown
        == ROOFLINE.infer(inference(GROUPED, dtype=narrow)).memory_breakdown
    )


CALIBRATED = Efficiency(flops=0.5, source="the median of some runs")


@pytest.mark.parametrize(
    ("weight", "practice", "efficiency", "said"),
    [
        (16, "published", CALIBRATED, None),
        (8, "hypothetical", None, "narrow in training: no published recipe"),
        (8, "hypothetical", CALIBRATED, "narrow in training: no published recipe"),
        (8, "published", None, None),
        (8, "published", Efficiency(mfu=0.3), None),
        (8, "published", CALIBRATED, "of 16-bit runs"),
        (4.5, "experimental", None, "narrow in training is experimental"),
    ],
)
def test_training_in_fewer_than_16_bits(weight, practice, efficiency, said):
    """FP8, which models are trained with, would be called hypothetical, or INT8, which none is, pass in silence."""
    dtype = evolve(DTYPE, name="narrow", weight_bits=weight, training=practice)
    warnings = ROOFLINE.remarks(training(dtype=dtype, efficiency=efficiency))
    assert [said in line for line in warnings] == ([] if said is None else [True])


def test_serving_in_fewer_than_16_bits_needs_no_warning():
    """Everybody who serves a quantised model would be told that nobody trains so."""
    assert not ROOFLINE.remarks(inference(dtype=evolve(DTYPE, name="narrow", weight_bits=4)))


def test_a_tied_table_is_held_once_alone_and_by_both_ends_of_a_pipeline():
    """A tied model would be charged twice for its table on one stage, or not at all on the last of several."""
    table = 1000 * 64
    parameters = sum(MODEL.parameters_by_part().values())
    assert ROOFLINE.train(training()).memory_breakdown["weights"] == 2 * parameters
    rank = rank_of(MODEL.lower(1, 128), Layout(gpus=2, pp=2))
    assert rank.head.parameters + rank.head.shared_parameters == table + 64


def test_kv_heads_are_copied_beyond_their_number():
    """With tp beyond the KV heads each rank still holds one of them; their cache would seem to shrink for ever."""
    two, four = (ROOFLINE.infer(inference(GROUPED, tp=tp)).memory_breakdown["kv_cache"] for tp in (2, 4))
    assert two == four == 2 * 4 * 3 * 120 * 16 * 2 / 2


def test_decode_reads_and_writes_the_cache():
    """Decode would leave out 2 L b tokens h bytes of cache read and written."""
    seconds = ROOFLINE.infer(inference()).decode_breakdown["kv_cache"]
    assert seconds == pytest.approx(2 * (2 * 4 * 3 * 120 * 64 * 2) / 1e12)


def test_all_reduces_have_a_floor_and_vanish_without_tensor_parallelism():
    """A small all-reduce would be free, or one rank would be charged for talking to itself."""
    assert ROOFLINE.infer(inference(tp=1)).decode_breakdown["tp_comm"] == 0
    assert ROOFLINE.infer(inference(tp=2)).decode_breakdown["tp_comm"] == pytest.approx(4 * 2 * 8e-6)


def test_a_group_beyond_the_domain_crosses_the_slow_link():
    """Tensor parallelism over 16 of 8 GPUs would be charged at the speed of a link that it leaves."""
    wide = evolve(MODEL, name="wide", heads=16, kv_heads=16, head_dim=4)
    big = {"model": wide, "tp": 16, "micro_batch": 8, "seq_len": 4096}
    slow = ROOFLINE.train(training(**big)).forward_breakdown["tp_comm"]
    message = 8 * 4096 * 64 * 2
    assert slow == pytest.approx(4 * 2 * 2 * message * 15 / 16 / 1e10)
    assert any("leaves the scale-up domain" in line for line in ROOFLINE.check(training(**big)))


def test_the_fuller_end_of_the_pipeline_counts():
    """The last stage with its logits could be fuller than the first, and a plan that does not fit would pass."""
    wide = evolve(MODEL, name="wide-vocabulary", vocab=1_000_000)
    estimate = ROOFLINE.train(training(model=wide, pp=2))
    assert estimate.memory_breakdown["activations"] > 4 * 256 * 1_000_000


sizes = st.sampled_from([1, 2, 4, 8])
plans = st.builds(
    training,
    model=st.sampled_from([MODEL, GROUPED]),
    recompute=st.sampled_from(list(Recompute)),
    tp=sizes,
    pp=st.sampled_from([1, 2, 3, 4]),
    dp=sizes,
    zero=st.integers(0, 3),
    sequence_parallel=st.booleans(),
    micro_batch=st.integers(1, 8),
    gradient_accumulation=st.integers(1, 16),
    seq_len=st.sampled_from([128, 1000, 4096]),
)
faster = st.sampled_from(
    [
        {"hardware": evolve(GPU, memory_bytes_per_second=2e12)},
        {"hardware": evolve(GPU, scale_up_bytes_per_second=2e11)},
        {"gemm": NumberFormat("fp16", 2e14)},
    ]
)


@given(plan=plans, change=faster)
@settings(max_examples=60, deadline=None)
def test_faster_hardware_is_never_slower(plan, change):
    """A plan would get slower on a faster memory, link or tensor core."""
    before, after = ROOFLINE.train(plan), ROOFLINE.train(evolve(plan, **change))
    assert after.iteration_seconds <= before.iteration_seconds
    assert sum(after.forward_breakdown.values()) <= sum(before.forward_breakdown.values())


@given(plan=plans)
@settings(max_examples=60, deadline=None)
def test_breakdowns_sum_and_states_shrink(plan):
    """Totals would not be their parts, or more sharding would hold more weights."""
    estimate = ROOFLINE.train(plan)
    assert estimate.iteration_seconds == pytest.approx(sum(estimate.time_breakdown.values()), rel=1e-12)
    assert estimate.memory_bytes_per_gpu == pytest.approx(sum(estimate.memory_breakdown.values()), rel=1e-12)
    more = evolve(plan, layout=evolve(plan.layout, zero=min(3, plan.layout.zero + 1)))
    for part in ("weights", "gradients", "optimizer"):
        assert ROOFLINE.train(more).memory_breakdown[part] <= estimate.memory_breakdown[part]


@given(plan=plans)
@settings(max_examples=40, deadline=None)
def test_more_recompute_holds_less_and_takes_longer(plan):
    """A stronger recompute mode would hold more activations or take less time."""
    modes = [ROOFLINE.train(evolve(plan, recompute=mode)) for mode in Recompute]
    for weaker, stronger in itertools.pairwise(modes):
        assert stronger.memory_breakdown["activations"] <= weaker.memory_breakdown["activations"]
        assert stronger.iteration_seconds >= weaker.iteration_seconds


def _columns(rows):
    """One plan whose numbers are arrays, one element a plan of `rows`, which share model and workload."""
    layouts = [row.layout for row in rows]
    names = ("gpus", "tp", "pp", "dp", "zero")
    layout = Layout(
        **{name: np.array([getattr(layout, name) for layout in layouts], dtype=float) for name in names},
        sequence_parallel=np.array([layout.sequence_parallel for layout in layouts]),
    )
    numbers = ("micro_batch", "gradient_accumulation", "recompute")
    columns = {name: np.array([getattr(row, name) for row in rows], dtype=float) for name in numbers}
    return evolve(rows[0], layout=layout, **columns)


@given(rows=st.lists(plans, min_size=2, max_size=12))
@settings(max_examples=40, deadline=None)
def test_an_array_of_plans_is_priced_as_each_of_them(rows):
    """A search over arrays would find other figures than ``llmplan train`` prints for the same plan."""
    rows = [evolve(row, model=GROUPED, seq_len=1000) for row in rows]
    together = ROOFLINE.train(_columns(rows))
    for index, row in enumerate(rows):
        alone = ROOFLINE.train(row)
        assert np.broadcast_to(together.iteration_seconds, len(rows))[index] == alone.iteration_seconds
        for name in ("time_breakdown", "forward_breakdown", "memory_breakdown"):
            for part, value in getattr(alone, name).items():
                column = np.broadcast_to(getattr(together, name)[part], len(rows))
                assert column[index] == value, (name, part)


def test_inference_arrays():
    """Serving plans could not be searched: the array path of `infer` would differ from the scalar one."""
    tps, batches = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.0, 7.0, 30.0, 200.0])
    plan = inference(GROUPED)
    layout = Layout(gpus=tps, tp=tps, pp=np.ones(4), dp=np.ones(4), sequence_parallel=np.zeros(4, dtype=bool))
    together = ROOFLINE.infer(evolve(plan, layout=layout, batch=batches))
    for index, (tp, batch) in enumerate(zip(tps, batches, strict=True)):
        alone = ROOFLINE.infer(inference(GROUPED, tp=int(tp), batch=int(batch)))
        assert together.prefill_seconds[index] == alone.prefill_seconds
        assert together.decode_seconds_per_token[index] == alone.decode_seconds_per_token
        assert together.memory_bytes_per_gpu[index] == alone.memory_bytes_per_gpu
        assert together.max_batch_size[index] == alone.max_batch_size


def test_largest_batch_is_the_largest_that_fits():
    """A batch that is said to fit would not, or one more would."""
    small = evolve(GPU, memory_bytes=2e6)
    largest = int(ROOFLINE.infer(inference(hardware=small)).max_batch_size)
    assert ROOFLINE.infer(inference(hardware=small, batch=largest)).feasible
    assert not ROOFLINE.infer(inference(hardware=small, batch=largest + 1)).feasible
    assert ROOFLINE.infer(inference(hardware=evolve(GPU, memory_bytes=1e5))).max_batch_size == 0


def test_efficiencies_that_do_not_count_are_said():
    """A user would state what links reach, and believe that the training time holds it."""
    assert "FLOPs alone" in ROOFLINE.remarks(training(efficiency=Efficiency(flops=0.5, scale_up=0.1)))[0]
    assert not ROOFLINE.remarks(training(efficiency=Efficiency(flops=0.5)))
    assert not ROOFLINE.remarks(inference(efficiency=Efficiency(flops=0.5, scale_up=0.1)))


def test_a_stated_mfu_holds_the_bubble():
    """An MFU would be said to leave out what it holds."""
    uneven = {"pp": 4, "gradient_accumulation": 4}
    assert any("bubble" in line for line in ROOFLINE.check(training(**uneven)))
    assert not ROOFLINE.check(training(efficiency=Efficiency(mfu=0.4), **uneven))


def test_batches_in_flight_are_said_and_do_not_speak_against_a_pipeline():
    """A pipeline would look faster than it answers, or an even one be passed over for an uneven one."""
    plan = inference(pp=2)
    assert "2 batches are in flight" in ROOFLINE.remarks(plan)[0]
    assert not ROOFLINE.check(plan)
