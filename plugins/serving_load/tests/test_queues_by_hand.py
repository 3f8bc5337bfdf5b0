"""Closed forms of queues in small numbers by hand."""

from itertools import pairwise
from math import exp, inf
from types import SimpleNamespace

import pytest
from affine_server import AffineSteps, affine_server, inference_plan
from attrs import evolve

from llmplan.estimate import Spread
from llmplan.records import FAMILIES, Lengths
from llmplan_serving_load.queueing.capacity import (
    _numbers as numbers,
    capacity,
    decode_rate,
    extra_at_capacity,
    peak,
    prefill_rate,
)
from llmplan_serving_load.queueing.closed_form import (
    busy_shares,
    decoding_at,
    first_token,
    in_step_seconds,
    kv_share,
    open_means,
)
from llmplan_serving_load.queueing.closed_loop import ClosedLoop, _present as present, _rate as users_rate, closed_means
from llmplan_serving_load.queueing.prefill import PrefillTimes, mean_times, values_of
from llmplan_serving_load.queueing.ranges import LATENCIES, grown, spreads_of

TIMES = PrefillTimes(
    seconds=1.0,
    square=2.0,
    extra=0.5,
    packed_seconds=0.4,
    packed_extra=0.3,
    held=4.0,
    some=2.0,
    another=0.2,
    further=0.1,
)
"""A pass has room for four prompts, of which the second adds 0.2 s and each further one 0.1 s."""
ALONE = evolve(TIMES, held=0.5, another=0.0, further=0.0)
"""A prompt takes two passes."""


@pytest.mark.parametrize(("held", "sharing"), [(0.5, 0), (1.0, 0), (1.5, 0.5), (2.0, 1), (4.0, 1)])
def test_passes_have_room_for_others_or_not(held, sharing):
    """A pass that one prompt fills would be shared."""
    assert evolve(TIMES, held=held).sharing == sharing


@pytest.mark.parametrize(("prompts", "seconds"), [(1.0, 0), (1.5, 0.1), (2.0, 0.2), (3.0, 0.3), (4.0, 0.4)])
def test_others_add_less_than_the_first(prompts, seconds):
    """Weights would be read again for each prompt of a pass, or the first be counted among the others."""
    assert TIMES.others(prompts) == pytest.approx(seconds)


def test_few_prompts_share_a_pass_with_those_that_came_meanwhile():
    """Prompts would wait for a full pass, or be read one by one however many wait."""
    came = 0.5 * (0.5 * 0.1 + 0.5 * 1.0)  # in a step of 0.1 s, or while one is read, half of the time each
    prompts = came / (1 - exp(-came))
    reading = TIMES.at(0.5, 0.1)
    assert reading.prompts == pytest.approx(prompts)
    assert reading.full == pytest.approx((prompts - 1) / 3)
    assert reading.seconds == pytest.approx((1 + 0.2 * (prompts - 1)) / prompts)
    assert reading.extra == pytest.approx((0.5 + 0.2 * (prompts - 1)) / prompts)
    assert reading.busy == pytest.approx(0.5 * reading.seconds)
    assert TIMES.at(0.0, 0.1).prompts == 1


def test_many_prompts_fill_passes_that_follow_each_other():
    """Passes would have room for more than they hold, or prompts pile up that others take along."""
    # m prompts come while m are read, of which all but the first add: m = 1.2 (1 + 0.2 (m - 1))
    few = 1.2 * 0.8 / (1 - 1.2 * 0.2)
    assert TIMES.at(1.2, 0.0).prompts == pytest.approx(max(few, 1.2 / (1 - exp(-1.2))))
    # beyond two each adds 0.1: m = 2.2 (1 + 0.2 + 0.1 (m - 2))
    many = 2.2 * (1.2 - 0.2) / (1 - 2.2 * 0.1)
    assert TIMES.at(2.2, 0.0).prompts == pytest.approx(many)
    full = TIMES.at(50.0, 0.0)
    assert (full.prompts, full.full, full.busy) == (4, 1, 1)
    assert full.seconds == pytest.approx((1 + 0.4) / 4)


