"""What servers under load are made of: lengths, speculation, steps on a grid, rounds of a pipeline, work."""

from __future__ import annotations

import random

import numpy as np
import pytest
from affine_server import AffineSteps, affine_server, server_plan

from llmplan.estimate import Kind, Line
from llmplan.records import FAMILIES, Lengths, Request, Speculation, Step, Workload
from llmplan_serving_load.queueing.engine import prompt_step
from llmplan_serving_load.queueing.grid import StepGrid
from llmplan_serving_load.queueing.speculation import SpeculatingSteps, expected_steps, yield_probabilities
from llmplan_serving_load.queueing.work import cached_tokens, make_work

SHAPES = [("fixed", 0.0), ("uniform", 0.4), ("lognormal", 0.8), ("geometric", 0.0)]


@pytest.mark.parametrize(("family", "cv"), SHAPES)
def test_lengths_have_their_mean_and_variation(family, cv):
    """A family would not be scaled to what the user says."""
    lengths = Lengths(400, FAMILIES[family], cv)
    drawn = [lengths.quantile((index + 0.5) / 20_000) for index in range(20_000)]
    mean = sum(drawn) / len(drawn)
    deviation = (sum((length - mean) ** 2 for length in drawn) / len(drawn)) ** 0.5
    expected = (1 - 1 / 400) ** 0.5 if family == "geometric" else cv
    assert mean == pytest.approx(400, rel=0.01)
    assert deviation / mean == pytest.approx(expected, rel=0.05, abs=1e-9)
    assert min(drawn) >= 1
    assert lengths.varies == (family != "fixed")
    assert "400" in lengths.label
    assert (("±" if family == "uniform" else family) in lengths.label) == lengths.varies


def test_lengths_stay_within_the_context():
    """A prompt and its answer would be longer than the model can take."""
    load = Workload(rate=1.0, prompt=Lengths(700, FAMILIES["lognormal"], 1.0), output=Lengths(300), context=1024)
    assert all(prompt + output <= 1024 and output >= 1 for prompt, output in load.lengths)
    assert load.longest[1] == 1024
    assert Lengths(1, FAMILIES["geometric"]).quantile(0.99) == 1


def test_a_trace_has_lengths_and_a_rate_of_its_own():
    """Intervals, not requests, over the span; one request alone comes at no rate."""
    trace = (Request(5.0, 10, 2), Request(6.0, 20, 3), Request(9.0, 30, 4))
    load = Workload(trace=trace, prompt=Lengths(1), output=Lengths(1))
    assert load.offered_rate == pytest.approx(2 / 4)
    assert load.lengths == [(10, 2), (20, 3), (30, 4)]
    assert load.longest == (30, 34)
    assert Workload(trace=trace[:1], prompt=Lengths(1), output=Lengths(1)).offered_rate is None


def tokens_per_step(alpha, gamma):
    return Speculation(draft_tokens=gamma, acceptance_rate=alpha).tokens_per_step


def test_tokens_per_step_are_those_of_the_paper():
    """Leviathan et al. 2023, figure 2 and equation 1: (1 - alpha^(gamma + 1)) / (1 - alpha)."""
    for alpha, gamma in ((0.5, 1), (0.6, 5), (0.8, 10)):
        assert tokens_per_step(alpha, gamma) == pytest.approx((1 - alpha ** (gamma + 1)) / (1 - alpha))
        yields = yield_probabilities(alpha, gamma)
        assert sum(yields) == pytest.approx(1)
        assert sum(tokens * p for tokens, p in enumerate(yields, 1)) == pytest.approx(tokens_per_step(alpha, gamma))
    assert tokens_per_step(1.0, 4) == 5
    assert yield_probabilities(1.0, 2) == [0, 0, 1]


def test_expected_steps_are_what_drawing_them_takes():
    """The last step of an answer may yield more than is asked for."""
    yields = yield_probabilities(0.7, 3)
    drawn = random.Random(0)
    steps = 0
    for _ in range(4000):
        found = 0
        while found < 20:
            found += drawn.choices(range(1, 5), yields)[0]
            steps += 1
    assert expected_steps(20, yields)[20] == pytest.approx(steps / 4000, rel=0.01)
    assert expected_steps(3, [1.0]) == [0, 1, 2, 3]


