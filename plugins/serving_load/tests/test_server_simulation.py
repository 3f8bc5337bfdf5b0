"""Servers simulated request by request: nothing is lost, nothing passes, nothing overflows."""

from __future__ import annotations

from time import perf_counter

import pytest
from affine_server import AffineSteps, affine_server
from hypothesis import given, settings, strategies as st
from simpy import Environment

from llmplan.records import FAMILIES, Lengths, Request, Speculation, Step
from llmplan_serving_load.queueing import replica as replica_module
from llmplan_serving_load.queueing.capacity import capacity
from llmplan_serving_load.queueing.closed_form import open_means
from llmplan_serving_load.queueing.engine import prompt_step
from llmplan_serving_load.queueing.estimate import within
from llmplan_serving_load.queueing.meter import Meter, percentiles
from llmplan_serving_load.queueing.simulation import Simulation, simulate

VARYING = {"prompt": Lengths(600, FAMILIES["lognormal"], 1.0), "output": Lengths(80, FAMILIES["geometric"])}
TIGHT = AffineSteps(weight_bytes=63e9)
"""Leaves room for some 9,800 tokens."""
POOL = affine_server(rate=1.0).plan.plan
WAYS = {
    "prompts cut": {},
    "prompts first": {"chunked": False},
    "tight": {"steps": TIGHT},
    "pools": {"prefill_pool": POOL},
    "two replicas": {"layout": {"dp": 2}},
    "short steps": {"step_tokens": 128, "max_sequences": 100},
    "speculation": {"speculation": Speculation(draft_tokens=2, acceptance_rate=0.6)},
}


def simulated(**options):
    """A simulation that has run."""
    found = Simulation(Environment(), affine_server(**{"requests": 300, **options}), None)
    return found, found.run()


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("load", [{"rate": 10.0}, {"concurrency": 20}], ids=["rate", "users"])
def test_tokens_out_are_tokens_asked_for(options, load):
    """Tokens are counted as steps make them: all of what is answered, and of the rest no more than was asked for."""
    found, _ = simulated(**VARYING, **options, **load)
    made = sum(each.tokens for each in {id(each): each for each in (*found.readers, *found.decoders)}.values())
    answered = sum(each.output for each in found.sequences if each.finished_at == each.finished_at)
    asked = sum(each.output for each in found.sequences)
    assert answered - 1e-6 <= made <= asked + 1e-6
    assert len(found.counted) == 300
    assert all(each.read == each.new for each in found.counted)


def test_a_trace_is_answered_to_the_last_token():
    """From empty to empty: tokens made = tokens asked for, and area = sum of times, which is Little's law."""
    trace = tuple(Request(0.05 * number, 50 + 37 * number % 900, 1 + number % 90) for number in range(200))
    found, result = simulated(trace=trace)
    assert found.decoders[0].tokens == pytest.approx(sum(request.output_tokens for request in trace))
    times = [each.finished_at - each.arrival for each in found.counted]
    assert result.requests == 200
    assert found.meter.mean("requests") * found.meter.seconds == pytest.approx(sum(times))
    assert found.meter.mean("decode kv") > 0
    assert found.decoders[0].kv_bytes == 0
    assert found.decoders[0].held == 0


@pytest.mark.parametrize("options", [*WAYS.values(), {"max_sequences": 3}], ids=[*WAYS, "three at once"])
def test_caches_never_hold_more_than_there_is_room_for(options):
    """Neither bytes nor sequences."""
    found, result = simulated(**VARYING, **options, rate=60.0)
    engine = found.server.decode_engine
    for each in (*found.decoders, *found.readers):
        assert 0 < each.kv_peak_bytes <= each.engine.kv_room_bytes
        assert each.worked_on <= engine.max_sequences
    assert 0 < result.kv_peak_share <= 1
    assert result.means.kv_share <= result.kv_peak_share
    assert result.means.decoding <= engine.max_sequences


@pytest.mark.parametrize("options", [{}, {"steps": TIGHT}, {"chunked": False}], ids=["room", "tight", "prompts first"])
def test_first_come_first_served(options):
    """A short request would pass a long one that waits for room."""
    found, _ = simulated(**VARYING, **options, rate=40.0)
    started = [each.started_at for each in found.sequences if each.started_at == each.started_at]
    assert started == sorted(started)
    assert max(each.started_at - each.arrival for each in found.counted) > 0


def test_the_same_seed_gives_the_same_figures_and_another_others():
    """Nobody could compare two plans."""
    one, again, other = (simulated(**VARYING, rate=8.0, seed=seed)[1] for seed in (1, 1, 2))
    assert one == again
    assert one.means.first_token_seconds != other.means.first_token_seconds
    assert one.means.total_seconds == pytest.approx(other.means.total_seconds, rel=0.1)


@pytest.mark.parametrize("load", [{"rate": 12.0}, {"concurrency": 24}], ids=["rate", "users"])
def test_littles_law_in_the_long_run(load):
    """Requests in the system = those answered a second x the time of each."""
    _, result = simulated(**VARYING, **load, requests=1500)
    means = result.means
    assert means.concurrency == pytest.approx(means.requests_per_second * means.total_seconds, rel=0.02)