def test_a_prompt_that_takes_several_passes_shares_none():
    """Long prompts would be read together."""
    reading = ALONE.at(0.5, 0.1)
    assert (reading.full, reading.prompts) == (0.5, 1)
    assert reading.seconds == pytest.approx(1 + 0.5 * (0.4 - 1))
    assert reading.extra == pytest.approx(0.5 + 0.5 * (0.3 - 0.5))
    assert reading.busy == pytest.approx(0.5 * 0.7)
    assert ALONE.with_prompts(0.25) == pytest.approx(0.5 + 0.5 * (0.3 - 0.5))
    assert TIMES.with_prompts(2.0) == pytest.approx((0.5 + 0.2) / 2)


def test_means_of_times():
    """Prompts beside many sequences would weigh as much as those beside few."""
    mean = mean_times([values_of(TIMES), values_of(ALONE)], [0.25, 0.75])
    assert (mean.seconds, mean.held, mean.another) == (1, 0.25 * 4 + 0.75 * 0.5, pytest.approx(0.05))


def test_first_tokens_of_prompts_that_are_read_one_by_one():
    """Pollaczek-Khinchine: R + rate E[X^2] / (2 (1 - rho)), and the prompts behind delay the answer."""
    rate, left = 0.5, 0.3
    found = first_token(ALONE, rate, left, 2 * left, 0.25)
    reading = ALONE.at(rate, 2 * left)
    square = 2.0 * reading.seconds**2
    waiting = left + rate * square / 2 / (1 - rate * 0.4)
    assert found.queueing_seconds == pytest.approx(waiting)
    assert found.reading_seconds == 1
    behind = rate * (waiting - left + reading.seconds)
    assert found.behind_seconds == pytest.approx(behind * 0.25 / (1 - rate * 0.25))
    assert found.busy == reading.busy


def test_first_tokens_of_prompts_that_share_passes():
    """Who comes during a step would wait for others that are read with it."""
    rate, left, times = 0.5, 0.3, evolve(TIMES, seconds=1.25)
    found = first_token(times, rate, left, 2 * left, 0.25)
    reading = times.at(rate, 2 * left)
    square = 2.0 * (reading.seconds / 1.25) ** 2
    progress = rate * reading.prompts * square / 2
    alone = left + rate * square / 2 / (1 - rate * 0.4)
    together = (1 - reading.busy) * left + progress
    shared = 1 - reading.full
    assert found.queueing_seconds == pytest.approx(shared * together + (1 - shared) * alone)
    others = rate * ((1 - reading.busy) * 2 * left + 2 * progress)
    assert found.reading_seconds == pytest.approx(1.25 + TIMES.others(1 + others))
    behind = (1 - shared) * rate * (alone - left + reading.seconds)
    assert found.behind_seconds == pytest.approx(behind * 0.25 / (1 - rate * 0.25))


CONSTANT = AffineSteps(base=0.01, per_token=0.0, per_key=0.0)
"""A step takes 10 ms whatever it holds."""


def apart(**options):
    """A server of two pools: nothing is read beside what decodes."""
    pool = affine_server(rate=1.0).plan.plan
    return affine_server(prefill_pool=pool, **{"steps": CONSTANT, "rate": 1.0, "output": 101, **options})


def test_sequences_that_do_not_slow_each_other_are_poisson():
    """With steps of one length the number of sequences would not be rate x answer: 100 steps of 10 ms at 3 a second."""
    found = decoding_at(apart(), 3.0)
    assert found.decoding == pytest.approx(3)
    assert found.idle == pytest.approx(exp(-3))
    assert found.residual_seconds == pytest.approx((1 - exp(-3)) * 0.01 / 2)
    assert found.waiting == pytest.approx(0, abs=1e-12)


def test_a_single_sequence_is_a_queue():
    """One at a time, half of the time: as many wait as rho^2 / (1 - rho)."""
    found = decoding_at(apart(max_sequences=1), 0.5)
    assert (found.decoding, found.idle) == (pytest.approx(0.5), pytest.approx(0.5))
    assert found.waiting == pytest.approx(0.5)


