"""Servers under load in closed form: beside the simulation, and where the answer is known otherwise."""

from __future__ import annotations

import math

import pytest
from affine_server import AffineSteps, affine_server, inference_plan
from attrs import fields_dict, frozen

from llmplan.estimate import Means
from llmplan.records import FAMILIES, Lengths, Speculation
from llmplan_serving_load.queueing.capacity import capacity
from llmplan_serving_load.queueing.closed_form import decoding_at, open_means
from llmplan_serving_load.queueing.closed_loop import closed_means
from llmplan_serving_load.queueing.simulation import simulate

LOW_LOAD = 0.02
"""How far the two may be apart at low load, as promised to users."""
LATENCIES = ("first_token_seconds", "next_token_seconds", "total_seconds")
PROMPTS = Lengths(1024, FAMILIES["lognormal"], 0.5)
ANSWERS = Lengths(256, FAMILIES["geometric"])
SERVERS = {
    "prompts cut": {},
    "prompts first": {"chunked": False},
    "short steps": {"step_tokens": 512},
    "prefix cache": {"prefix_hit_rate": 0.6},
    "speculation": {"speculation": Speculation(draft_tokens=3, acceptance_rate=0.7)},
    "two stages": {"layout": {"pp": 2}, "steps": AffineSteps(stages=2)},
    "two replicas": {"layout": {"dp": 2}},
    "lengths vary": {"prompt": PROMPTS, "output": ANSWERS},
    "long prompts": {"prompt": 8000, "output": 50},
}


@frozen
class MixtureSteps(AffineSteps):
    """Of a mixture of experts: a pass of few tokens reads few of them, one of many all, 18 ms."""

    def step_seconds(self, step):
        """Each token reads a twentieth of the experts, at random."""
        return super().step_seconds(step) + 0.018 * (1.0 - 0.95**step.tokens)


SHORT = {
    "short answers": {"output": 8, "prompt": 128, "steps": AffineSteps(base=0.004)},
    "few tokens": {"output": 3},
    "a mixture": {"output": 8, "prompt": 128, "steps": MixtureSteps(base=0.003)},
    "stages": {"output": 8, "prompt": 2000, "layout": {"pp": 2}, "steps": AffineSteps(stages=2)},
    "a mixture with long prompts": {"output": 8, "steps": MixtureSteps(base=0.003)},
}


def both(server, load):
    """Means in closed form, and simulated."""
    closed = open_means(server, load) if server.plan.workload.rate else closed_means(server, int(load))
    return closed, simulate(server, closed).means


def apart(closed, simulated):
    """By latency, how far the closed form is from the simulation."""
    return {name: getattr(closed, name) / getattr(simulated, name) - 1 for name in LATENCIES}


@pytest.mark.parametrize("options", SERVERS.values(), ids=SERVERS)
def test_they_agree_at_low_load(options):
    """If it fails, one of the two is wrong: they share the steps and nothing else."""
    most = capacity(affine_server(rate=1.0, **options)).requests_per_second
    rate = 0.04 * most
    differences = apart(*both(affine_server(rate=rate, requests=600, **options), rate))
    assert max(map(abs, differences.values())) < LOW_LOAD, differences


@pytest.mark.parametrize("options", SHORT.values(), ids=SHORT)
def test_short_answers_begin_while_the_next_prompts_are_read(options):
    """If it fails, requests that come while a prompt is read are taken to come at any other time of its answer."""
    rate = 0.05 * capacity(affine_server(rate=1.0, **options)).requests_per_second
    differences = apart(*both(affine_server(rate=rate, requests=3000, **options), rate))
    assert max(map(abs, differences.values())) < LOW_LOAD, differences


@pytest.mark.parametrize("chunked", [True, False])
def test_no_prompt_is_read_beside_the_only_sequence_that_has_room(chunked):
    """Long prompts, short answers. If it fails, tokens are charged for prompts that wait until the answer is there."""
    options = {"prompt": 60_000, "output": 50, "max_sequences": 1, "chunked": chunked}
    rate = 0.04 * capacity(affine_server(rate=1.0, **options)).requests_per_second
    differences = apart(*both(affine_server(rate=rate, requests=600, **options), rate))
    assert max(map(abs, differences.values())) < 0.05, differences


