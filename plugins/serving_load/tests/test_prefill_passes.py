"""Passes over several prompts: what each further one adds, before computation binds and after."""

from math import exp

import numpy as np
import pytest
from affine_server import AffineSteps, affine_server, inference_plan
from attrs import evolve
from hypothesis import given, settings, strategies as st

from llmplan.records import Request, Step
from llmplan_serving_load.queueing.prefill import PrefillTimes

TIMES = PrefillTimes(
    seconds=1.0,
    square=1.0,
    extra=0.5,
    packed_seconds=0.3,
    packed_extra=0.25,
    held=16.0,
    some=4.0,
    another=0.1,
    further=0.25,
)


def test_further_prompts_cost_what_binds_them():
    """By hand: 1 s for one, 0.1 s for each of three more, 0.25 s for each beyond these."""
    assert [1.0 + TIMES.others(prompts) for prompts in (1.0, 4.0, 8.0, 16.0)] == [1.0, 1.3, 2.3, pytest.approx(4.3)]


@given(st.floats(0.1, 3.5))
@settings(max_examples=30, deadline=None)
def test_passes_that_follow_each_other_read_what_came_during_the_last(rate):
    """If it fails, prompts that wait for a pass are more, or fewer, than those that it has room for and that came."""
    prompts = TIMES._backlog(rate)  # noqa: SLF001 - what `at` reads
    assert prompts == pytest.approx(rate * (1.0 + TIMES.others(prompts))) or prompts < 1


def test_many_servers_have_what_each_of_them_has():
    """If it fails, a search over servers reads prompts in other passes than the server alone."""
    rates = np.array([0.2, 1.0, 3.0, 3.9, 5.0])
    together = TIMES.at(rates, 0.5)
    for place, rate in enumerate(rates):
        alone = TIMES.at(float(rate), 0.5)
        assert [np.broadcast_to(getattr(together, name), 5)[place] for name in ("busy", "seconds", "prompts")] == [
            pytest.approx(getattr(alone, name)) for name in ("busy", "seconds", "prompts")
        ]


STEPS = AffineSteps()


def seconds(tokens, context, prompts=1.0, sequences=0.0):
    """Of a step of prompts beside sequences, whose answers are of 50 tokens behind prompts of 250."""
    beside = {"sequences": sequences, "context": 275.0} if sequences else {}
    return STEPS.step_seconds(Step(prompt_tokens=tokens, prompt_context=context, prompts=prompts, **beside))


def test_a_prompt_of_several_passes():
    """Passes of 100 tokens: what decodes would take no room in them, or a prompt not add what it makes them longer."""
    prefill = affine_server(rate=1.0, prompt=250, output=50, step_tokens=100).prefill
    alone, beside = prefill.times(0.0), prefill.times(1.0)
    passes = [seconds(100, 50.5), seconds(100, 150.5), seconds(50, 225.5)]
    assert alone.seconds == pytest.approx(sum(passes))
    assert alone.square == pytest.approx(sum(passes) ** 2)
    assert alone.extra == alone.seconds
    assert (alone.held, alone.some, alone.another, alone.further) == (0.4, 1, 0, 0)
    assert alone.packed_seconds == pytest.approx(seconds(100, 125.5) / 0.4)
    assert alone.packed_extra == alone.packed_seconds
    passes = [seconds(99, 50, 1, 1), seconds(99, 149, 1, 1), seconds(52, 198 + 26.5, 1, 1)]
    decode = STEPS.step_seconds(Step(sequences=1.0, context=275.0))
    assert beside.seconds == pytest.approx(sum(passes))
    assert beside.extra == pytest.approx(sum(passes) - 3 * decode)
    assert beside.held == 99 / 250
    full = seconds(99, 125.5, 1, 1)
    assert (beside.packed_seconds, beside.packed_extra) == pytest.approx((full / 0.396, (full - decode) / 0.396))
    halfway = prefill.times(0.5)
    assert halfway.seconds == pytest.approx((alone.seconds + beside.seconds) / 2)


@pytest.mark.parametrize(("chunked", "held"), [(True, 10.0), (False, 9.0)])
def test_a_pass_of_several_prompts(chunked, held):
    """Prompts of whom ten fill a pass would be cut where they may not be, or each take as long as the first."""
    size = 10 if chunked else 11
    server = affine_server(rate=1.0, prompt=size, output=50, step_tokens=100, chunked=chunked)
    times, context, some = server.prefill.times(0.0), (size + 1) / 2, held ** (1 / 3)
    first, middle, full = (seconds(n * size, context, n) for n in (1.0, some, held))
    assert (times.seconds, times.square) == pytest.approx((first, first**2))
    assert (times.held, times.some) == pytest.approx((held, some))
    assert times.another == pytest.approx((middle - first) / (some - 1))
    assert times.further == pytest.approx((full - middle) / (held - some))
    assert times.packed_seconds == pytest.approx(full / held)
    assert server.prefill.times(4.0) == times or chunked  # where prompts go first, nothing is beside them


