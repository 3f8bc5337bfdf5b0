"""Latencies that are asked for: ranges under load, and what keeps to them."""

from __future__ import annotations

import pytest
from affine_server import SAMPLE, AffineCostModel, AffineSteps
from attrs import evolve

from llmplan import infer
from llmplan.errors import BadInputError
from llmplan.estimate import Spread
from llmplan.output.document import document
from llmplan.search import InferenceSpace, search
from llmplan.space.kept import kept
from llmplan_prices.figures import price_per_hour, price_per_month

TIMES = 1.5


class DoubtfulCostModel(AffineCostModel):
    """Passes may take a third less, or half as long again."""

    def infer(self, plan):
        """With that range."""
        spread = Spread(low=1 / TIMES, high=TIMES, rows=9, extrapolated=False)
        return evolve(super().infer(plan), spreads=lambda _plan: (spread, spread))


def slower(times):
    """The steps of a server that is so many times as slow."""
    return AffineSteps(base=0.010 * times, per_token=20e-6 * times, per_key=10e-9 * times)


SERVED = {**SAMPLE, "prompt_tokens": 512, "output_tokens": 64, "tp": 1, "pp": 1, "dp": 1, "requests": 0}
DOUBTFUL = {**SERVED, "cost_model": DoubtfulCostModel()}
LOADS = {"users": {"concurrency": 7}, "rate": {"rate": 6.0}}
LATENCIES = {"first_token_seconds": "first_token_spread", "next_token_seconds": "next_token_spread",
             "total_seconds": "total_spread"}  # fmt: skip


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
@pytest.mark.parametrize(("end", "times"), [("low", 1 / TIMES), ("high", TIMES)])
def test_the_ends_of_a_range_are_those_of_slower_and_faster_servers(load, end, times):
    """If it fails, a range leaves out that a slower server has longer queues, too."""
    found = infer(**DOUBTFUL, **load)
    other = infer(**{**SERVED, "cost_model": AffineCostModel(steps=slower(times))}, **load)
    for latency, spread in LATENCIES.items():
        at_end = getattr(found, latency) * getattr(getattr(found, spread), end)
        assert at_end == pytest.approx(getattr(other, latency), rel=1e-6), latency


def test_a_rate_that_a_slower_server_does_not_answer_has_no_end():
    """If it fails, a server near its capacity is said to be as sure as an idle one."""
    most = infer(**DOUBTFUL, rate=1.0).capacity.requests_per_second
    found = infer(**DOUBTFUL, rate=0.8 * most, ttft="10s")
    assert document(found)["first_token_seconds_range"][1] is None
    (only,) = kept(found, found.request)
    assert not only.holds
    assert infer(**DOUBTFUL, rate=0.8 * most, ttft="10s", confidence=0.5).feasible
    assert document(found)["tokens_per_second_range"] is None


def test_what_is_answered_in_time_holds_with_confidence():
    """If it fails, a limit between the estimate and the end of its range is said to hold."""
    most = infer(**DOUBTFUL, concurrency=7).next_token_seconds
    for limit, sure, unsure in ((0.99 * most, False, False), (1.2 * most, False, True), (1.6 * most, True, True)):
        for confidence, holds in ((0.9, sure), (0.5, unsure)):
            found = infer(**DOUBTFUL, concurrency=7, tpot=limit, confidence=confidence)
            assert document(found)["limits"]["tpot"]["holds"] is holds


def test_a_percentile_is_what_is_limited_where_requests_are_simulated():
    """If it fails, one in two requests may be slower than was asked for."""
    asked = {**SERVED, "requests": 300, "concurrency": 9, "ttft": "1s"}
    for percentile, named in ((None, "p95"), (99, "p99"), (50, "p50")):
        found = infer(**asked, percentile=percentile)
        assert document(found)["limits"]["ttft"]["seconds"] == found.simulated.first_token[named]
    found = infer(**asked, percentile="mean")
    assert document(found)["limits"]["ttft"]["seconds"] == found.simulated.means.first_token_seconds
    with pytest.raises(BadInputError, match="percentile: is what a simulation counts"):
        infer(**{**asked, "requests": 0}, percentile=95)


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_an_open_layout_keeps_to_latencies_if_any_does(load):
    """If it fails, `infer` proposes a server that breaks what the same command asks for."""
    asked = {**DOUBTFUL, "dp": None, "requests": 60, **load}
    loose = infer(**asked)
    alone = infer(**{**asked, "dp": 40})
    strict = infer(**asked, latency=TIMES * (alone.total_seconds + loose.total_seconds) / 2, percentile="mean")
    assert all(one.holds for one in kept(strict, strict.request))
    assert strict.plan.layout.dp > loose.plan.layout.dp
    hopeless = infer(**asked, latency=0.01 * loose.total_seconds)
    assert "none keeps to the latencies, this comes nearest" in hopeless.plan.assumptions[0]


def test_a_search_shows_what_holds_with_confidence():
    """If it fails, a search recommends what its own ranges doubt."""
    space = InferenceSpace(**{**DOUBTFUL, "dp": None, "requests": 60}, rate=9.0)
    limit = 1.6
    found = search(space, latency=limit, top=3)
    assert found.feasible
    for best in found.best:
        (only,) = kept(best, best.request)
        assert only.holds
        assert only.percentile == 95


def test_the_peak_is_served_and_the_mean_is_paid():
    """If it fails, a server for the peak is sized for the mean, or its tokens cost what they do at the peak."""
    flat, peaky = (infer(**SERVED, price_per_gpu_hour=2, **load) for load in ({"rate": 6.0}, {"rate": 2.0, "peak": 3}))
    assert peaky.total_seconds == flat.total_seconds
    assert peaky.cost_per_million_tokens == pytest.approx(3 * flat.cost_per_million_tokens)
    assert (price_per_hour(flat), price_per_month(flat)) == (2, 1460)
    with pytest.raises(BadInputError, match="peak: goes with a rate"):
        infer(**SERVED, concurrency=2, peak=2)


def test_what_holds_as_simulated_is_found_where_closed_forms_doubt_it():
    """If it fails, `infer` prints a layout that breaks a latency, although one of its sizes given keeps to it."""
    asked = {**SERVED, "dp": None, "requests": 300, "rate": 9.0, "percentile": 50}
    each = [infer(**{**asked, "tp": tp, "dp": dp}) for tp, dp in ((1, 2), (2, 1))]
    limit = 1.01 * min(one.simulated.first_token["p50"] for one in each)
    assert all(limit < one.closed_form.first_token_seconds for one in each)
    (only,) = kept(found := infer(**{**asked, "tp": None, "gpus": 2, "ttft": limit}), found.request)
    assert only.holds
    ranked = search(InferenceSpace(**{**asked, "tp": None, "gpus": 2}), ttft=limit, percentile=50)
    assert ranked.best[0].plan.layout.tp == found.plan.layout.tp


def test_a_server_that_is_overloaded_keeps_to_nothing():
    """If it fails, a latency that grows without end is left out where others are said to hold."""
    most = infer(**SERVED, rate=1.0).capacity.requests_per_second
    limits = document(infer(**SERVED, rate=2 * most, ttft="10s", latency="1h"))["limits"]
    assert {name: (one["seconds"], one["holds"]) for name, one in limits.items()} == {
        "ttft": (None, False),
        "latency": (None, False),
    }