def test_a_single_sequence_whose_steps_prompts_delay():
    """Prompts would take no time of what decodes, or be read beside it when nothing is there."""
    server = affine_server(rate=1.0, prompt=3000, output=101, max_sequences=1)
    step, beside = server.decode_seconds(1.0), server.prefill.times(1.0)
    found = decoding_at(server, 0.4)
    busy = 0.4 * 100 * step / (1 - 0.4 * beside.at(0.4, step).extra)
    assert 0.4 < busy < 0.6
    assert found.idle == pytest.approx(1 - busy)
    assert found.waiting == pytest.approx(busy**2 / (1 - busy))
    assert found.times.seconds == pytest.approx((1 - busy) * server.prefill.times(0.0).seconds + busy * beside.seconds)


def test_where_a_server_answers_most():
    """A replica would answer as if it read no prompts, or the pools of a server as if each did both."""
    server = affine_server(rate=1.0, layout={"dp": 2}, output=101)
    found, extra = peak(server), extra_at_capacity(server, 10.0)
    assert decode_rate(server, 10.0) == pytest.approx(10 / (100 * server.decode_seconds(10.0) + 10 * extra))
    assert extra == server.prefill.times(10.0).with_prompts(10 / 100)
    assert prefill_rate(server, 10.0) == 1 / server.prefill.times(10.0).packed_seconds
    for sequences in (1.0, 10.0, 100.0, server.most_sequences):
        rates = decode_rate(server, sequences), prefill_rate(server, sequences)
        assert 2 * min(rates) <= found.rate * (1 + 1e-9)
    assert found.rate == pytest.approx(
        2 * min(decode_rate(server, found.sequences), prefill_rate(server, found.sequences))
    )
    said = capacity(server)
    assert said.prefill_share == pytest.approx(found.rate / 2 * extra_at_capacity(server, found.sequences))
    assert said.kv_share == pytest.approx(found.sequences * server.mean_kv_bytes / server.decode_engine.kv_room_bytes)
    few = peak(server, 8.0, 2.0)
    assert few.sequences == 8
    prompts = affine_server(rate=1.0, output=1)
    assert decode_rate(prompts, 4.0) == inf
    assert extra_at_capacity(prompts, 4.0) == prompts.prefill.times(4.0).packed_extra


def test_numbers_of_sequences_that_are_tried():
    """The number at which a server answers most would lie between two that are tried, or beyond the last."""
    assert list(numbers(1.0, 3.0)) == [1, 2, 3]
    assert list(numbers(2.0, 2.5)) == [2, 2.5]
    assert list(numbers(1.0, 24.0)) == pytest.approx([*range(1, 22), 22.05, 23.1525, 24])


class Crowded(AffineSteps):
    """Steps that two sequences make four times as long."""

    def step_seconds(self, step):
        """Of 10 ms, and the square of what decodes."""
        return 0.01 * step.sequences**2 + 1e-6 * step.prompt_tokens


def test_a_server_that_answers_most_with_one_sequence():
    """It would be taken to answer two at once."""
    assert peak(affine_server(rate=1.0, steps=Crowded())).sequences == 1


def test_as_few_sequences_as_keep_up_with_the_prompts():
    """More sequences would be said to decode than a pool of prompts sends."""
    server = apart(prompt=10_000, steps=AffineSteps(per_key=0.0))
    found = peak(server)
    assert found.by_prefill
    assert found.rate == pytest.approx(1 / (5 * 0.01 + 10_000 * 20e-6), rel=0.05)
    assert decode_rate(server, found.sequences) >= found.rate > decode_rate(server, found.sequences - 1.0)


def test_what_limits_a_slow_server():
    """A gain of one twentieth would be one of a request every 20 s."""
    assert capacity(affine_server(rate=1.0, steps=AffineSteps(base=10.0), max_sequences=4)).limit == "max-sequences"


def test_as_many_sequences_as_fit_are_allowed():
    """More memory would be asked for where it would not help."""
    steps = AffineSteps(weight_bytes=6.3e10)
    fit = int(affine_server(rate=1.0, steps=steps).sequences_that_fit)
    limits = [capacity(affine_server(rate=1.0, steps=steps, max_sequences=fit + more)).limit for more in (0, 1)]
    assert limits == ["max-sequences", "kv"]


