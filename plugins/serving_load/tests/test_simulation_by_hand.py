"""A few requests simulated, whose times and shares are reckoned by hand, step by step."""

import random
from itertools import pairwise
from math import ceil

import pytest
from affine_server import AffineSteps, affine_server
from attrs import evolve
from simpy import Environment

from llmplan.records import Request, Speculation
from llmplan_serving_load.queueing.closed_form import open_means
from llmplan_serving_load.queueing.simulation import Simulation, even_ranks, simulate

SECOND = {"base": 1.0, "per_token": 0.125, "per_key": 0.0, "kv_bytes_per_token": 1.0}
"""A step takes a second, and an eighth more for each token."""
KEYS = {**SECOND, "per_key": 1 / 64}
ROOM = 64
"""Tokens, in blocks of 16."""


def run(*requests, sizes=SECOND, room=ROOM, **options):
    """The simulation of a trace: at this second such a prompt with such an answer."""
    trace = tuple(Request(100.0 + second, prompt, answer) for second, prompt, answer in requests)
    largest = 8 if options.get("chunked", True) else max(8, *(prompt for _, prompt, _ in requests))
    stages = options.get("layout", {}).get("pp", 1)
    steps = AffineSteps(weight_bytes=64e9 - room - 1e4 * largest, stages=stages, **sizes)
    server = affine_server(steps=steps, trace=trace, step_tokens=8, **options)
    simulation = Simulation(Environment(), server, None)
    return simulation, simulation.run()


def times(simulation):
    """By request: when it begins, has its first token, and its last."""
    return [(each.started_at, each.first_token_at, each.finished_at) for each in simulation.sequences]


def exactly(*expected):
    """But for rounding between the points of a grid."""
    return [pytest.approx(each, abs=1e-9) for each in expected]


def test_prompts_are_read_beside_what_decodes():
    """Prompts would be cut otherwise, tokens be lost, or a third request pass two of which a server has no more."""
    found, result = run((0, 4, 3), (0.5, 12, 2), (1, 2, 4), (12, 8, 1), max_sequences=2)
    read = 1 + 4 / 8
    cut = read + 1 + (1 + 7) / 8  # a token of the first answer, and as much of the second prompt as there is room for
    rest = cut + 1 + (1 + 5) / 8  # the last token of the first answer, and the first of the second
    third = rest + 1 + (1 + 2) / 8
    last = third + 3 * (1 + 1 / 8)
    assert times(found) == exactly((0, read, rest), (read, rest, third), (rest, third, last), (12, 14, 14))
    assert (read, rest, third, last) == (1.5, 5.25, 6.625, 10.0)
    means = result.means
    assert means.total_seconds == pytest.approx((5.25 + 6.125 + 9 + 2) / 4)
    assert means.first_token_seconds == pytest.approx((1.5 + 4.75 + 5.625 + 2) / 4)
    assert means.queueing_seconds == pytest.approx((1 + 4.25) / 4)
    assert means.next_token_seconds == pytest.approx((3.75 / 2 + 1.375 + 3.375 / 3) / 3)
    assert means.requests_per_second == pytest.approx(4 / 14)
    assert means.concurrency == pytest.approx((5.25 + 6.125 + 9 + 2) / 14)
    assert means.decoding == pytest.approx((3.75 + 1.375 + 3.375) / 14)
    assert means.busy_share == pytest.approx(12 / 14)
    assert means.prefill_share == pytest.approx((1.5 + 0.875 + 0.625 + 0.25 + 2) / 12)
    assert means.kv_share == pytest.approx(16 * (5.25 + 5.125 + 4.75 + 2) / 14 / ROOM)
    assert (result.requests, result.kv_peak_share) == (4, 32 / ROOM)
    assert result.first_token["p50"] == pytest.approx((2 + 4.75) / 2)
    assert result.next_token["p50"] == pytest.approx(1.375)
    assert result.total["p50"] == pytest.approx((5.25 + 6.125) / 2)
    shared, _ = run((0, 12, 1), (0.5, 2, 1))  # of the second pass four tokens are left
    assert times(shared) == exactly((0, 3.75, 3.75), (2, 3.75, 3.75))
    (replica,) = found.decoders
    assert (replica.tokens, replica.held, replica.worked_on, replica.kv_bytes) == (pytest.approx(10), 0, 0, 0)