def test_a_draft_costs_its_own_steps_and_memory():
    """Gamma steps of the draft and one of the model, both caches, both weights; prompts are read by both."""
    model, draft = AffineSteps(), AffineSteps(base=0.001, per_token=1e-6, per_key=0.0, weight_bytes=1e9)
    both, free = SpeculatingSteps(model, draft, 4), SpeculatingSteps(model, None, 4)
    decode = Step(sequences=8, context=100)
    verify = Step(sequences=8, context=100, tokens_per_sequence=5)
    assert free.step_seconds(decode) == model.step_seconds(verify)
    assert both.step_seconds(decode) == pytest.approx(model.step_seconds(verify) + 4 * (0.001 + 8e-6))
    assert both.step_interval_seconds(decode) == both.step_seconds(decode)
    prompt = Step(prompt_tokens=100, prompt_context=50.5, prompts=1)
    assert both.step_seconds(prompt) == pytest.approx(model.step_seconds(prompt) + 0.001 + 1e-4)
    assert both.kv_bytes(100) == 2 * model.kv_bytes(100) == 2 * free.kv_bytes(100)
    assert both.kv_transfer_seconds(100) == 2 * free.kv_transfer_seconds(100)
    assert both.fixed_memory(10)["draft_weights"] == 1e9
    assert "draft_weights" not in free.fixed_memory(10)
    assert both.batches_in_flight == 1


def test_yields_and_steps_by_hand():
    """Two guesses, each right half of the time: one token of two steps, two of four, three of four."""
    assert yield_probabilities(0.5, 2) == [0.5, 0.25, 0.25]
    assert expected_steps(4, [0.5, 0.25, 0.25]) == [0, 1, 1.5, 2, 1 + (0.5 * 2 + 0.25 * 1.5 + 0.25 * 1)]


def test_a_draft_reads_prompts_and_guesses_for_each_sequence():
    """A draft would read the prompts again for each token, guess where nothing decodes, or be a stage of the model."""

    class Draft(AffineSteps):
        def step_seconds(self, step):
            """Longer for each prompt, and for where it stands."""
            return super().step_seconds(step) + 0.1 * step.prompts + 0.001 * step.prompt_context

    model, draft = AffineSteps(stages=2), Draft(base=0.002, per_token=1e-5, per_key=1e-6)
    both, gamma = SpeculatingSteps(model, draft, 4), 4
    prompt = {"prompt_tokens": 100.0, "prompt_context": 50.5, "prompts": 1.0}
    step, verify = (Step(**prompt, sequences=8.0, context=100.0, tokens_per_sequence=n) for n in (1.0, gamma + 1.0))
    guesses = draft.step_seconds(step) + (gamma - 1) * draft.step_seconds(Step(sequences=8.0, context=100.0))
    assert both.step_seconds(step) == pytest.approx(model.step_seconds(verify) + guesses)
    assert both.step_interval_seconds(step) == pytest.approx(model.step_seconds(verify) / 2 + guesses)
    alone = Step(sequences=1.0, context=100.0)
    verified = model.step_seconds(Step(sequences=1.0, context=100.0, tokens_per_sequence=5.0))
    assert both.step_seconds(alone) == pytest.approx(verified + gamma * draft.step_seconds(alone))
    some = np.array([0.0, 8.0])
    together = both.step_seconds(Step(**prompt, sequences=some, context=np.array([0.0, 100.0])))
    none = both.step_seconds(Step(**prompt))
    assert together.tolist() == pytest.approx([none, both.step_seconds(step)])
    assert none == pytest.approx(model.step_seconds(Step(**prompt)) + draft.step_seconds(Step(**prompt)))
    half = both.step_seconds(Step(sequences=0.5, context=100.0))  # a guess for half a sequence takes as long as for one
    one = Step(sequences=0.5, context=100.0, tokens_per_sequence=5.0)
    rest = draft.step_seconds(Step(sequences=0.5, context=100.0)) + 3 * draft.step_seconds(
        Step(sequences=1, context=100)
    )
    assert half == pytest.approx(model.step_seconds(one) + rest)


def test_one_guess_a_step():
    """A draft of a single token would be none."""
    work = make_work(server_plan(rate=1.0, output=3, speculation=Speculation(draft_tokens=1, acceptance_rate=0.5)))
    assert work.yields == [0.5, 0.5]
    assert work.steps == 1.5  # of two tokens, both in one step half of the time
    assert make_work(server_plan(rate=1.0, output=3)).steps == 2


def test_speculation_makes_answers_faster_and_prompts_slower():
    """The gain of decoding is that of equation 1, less what the longer steps cost."""
    plain = affine_server(rate=1.0)
    guessing = affine_server(rate=1.0, speculation=Speculation(draft_tokens=3, acceptance_rate=0.8))
    assert guessing.work.steps < plain.work.steps / 2.5
    assert guessing.work.steps == pytest.approx(255 / guessing.plan.speculation.tokens_per_step, rel=0.02)
    assert guessing.decode_seconds(8) > plain.decode_seconds(8)