def test_what_limits_a_server():
    """A user would be told to add memory where more sequences are not allowed, or GPUs for prompts that decode."""
    for most in (4, 64):
        assert capacity(affine_server(rate=1.0, max_sequences=most)).limit == "max-sequences"
    assert capacity(affine_server(rate=1.0, steps=AffineSteps(kv_bytes_per_token=5e6))).limit == "kv"
    slow = AffineSteps(base=0.0, per_token=1e-3)
    assert capacity(affine_server(rate=1.0, steps=slow)).limit == "steps"
    pool = affine_server(rate=1.0).plan.plan
    assert capacity(affine_server(rate=1.0, steps=slow, prefill_pool=pool, output=2)).limit == "prefill-pool"
    assert capacity(affine_server(rate=1.0, steps=slow, prefill_pool=pool, prompt=2)).limit == "decode-pool"


def test_shares_of_room_and_of_time():
    """Prompts that are read elsewhere would take room here, or GPUs work more than all of the time."""
    server = affine_server(rate=1.0)
    room = server.decode_engine.kv_room_bytes / server.mean_kv_bytes
    assert kv_share(server, 2.0, 3.0, 0.5) == pytest.approx((3 + 2 * 0.5) / room)
    assert kv_share(server, 2.0, 1e9, 0.5) == 1
    assert kv_share(apart(), 2.0, 3.0, 0.5) == pytest.approx(
        3 * apart().mean_kv_bytes / apart().decode_engine.kv_room_bytes
    )
    assert busy_shares(server, prefill=0.5, decode=0.25, extra=0.125) == {
        "busy_share": 0.25 + 0.75 * 0.5,
        "prefill_share": 0.125 / 0.625,
    }
    assert busy_shares(server, prefill=0.0, decode=0.0, extra=0.0) == {"busy_share": 0, "prefill_share": 0}
    assert busy_shares(server, prefill=0.5, decode=0.0, extra=9.0)["prefill_share"] == 1
    half = busy_shares(apart(), prefill=0.5, decode=0.25, extra=0.0)
    assert half == {"busy_share": 0.5 * 0.5 + 0.5 * 0.25, "prefill_share": 0.5}


def test_answers_that_begin_behind_a_step_which_reads_are_in_step_with_the_next():
    """Who comes while a prompt is read would be taken to come at any time; here step by step, not in closed form."""
    server = affine_server(rate=1.0, output=9, prompt=128, steps=AffineSteps(base=0.004, per_token=1e-3))
    rate, steps = 3.0, 8
    decoding = decoding_at(server, rate)
    busy = 1 - decoding.idle
    step, sequences = 2 * decoding.residual_seconds / busy, max(1.0, decoding.decoding / busy)
    times = server.prefill.times(sequences)
    reading = times.at(rate, step)
    longer = times.extra + times.others(reading.prompts)
    after = 1 - exp(-rate * (times.seconds + times.others(reading.prompts)))
    before = 1 - exp(-rate * step)
    again = after - before
    share = before / (1 - again)
    slope = server.decode_seconds(sequences + 1) - server.decode_seconds(sequences)
    reads = sum(again**k for k in range(1, steps + 1))
    beside = 2 * rate * slope * sum((steps - 1 - k) * again**k for k in range(steps))
    expected = (1 - reading.full) * times.sharing * longer * (1 - share) * (reads + beside)
    assert in_step_seconds(server, rate, decoding) == pytest.approx(expected)
    assert in_step_seconds(apart(), 3.0, decoding_at(apart(), 3.0)) == 0


def test_answers_of_one_token_decode_nothing():
    """A prompt without an answer behind it would keep a sequence."""
    server = affine_server(rate=1.0, output=1, prompt=3000)
    found = decoding_at(server, 3.0)
    assert (found.decoding, found.waiting, found.idle, found.residual_seconds) == (0, 0, 1, 0)
    assert found.times == server.prefill.times(0.0) != server.prefill.times(1.0)


