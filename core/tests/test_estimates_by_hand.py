"""Figures of estimates that follow from their breakdowns, in round numbers."""

from math import inf

import pytest
from attrs import evolve

from llmplan.estimate import InferenceEstimate, Kind, Line, Spread, TrainingEstimate
from llmplan.records import Efficiency, EngineProfile, InferencePlan, Layout, NumberFormat, TrainingPlan
from llmplan.records.goodput import Failures
from llmplan.records.samples import Samples
from llmplan.testing import SAMPLE_DTYPE, SAMPLE_HARDWARE, SAMPLE_MODEL

GPU = evolve(SAMPLE_HARDWARE, memory_bytes=100.0, tdp_watts=500.0)
GIVEN = {
    "model": SAMPLE_MODEL,
    "hardware": GPU,
    "dtype": SAMPLE_DTYPE,
    "gemm": NumberFormat("fp16", 1e3),
    "efficiency": Efficiency(),
    "cost_model": "none",
}
NARROW = Spread(low=0.5, high=2.0, rows=9, extrapolated=False)
WIDE = Spread(low=0.25, high=4.0, rows=9, extrapolated=False)


def served(plan=None, **changes):
    """Two stages, three replicas of a batch of 4: 5 s to read prompts of 10 tokens, 2 s for each of 8 tokens."""
    given = {"batch": 4, "prompt_tokens": 10, "output_tokens": 8, "kv_bits": 16, **(plan or {})}
    of = InferencePlan(**GIVEN, layout=Layout(gpus=6, pp=2, dp=3), **given)
    kept = {"weights": 30.0, "cache": 40.0}
    lines = {"prefill_breakdown": {"a": 2.0, "b": 3.0}, "decode_breakdown": {"a": 2.0}, "memory_breakdown": kept}
    return InferenceEstimate(
        **{"plan": of, "batches_in_flight": 2, "memory_bytes_per_sequence": 10.0, **lines, **changes}
    )


def test_answers_take_turns_on_the_stages():
    """A user would wait for one stage alone, or a stage read the prompts of one batch in flight."""
    of = served()
    assert (of.prefill_seconds, of.decode_seconds_per_token) == (5, 2)
    assert (of.first_token_seconds, of.next_token_seconds, of.total_seconds) == (10, 4, 10 + 8 * 4)
    # 2 x 4 x 3 answers of 8 tokens while the stage is busy with both batches: 2 x (5 + 8 x 2)
    assert of.tokens_per_second == 24 * 8 / 42
    assert of.tokens_per_second_per_gpu == of.tokens_per_second / 6
    assert (served(batches_in_flight=3).first_token_seconds, served(batches_in_flight=3).next_token_seconds) == (15, 6)
    known = served(first_token=7.0, next_token=3.0, decode_steps=7)
    assert (known.first_token_seconds, known.next_token_seconds, known.total_seconds) == (7, 3, 7 + 7 * 3)
    assert known.tokens_per_second == 24 * 8 / (2 * (5 + 7 * 2))


def test_the_largest_batch_follows_from_what_a_sequence_holds():
    """It would count what is fixed for each sequence, or be less than none where nothing fits."""
    assert served().max_batch_size == (100 - (70 - 4 * 10)) // 10
    assert served(largest_batch=77).max_batch_size == 77
    full = served(memory_breakdown={"weights": 500.0}, memory_bytes_per_sequence=1.0)
    assert full.max_batch_size == 0
    for used, most in ((102.25, 0), (101.25, 1), (140.25, 0)):  # 2 of them of the batch of four
        assert served(memory_breakdown={"weights": used}, memory_bytes_per_sequence=0.5).max_batch_size == most


def test_what_cost_models_leave_out():
    """A batch would be in flight twice, or an answer be asked of who has none."""
    of = served()
    alone = InferenceEstimate(
        plan=of.plan,
        prefill_breakdown=of.prefill_breakdown,
        decode_breakdown=of.decode_breakdown,
        memory_breakdown=of.memory_breakdown,
    )
    assert (alone.first_token_seconds, alone.next_token_seconds) == (5, 2)
    assert (alone.compute_bound_batch, alone.max_context) == (None, None)
    assert alone.memory_spread is None
    assert served(spread_of_memory=lambda _: WIDE).memory_spread is WIDE
    asked = served(crossing=lambda plan: 3 * plan.batch, longest_context=lambda plan: 5 * plan.batch)
    assert (asked.compute_bound_batch, asked.max_context) == (12, 20)


def test_money_of_a_batch():
    """Reading and writing would not add up to all, or tokens be paid for by the GPU alone."""
    of = served({"price_per_gpu_hour": 3.6})
    second = 6 * 3.6 / 3600
    assert of.cost_per_million_tokens == pytest.approx(second / of.tokens_per_second * 1e6, rel=1e-9)
    assert of.cost_per_million_input_tokens == pytest.approx(second * 10 / (24 * 10) * 1e6)
    whole = of.cost_per_million_input_tokens * 240 + of.cost_per_million_output_tokens * 192
    assert whole == pytest.approx(second * 42 * 1e6)
    free = served()
    money = (free.cost_per_million_tokens, free.cost_per_million_input_tokens, free.cost_per_million_output_tokens)
    assert money == (None, None, None)