@pytest.mark.parametrize(
    "step",
    [
        Step(sequences=37, context=1234.5),
        Step(sequences=0.4, context=99),
        Step(prompt_tokens=777, prompt_context=321.0, prompts=1),
        Step(prompt_tokens=777, prompt_context=321.0, prompts=2, sequences=37, context=1234.5),
        Step(prompt_tokens=2048, prompt_context=1024.5, prompts=1, sequences=3, context=5000),
    ],
)
def test_the_grid_is_exact_where_steps_are_bilinear(step):
    """Interpolation would be a source of error of its own."""
    steps = AffineSteps()
    grid = StepGrid(steps, exact={2048.0})
    for _ in range(2):
        ((whole, stage),) = grid.price([step])
        assert whole == pytest.approx(steps.step_seconds(step), rel=1e-12)
        assert stage == pytest.approx(steps.step_interval_seconds(step), rel=1e-12)


def test_points_priced_together_are_those_priced_one_by_one():
    """If it fails, a search simulates other servers than the command that prices what it found."""
    alone, ahead = (StepGrid(AffineSteps(stages=2), exact={2048.0}, ahead=ahead) for ahead in (False, True))
    steps = [
        Step(prompt_tokens=tokens, prompt_context=300.0, prompts=prompts, sequences=sequences, context=context)
        for tokens, prompts in ((300.0, 1.0), (2048.0, 3.0), (7.5, 1.0))
        for sequences, context in ((0, 0.0), (1, 900.0), (61, 712.3))
    ]
    assert ahead.price(steps) == alone.price(steps)
    assert ahead.decode(33.0, 501.0) == alone.decode(33.0, 501.0)
    assert ahead.decode(1.0, 1.0) == alone.decode(1.0, 1.0)


def test_rounds_of_a_pipeline():
    """Two stages, a step of 20 ms, 10 ms a stage: a batch alone starts every 20 ms, and two of them fill the stages."""
    steps = AffineSteps(base=0.020, per_token=0.0, per_key=0.0, stages=2)
    engine = affine_server(steps=steps, layout={"pp": 2}, rate=1.0).decode_engine
    assert engine.batches == 2
    assert seconds_of(engine, Step(sequences=1, context=10))[0] == pytest.approx(0.020)
    assert seconds_of(engine, Step(sequences=2, context=10))[0] == pytest.approx(0.020)
    slow = AffineSteps(base=0.0, per_token=1e-3, per_key=0.0, stages=2)
    engine = affine_server(steps=slow, layout={"pp": 2}, rate=1.0).decode_engine
    prompt = Step(prompt_tokens=100, prompt_context=1, prompts=1, sequences=20, context=10)
    assert seconds_of(engine, prompt) == pytest.approx(((0.110 + (0.110 + 0.010) / 2) / 2, 0.110))
    alone = Step(prompt_tokens=100, prompt_context=1, prompts=1)
    assert seconds_of(engine, alone) == pytest.approx((0.100, 0.100))
    beside = Step(prompt_tokens=100, prompt_context=1, prompts=1, sequences=1, context=10)
    assert seconds_of(engine, beside)[1] == pytest.approx(0.100)


def seconds_of(engine, step):
    """Of the round that holds a step, and of its fullest batch."""
    (found,) = engine.rounds([step])
    return found.seconds, found.latency


def test_prompts_are_cut_to_what_steps_have_room_for():
    """Each chunk attends to all before it: the keys of the chunks are those of the whole prompt."""
    engine = affine_server(rate=1.0, step_tokens=300).decode_engine
    chunks = [chunk for chunk, _ in engine.prompt_steps(1000, 24, 50, 500.0)]
    assert [chunk.prompt_tokens for chunk in chunks] == [250, 250, 250, 250]
    keys = sum(chunk.prompt_tokens * chunk.prompt_context for chunk in chunks)
    assert keys == pytest.approx(sum(range(25, 1025)))
    assert all((chunk.sequences, chunk.context) == (50, 500.0) for chunk in chunks)
    whole = affine_server(rate=1.0, step_tokens=300, chunked=False).decode_engine.prompt_steps(1000, 24, 50, 500.0)
    assert whole == [(prompt_step([(1000, 24)]), 1.0)]
    assert whole[0][0].prompt_context == 24 + 500.5


