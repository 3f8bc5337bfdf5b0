"""Traces that are over in an instant, and what is counted over few requests."""

from __future__ import annotations

import json
from math import isfinite

import pytest
from affine_server import SAMPLE
from hypothesis import given, settings, strategies as st

from llmplan import infer
from llmplan.output.document import document
from llmplan.search import InferenceSpace, search
from llmplan_serving_load.queueing.meter import mean, percentiles

ARRIVALS = {"one": [0.0], "an instant": [5.0] * 40, "hardly longer": [number * 1e-9 for number in range(40)]}


@pytest.fixture(params=ARRIVALS.values(), ids=ARRIVALS)
def trace(request, tmp_path):
    """A file of requests that come at these times."""
    path = tmp_path / "trace.csv"
    lines = [f"{seconds!r},{500 + at},{20 + at % 7}\n" for at, seconds in enumerate(request.param)]
    path.write_text("arrival_seconds,prompt_tokens,output_tokens\n" + "".join(lines), encoding="utf-8")
    return str(path)


def test_a_trace_of_an_instant_has_finite_figures(trace):
    """If it fails, a burst is taken for a rate that goes on for ever: billions of replicas, or a division by zero."""
    found = infer(**SAMPLE, trace=trace, tp=1, pp=1, dp=2)
    printed = json.dumps(document(found), allow_nan=False)
    assert json.loads(printed)["server"]["load"]["rate"] is None
    assert found.load is found.replicas_needed is None
    assert found.feasible
    assert all(isfinite(getattr(found, name)) for name in ("first_token_seconds", "total_seconds", "tokens_per_second"))


def test_a_search_finds_replicas_for_an_instant(trace):
    """If it fails, a search never ends, or takes more replicas than there are requests."""
    found = search(InferenceSpace(**SAMPLE, trace=trace, tp=1), ttft="60ms")
    assert 1 <= found.best[0].plan.layout.dp <= len(found.best[0].server.workload.trace)
    hopeless = search(InferenceSpace(**SAMPLE, trace=trace, tp=1), ttft="1ms")
    assert not hopeless.feasible
    assert hopeless.verdict.constraint == "ttft"


@pytest.mark.parametrize("options", [{"output_tokens": 1, "requests": 1}, {"output_tokens": 2, "requests": 20}])
def test_a_lucky_stretch_is_not_more_than_the_capacity(options):
    """If it fails, few requests that are counted seem to be answered faster than the server can."""
    lengths = {"prompt_tokens": 4000, "prompt_lengths": "lognormal:1.5"}
    found = infer(**SAMPLE, **lengths, **options, concurrency=64, tp=1, pp=1, dp=1)
    most = found.capacity.requests_per_second
    assert found.requests_per_second <= most
    assert document(found)["server"]["simulated"]["means"]["requests_per_second"] <= most


@settings(max_examples=100, deadline=None)
@given(value=st.floats(1e-6, 1e6), many=st.integers(1, 2000))
def test_the_99th_percentile_of_equal_latencies_is_their_mean(value, many):
    """If it fails, a table shows 99 of 100 requests faster than the mean, for a rounding."""
    assert percentiles([value] * many)["p99"] >= mean([value] * many)