@pytest.mark.parametrize("most", [256, 8, 2, 1])
@pytest.mark.parametrize("options", [{}, {"layout": {"dp": 2}}, {"output": 1}, {"pool": True}])
def test_means_of_a_load_add_up(options, most):
    """Little's law: as many are in work as come while one is answered; an answer is its first token and all others.

    Who waits for room between two pools would have a cache on the one that decodes.
    """
    load = {"max_sequences": most, **options}
    server = apart(layout={"dp": 2}, max_sequences=most) if load.pop("pool", False) else affine_server(rate=1.0, **load)
    capable = peak(server).rate
    assert open_means(server, capable) is None
    rate = 0.5 * capable
    found = open_means(server, rate)
    each = rate / server.decode_replicas
    decoding = decoding_at(server, each)
    left = 0.0 if server.separate else decoding.residual_seconds
    steps, tokens = server.work.steps, server.work.output_tokens - 1
    delayed = 0.0 if server.separate or not steps else decoding.times.at(each, 2 * left).extra
    first = first_token(decoding.times, rate / server.prefill_replicas, left, 2 * left, delayed)
    outside = decoding.waiting / each
    behind_prompts, between = (outside, 0.0) if not server.separate else (0.0, outside)
    assert found.queueing_seconds == pytest.approx(first.queueing_seconds + behind_prompts)
    assert found.first_token_seconds == pytest.approx(found.queueing_seconds + first.reading_seconds)
    answering = found.total_seconds - found.first_token_seconds
    beside = 1 - first.busy ** (server.most_sequences - 1)
    behind = (first.behind_seconds + in_step_seconds(server, each, decoding)) * beside
    assert answering == pytest.approx(decoding.decoding / each + behind + server.transfer_seconds + between)
    assert found.next_token_seconds == (None if not tokens else pytest.approx(answering / tokens))
    assert found.concurrency == pytest.approx(rate * found.total_seconds)
    assert found.decoding == pytest.approx(each * (answering - server.transfer_seconds - between))
    assert found.kv_share == pytest.approx(kv_share(server, each, found.decoding, first.reading_seconds))
    extra = each * decoding.times.at(rate / server.prefill_replicas, 2 * left).extra
    shares = busy_shares(server, prefill=first.busy, decode=1 - decoding.idle, extra=extra)
    assert (found.busy_share, found.prefill_share) == (shares["busy_share"], shares["prefill_share"])