def test_prompts_go_first():
    """More prompts would be read in a pass than it has room for, or decoding go on beside them."""
    requests = (0, 4, 3), (0.5, 6, 2), (0.5, 2, 3), (0.5, 12, 1)
    found, result = run(*requests, chunked=False)
    two = 1.5 + 1 + (6 + 2) / 8
    long = two + 1 + 12 / 8  # longer than a step, so that it is alone in it
    one = long + 1 + 3 / 8
    last = one + 1 + 2 / 8
    assert times(found) == exactly((0, 1.5, last), (1.5, two, one), (1.5, two, last), (two, long, long))
    assert last == 8.625
    apart, _ = run((0, 4, 1), (0.5, 6, 1), (0.5, 3, 1), chunked=False)  # nine tokens are one too many for a pass
    assert times(apart)[1:] == exactly((1.5, 3.25, 3.25), (3.25, 4.625, 4.625))
    assert result.means.prefill_share == pytest.approx(6 / 8.625)
    assert result.means.busy_share == pytest.approx(1)


def test_nobody_passes_who_waits_for_room():
    """Caches would hold more than there is room for, or a short request start before a longer one that came first."""
    found, result = run((0, 8, 40), (0.5, 8, 20), (0.75, 2, 1))
    first = 2 + 39 * 1.125  # 48 of 64 tokens are set aside for it, of which the second needs 32
    both = first + 1 + (8 + 0) / 8  # a step is full of the second prompt
    third = both + 1 + (1 + 2) / 8
    assert times(found) == exactly((0, 2, first), (first, both, third + 18 * 1.125), (both, third, third))
    assert result.kv_peak_share == 48 / ROOM
    exact, _ = run((0, 8, 24), (0.5, 8, 24))
    assert times(exact)[1][0] == 2


def test_each_stage_has_a_batch_of_its_own():
    """A prompt would be in every batch, or its batch be no later than the others."""
    found, _ = run((0, 4, 4), (1, 12, 2), layout={"pp": 2})
    # half of a step on each stage: the batch with a prompt takes all of its own, the other one waits for two stages
    first = 1.5 + (1 + 7 / 8 + (1 + 7 / 8) / 2 + (1 + 1 / 8) / 2) / 2
    second = first + (1 + 5 / 8 + (1 + 5 / 8) / 2 + (1 + 1 / 8) / 2) / 2
    lag = 1 + 7 / 8 + 1 + 5 / 8 - (second - 1.5)
    last = second + 1 + 1 / 8
    assert times(found) == exactly((0, 1.5, last), (1.5, second + lag, last + lag))
    assert (lag, last + lag) == (0.3125, 6.125)
    together, _ = run((0, 2, 1), (1, 12, 1), (1, 6, 1), layout={"pp": 2})
    begun = 1 + 2 / 8
    each = begun + 1 + (8 + 6) / 2 / 8
    assert times(together)[1:] == exactly((begun, each + 1.5, each + 1.5), (begun, each, each))


def test_caches_go_from_one_pool_to_the_other():
    """The pools would share a GPU, or a cache be gone before it was sent."""
    pool = affine_server(rate=1.0).plan.plan
    sizes = {**SECOND, "transfer_bytes_per_second": 16.0}
    found, result = run((0, 4, 3), (0, 20, 2), sizes=sizes, prefill_pool=pool)
    # one block of 16 tokens is sent in a second, two blocks in two
    read, end = 1.5 + 2 + 2 + 1.5, 10.125
    assert times(found) == exactly((0, 1.5, 1.5 + 1 + 2 * 1.125), (1.5, read, read + 2 + 1.125))
    (reader,), (decoder,) = found.readers, found.decoders
    assert (reader.engine, decoder.engine) == (found.server.prefill_engine, found.server.decode_engine)
    assert reader.engine is not decoder.engine
    assert (reader.kv_peak_bytes, reader.kv_bytes, reader.worked_on, reader.held) == (16 + 32, 0, 0, 0)
    assert (decoder.kv_peak_bytes, decoder.kv_bytes, decoder.worked_on, decoder.held) == (32, 0, 0, 0)
    means = result.means
    assert means.busy_share == pytest.approx((read + 3 * 1.125) / end / 2)
    assert means.decoding == pytest.approx(3 * 1.125 / end)
    assert means.kv_share == pytest.approx((16 * 2.25 + 32 * 1.125) / end / ROOM)
    assert means.prefill_share == 0.5
    assert result.kv_peak_share == 32 / ROOM
    for prompt, held in ((15, 16), (16, 32)):  # with the first token of the answer
        found, _ = run((0, prompt, 2), sizes=sizes, prefill_pool=pool)
        assert found.readers[0].kv_peak_bytes == held


