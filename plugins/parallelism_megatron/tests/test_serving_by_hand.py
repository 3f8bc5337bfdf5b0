"""Terms of serving that show in few plans, each by hand: mutants of their formulas would pass all other tests."""

import pytest
from attrs import evolve
from megatron_plans import FP16, GPU, GROUPED, MEGATRON, PLAIN, flat
from serving_plans import IDEAL, serving

from llmplan.records import AttentionCurve, DecodeCurve, ServingCurves
from llmplan_parallelism_megatron.serving.kernels import look_back, readings
from llmplan_parallelism_megatron.serving.rank import Rank

BANDWIDTH = GPU.memory_bytes_per_second
EVEN = flat(
    serving=ServingCurves(prefill=AttentionCurve(plateau=1.0), decode=DecodeCurve(plateau=1.0), source="made up")
)
"""Curves without shape or launch."""


def infer(model=GROUPED, **changes):
    """The estimate of a plan on even curves."""
    return MEGATRON.infer(serving(model, curves=EVEN, **changes))


@pytest.mark.parametrize(
    ("engine", "times"),
    [
        ({}, 1.0),  # four query heads of a key share a reading
        ({"grouped_heads": 3}, 1 + 3 * 0.5),
        ({"grouped_heads": 4}, 1.0),
        ({"shared_groups": (2, 4)}, 1.0),
        ({"shared_groups": (8,)}, 1 + 3 * 0.5),
    ],
)
def test_query_heads_that_share_no_reading_read_again(engine, times):
    """Kernels of old engines would read keys and values once for all query heads of a group."""
    given = {"batch": 64, "prompt_tokens": 4096, "output_tokens": 2}
    once, read = (
        infer(engine=evolve(IDEAL, rereading=0.5, **of), **given).decode_breakdown["kv_cache"] for of in ({}, engine)
    )
    assert read == pytest.approx(times * once)
    # keys and values of two heads of 64, in 16 bits, of the tokens before
    assert once == pytest.approx(8 * 64 * 2 * 2 * 64 * 2 * 4097 / BANDWIDTH, rel=1e-3)


def test_cores_bind_the_reading_of_heads_that_share_none():
    """A wider memory would speed attention up that the cores hold back."""
    slow = evolve(IDEAL, cycle_elements=1.0)
    cores = {"sm_count": 100, "clock_hertz": 1e9, "architecture": "slow"}
    given = {"batch": 64, "prompt_tokens": 4096, "output_tokens": 2}
    seconds = {}
    for model in (PLAIN, GROUPED):
        plan = serving(model, curves=EVEN, engine=slow, **given)
        plan = evolve(plan, hardware=evolve(plan.hardware, **cores))
        seconds[model.name] = MEGATRON.infer(plan).decode_breakdown["kv_cache"]
    elements = 8 * 64 * 2 * 8 * 64 * 4097
    assert seconds["plain"] == pytest.approx(elements / (100 * 1e9), rel=1e-3)
    assert seconds["grouped"] == pytest.approx(elements / 4 * 2 / BANDWIDTH, rel=1e-3)


def test_attention_may_keep_wider_weights_than_mlps():
    """A checkpoint that leaves attention in 16 bits would be read as if it did not, or its MLPs as attention."""
    eight = evolve(FP16, weight_bits=8)
    reading = [infer(dtype=dtype).decode_bounds["weights"] for dtype in (FP16, evolve(eight, attention_bits=16), eight)]
    attention = 8 * (512 * (512 + 2 * 2 * 64) + 512 * 512)
    mlp = 8 * 3 * 512 * 2048
    assert reading[0] - reading[1] == pytest.approx(mlp / BANDWIDTH)
    assert reading[1] - reading[2] == pytest.approx(attention / BANDWIDTH)


@pytest.mark.parametrize("batch", [1, 64])
def test_sums_over_ranks_by_hand(batch):
    """A decode step would sum other than the residual stream in 16 bits, or not as often."""
    seconds = infer(tp=4, batch=batch, engine=evolve(IDEAL, custom_all_reduce=False)).decode_breakdown["tp_comm"]
    states = (8 * 2 + 1) * 2 * (batch * 512 * 2) * 3 / 4  # two sums a layer, and one of the embedding
    logits = batch * 4000 * 2 * 3 / 4  # every rank gathers those of the others
    assert seconds == pytest.approx((states + logits) / 3e11)


def test_unfused_prompts_move_a_square_of_scores_for_each_head():
    """Long prompts would be read without the traffic of their scores, or with that of another number of heads."""
    seconds = [
        infer(engine=evolve(IDEAL, attention="unfused", score_bytes=width), prompt_tokens=4096).prefill_breakdown[
            "attention"
        ]
        for width in (1e4, 2e4)
    ]
    assert seconds[1] - seconds[0] == pytest.approx(8 * 8 * 4096**2 * 1e4 / BANDWIDTH, rel=1e-6)


@pytest.mark.parametrize("bandwidth", [1e15, 1.6e14, 2e12, 1.2e12])
def test_decoding_turns_compute_bound_at_the_least_batch_that_does(bandwidth):
    """The batch from which on more sequences take more time would be another one, or not be found at its ends."""

    def estimated(batch):
        plan = serving(PLAIN, curves=EVEN, prompt_tokens=1, output_tokens=2, batch=batch)
        plan = evolve(plan, hardware=evolve(plan.hardware, memory_bytes_per_second=bandwidth))
        return MEGATRON.infer(plan), plan

    def computes(batch):
        bounds = estimated(batch)[0].decode_bounds
        return bounds["compute"] >= bounds["weights"]

    one, plan = estimated(1)
    ridge = one.crossing(plan)
    assert computes(ridge)
    assert ridge == 1 or not computes(ridge - 1)