@pytest.mark.parametrize("users", [1.0, 4.0, 50.0])
@pytest.mark.parametrize("extra", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("second", [1.0, 0.01])
def test_the_rate_of_users_who_ask_again_and_again(users, extra, second):
    """Users would be more, or fewer, than those who wait elsewhere and those whose answers others delay."""
    rate = users_rate(users, 2.0 * second, 3.0 * second, extra * second) * second
    # users = X (A + D / (1 - X e)) multiplied out, of which the lesser root is meant
    assert rate * (2 * (1 - rate * extra) + 3) == pytest.approx(users * (1 - rate * extra))
    assert rate * extra < 1


def test_some_of_several_are_there():
    """Each would have to be there, or the mean be taken for a probability."""
    assert present(0.5, 1.0) == pytest.approx(0.5)
    assert present(0.5, 2.0) == pytest.approx(1 - (1 - 0.25) ** 2)
    assert present(3.0, 2.0) == pytest.approx(1)


def test_a_user_alone_waits_for_nobody():
    """Their own answer would delay them, or a step hold another sequence."""
    server = affine_server(concurrency=1)
    found = closed_means(server, 1)
    alone = server.prefill.times(0.0).seconds
    assert found.queueing_seconds == 0
    assert found.first_token_seconds == pytest.approx(alone)
    assert found.total_seconds == pytest.approx(alone + 255 * server.decode_seconds(1.0))
    assert found.next_token_seconds == pytest.approx(server.decode_seconds(1.0))
    assert found.requests_per_second == pytest.approx(1 / found.total_seconds)
    assert found.busy_share == 1
    added = server.prefill.times(0.0).at(found.requests_per_second, server.decode_seconds(1.0)).extra
    assert found.prefill_share == pytest.approx(found.requests_per_second * added)


def test_a_second_user_finds_the_server_of_the_first():
    """Who comes would find nobody, or both; the first is there as often as they decode."""
    server = affine_server(concurrency=2, output=17, prompt=3000)
    one, found = closed_means(server, 1), closed_means(server, 2)
    there = one.decoding
    assert 0 < there < 1
    beside, alone = (values_of(server.prefill.times(n)) for n in (1.0, 0.0))
    times = mean_times([beside, alone], [there, 1 - there])
    step = there * server.decode_seconds(1.0)
    extra = times.at(one.requests_per_second, server.decode_seconds(1.0)).extra / 2
    rate = users_rate(2.0, step + times.seconds, 16 * server.decode_seconds(1 + there), extra)
    assert found.requests_per_second == pytest.approx(rate)
    assert found.queueing_seconds == pytest.approx(step)
    assert found.first_token_seconds == pytest.approx(step + times.seconds)


VARYING = {"prompt": Lengths(3000, FAMILIES["lognormal"], 0.6), "output": Lengths(60, FAMILIES["geometric"])}
SHORT = {"prompt": Lengths(300, FAMILIES["lognormal"], 1.0), "output": Lengths(20, FAMILIES["geometric"])}


def pools(readers, writers, **options):
    """So many replicas that read prompts, and so many that decode."""
    pool = inference_plan(dp=readers)
    return affine_server(**{"rate": 1.0, "prefill_pool": pool, "layout": {"dp": writers}, **options})


@pytest.mark.parametrize("users", [2, 3, 6, 60])
@pytest.mark.parametrize(
    "server",
    [affine_server(rate=1.0, **VARYING), affine_server(rate=1.0, **SHORT), pools(2, 3, **VARYING)],
    ids=["one", "short", "pools"],
)
def test_a_user_finds_what_is_there_of_the_others(server, users):
    """The arrival theorem: who comes would find others where they are not, or in another number than with one less."""
    before, found = closed_means(server, users - 1), closed_means(server, users)
    others, rate = (users - 1) / server.decode_replicas, before.requests_per_second / server.prefill_replicas
    each = max(1.0, before.decoding)
    there, step, added = 0.0, 0.0, 0.0
    times = server.prefill.times(0.0)
    if not server.separate:
        there = present(before.decoding, others)
        step = there * server.decode_seconds(each)
        times = mean_times([values_of(server.prefill.times(each)), values_of(times)], [there, 1 - there])
        added = times.at(rate, server.decode_seconds(each)).extra * (users - 1) / users
    random = first_token(times, rate, step, step, 0.0)
    read, waiting = (
        min(1.0, rate * times.seconds) * times.seconds,
        rate * before.queueing_seconds * times.packed_seconds,
    )
    part = min(1.0, server.work.variation**0.5 * others)
    queueing = part * min(random.queueing_seconds, step + read + waiting) + (1 - part) * step
    first = queueing + part * random.reading_seconds + (1 - part) * times.seconds
    decode = server.work.steps * server.decode_seconds(1 + before.decoding)
    answered = users_rate(users, first + server.transfer_seconds, decode, added)
    assert found.queueing_seconds == pytest.approx(queueing)
    assert found.first_token_seconds == pytest.approx(first)
    assert found.requests_per_second == pytest.approx(answered)
    assert found.total_seconds == pytest.approx(users / answered)
    decoding = answered / server.decode_replicas * (found.total_seconds - first - server.transfer_seconds)
    assert found.decoding == pytest.approx(decoding)


@pytest.mark.parametrize("readers", [2, 5])
def test_shares_of_two_pools_with_users(readers):
    """A pool would be as busy as the other, or as if it were a single replica."""
    server = pools(readers, 3, prompt=3000)
    found = closed_means(server, 5)
    reading = found.requests_per_second / readers * server.prefill.times(0.0).packed_seconds
    decoding = present(found.decoding, 5 / 3)
    assert 0 < reading < 1
    assert found.prefill_share == readers / (readers + 3)
    assert found.busy_share == pytest.approx((readers * reading + 3 * decoding) / (readers + 3))
    assert found.kv_share == pytest.approx(found.decoding * server.mean_kv_bytes / server.decode_engine.kv_room_bytes)


@pytest.mark.parametrize("users", [2, 7])
@pytest.mark.parametrize(("prompt", "output"), [(3000, 20), (300, 1), (300, 200)])
def test_prompts_of_users_share_the_time_with_their_answers(users, prompt, output):
    """Of the others, as many would decode beside a prompt as with one that does not read it."""
    server = affine_server(rate=1.0, steps=AffineSteps(per_token=5e-4), prompt=prompt, output=output)
    found = closed_means(server, users)
    beside = found.decoding * (users - 1) / users
    step, there = server.decode_seconds(max(1.0, beside)) if output > 1 else 0.0, present(beside, users - 1)
    times = [values_of(server.prefill.times(number)) for number in (max(1.0, beside), 0.0)]
    extra = mean_times(times, [there, 1 - there]).at(found.requests_per_second, step).extra
    assert found.busy_share == 1
    assert found.prefill_share == pytest.approx(found.requests_per_second * extra)


def test_who_finds_no_room_waits_between_two_pools_or_before_both():
    """A pool that is full would delay first tokens, or prompts that wait for the other one the answers behind them."""
    slow = AffineSteps(base=0.1, per_token=0.0, per_key=0.0)
    few = pools(3, 3, steps=slow, max_sequences=2, output=101)
    found = closed_means(few, 100)
    assert found.requests_per_second == pytest.approx(3 * 2 / (100 * 0.1))  # two on each of three, ten seconds each
    assert (found.decoding, found.queueing_seconds) == (2, 0)
    assert found.first_token_seconds == pytest.approx(0.1)
    assert found.total_seconds == pytest.approx(100 / 0.6)
    many = pools(1, 3, steps=slow, prompt=20_480, output=11)
    found, answer = closed_means(many, 30), 10 * 0.1 + many.transfer_seconds
    assert found.requests_per_second == pytest.approx(1 / (10 * 0.1))  # ten passes of 2,048 tokens
    assert found.total_seconds - found.first_token_seconds == pytest.approx(answer)
    assert found.decoding == pytest.approx(1 * 10 * 0.1 / 3)
    assert found.queueing_seconds == pytest.approx(30 / 1 - answer - 10 * 0.1)


@pytest.mark.parametrize("users", [1, 2, 3, 9])
def test_few_users_of_a_server_that_computes_all_the_time(users):
    """As many would be said to decode as it answers most with, though there are not so many."""
    server = affine_server(rate=1.0, steps=AffineSteps(base=1e-9, per_token=1e-3, per_key=0.0), output=100)
    found = closed_means(server, users)
    assert found.requests_per_second * found.total_seconds == pytest.approx(users)
    assert found.decoding <= users < peak(server).sequences
    answer = found.total_seconds - found.first_token_seconds
    assert found.decoding == pytest.approx(found.requests_per_second * answer)


def test_prompts_that_are_read_elsewhere_take_no_room():
    """Few sequences that decode would be as many users in all, those in the other pool among them."""
    steps = AffineSteps(base=0.01, per_token=0.0, per_key=0.0, transfer_bytes_per_second=5.12e8)
    server = pools(9, 1, steps=steps, prompt=50 * 2048, output=101, max_sequences=2)
    elsewhere = 50 * 0.01 + server.transfer_seconds
    assert server.transfer_seconds == 20
    found = closed_means(server, 80)
    assert found.requests_per_second == pytest.approx(2 / (100 * 0.01))
    assert found.total_seconds == pytest.approx(80 / 2)
    assert closed_means(server, 3).requests_per_second == pytest.approx(3 / (elsewhere + 100 * 0.01))


@pytest.mark.parametrize(
    "server",
    [
        *(affine_server(rate=1.0, **VARYING), pools(4, 1, **VARYING), pools(1, 4, **VARYING)),
        *(affine_server(rate=1.0, **SHORT), pools(1, 4, **SHORT)),
    ],
    ids=["one", "prompts spread", "answers spread", "short", "short answers spread"],
)
def test_one_user_more_never_gets_less_done(server):
    """Where lengths vary, prompts would be said to pile up from one user to the next before those who decode."""
    loop = ClosedLoop(server)
    every = [loop.means(users) for users in range(1, 170)]
    assert all(more.requests_per_second >= 0.99 * less.requests_per_second for less, more in pairwise(every))
    assert min(means.queueing_seconds for means in every) == 0
    for users, means in enumerate(every, start=1):
        assert means.requests_per_second * means.total_seconds == pytest.approx(users)
    found = every[-1]
    assert found.requests_per_second >= 0.85 * peak(server).rate
    answer = server.work.steps * server.decode_seconds(found.decoding + 1.0) + server.transfer_seconds
    if server.prefill_replicas < server.decode_replicas:
        assert found.total_seconds - found.first_token_seconds == pytest.approx(answer, rel=0.1)


@pytest.mark.parametrize("users", [2, 7, 60, 4000])
@pytest.mark.parametrize("options", [{}, {"layout": {"dp": 2}}, {"pool": True}])
def test_users_are_those_who_wait_and_those_who_are_answered(users, options):
    """Users would vanish, be answered faster than the server can, or replicas share theirs."""
    server = apart(layout={"dp": 2}) if options.get("pool") else affine_server(rate=1.0, **options)
    found, most = closed_means(server, users), peak(server)
    assert found.concurrency == users
    assert found.requests_per_second * found.total_seconds == pytest.approx(users)
    assert found.requests_per_second <= most.rate * (1 + 1e-9)
    assert found.total_seconds >= found.first_token_seconds >= found.queueing_seconds >= 0
    if users == 4000:
        assert found.requests_per_second == pytest.approx(most.rate, rel=0.02)
    assert ClosedLoop(server, most).means(users).requests_per_second == pytest.approx(found.requests_per_second)
    each = found.requests_per_second / server.decode_replicas
    reading = found.first_token_seconds - found.queueing_seconds
    assert found.kv_share == pytest.approx(kv_share(server, each, found.decoding, reading), rel=0.05)


def test_replicas_have_users_of_their_own():
    """Five users of two replicas would be two and a half of each, or all five of one."""
    two, one = affine_server(concurrency=5, layout={"dp": 2}), affine_server(concurrency=5)
    found, three, few = closed_means(two, 5), closed_means(one, 3), closed_means(one, 2)
    assert found.requests_per_second == pytest.approx(three.requests_per_second + few.requests_per_second)


def test_slower_passes_make_waiting_longer_still():
    """A loaded server would slow down by as much as its passes, or a server that cannot keep up have latencies."""
    rate = 0.45 * peak(affine_server(rate=1.0)).rate
    server = affine_server(rate=rate)
    closed = open_means(server, rate)
    slow = open_means(server, 2.0 * rate)
    for name in LATENCIES:
        expected = 2.0 * getattr(slow, name) / getattr(closed, name)
        assert grown(server, closed, name, 2.0) == pytest.approx(expected)
        assert expected > 2.0
        assert (grown(server, closed, name, 1.0), grown(server, closed, name, 2.5)) == (1, inf)
    users = affine_server(concurrency=4)
    assert grown(users, closed_means(users, 4), "total_seconds", 1.5) == 1.5
    short = affine_server(rate=1.0, output=1)
    assert grown(short, open_means(short, 1.0), "next_token_seconds", 1.5) == 1.5


def test_ranges_of_a_loaded_server_are_those_of_its_passes():
    """Answers would have the range of first tokens, or one be made up where none is known."""
    one, other = (Spread(low=1 / of, high=of, rows=9, extrapolated=False) for of in (1.25, 1.5))
    server = affine_server(concurrency=4)
    closed = closed_means(server, 4)

    def known(first, further):
        estimates = (SimpleNamespace(first_token_spread=first), SimpleNamespace(next_token_spread=further))
        return spreads_of(server, closed, *estimates)()

    assert [spread.high for spread in known(one, other)] == [1.25, 1.5, 1.5]
    assert [spread.low for spread in known(one, other)] == [1 / 1.25, 1 / 1.5, 1 / 1.5]
    assert known(one, other)[0].upper(0.9) == 1.25
    assert known(None, other) is known(one, None) is None