def test_rounds_made_at_once_are_rounds_made_one_by_one(monkeypatch):
    """Jumping over rounds would lose arrivals or departures."""
    quick = simulated(**VARYING, rate=12.0)[1]
    monkeypatch.setattr(replica_module, "_RUN", 1)
    slow = simulated(**VARYING, rate=12.0)[1]
    for name in ("first_token_seconds", "next_token_seconds", "total_seconds"):
        assert getattr(quick.means, name) == pytest.approx(getattr(slow.means, name), rel=1e-6), name


def test_a_prompt_waits_for_the_step_in_progress_and_no_longer():
    """Two requests of a trace, by hand: 50 tokens of the first end after the second has come in a step."""
    steps = AffineSteps()
    found, _ = simulated(trace=(Request(0.0, 100, 50), Request(0.3, 200, 2)))
    first, second = found.sequences
    prompt = steps.step_seconds(prompt_step([(100, 0)]))
    assert (first.started_at, first.first_token_at) == (0.0, pytest.approx(prompt))
    ends, context = prompt, 101
    while ends < 0.3:
        ends += steps.step_seconds(Step(sequences=1, context=context))
        context += 1
    assert second.started_at == pytest.approx(ends)
    read = steps.step_seconds(prompt_step([(200, 0)], 1, context))
    assert second.first_token_at == pytest.approx(ends + read)


def test_prompts_that_fill_several_steps_take_as_many():
    """A prompt of 1,000 tokens in steps of 300 is four steps, and what decodes makes a token in each of them."""
    found, _ = simulated(trace=(Request(0.0, 10, 400), Request(0.5, 1000, 2)), step_tokens=300)
    long, prompt = found.sequences
    read = prompt.first_token_at - prompt.started_at
    alone = 4 * 0.010 + 1000 * 20e-6
    assert read == pytest.approx(alone + 4 * 20e-6 + 1e-8 * 1000 * 500.5, rel=0.02)
    assert long.finished_at > prompt.finished_at


def test_a_cache_is_sent_before_decoding_goes_on():
    """Between the first token and the second lies the transfer."""
    found, _ = simulated(trace=(Request(0.0, 1600, 3),), prefill_pool=POOL)
    (sequence,) = found.sequences
    steps = AffineSteps()
    decode = 2 * (steps.base + steps.per_token) + steps.per_key * (1601 + 1602)
    transfer = steps.kv_transfer_seconds(1600)
    assert sequence.finished_at - sequence.first_token_at == pytest.approx(transfer + decode, rel=1e-6)


def test_users_have_one_request_each_at_any_time():
    """A user would send the next request before the last one is answered."""
    found, result = simulated(concurrency=7, **VARYING)
    assert result.means.concurrency == pytest.approx(7, rel=1e-9)
    assert found.meter.level["requests"] in (6, 7)


@pytest.mark.parametrize("load", [{"rate": 9.0}, {"concurrency": 64}], ids=["rate", "users"])
def test_a_server_is_never_busier_than_always(load):
    """Shares of time are shares."""
    means = simulated(**VARYING, **load)[1].means
    assert 0 < means.busy_share <= 1 + 1e-9
    assert 0 < means.prefill_share < 1


def test_two_thousand_requests_take_a_second_or_two():
    """A user would wait for the answer; generous, for busy machines."""
    begun = perf_counter()
    simulate(affine_server(rate=15.0))
    assert perf_counter() - begun < 5.0


def test_meters_add_up_areas_between_begin_and_end():
    """Only what lies in the counted time."""
    meter = Meter()
    assert meter.mean("x") == 0
    meter.change("x", 5.0, 0.0)
    meter.count("event")
    meter.begin(10.0)
    meter.change("x", -3.0, 12.0)
    meter.count("event")
    meter.end(14.0)
    meter.end(99.0)
    meter.change("x", 100.0, 20.0)
    meter.count("event")
    assert meter.seconds == 4.0
    assert meter.mean("x") == pytest.approx((2 * 5 + 2 * 2) / 4)
    assert meter.counted("event") == 1


def test_percentiles_lie_between_values():
    """Linear between the values next to them."""
    found = percentiles([float(value) for value in range(101)])
    assert found == {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}
    assert percentiles([3.0])["p99"] == 3.0
    assert percentiles([0.0, 1.0])["p90"] == pytest.approx(0.9)


@settings(max_examples=15, deadline=None)
@given(
    share=st.floats(0.05, 0.95), seed=st.integers(0, 10**6), spread=st.floats(0.0, 1.5), answer=st.integers(1, 60),
    requests=st.integers(1, 60), way=st.sampled_from(sorted(WAYS)),
)  # fmt: skip
def test_the_slowest_are_never_faster_than_the_mean_nor_answers_more_than_the_capacity(
    share, seed, spread, answer, requests, way
):
    """A limit would hold for 99 of 100 requests and not for the mean; a fleet would answer more than it can."""
    prompt = Lengths(400, FAMILIES["lognormal"], spread) if spread else Lengths(400)
    options = {"prompt": prompt, "output": answer, **WAYS[way]}
    most = capacity(affine_server(rate=1.0, **options))
    rate = share * most.requests_per_second
    server = affine_server(rate=rate, requests=requests, seed=seed, **options)
    found = within(most, simulate(server, open_means(server, rate)))
    assert found.means.requests_per_second <= most.requests_per_second
    for name in ("first_token", "next_token", "total"):
        values, mean = getattr(found, name), getattr(found.means, f"{name}_seconds")
        if values is not None and mean is not None:
            assert values["p99"] >= mean * (1.0 - 1e-12), name