@pytest.mark.parametrize("users", [1, 2, 8])
def test_they_agree_with_few_users(users):
    """Users who wait for their answers are another queue than requests that come at random."""
    differences = apart(*both(affine_server(concurrency=users, requests=400), users))
    assert max(map(abs, differences.values())) < LOW_LOAD, differences


@pytest.mark.parametrize("load", [{"rate": 1.0}, {"concurrency": 6}], ids=["rate", "users"])
def test_they_agree_on_separate_pools(load):
    """Prompts would delay what decodes elsewhere, or the cache would come over in no time."""
    pool = affine_server(rate=1.0).plan.plan
    server = affine_server(prefill_pool=pool, requests=800, **load)
    closed, simulated = both(server, next(iter(load.values())))
    differences = apart(closed, simulated)
    assert max(map(abs, differences.values())) < LOW_LOAD, differences
    assert server.transfer_seconds == pytest.approx(1024e5 / 50e9)
    assert closed.prefill_share == 0.5


@pytest.mark.parametrize("share", [0.5, 0.75])
def test_they_are_near_each_other_under_load(share):
    """Waiting would be off by more than a reader can bear with."""
    rate = share * capacity(affine_server(rate=1.0)).requests_per_second
    closed, simulated = both(affine_server(rate=rate, requests=1200), rate)
    assert apart(closed, simulated)["total_seconds"] == pytest.approx(0, abs=0.05)
    assert apart(closed, simulated)["first_token_seconds"] == pytest.approx(0, abs=0.15)
    for name in ("concurrency", "decoding", "kv_share", "prefill_share"):
        assert getattr(closed, name) == pytest.approx(getattr(simulated, name), rel=0.06), name


def test_one_user_alone_waits_for_his_own_steps_only():
    """First token = one step of the prompt, each further one = one step of one sequence."""
    steps = AffineSteps()
    means = closed_means(affine_server(concurrency=1), 1)
    prompt = steps.base + 1024 * (steps.per_token + steps.per_key * 512.5)
    token = steps.base + steps.per_token + steps.per_key * (1024 + 128)
    assert means.first_token_seconds == pytest.approx(prompt, rel=1e-9)
    assert means.queueing_seconds == 0
    assert means.next_token_seconds == pytest.approx(token, rel=1e-9)
    assert means.requests_per_second == pytest.approx(1 / (prompt + 255 * token), rel=1e-9)
    assert means.busy_share == 1


def test_sequences_that_do_not_slow_each_other_are_poisson():
    """With t(n) constant decoding is an M/G/infinity queue: lambda S t on average, exp(-lambda S t) none."""
    steps = AffineSteps(per_token=0.0, per_key=0.0, base=0.01)
    server = affine_server(steps=steps, rate=1.0, prefill_pool=affine_server(rate=1.0).plan.plan)
    found = decoding_at(server, 1.0)
    assert found.decoding == pytest.approx(255 * 0.01)
    assert found.idle == pytest.approx(math.exp(-255 * 0.01))
    assert found.residual_seconds == pytest.approx((1 - found.idle) * 0.01 / 2)


def test_one_sequence_at_a_time_is_a_queue_of_one_server():
    """With room for one, requests in decoding are the M/M/1 queue of the same load: rho / (1 - rho) on average."""
    steps = AffineSteps(per_token=0.0, per_key=0.0, base=0.01)
    pool = affine_server(rate=1.0).plan.plan
    server = affine_server(steps=steps, rate=0.2, max_sequences=1, prefill_pool=pool, output=201)
    found = decoding_at(server, 0.2)
    rho = 0.2 * 200 * 0.01
    assert found.decoding == pytest.approx(rho)
    assert found.waiting == pytest.approx(rho**2 / (1 - rho))


def test_littles_law():
    """Requests in the system = rate x time in the system, and of those that decode."""
    means = open_means(affine_server(rate=6.0), 6.0)
    assert means.concurrency == pytest.approx(6.0 * means.total_seconds)
    assert means.decoding == pytest.approx(6.0 * (means.total_seconds - means.first_token_seconds))


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({"max_sequences": 16}, "max-sequences"),
        ({"steps": AffineSteps(weight_bytes=61e9)}, "kv"),
        ({"steps": AffineSteps(base=0.0)}, "steps"),
    ],
    ids=["as allowed", "by cache", "by steps"],
)
def test_what_limits_the_rate(options, limit):
    """A user would buy memory where steps are the limit, or the other way round."""
    found = capacity(affine_server(rate=1.0, **options))
    assert found.limit == limit
    assert open_means(affine_server(rate=1.0, **options), found.requests_per_second) is None
    assert open_means(affine_server(rate=1.0, **options), 0.95 * found.requests_per_second) is not None