def test_a_step_yields_what_was_guessed():
    """A sequence would take one token of room, or make one a step."""
    guessing = Speculation(draft_tokens=2, acceptance_rate=1.0)
    found, _ = run((0, 4, 8), (2, 12, 2), speculation=guessing)
    step = 1 + 3 / 8
    begun = 1.5 + step
    last = begun + 2 * 2  # of 8 tokens: three of the first answer, which is complete then, and five of the prompt
    read = last + 1 + 2 / 8
    assert times(found) == exactly((0, 1.5, last), (begun, read, read + step))
    assert found.decoders[0].tokens == pytest.approx(8 + 2)
    one, _ = run((0, 4, 7), speculation=Speculation(draft_tokens=1, acceptance_rate=1.0))
    assert times(one) == exactly((0, 1.5, 1.5 + 3 * (1 + 2 / 8)))
    just, _ = run((0, 4, 7), speculation=guessing)  # six tokens are two steps, not three
    assert times(just) == exactly((0, 1.5, 1.5 + 2 * step))
    found, _ = run((0, 4, 8), speculation=guessing, sizes=KEYS)  # three positions each attend to as many keys
    read, grows = 1 + 4 / 8 + 10 / 64, 7 / 3
    last = read + sum(1 + 3 / 8 + 3 * (5 + number * grows) / 64 for number in range(3))
    assert times(found) == exactly((0, read, last))


def of(tokens, keys):
    """Seconds of a step."""
    return 1 + tokens / 8 + keys / 64


def test_tokens_attend_to_all_before_them():
    """Keys of a prompt would not count those in the prefix cache, or those of answers that are complete go on."""
    found, _ = run((0, 8, 6), (5, 4, 9), (30, 8, 2), sizes=KEYS, prefix_hit_rate=0.5)
    read = of(4, 5 + 6 + 7 + 8)
    begun = read + of(1, 9) + of(1, 10) + of(1, 11)
    second = begun + of(1 + 2, 12 + 3 + 4)
    first = second + of(2, 13 + 5)
    last = first + sum(of(1, keys) for keys in range(6, 13))
    third = 30 + read
    assert 4 < begun - of(1, 11) < 5 < begun
    assert last < 30
    expected = (0, read, first), (begun, second, last), (30, third, third + of(1, 9))
    assert times(found) == exactly(*expected)


def test_two_answers_attend_to_their_own():
    """What two sequences attend to would be that of one, or twice that of both."""
    found, _ = run((0, 2, 1), (1, 3, 9), (1, 4, 9), (10, 2, 1), sizes=KEYS)
    begun = of(2, 3)
    read = begun + of(7, 1 + 2 + 3 + 1 + 2 + 3 + 4)
    steps = [of(2, 4 + 5 + 2 * number) for number in range(8)]
    fifth = read + sum(steps[:5])
    assert read + sum(steps[:4]) < 10 < fifth
    prompt = fifth + of(2 + 2, 9 + 2 * 5 + 1 + 2)
    last = prompt + sum(steps[6:])
    assert times(found)[1:] == exactly((begun, read, last), (begun, read, last), (fifth, prompt, prompt))


@pytest.mark.parametrize(("after", "step"), [(0.01, 5), (2.6, 5), (0.01, 8), (3.3, 8)])
def test_steps_that_grow_longer_end_where_they_end(after, step):
    """Who comes would wait for a step after the one in progress, where each takes longer than the one before."""
    ends = [1 + 1 / 8 + 1 / 4]
    for keys in range(2, 10):
        ends.append(ends[-1] + 1 + 1 / 8 + keys / 4)
    found, _ = run((0, 1, 9), (ends[step - 1] + after, 1, 1), sizes={**SECOND, "per_key": 1 / 4})
    assert ends[step] > ends[step - 1] + after
    assert times(found)[1][0] == pytest.approx(ends[step])


def test_each_replica_has_its_own():
    """Requests would go to one of them alone, or one that has none hold a cache."""
    found, result = run(*((5 * number, 4, 2) for number in range(12)), layout={"dp": 2})
    routes = [each.route % 2 for each in found.sequences]
    end, means = 55 + 2.625, result.means  # 1.5 s for the prompt, and 1.125 s for the second token
    assert means.busy_share == pytest.approx(12 * 2.625 / end / 2)
    assert means.prefill_share == pytest.approx(1.5 / 2.625)
    assert means.decoding == pytest.approx(12 * 1.125 / end / 2)
    assert means.kv_share == pytest.approx(12 * 2.625 * 16 / end / 2 / ROOM)
    assert max(each.route for each in found.sequences) > 2**20
    assert [each.tokens for each in found.decoders] == pytest.approx([2 * routes.count(0), 2 * routes.count(1)])
    assert 0 < sum(routes) < 12
    pool = affine_server(rate=1.0, layout={"dp": 3}).plan.plan
    apart, result = run(*((5 * number, 4, 2) for number in range(12)), layout={"dp": 2}, prefill_pool=pool)
    sent = 16 / 50e9
    end, means = 55 + 2.625 + sent, result.means
    assert means.busy_share == pytest.approx((12 * 1.5 / end + 12 * 1.125 / end) / 5)  # of five GPUs
    assert means.kv_share == pytest.approx(12 * 1.125 * 16 / end / 2 / ROOM)
    assert min(sum(each.route % 3 == number for each in apart.sequences) for number in range(3)) > 0
    found, alone = run((0, 4, 2), layout={"dp": 2})
    assert alone.kv_peak_share == 16 / ROOM
    assert sorted(each.kv_peak_bytes for each in found.decoders) == [0, 16]