def test_energy_of_a_batch():
    """A token would take the power of one GPU, or less where the building takes more."""
    of = served({"pue": 1.5})
    assert of.joules_per_token == pytest.approx(500 * 1.5 * 6 / of.tokens_per_second)
    bare = evolve(of, plan=evolve(of.plan, hardware=evolve(GPU, tdp_watts=None)))
    assert bare.joules_per_token is None


def test_ranges_of_a_batch():
    """First tokens would have the range of further ones, or a range go below what is possible at all."""
    of = served(spreads=lambda _: (NARROW, WIDE))
    assert (of.first_token_spread, of.next_token_spread, of.total_spread) == (NARROW, WIDE, WIDE)
    assert (of.measured(0), of.measured(1)) == (NARROW, WIDE)
    ideal = evolve(of, ideal=lambda _: (8.0, 2.0))  # of 10 s and 4 s, of 42 s in all
    lows = [one.low for one in (ideal.first_token_spread, ideal.next_token_spread, ideal.total_spread)]
    assert lows == [8 / 10, 2 / 4, (8 + 8 * 2) / 42]
    stated = evolve(of, plan=evolve(of.plan, efficiency=Efficiency(stated=("hbm",))))
    assert (stated.first_token_spread, served().total_spread) == (None, None)


def test_engines_that_start_only_with_room_for_the_longest_sequence():
    """A plan would be said to serve whose engine ends at once, or one be warned that starts."""
    engine = EngineProfile(name="strict", warm_up_bytes=1.0, block_tokens=16)

    def said(room, engine=engine, **changes):
        return served({"engine": engine, "max_model_len": 100}, cache_tokens=room, **changes).warnings

    (line,) = said(99.0)
    assert line == (
        "strict starts only if its cache holds the longest sequence, 100 tokens, and there is room for 96: "
        "max-model-len 96 would do"
    )
    assert not said(100.0)
    assert not said(99.0, evolve(engine, warm_up_bytes=0.0))
    assert not said(99.0, memory_breakdown={"weights": 101.0})
    assert not said(None)


@pytest.mark.parametrize(
    ("used", "feasible", "headroom"),
    [(95.0, True, True), (96.0, True, False), (100.0, True, False), (100.5, False, False)],
)
def test_what_fits_and_what_fits_with_room(used, feasible, headroom):
    """A plan that fills its device to the last byte would be said not to fit, or to be safe."""
    of = served(memory_breakdown={"weights": used})
    assert (of.feasible, of.has_headroom) == (feasible, headroom)
    assert any(line.startswith(f"memory is {used:.1f}% full") for line in of.warnings) is (feasible and not headroom)
    reserved = served(memory_breakdown={"weights": used - 20, Line("kept", Kind.RESERVE): 20.0})
    assert reserved.has_headroom is feasible
    (uncounted,) = served(memory_breakdown={"weights": 96.0}).warnings
    assert "the driver's context" in uncounted
    system = served(memory_breakdown={"weights": 90.0, Line("driver", Kind.SYSTEM): 6.0})
    assert system.warnings == ("memory is 96.0% full: predictions may be off by more than that",)


def trained(plan=None, **changes):
    """An iteration of 10 s, 2 of them in the bubble, on six devices: 24 sequences of 100 tokens."""
    run = {"micro_batch": 2, "gradient_accumulation": 4, "seq_len": 100, "tokens": 24_000.0, "recompute": 0}
    of = TrainingPlan(**GIVEN, layout=Layout(gpus=6, pp=2, dp=3), **{**run, **(plan or {})})
    lines = {Line("forward", Kind.COMPUTE): 8.0, Line("bubble", Kind.WAITING): 2.0}
    given = {"time_breakdown": lines, "forward_breakdown": {}, "memory_breakdown": {"weights": 10.0}}
    return TrainingEstimate(**{"plan": of, "model_flops": 3e4, "hardware_flops": 4e4, **given, **changes})


def test_a_run_by_hand():
    """A run would take the tokens of one replica, of one iteration, or a peak of one device."""
    of = trained()
    assert (of.iteration_seconds, of.tokens_per_iteration, of.iterations) == (10, 2400, 10)
    assert (of.training_seconds, of.gpu_hours) == (100, pytest.approx(100 * 6 / 3600))
    assert (of.mfu, of.hfu) == (3e4 / (10 * 6 * 1e3), 4e4 / (10 * 6 * 1e3))
    assert (of.tokens_per_second, of.tokens_per_second_per_gpu) == (240, 40)
    assert trained({"tokens": 24_000.0 - 1}).iterations == 9
    assert trained({"seq_len": 0.1, "tokens": 7.2}).iterations == 3  # 7.2 / (24 x 0.1) is a little less, in binary
    assert (of.run_seconds, of.wall_clock_seconds, of.goodput) == (100, None, None)


