"""Steps of an engine, and the grid between whose points they are interpolated, in small numbers by hand."""

import numpy as np
import pytest
from affine_server import AffineSteps, affine_server, inference_plan, server_plan
from attrs import evolve

from llmplan.estimate.server import CACHES
from llmplan.records import Request, Speculation, Step
from llmplan_serving_load.queueing.closed_form import open_means
from llmplan_serving_load.queueing.engine import prompt_step
from llmplan_serving_load.queueing.grid import COARSE, FINE, StepGrid, _around as around, _places as places, points
from llmplan_serving_load.queueing.rounds import price_rounds
from llmplan_serving_load.queueing.server import _usual as usual, make_server
from llmplan_serving_load.queueing.side_by_side import side_by_side

LEVELS = (
    *("queueing_seconds", "first_token_seconds", "next_token_seconds", "total_seconds"),
    *("decoding", "busy_share", "kv_share", "prefill_share"),
)
TWO = {"steps": AffineSteps(stages=2), "layout": {"pp": 2}}
GUESSING = Speculation(draft_tokens=3, acceptance_rate=0.5)


def engine(**options):
    """Of a server whose steps hold 100 tokens."""
    return affine_server(**{"rate": 1.0, "step_tokens": 100, **options}).decode_engine


def test_room_for_prompts_is_what_decoding_leaves():
    """A step would hold more than it may, or sequences of other batches take room in it."""
    assert [engine().room_tokens(n) for n in (0.0, 40.0, 99.5, 500.0)] == [100, 60, 1, 1]
    assert engine(**TWO).room_tokens(40.0) == 80
    assert engine(speculation=GUESSING).room_tokens(10.0) == 60  # three tokens of a draft and one more
    assert engine(chunked=False).room_tokens(40.0) == 100


def test_chunks_of_a_prompt():
    """The last chunk would be as long as the others, or tokens look back on what comes behind them."""
    found = [
        (step.prompt_tokens, step.prompt_context, step.prompts, step.sequences, step.context, made)
        for step, made in engine().prompt_steps(130.0, 20.0, 40.0, 7.0)
    ]
    assert found == [(60, 20 + 30.5, 1, 40, 7, 1), (60, 80 + 30.5, 1, 40, 7, 1), (10, 140 + 5.5, 1, 40, 7, 1)]
    assert [made for _, made in engine().prompt_steps(61.0, 0.0, 40.0, 7.0)] == [1, 1]  # one token is left
    ((alone, _),) = engine().prompt_steps(100.0, 0.0, 0.0, 7.0)
    assert (alone.prompt_tokens, alone.sequences, alone.context) == (100, 0, 0)
    whole = prompt_step([(10.0, 5.0), (30.0, 0.0)], 2.0, 9.0)
    assert (whole.prompt_tokens, whole.prompts, whole.sequences, whole.context) == (40, 2, 2, 9)
    assert whole.prompt_context == (10 * (5 + 5.5) + 30 * 15.5) / 40
    assert prompt_step([(10.0, 5.0)], 0.0, 9.0).context == 0
    assert prompt_step([(10.0, 5.0)]).sequences == 0


def test_rounds_of_sequences():
    """A batch alone would wait for stages that hold nothing, or sequences be on one stage all at once."""
    steps, two = AffineSteps(stages=2), engine(**TWO)
    one = steps.step_seconds(Step(sequences=1.0, context=50.0))
    assert two.decode_seconds(1.0, 50.0) == pytest.approx(one)
    assert two.decode_seconds(2.0, 50.0) == pytest.approx(one)
    assert two.decode_seconds(40.0, 50.0) == pytest.approx(steps.step_seconds(Step(sequences=20.0, context=50.0)))
    less = steps.step_seconds(Step(sequences=0.5, context=50.0))
    assert two.decode_seconds(0.5, 50.0) == pytest.approx(less)


def test_steps_that_are_priced_together_are_those_that_are_priced_alone():
    """Steps of a table would be another server's than those of its plan."""
    plan = server_plan(rate=1.0, layout={"pp": 2})
    alone, ahead = (make_server(plan, lambda _: AffineSteps(stages=2), ahead=ahead) for ahead in (False, True))
    steps = [Step(sequences=float(n), context=50.0, prompts=1.0, prompt_tokens=float(2 * n)) for n in (1, 2, 30)]
    assert ahead.decode_engine.price(steps) == [pytest.approx(one) for one in alone.decode_engine.price(steps)]
    assert ahead.decode_engine.price(steps[:1]) == alone.decode_engine.price(steps[:1])