def test_a_prompt_that_is_cut_attends_to_what_was_read():
    """Each chunk would attend to itself alone."""
    found, _ = run((0, 20, 1), sizes=KEYS)
    read = of(8, sum(range(1, 9))) + of(8, sum(range(9, 17))) + of(4, sum(range(17, 21)))
    assert times(found) == exactly((0, read, read))


@pytest.mark.parametrize("after", [0.0, 0.5, 1.0, 2.0, 2.5, 63.5, 64.0, 70.0, 98.5, 99.5, 100.0, 100.5])
def test_who_comes_waits_for_the_step_in_progress(after):
    """A request would wait for steps that have not begun, or cut off one."""
    found, _ = run((0, 8, 1 + 100), (1 + after, 4, 1), sizes={**SECOND, "per_token": 0.0}, room=128)
    begun = 1 + (after if after > 100 else ceil(after))
    assert times(found) == exactly((0, 1, 101), (begun, begun + 1, begun + 1))


def test_users_ask_again_when_they_are_answered():
    """A user would have two requests at a time, or those before and after the ones that count be counted."""
    steps = AffineSteps(weight_bytes=0.0, **SECOND)
    options = {"steps": steps, "concurrency": 2, "requests": 3, "prompt": 4, "output": 3, "step_tokens": 8}
    found = Simulation(Environment(), affine_server(**options), None)
    result = found.run()
    turn = 1 + 8 / 8 + 2 * (1 + 2 / 8)
    assert [each.arrival for each in found.sequences][:4] == [0, 0, turn, turn]
    assert [each.counts for each in found.sequences][:4] == [False, True, True, True]
    assert [each.route for each in found.sequences][:4] == [0, 1, 0, 1]
    assert result.requests == 3
    assert result.means.total_seconds == pytest.approx(turn)
    assert result.means.concurrency == pytest.approx(2)
    assert result.means.requests_per_second == pytest.approx(2 / turn)


EXPECTED = open_means(affine_server(rate=1.0), 1.0)


def test_users_begin_one_after_another():
    """All would ask at once for ever, or those who fill a server be counted."""
    steps = AffineSteps(weight_bytes=0.0, **SECOND)
    options = {"steps": steps, "concurrency": 2, "requests": 3, "prompt": 4, "output": 3, "step_tokens": 8}
    expected = evolve(EXPECTED, total_seconds=12.0, concurrency=2.0)
    found = Simulation(Environment(), affine_server(**options), expected)
    found.run()
    alone = 1 + 4 / 8 + 2 * (1 + 1 / 8)
    first, second = ([each.arrival for each in found.sequences if each.route == user] for user in (0, 1))
    assert (first[:2], second[0]) == ([0, alone], 6)
    assert [each.number for each in found.sequences if each.counts] == [5, 6, 7]  # 0.3 before, and twice two users
    assert found.meter.seconds == pytest.approx(found.sequences[8].arrival - found.sequences[5].arrival)


QUICK = AffineSteps(base=1e-9, per_token=0.0, per_key=0.0)
"""Whose answers take no time to speak of."""


def test_requests_of_a_rate_come_at_random_as_many_as_on_average():
    """The load of a span would depend on luck, or those who fill a server be counted."""
    server = affine_server(steps=QUICK, rate=4.0, requests=40, prompt=8, output=2)
    found = Simulation(Environment(), server, evolve(EXPECTED, concurrency=5.0))
    result = found.run()
    before, begin, end = 4 + 2 * 5, 14 / 4, (14 + 40) / 4
    came = [each.arrival for each in found.sequences]
    assert came == sorted(came)
    assert came[0] < 1
    assert max(came[:before]) < begin < min(came[before:])
    assert max(came[before : before + 40]) < end
    assert [each.counts for each in found.sequences] == [number >= before for number in range(before + 40)]
    assert len({round(later - sooner, 6) for sooner, later in pairwise(came)}) > 40
    assert result.means.requests_per_second == pytest.approx(4, abs=1e-6)
    assert found.meter.seconds == pytest.approx(end - begin)