def test_a_batch_beyond_any_server_is_none():
    """A search for it would go on, or a batch be named that nobody serves."""
    plan = serving(PLAIN, curves=EVEN, prompt_tokens=1, output_tokens=2)
    plan = evolve(plan, hardware=evolve(plan.hardware, memory_bytes_per_second=1e14 / 2**17))
    assert MEGATRON.infer(plan).crossing(plan) is None


def test_the_host_between_steps():
    """Sequences would be scheduled for nothing, or kernels be loaded at every step."""
    engine = evolve(IDEAL, host_seconds_per_step=0.5, host_seconds_per_sequence=0.01, first_call_seconds=3.0)
    found = infer(batch=8, engine=engine)
    assert found.decode_breakdown["host"] == pytest.approx(0.5 + 8 * 0.01)
    assert found.prefill_breakdown["host"] == pytest.approx(0.5 + 8 * 0.01 + 3.0)


@pytest.mark.parametrize(("bits", "narrow"), [(16, 0), (8, 4)])
def test_narrow_matrices_are_launched_with_kernels_of_their_own(bits, narrow):
    """A host that unpacks weights would launch no more for it, or do so for wide ones."""
    engine = evolve(IDEAL, launches_per_layer=10.0, launches_per_narrow_matrix=2.0, host_seconds_per_launch=1.0)
    model = evolve(PLAIN, qk_norm="head")  # one more kernel that multiplies nothing
    found = infer(model, engine=engine, cuda_graphs=False, dtype=evolve(FP16, weight_bits=bits))
    # projections in and out, up and down: four matrices a layer
    assert found.next_token_seconds == pytest.approx(8 * (10 + 2 * narrow), rel=1e-3)


def test_small_kernels_that_no_operator_says_are_launched_too():
    """An eager program's conversions and copies would cost no launch, or its own kernels be counted twice."""
    curves = evolve(EVEN, launch_seconds=1.0)
    seconds = {}
    for launches in (0.0, 100.0, 101.0):
        plan = serving(PLAIN, curves=curves, engine=evolve(IDEAL, launches_per_layer=launches), cuda_graphs=False)
        seconds[launches] = MEGATRON.infer(plan).decode_breakdown["launch"]
    assert seconds[101.0] - seconds[100.0] == pytest.approx(8)
    # of a hundred, a dense layer's eight kernels and what moves in or beside six of them are priced already
    assert seconds[100.0] - seconds[0.0] == pytest.approx(8 * (100 - 8 - 6))


def test_an_answer_is_its_first_token_and_a_step_for_each_further_one():
    """An answer would take a step too many, or no steps at all."""
    found = infer(prompt_tokens=64, output_tokens=64)
    assert found.decode_steps == 63
    assert found.total_seconds == pytest.approx(found.first_token_seconds + 63 * found.next_token_seconds)
    assert infer(prompt_tokens=64, output_tokens=1).decode_steps == 0


@pytest.mark.parametrize("graphs", [True, False])
def test_graphs_are_advised_where_they_would_help(graphs):
    """Who decodes without graphs would not be told of them, or of prompts, which are never captured."""
    found = infer(cuda_graphs=graphs)
    reading, decoding = (
        next(line.advice for line in bounds if line == "launch")
        for bounds in (found.prefill_bounds, found.decode_bounds)
    )
    assert (reading == decoding) is graphs
    assert "graphs" not in reading


def test_looking_back():
    """Attention to nothing would be launched, or a look back take less than reading, or than its products."""
    kernels = Rank.of(serving(PLAIN)).kernels
    assert look_back(0.0, 0.0, 0.0, kernels).seconds == 0
    launch, bandwidth = 8e-6, BANDWIDTH * 0.8
    read = 1e9 * 2
    reading = (read + (read * 2e6) ** 0.5) / bandwidth
    assert look_back(1e9, 0.0, 0.0, kernels).seconds == pytest.approx(launch + reading)
    computing = 1e15 / (1e14 * 0.6)
    assert look_back(1e9, 0.0, 1e15, kernels).seconds == pytest.approx(launch + computing)


@pytest.mark.parametrize(("prompt", "passes"), [(4096, 1), (8192, 1), (12_288, 2), (16_384, 2)])
def test_prompts_are_read_in_whole_passes(prompt, passes):
    """Weights would be read one and a half times for one and a half steps of tokens."""
    plan = serving(PLAIN, curves=EVEN, prompt_tokens=prompt)
    plan = evolve(plan, hardware=evolve(plan.hardware, memory_bytes_per_second=1.0))
    weights = 8 * 12 * 512**2 * 2
    head = 4000 * 512 * 2
    assert MEGATRON.infer(plan).prefill_bounds["weights"] >= passes * weights
    assert MEGATRON.infer(plan).prefill_bounds["weights"] <= passes * (weights + head) * 1.001


@pytest.mark.parametrize(
    ("rows", "bits", "readings_of"), [(1, 8, 1), (3, 8, 2), (4, 8, 2.5), (5, 8, 1), (3, 16, 1), (0, 8, 1)]
)
def test_kernels_of_few_rows_read_weights_again(rows, bits, readings_of):
    """A kernel for one row would read narrow weights once for several, or a large batch read them for each."""
    engine = evolve(IDEAL, reread_rows=4, rereading=0.5)
    by = Rank.of(serving(PLAIN, engine=engine, dtype=evolve(FP16, weight_bits=bits))).kernels.dense
    assert readings(float(rows), engine, by) == readings_of
    assert readings(3.0, IDEAL, by) == 1