def test_prompts_of_two_lengths():
    """The mean would be that of one of them, or the square that of the mean."""
    trace = (Request(0.0, 100, 11), Request(1.0, 400, 11))
    times = affine_server(trace=trace, step_tokens=1000).prefill.times(0.0)
    short, long = seconds(100, 50.5), seconds(400, 200.5)
    assert times.seconds == pytest.approx((short + long) / 2)
    assert times.square == pytest.approx((short**2 + long**2) / 2)
    assert times.held == 1000 / 250
    keys = (100 * 50.5 + 400 * 200.5) / 500
    assert times.packed_seconds == pytest.approx(seconds(1000, keys, 4.0) / 4)


def test_prompts_of_two_stages():
    """Each stage would read a prompt of its own in the time of one, or a pass hold what one stage has room for."""
    steps = AffineSteps(stages=2)
    times = affine_server(steps=steps, rate=1.0, prompt=50, output=50, step_tokens=100, layout={"pp": 2}).prefill.times(
        0
    )
    first = seconds(50, 25.5)
    assert (times.seconds, times.extra) == pytest.approx((first, first))
    assert (times.held, times.some) == (4, 2)
    assert times.another == pytest.approx(first - first)  # the other stage reads another one meanwhile
    assert times.further == pytest.approx((seconds(100, 25.5, 2) - first) / 2)
    assert times.packed_seconds == pytest.approx(seconds(100, 25.5, 2) / 4)


def test_nothing_is_beside_prompts_that_are_read_elsewhere():
    """A pool that reads prompts would leave room for what decodes elsewhere."""
    prefill = affine_server(rate=1.0, prompt=250, step_tokens=100, prefill_pool=inference_plan()).prefill
    assert prefill.times(50.0) == prefill.times(0.0)


def test_prompts_beside_as_many_as_decode():
    """Beside twice as many as fit, passes would be those beside fewer."""
    server = affine_server(rate=1.0, prompt=250, output=50, step_tokens=100, max_sequences=12)
    held = [server.prefill.times(n).held for n in (8.0, 12.0, 16.0, 24.0, 32.0, 40.0)]
    assert held == pytest.approx([92 / 250, 88 / 250, 84 / 250, 76 / 250, 68 / 250, 68 / 250])


SLOW = evolve(TIMES, seconds=1.25, held=100.0, some=2.0, another=0.2, further=0.1)


def test_prompts_that_come_while_one_is_read():
    """As many would be read together as come in another time than that of a step, or of a pass."""
    came = 0.4 * (0.5 * 0.1 + 0.5 * 1.25)  # half of the time a prompt is read
    assert SLOW.at(0.4, 0.1).prompts == pytest.approx(came / (1 - exp(-came)))
    # where each of the first two takes longer than one comes, more are read at once, until as many as there is room for
    assert [SLOW.at(rate, 0.0).prompts for rate in (5.0, 6.0, 8.0)] == pytest.approx(
        [rate * (1.25 + 0.2 - 0.2) / (1 - rate * 0.1) for rate in (5.0, 6.0, 8.0)]
    )
    assert [SLOW.at(rate, 0.0).prompts for rate in (10.0, 15.0)] == [100, 100]


def test_passes_with_room_for_one_and_a_half():
    """A pass would be shared only where two prompts fit."""
    times = evolve(TIMES, held=1.5)
    assert times.with_prompts(1.25) == pytest.approx((0.5 + 0.1 * 0.25) / 1.25)
    reading = times.at(50.0, 0.0)
    assert (reading.full, reading.prompts) == (1, 1.5)
    assert reading.seconds == pytest.approx((1 + 0.1 * 0.5) / 1.5)
    one = evolve(TIMES, held=1.0)
    assert one.at(0.25, 9.0).full == 0.25  # one after the other: a quarter of the time
    assert one.with_prompts(0.5) == pytest.approx(0.5 + 0.5 * (0.25 - 0.5))


def test_prompts_longer_than_a_pass_that_goes_first():
    """A prompt that is not cut would be read with another one."""
    times = affine_server(rate=1.0, prompt=150, output=50, step_tokens=100, chunked=False).prefill.times(0.0)
    assert (times.held, times.packed_seconds) == (1, pytest.approx(seconds(150, 75.5)))


def test_two_stages_whose_prompts_take_several_passes():
    """Each batch would hold a part of a prompt, or two of them."""

    class Each(AffineSteps):
        def step_seconds(self, step):
            """A second longer for each prompt."""
            return super().step_seconds(step) + step.prompts

    load = {"rate": 1.0, "prompt": 250, "output": 50, "step_tokens": 100, "layout": {"pp": 2}}
    times = affine_server(steps=Each(stages=2), **load).prefill.times(0.0)
    assert times.held == 0.8
    assert times.packed_seconds == pytest.approx((seconds(100, 125.5) + 1.0) / 0.8)