def test_requests_go_on_coming_until_the_last_that_counts_is_answered():
    """The last answers would be given by a server that empties."""
    server = affine_server(steps=AffineSteps(weight_bytes=0.0, **SECOND), rate=4.0, requests=10, prompt=8, output=8)
    found = Simulation(Environment(), server, None)
    found.run()
    later = found.sequences[1 + 10 :]
    assert len(later) > 8
    assert not any(each.counts for each in later)
    assert 11 / 4 < later[0].arrival < 11 / 4 + 2
    assert found.meter.seconds == 10 / 4


@pytest.mark.parametrize(("inside", "before"), [(0.0, 1), (2.0, 5), (1000.0, 31)])
def test_how_many_come_before_those_that_count(inside, before):
    """A server would be measured while it fills, or warm up for ever near its capacity."""
    server = affine_server(rate=1.0, requests=3)
    assert Simulation(Environment(), server, evolve(EXPECTED, concurrency=inside))._warm_up() == before  # noqa: SLF001


@pytest.mark.parametrize(("rate", "seconds"), [(0.1, 5.0), (1e-4, 1e3)])
def test_few_requests_are_simulated_at_their_own_rate(rate, seconds):
    """Requests that do meet would be taken to be alone."""
    server = affine_server(rate=rate, requests=5, prompt=100, output=2)
    expected = evolve(EXPECTED, total_seconds=seconds, concurrency=rate * seconds)
    assert simulate(server, expected) == Simulation(Environment(), server, expected).run()


@pytest.mark.parametrize("load", [{"rate": 12.0}, {"concurrency": 24}], ids=["rate", "users"])
def test_one_replica_stands_for_all(load):
    """It would have the load of all of them, or be filled with as many as all of them before it counts."""
    (name, value), expected = *load.items(), evolve(EXPECTED, concurrency=6.0)
    three = simulate(affine_server(layout={"dp": 3}, requests=20, **load), expected)
    one = simulate(affine_server(requests=20, **{name: type(value)(value / 3)}), evolve(expected, concurrency=2.0))
    assert (three.first_token, three.total, three.kv_peak_share) == (one.first_token, one.total, one.kv_peak_share)
    assert three.means == evolve(
        one.means,
        requests_per_second=pytest.approx(3 * one.means.requests_per_second),
        concurrency=pytest.approx(3 * one.means.concurrency),
    )


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 5},
        {"trace": tuple(Request(0.1 * number, 10, 2) for number in range(8))},
        {"rate": 1.0, "prefill_pool": affine_server(rate=1.0, layout={"dp": 2}).plan.plan},
    ],
    ids=["uneven", "trace", "pools"],
)
def test_replicas_that_differ_are_all_simulated(options):
    """One would stand for others that have more users, other requests of a trace, or prompts of the same pool."""
    server = affine_server(layout={"dp": 2}, requests=8, **options)
    found = simulate(server)
    assert found == Simulation(Environment(), server, None).run()
    assert found.requests == 8


@pytest.mark.parametrize("rate", [1e-9, 1e-15])
def test_requests_that_never_meet(rate):
    """A clock that has run for years would tell no milliseconds, or a share of no time be that of another rate."""
    server = affine_server(rate=rate, requests=5, prompt=100, output=2)
    alone = simulate(affine_server(rate=1e-3, requests=5, prompt=100, output=2)).means
    found = simulate(server, evolve(EXPECTED, total_seconds=alone.total_seconds, concurrency=0.0)).means
    steps = AffineSteps()
    reads = steps.base + 100 * (steps.per_token + 50.5 * steps.per_key)
    answers = steps.base + steps.per_token + 101 * steps.per_key
    assert found.total_seconds == pytest.approx(reads + answers)
    assert found.requests_per_second == pytest.approx(rate)
    assert found.concurrency == pytest.approx(rate * (reads + answers))
    assert found.decoding == pytest.approx(rate * answers)
    assert found.busy_share == pytest.approx(rate * (reads + answers))
    assert found.prefill_share == pytest.approx(reads / (reads + answers))
    assert found.kv_share == pytest.approx(found.concurrency * 112 * 1e5 / server.decode_engine.kv_room_bytes)


def test_ranks_fill_every_part_once():
    """The mean of lengths would depend on luck, or the longest never come."""
    ranks = even_ranks(random.Random(3), 10)
    for _ in range(3):
        assert sorted(int(next(ranks) * 10) for _ in range(10)) == list(range(10))