def test_what_a_step_needs_is_no_room_for_caches():
    """Whole prompts would need no more room than chunks, or a server that has none start."""
    assert engine().fixed_memory["workspace"] == 1e4 * 100
    assert engine(chunked=False, prompt=5000).fixed_memory["workspace"] == 1e4 * 5000
    assert engine(chunked=False, prompt=50).fixed_memory["workspace"] == 1e4 * 100
    assert engine().kv_room_bytes == 64e9 - 10e9 - 1e4 * 100


def test_points_of_a_grid():
    """Whole numbers would be as far apart as powers, or powers go on where whole numbers are nearer."""
    assert places(1.5)[:7] == [0, 1, 2, 3, 4.5, 6.75, 10.125]
    assert points(3.0, 1.5) == [1, 2, 3]
    assert points(5.0, 1.5) == [1, 2, 3, 4.5, 6.75]
    assert points(1.0) == [1, 2]
    assert points(4.0) == [1, 2, 3, 4]
    assert places(FINE)[:12] == [float(n) for n in range(10)] + [pytest.approx(10), pytest.approx(11)]
    assert places(FINE)[-1] >= 1e12 > places(FINE)[-2]


@pytest.mark.parametrize(
    ("value", "ends"),
    [(2.0, [(2, 1)]), (2.5, [(2, 0.5), (3, 0.5)]), (3.375, [(3, 0.75), (4.5, 0.25)]), (0.0, [(0, 1)])],
)
def test_values_lie_between_points_by_their_distance(value, ends):
    """A step would be taken for the farther point, or be weighed by more than 1."""
    assert list(around(value, COARSE)) == [(low, pytest.approx(weight)) for low, weight in ends]


def test_steps_between_points_are_means_of_these():
    """Of a step that bends, what lies between two points would not lie between their seconds."""

    class Bent(AffineSteps):
        def step_seconds(self, step):
            """As the square of sequences, and of context; and so long for each prompt."""
            return step.sequences**2 * (1.0 + step.context**2) + 10.0 * step.prompt_tokens**2 + 7.0 * step.prompts

    grid = StepGrid(Bent(), exact={20.5})
    (low, a), (high, b) = around(20.5, FINE)
    expected = (a * low**2 + b * high**2) * 2
    assert grid.decode(20.5, 1.0)[0] == 20.5**2 * 2
    assert StepGrid(Bent()).decode(20.5, 1.0)[0] == pytest.approx(expected)
    ((seconds, _),) = StepGrid(Bent()).price([Step(sequences=20.5, context=2.5)])
    assert seconds == pytest.approx((a * low**2 + b * high**2) * (1 + (2**2 + 3**2) / 2))
    ((reading, stage),) = StepGrid(Bent(stages=2)).price([Step(prompt_tokens=20.5, prompt_context=3.0, prompts=1.0)])
    assert reading == pytest.approx(7 + 10 * (a * low**2 + b * high**2))
    assert stage == pytest.approx(reading / 2)


class Noted(AffineSteps):
    """Which note what they are asked."""

    def step_seconds(self, step):
        """As square as can be, so that nothing lies between two points."""
        ASKED.append(step)
        return step.sequences**2 * (1.0 + step.context**2)


ASKED = []


def test_a_step_of_sequences_reads_no_prompt():
    """Keys of prompts would be looked up where there are none, or a context that is a point be taken between two."""
    ASKED.clear()
    assert StepGrid(Noted(stages=2), exact={7.0}).decode(2.0, 7.0) == (4 * 50, 2 * 50)
    assert {(step.prompt_tokens, step.prompt_context, step.prompts) for step in ASKED} == {(0, 0, 0)}
    assert StepGrid(Noted(), exact={7.0}).price([Step(sequences=2.0, context=7.0)]) == [(200, 200)]


def test_points_beside_one():
    """A point would be priced that no step has, or one alone where those around it are asked for next."""
    beside = StepGrid(AffineSteps(), exact={3.0})._beside  # noqa: SLF001 - what is priced together
    assert beside(4.5, COARSE, 1) == [3, 4.5, 6.75]
    assert beside(6.75, COARSE, 2) == [3, 4.5, 6.75, 10.125, 15.1875]
    assert beside(1.0, COARSE, 1) == [1, 2]
    assert [beside(alone, COARSE, 1) for alone in (0.0, 3.0, 5.0)] == [[0], [3], [5]]


def test_steps_that_follow_are_priced_in_one_call():
    """A simulation would price each number of sequences alone, in a call of arrays of its own."""
    every = places(FINE)
    grid = StepGrid(Noted(), ahead=True)
    ASKED.clear()
    for at in (30, 22, 38):
        grid.decode(every[at], 3.0)
    assert len(ASKED) == 2  # through all stages, and on the slowest of them
    assert sorted(set(ASKED[0].context.tolist())) == [2, 3, 4.5]
    assert sorted(set(ASKED[0].sequences.tolist())) == every[22:39]
    grid.decode(every[39], 3.0)
    assert len(ASKED) == 4
    ASKED.clear()
    grid.price([Step(prompt_tokens=every[30], prompt_context=3.0, prompts=1.0, sequences=4.5, context=3.0)])
    assert sorted(set(ASKED[0].prompt_tokens.tolist())) == every[26:35]
    for name in ("prompt_context", "context"):
        assert sorted(set(getattr(ASKED[0], name).tolist())) == [2, 3, 4.5]
    assert sorted(set(ASKED[0].sequences.tolist())) == [3, 4.5, 6.75]