def test_work_of_a_load():
    """Contexts are met by steps: long answers are met more often."""
    work = make_work(server_plan(prompt=100, output=50, rate=1.0))
    assert (work.steps, work.context, work.variation) == (49, 125, 0)
    assert (work.prompt_tokens, work.new_tokens, work.output_tokens) == (100, 100, 50)
    half = make_work(server_plan(prompt=100, output=50, rate=1.0, prefix_hit_rate=0.5))
    assert (half.new_tokens, half.prompt_tokens) == (50, 100)
    all_cached = make_work(server_plan(prompt=100, output=50, rate=1.0, prefix_hit_rate=1.0))
    assert all_cached.new_tokens == 1
    trace = (Request(0.0, 100, 11), Request(1.0, 100, 101))
    mixed = make_work(server_plan(trace=trace))
    assert mixed.steps == 55
    assert mixed.context == pytest.approx((10 * 105.5 + 100 * 150.5) / 110)
    assert mixed.mean_kv_bytes({111: 1.0, 201: 2.0}.__getitem__) == pytest.approx((10 + 200) / 110)
    assert mixed.variation == pytest.approx((100 + 10_000) / 2 / 55**2 - 1)


def test_few_prompts_stand_for_all():
    """Prompts that are nearly alike would be priced one by one, or some of a load be left out of its mean."""

    def stand(*tokens, **options):
        trace = tuple(Request(float(number), size, 2) for number, size in enumerate(tokens))
        return [(prompt.new, prompt.cached) for prompt in make_work(server_plan(trace=trace, **options)).prompts]

    assert stand(100, 100, 100) == [(100, 0)]
    assert stand(100, 50, prefix_hit_rate=0.5) == [(25, 25), (50, 50)]
    assert stand(*range(110, 99, -1)) == [
        (102.5, 0),
        (108, 0),
    ]  # of lengths a tenth apart the lower six, and the others
    wide = stand(*(10 * number for number in range(1, 97)))
    assert len(wide) == 24
    assert wide[0] == (25, 0)  # 10, 20, 30 and 40
    assert wide[-1] == (945, 0)
    assert stand(10, 1000, 2000) == [(10, 0), (1000, 0), (2000, 0)]


def test_sequences_met_at_random():
    """Answers of one token would be met as long as others, or none where there are no others."""
    mixed = make_work(server_plan(trace=(Request(0.0, 100, 1), Request(1.0, 100, 101), Request(2.0, 50, 51))))
    assert mixed.mean_kv_bytes({101: 5.0, 201: 2.0}.__getitem__) == pytest.approx((100 * 2 + 50 * 5) / 150)
    assert mixed.steps == 50
    assert mixed.new_tokens == pytest.approx(250 / 3)
    short = make_work(server_plan(trace=(Request(0.0, 100, 1), Request(1.0, 300, 1))))
    assert (short.steps, short.context, short.variation) == (0, 0, 0)
    assert short.mean_kv_bytes({101: 1.0, 301: 2.0}.__getitem__) == 1.5


def test_what_a_prefix_cache_holds():
    """The last token of a prompt, whose logits are asked for, would be taken from the cache."""
    assert [cached_tokens(10, rate) for rate in (0.0, 0.55, 0.9, 1.0)] == [0, 5, 9, 9]
    assert cached_tokens(1, 1.0) == 0


def test_what_fits():
    """64 GB less 10 GB of weights less the workspace of a step of 2,048 tokens, over 80 blocks of 16 tokens."""
    server = affine_server(rate=1.0)
    room = 64e9 - 10e9 - 2048 * 1e4
    assert server.decode_engine.kv_room_bytes == room
    assert server.sequences_that_fit == int(room / (80 * 16 * 1e5))
    assert server.fits
    assert not affine_server(rate=1.0, steps=AffineSteps(weight_bytes=63.9e9)).fits
    assert affine_server(rate=1.0, chunked=False, prompt=5000).fixed_memory["workspace"] == 5000 * 1e4


@pytest.mark.parametrize(("kind", "counted"), [(Kind.TENSORS, 2), (Kind.SYSTEM, 1), (Kind.RESERVE, 1)])
def test_a_draft_shares_what_a_device_has_once(kind, counted):
    """If it fails, a draft model loads the driver a second time, or keeps a second tenth of the memory free."""

    class Steps(AffineSteps):
        def fixed_memory(self, _step_tokens):
            return {Line("mine", kind): 5.0}

    both = SpeculatingSteps(Steps(), Steps(), 2).fixed_memory(1.0)
    assert sum(both.values()) == 5.0 * counted
    assert all(line.kind is kind for line in both)