@pytest.mark.parametrize(("prefill", "limit"), [(1, "prefill-pool"), (9, "decode-pool")])
def test_which_pool_limits_the_rate(prefill, limit):
    """The smaller of what the two pools can do; twice the sequences would not help the steps of the other."""
    pool = affine_server(layout={"dp": prefill}, rate=1.0).plan.plan
    server = affine_server(prefill_pool=pool, rate=1.0, steps=AffineSteps(base=1e-4))
    assert server.prefill_replicas == prefill
    assert capacity(server).limit == limit


def test_a_server_answers_no_faster_than_its_steps():
    """Tokens/s <= sequences / step, whatever the number of users, and less of it the more prompts there are."""
    for output in (16, 256):
        server = affine_server(concurrency=1, output=output)
        most = server.most_sequences / server.decode_seconds(server.most_sequences)
        for users in (1, 10, 100, 1000):
            means = closed_means(affine_server(concurrency=users, output=output), users)
            assert means.requests_per_second * (output - 1) < most


def test_throughput_grows_with_users_until_the_capacity():
    """More users never get less done in all, and never more than the capacity."""
    most = capacity(affine_server(rate=1.0)).requests_per_second
    rates = [
        closed_means(affine_server(concurrency=1), users).requests_per_second for users in (1, 4, 16, 64, 256, 999)
    ]
    assert rates == sorted(rates)
    assert 0.9 * most < rates[-1] <= 1.005 * most


SATURATED = {
    "short answers": {"output": 16},
    "long answers": {"output": 500, "prompt": 100},
    "long prompts": {"prompt": 6000, "output": 40},
    "little room": {"max_sequences": 24},
    "prompts first": {"chunked": False, "output": 400},
    "pools": {"prefill_pool": inference_plan()},
}


@pytest.mark.parametrize("options", SATURATED.values(), ids=SATURATED)
def test_the_capacity_is_what_a_saturated_server_answers(options):
    """A rate below it would make the queue grow, or one above it would not."""
    server = affine_server(concurrency=600, requests=1200, **options)
    most = capacity(server).requests_per_second
    closed, simulated = both(server, 600)
    assert simulated.requests_per_second == pytest.approx(most, rel=0.04)
    assert closed.requests_per_second <= most * (1 + 1e-9)
    assert closed.total_seconds == pytest.approx(simulated.total_seconds, rel=0.05)


def test_users_beyond_what_fits_wait_outside():
    """The time of an answer grows by a turn for each."""
    server = affine_server(concurrency=1, max_sequences=8)
    few, many = closed_means(server, 8), closed_means(server, 80)
    assert many.requests_per_second == few.requests_per_second
    assert many.total_seconds == pytest.approx(10 * few.total_seconds)
    assert many.queueing_seconds == pytest.approx(few.queueing_seconds + 72 / few.requests_per_second)


def test_answers_of_one_token_have_no_further_ones():
    """A division by the 0 tokens after the first."""
    server = affine_server(rate=1.0, output=1, requests=200)
    closed, simulated = both(server, 1.0)
    assert closed.next_token_seconds is None
    assert simulated.next_token_seconds is None
    assert closed.first_token_seconds == pytest.approx(simulated.first_token_seconds, rel=LOW_LOAD)
    assert closed.total_seconds == closed.first_token_seconds


def test_a_longer_prompt_takes_longer_and_a_cached_one_less():
    """Monotony of what the reader plays with."""
    first = [open_means(affine_server(rate=1.0, prompt=prompt), 1.0).first_token_seconds for prompt in (64, 1024, 4096)]
    assert first == sorted(first)
    cached = open_means(affine_server(rate=1.0, prefix_hit_rate=0.5), 1.0)
    assert cached.first_token_seconds < first[1]
    assert all(getattr(cached, name) >= 0 for name in fields_dict(Means))