def test_a_step_of_one_stage_is_priced_once():
    """The cost model would be asked twice for each step, where the slowest stage is all of it."""
    ASKED.clear()
    assert engine(steps=Noted()).price([Step(sequences=2.0, context=7.0)]) == [(200, 200)]
    assert len(ASKED) == 1


@pytest.mark.parametrize(
    ("prompts", "sequences", "kinds"),
    [
        (2.0, 1.0, [(50, 1, 1, 9), (0, 0, 1, 9)]),
        (1.0, 1.0, [(100, 1, 0, 0), (0, 0, 1, 9)]),
        (1.0, 4.0, [(100, 1, 2, 9), (0, 0, 2, 9)]),
        (2.0, 0.0, [(50, 1, 0, 0)]),
        (0.0, 4.0, [(0, 0, 2, 9)]),
    ],
)
def test_prompts_and_sequences_are_dealt_to_two_batches(prompts, sequences, kinds):
    """Prompts would be beside sequences while a batch has none, or each batch read all of them."""
    asked = []

    def price(steps):
        asked.extend((one.prompt_tokens, one.prompts, one.sequences, one.context) for one in steps)
        return [(1.0, 0.5)] * len(steps)

    tokens = 100.0 if prompts else 0.0
    step = Step(prompt_tokens=tokens, prompts=prompts, prompt_context=3.0, sequences=sequences, context=9.0)
    (found,) = price_rounds([step], 2.0, price)
    assert asked == kinds
    assert found.latency == 1


def test_a_stage_with_nothing_to_do():
    """Of three batches one that holds nothing would take its time on each stage."""
    step = Step(prompt_tokens=9.0, prompts=1.0, prompt_context=3.0, sequences=1.0, context=9.0)
    (found,) = price_rounds([step], 3.0, lambda steps: [(1.0, 0.9)] * len(steps))
    assert found.latency == found.seconds == 1.8


def test_what_a_pool_of_prompts_holds():
    """A replica that reads prompts would hold answers too, or a prompt without the token that it gives."""
    pool = affine_server(rate=1.0).plan.plan
    apart = affine_server(rate=1.0, prefill_pool=pool)
    assert apart.prefill_memory[CACHES] == 65 * 16 * 1e5
    assert (apart.fits, apart.missing_bytes) == (True, 0)
    assert affine_server(rate=1.0).prefill_memory is None
    tight = affine_server(rate=1.0, steps=AffineSteps(kv_bytes_per_token=(64e9 - 10e9 - 2048e4) / (80 * 16)))
    assert (tight.fits, tight.missing_bytes) == (True, 0)
    full = affine_server(rate=1.0, steps=AffineSteps(kv_bytes_per_token=54e9 / (80 * 16)))
    assert (full.fits, full.missing_bytes) == (False, pytest.approx(2048e4))


class Uneven(AffineSteps):
    """Of two stages, one of which takes seven tenths of the time."""

    def step_interval_seconds(self, step):
        """Of that one."""
        return 0.7 * self.step_seconds(step)


@pytest.mark.parametrize(("sequences", "batch", "longer"), [(0.5, 0.5, 1), (1, 1, 1), (2, 1, 1.4), (40, 20, 1.4)])
def test_batches_wait_for_the_slowest_stage(sequences, batch, longer):
    """One batch alone would wait for another one, or two of them for nobody."""
    steps = Uneven(stages=2, per_token=1e-3)
    server = affine_server(rate=1.0, steps=steps, layout={"pp": 2})
    one, some = (steps.step_seconds(Step(sequences=n, context=server.work.context)) for n in (max(1, batch), batch))
    assert server.decode_seconds(float(sequences)) == pytest.approx(longer * one)
    assert server.decode_engine.decode_seconds(float(sequences), server.work.context) == pytest.approx(longer * some)


