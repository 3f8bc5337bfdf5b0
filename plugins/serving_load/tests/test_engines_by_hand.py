"""Steps of an engine, and the grid between whose points they are interpolated, in small numbers by hand."""

import pytest
from affine_server import AffineSteps, affine_server, server_plan

from llmplan.estimate.server import CACHES
from llmplan.records import Request, Speculation, Step
from llmplan_serving_load.queueing.closed_form import open_means
from llmplan_serving_load.queueing.engine import prompt_step
from llmplan_serving_load.queueing.grid import COARSE, FINE, StepGrid, _around as around, _places as places, points
from llmplan_serving_load.queueing.rounds import price_rounds
from llmplan_serving_load.queueing.server import _usual as usual, make_server
from llmplan_serving_load.queueing.side_by_side import side_by_side

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
    ((alone, _),) = engine().prompt_steps(100.0, 0.0, 0.0, 7.0)
    assert (alone.prompt_tokens, alone.sequences, alone.context) == (100, 0, 0)
    whole = prompt_step([(10.0, 5.0), (30.0, 0.0)], 2.0, 9.0)
    assert (whole.prompt_tokens, whole.prompts, whole.sequences, whole.context) == (40, 2, 2, 9)
    assert whole.prompt_context == (10 * (5 + 5.5) + 30 * 15.5) / 40
    assert prompt_step([(10.0, 5.0)], 0.0, 9.0).context == 0


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