def test_a_causal_mask_leaves_half_of_attention():
    """MFU by the causal count would leave out all of attention, or none."""
    of = trained()
    lowered = SAMPLE_MODEL.lower(24, 100)
    attention = 4 * 24 * 100 * 100 * SAMPLE_MODEL.hidden * SAMPLE_MODEL.layers
    assert of.mfu_causal == pytest.approx(of.mfu * (1 - attention / 2 / lowered.flops))


def test_padding_is_worked_on_and_trains_nothing():
    """Tokens a second would count it, or samples that are packed have some."""
    data = Samples(number=10, epochs=2.0, lengths=(20.0, 60.0), packed=False)
    of = trained({"data": data})
    assert of.tokens_per_iteration == 24 * 40
    longest = 20 + 40 * (1 - 0.5**2)  # of two samples of a micro-batch
    assert of.padding == pytest.approx(1 - 40 / longest)
    assert trained({"data": data, "gradient_accumulation": 1}).padding == pytest.approx(
        1 - 40 / (20 + 40 * (1 - 0.5**6))
    )
    assert (trained().padding, trained({"data": evolve(data, packed=True)}).padding) == (None, None)
    assert data.tokens == 10 * 2 * 40


def test_power_and_money_of_a_run():
    """A device would draw its TDP while it waits, or a building nothing beside it."""
    of = trained({"pue": 1.5, "price_per_gpu_hour": 2.0})
    watts = 500 * (0.2 + 0.8 * 0.8)
    assert of.average_power_watts == pytest.approx(watts)
    assert of.energy_kwh == pytest.approx(100 * 6 / 3600 * watts * 1.5 / 1000)
    assert of.cost == pytest.approx(100 * 6 / 3600 * 2)
    assert trained().cost is None


def test_a_run_with_failures():
    """A wall clock would be shorter than the training in it, or end where a run makes no progress."""
    failing = Failures(per_gpu_day=1.0, checkpoint_seconds=10.0)
    of = trained({"failures": failing})
    assert of.mtbf_seconds == 86_400 / 6
    assert of.checkpoint_interval_seconds == pytest.approx((2 * 10 * 86_400 / 6) ** 0.5)
    assert of.wall_clock_seconds == of.run_seconds == pytest.approx(100 / of.goodput)
    assert 0 < of.goodput < 1
    assert of.wall_clock_gpu_hours == pytest.approx(of.wall_clock_seconds * 6 / 3600)
    never = trained({"failures": evolve(failing, per_gpu_day=1e6)})
    assert (never.goodput, never.wall_clock_seconds) == (0, inf)
    assert any("makes no progress" in line for line in never.warnings)
    assert not any("makes no progress" in line for line in of.warnings)


def test_ranges_of_a_run():
    """Memory would have the range of time, or a deadline be kept with the confidence of a coin."""
    of = trained(spreads=lambda _: (NARROW, WIDE))
    assert (of.time_spread, of.memory_spread) == (NARROW, WIDE)
    assert of.training_seconds_at_confidence == 200
    assert evolve(of, plan=evolve(of.plan, confidence=0.5)).training_seconds_at_confidence == 100
    assert evolve(of, ideal=lambda one: one.iteration_seconds * 0.75).time_spread.low == 0.75
    stated = evolve(of, plan=evolve(of.plan, efficiency=Efficiency(mfu=0.5)))
    assert (stated.time_spread, stated.memory_spread) == (None, WIDE)
    assert (trained().time_spread, trained().memory_spread) == (None, None)
    assert trained().training_seconds_at_confidence is None


@pytest.mark.parametrize(
    ("used", "headroom", "doubted", "feasible"),
    [
        (100.0, 0.0, False, True),
        (100.5, 0.0, False, False),
        (50.0, 0.0, True, True),  # twice as much, with the confidence of the plan
        (50.5, 0.0, True, False),
        (75.0, 0.25, False, True),
        (75.5, 0.25, False, False),
    ],
)
def test_a_run_fits_with_confidence_and_with_its_headroom(used, headroom, doubted, feasible):
    """A run would be said to fit that holds twice as much in one case of ten, or that leaves no headroom."""
    spreads = {"spreads": lambda _: (WIDE, NARROW)} if doubted else {}
    of = trained({"memory_headroom": headroom}, memory_breakdown={"weights": used}, **spreads)
    assert of.memory_bytes_at_confidence == used * (2 if doubted else 1)
    assert of.feasible is feasible


@pytest.mark.parametrize(("bubble", "said"), [(2.0, False), (2.5, True)])
def test_waiting_is_said_where_it_is_worth_a_word(bubble, said):
    """A fifth of an iteration would be lost in silence, or a hundredth be complained of."""
    lines = {
        Line("forward", Kind.COMPUTE, advice="nothing"): 10.0 - bubble,
        Line("bubble", Kind.WAITING, advice="more micro-batches"): bubble,
    }
    assert any("more micro-batches" in line for line in trained(time_breakdown=lines).warnings) is said
    assert not any("nothing" in line for line in trained(time_breakdown=lines).warnings)