def test_two_pools_of_other_gpus():
    """A cache would be sent as fast as the faster side takes it, or prompts have the room of the pool that decodes."""
    fits = (64e9 - 10e9 - 2048e4) / (33 * 16)
    reading = AffineSteps(kv_bytes_per_token=fits, transfer_bytes_per_second=1e14)
    writing = AffineSteps(transfer_bytes_per_second=1e9)
    pool = inference_plan(dp=3)
    trace = (Request(0.0, 100, 11), Request(1.0, 400 + 112, 101))

    def made(reading, writing):
        plan = server_plan(prefill_pool=pool, layout={"dp": 2}, trace=trace, prefix_hit_rate=0.5)
        return make_server(plan, lambda plan: reading if plan is pool else writing)

    server = made(reading, writing)
    assert server.prefill_memory[CACHES] == 33 * 16 * fits  # the longest prompt, and the token that it gives
    assert (server.fits, server.missing_bytes) == (True, 0)
    assert made(evolve(reading, kv_bytes_per_token=1.01 * fits), writing).missing_bytes == pytest.approx(
        0.01 * 33 * 16 * fits
    )
    sent = [7 * 16 * 1e5 / 1e9, 32 * 16 * 1e5 / 1e9]
    assert server.transfer_seconds == pytest.approx(sum(sent) / 2)
    assert server.transfer_of(100) == sent[0]
    assert made(writing, evolve(writing, transfer_bytes_per_second=1e12)).transfer_seconds == server.transfer_seconds
    assert server.prefill_gpu_share == 3 / 5
    assert affine_server(rate=1.0).prefill_gpu_share == 0


def test_a_prompt_is_held_with_the_token_that_it_gives():
    """A block would be set aside for another one."""
    apart = affine_server(rate=1.0, prompt=1039, prefill_pool=inference_plan())
    assert apart.prefill_memory[CACHES] == 65 * 16 * 1e5


def test_how_many_sequences_fit():
    """A model that keeps nothing would have room for none, or one that has no room for some."""
    nothing = affine_server(rate=1.0, steps=AffineSteps(kv_bytes_per_token=0.0), max_sequences=9)
    assert (nothing.sequences_that_fit, nothing.most_sequences) == (9, 9)
    assert affine_server(rate=1.0).sequences_that_fit == (64e9 - 10e9 - 2048e4) // (80 * 16 * 1e5) == 421
    full = affine_server(rate=1.0, steps=AffineSteps(weight_bytes=65e9))
    assert (full.sequences_that_fit, full.most_sequences) == (0, 1)


def test_values_that_are_met_again_and_again_are_points():
    """A server whose requests are alike would be interpolated where its steps are known."""
    work = affine_server(rate=1.0, prompt=100, output=50).work
    assert usual(work, 2048) == {100, 50.5, 2048, work.context}
    mixed = affine_server(trace=(Request(0.0, 100, 11), Request(1.0, 100, 101)), rate=None).work
    assert usual(mixed, 2048) == {2048}


def test_replicas_that_differ_are_weighed_by_what_they_do():
    """Shares of prompts would be means over replicas, also of those that hardly work."""
    server = affine_server(rate=1.0)
    little, much = (open_means(server, rate) for rate in (0.5, 8.0))
    found = side_by_side([(2, little), (1, much)])
    busy = 2 * little.busy_share + much.busy_share
    reading = 2 * little.busy_share * little.prefill_share + much.busy_share * much.prefill_share
    assert (found.busy_share, found.prefill_share) == (pytest.approx(busy / 3), pytest.approx(reading / busy))
    assert found.requests_per_second == 9
    for name in ("queueing_seconds", "first_token_seconds", "next_token_seconds", "total_seconds"):
        assert getattr(found, name) == pytest.approx((1 * getattr(little, name) + 8 * getattr(much, name)) / 9)
    assert found.kv_share == pytest.approx((2 * little.kv_share + much.kv_share) / 3)
    found = side_by_side([(2, evolve(little, requests_per_second=0.1)), (1, evolve(much, requests_per_second=0.2))])
    assert found.total_seconds == pytest.approx((little.total_seconds + much.total_seconds) / 2)
    less = side_by_side([(2, evolve(little, busy_share=0.1)), (1, evolve(much, busy_share=0.3))])
    assert less.prefill_share == pytest.approx((0.2 * little.prefill_share + 0.3 * much.prefill_share) / 0.5)


def test_replicas_that_are_all_alike_are_each_of_them_to_the_last_digit():
    """Two plans with the same server would differ by their rounding, and one be taken for the better."""
    many = np.arange(1.0, 60.0)
    one = evolve(open_means(affine_server(rate=1.0), 1.0), **dict.fromkeys(LEVELS, many / 7.0))
    found = side_by_side([(many, one), (0.0 * many, evolve(one, total_seconds=1.0))])
    for name in LEVELS:
        assert (getattr(found, name) == many / 7.0).all(), name
    for number in (3, 7, 11, 49):
        alike = evolve(one, **dict.fromkeys(LEVELS, 1.0 / number))
        assert [getattr(side_by_side([(number, alike)]), name) for name in LEVELS] == [1.0 / number] * len(LEVELS)
    some = side_by_side([(many, one), (many == 3, one)])
    assert np.allclose(some.total_seconds, many / 7.0)
