"""One decider of servers: what it chose comes out again when it is asked for, and fewer options never do worse."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings, strategies as st
from test_search_infer import DTYPE, EXPERTS, GPU, MODEL

from llmplan import infer, registry
from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate
from llmplan.output.document import document
from llmplan.search import InferenceSpace, search
from llmplan.space.kept import exceeded

SIZES = ("tp", "pp", "dp", "ep")
MODELS = {name: evolve(model, layers=6) for name, model in {"dense": MODEL, "experts": EXPERTS}.items()}
"""Of six layers there are fewer layouts to try than of eight."""
LOADS = st.one_of(
    st.fixed_dictionaries({"batch": st.sampled_from([1, 8, 64])}),
    st.fixed_dictionaries({"concurrency": st.sampled_from([1, 5, 30])}),
    st.fixed_dictionaries({"rate": st.sampled_from([0.1, 4.0, 40.0])}),
    st.just({"max_batch": True}),
)
REQUESTS = st.fixed_dictionaries(
    {
        "model": st.sampled_from(sorted(MODELS)),
        "memory": st.sampled_from([1.2e9, 2.83e9, 40e9]),
        "load": LOADS,
        "prompt_tokens": st.sampled_from([40, 900]),
        "confidence": st.sampled_from([None, 0.5, 0.95]),
        "limits": st.sampled_from([{}, {}, {"tpot": 0.02}, {"ttft": 0.05, "latency": 0.5}]),
        "given": st.sampled_from([{}, {"gpus": 4}, {"tp": 2}, {"pp": 2}, {"dp": 2}]),
    }
)


def options_of(asked):
    """The options of a request."""
    served = {} if {"batch", "max_batch"} & asked["load"].keys() else {"requests": 0}
    return {
        "model": MODELS[asked["model"]],
        "gpu": evolve(GPU, memory_bytes=asked["memory"]),
        "dtype": DTYPE,
        "cost_model": "megatron",
        "engine": "tensorrt-llm",
        "max_sequences": 8,
        "output_tokens": 20,
        "prompt_tokens": asked["prompt_tokens"],
        "confidence": asked.get("confidence"),
        **asked["load"],
        **asked["given"],
        **asked.get("limits", {}),
        **served,
    }


def chosen_of(estimate):
    """The sizes of a plan, by option."""
    return {name: int(getattr(estimate.plan.layout, name)) for name in SIZES}


def figures(estimate):
    """All that is printed but for how it came about."""
    printed = document(estimate)
    for told in ("assumptions", "warnings", "request"):
        printed.pop(told, None)
    return printed


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=REQUESTS, pinned=st.sets(st.sampled_from(SIZES)))
def test_what_was_chosen_comes_out_again_whatever_of_it_is_pinned(asked, pinned):
    """If it fails, saying aloud what the tool chose gives another plan, or the same plan with other figures."""
    options = options_of(asked)
    try:
        found = infer(**options)
    except BadInputError:
        return
    chosen = chosen_of(found)
    if not found.fits:  # what comes nearest to the memory is nearest among others
        pinned = set(SIZES)
    again = infer(
        **{**options, "gpus": None, **{name: chosen[name] for name in pinned | asked["given"].keys() - {"gpus"}}}
    )
    if "gpus" in asked["given"]:
        again = infer(**{**options, **{name: chosen[name] for name in pinned}})
    assert chosen_of(again) == chosen
    assert figures(again) == figures(found)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=REQUESTS.filter(lambda asked: not {"batch", "max_batch"} & asked["load"].keys()))
def test_infer_is_the_first_of_a_search(asked):
    """If it fails, two commands answer one question differently."""
    options = options_of(asked)
    try:
        found = infer(**options)
    except BadInputError:
        return
    if not found.fits or getattr(found, "overloaded", False):
        return
    ranked = search(InferenceSpace(**options), top=1).best
    holds = not breaks(found)
    assert bool(ranked) == holds  # what breaks a limit is printed only where nothing keeps to it
    if not holds:
        return
    best = ranked[0]
    assert chosen_of(best) == chosen_of(found)
    assert figures(best) == figures(found)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=REQUESTS, size=st.sampled_from(["tp", "pp", "dp"]), value=st.sampled_from([1, 2, 4]))
def test_fewer_options_are_never_worse(asked, size, value):
    """If it fails, leaving a size open freezes another, or a better plan is not looked at."""
    options = {**options_of(asked), "max_batch": None, size: None}
    try:
        fixed = infer(**{**options, size: value})
    except BadInputError:
        return
    found = infer(**options)
    sure = asked["confidence"] or 0.9
    late = [exceeded(one, one.request) for one in (found, fixed)]
    assert late[0] <= late[1] * (1 + 1e-9) or not fixed.fits
    if late == [1, 1]:  # where nothing keeps to the latencies, what comes nearest to them is printed
        assert rank(found, sure) <= rank(fixed, sure)


def breaks(estimate):
    """Whether a latency that was asked for does not hold: what keeps to all of them comes first."""
    return not all(limit["holds"] for limit in (figures(estimate).get("limits") or {}).values())


def rank(estimate, confidence):
    """What an open layout is chosen by, of those that keep to the latencies."""
    if isinstance(estimate, ServerEstimate):
        load, users = estimate.load, estimate.server.workload.concurrency
        if not estimate.feasible:
            return (2, 0.0, 0.0)
        room = estimate.capacity.sequences * estimate.plan.layout.dp
        doubt = estimate.decode.next_token_spread.upper(confidence)
        if users is None:  # all that comes is answered, if passes take no longer than one can count on
            strained = load > 0.9 or load * doubt >= 1
            return int(strained), -estimate.tokens_per_second_per_gpu * (1 + 1e-12), estimate.total_seconds * doubt
        strained = users > room
        return int(strained), -estimate.tokens_per_second_per_gpu / doubt * (1 + 1e-12), estimate.total_seconds * doubt
    if not estimate.has_headroom:
        return (2, 0, 0, 0.0)
    doubt = estimate.next_token_spread.upper(confidence)
    layout, told = estimate.plan.layout, bool(estimate.plan.layout_warnings)
    return int(told), int(layout.gpus), int(layout.tp * layout.pp), estimate.total_seconds * doubt


def test_a_layout_that_is_chosen_for_users_has_room_for_all_of_them():
    """If it fails, five users with long prompts are given a server that answers three at a time."""
    found = infer(model="llama-3-70b", assume_transformer=True, gpu="h100-sxm-80gb", concurrency=5, prompt_tokens=8000,
                  output_tokens=100, requests=0, max_sequences=64)  # fmt: skip
    assert found.capacity.sequences * found.plan.layout.dp >= 5
    long = infer(model="llama-3.1-70b", gpu="h100-sxm-80gb", concurrency=5, prompt_tokens=122_000, output_tokens=100,
                 requests=0)  # fmt: skip
    assert long.capacity.sequences * long.plan.layout.dp >= 5


def test_users_open_the_replicas():
    """If it fails, no plan is feasible of 300 users, though 14 GPUs serve them."""
    space = InferenceSpace(model="llama-3.1-70b", gpu="h200-sxm-141gb", concurrency=300, requests=0, prompt_tokens=1024)
    found = search(space, ttft="1s", tpot="40ms", top=1)
    (best,) = found.best
    assert best.plan.layout.dp > 1
    assert best.server.workload.concurrency == 300


@pytest.mark.parametrize("load", [{"rate": 40.0}, {"concurrency": 30}])
def test_all_numbers_of_replicas_are_compared(load):
    """If it fails, replicas are taken as they come, not those that rank first."""
    options = options_of({"model": "dense", "memory": 2.83e9, "load": load, "prompt_tokens": 200, "given": {}})
    found = infer(**options)
    every = [
        infer(**{**options, "tp": tp, "pp": pp, "dp": dp}) for tp in (1, 2) for pp in (1, 2) for dp in range(1, 17)
    ]
    assert found.plan.layout.dp < 16
    assert rank(found, 0.9) == min(rank(one, 0.9) for one in every)


def test_a_static_batch_is_divided_so_that_it_keeps_to_latencies():
    """If it fails, the fewest GPUs are taken though their answers come later than was asked for."""
    options = options_of({"model": "dense", "memory": 40e9, "load": {"batch": 8}, "prompt_tokens": 900, "given": {}})
    loose, wide = infer(**options), infer(**options, tp=4)
    for name in ("ttft", "tpot", "latency"):
        figure = {"ttft": "first_token_seconds", "tpot": "next_token_seconds", "latency": "total_seconds"}[name]
        limit = 1.3 * getattr(wide, figure)
        found = infer(**options, **{name: limit})
        assert not breaks(found)
        assert loose.plan.layout.gpus < found.plan.layout.gpus <= 4
        nearest = infer(**options, **{name: limit / 100})
        assert breaks(nearest)
        assert exceeded(nearest, nearest.request) <= 100
        assert "none keeps to the latencies" in nearest.plan.assumptions[0]


@pytest.mark.parametrize("memory", [0.2e9, 1.2e9, 40e9])
@pytest.mark.parametrize("asked", [{"batch": 64}, {"max_batch": True}, {"batch": 8, "ttft": 0.05, "latency": 0.5}])
def test_the_layout_is_the_same_where_memory_is_not_told_alone(monkeypatch, memory, asked):
    """If it fails, a layout is dropped before its times are known that would have been chosen by them."""
    options = options_of({"model": "experts", "memory": memory, "load": asked, "prompt_tokens": 900, "given": {}})
    found = infer(**options)
    monkeypatch.delattr(type(registry().cost_models["megatron"]), "serving_memory")
    assert figures(infer(**options)) == figures(found)
