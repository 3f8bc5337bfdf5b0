"""The search for a server: its winner is that of brute force, and what it says of infeasible requests is true."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product
from math import log2

import pytest
from attrs import evolve

from llmplan import infer, registry
from llmplan.errors import BadInputError
from llmplan.output.document import document
from llmplan.records import DTypeRule, HardwareProfile
from llmplan.request import given_options
from llmplan.search import InferenceSpace, search
from llmplan_layers import MixtureOfExperts, Transformer
from llmplan_report.terminal.report import report
from llmplan_report.terminal.search_report import search_report
from llmplan_serving_load.search.case import Case

MODEL = Transformer(
    name="mini", layers=8, hidden=1024, heads=16, kv_heads=8, head_dim=64, ffn_hidden=4096, gated_mlp=False,
    vocab=32_000, max_seq_len=4096,
)  # fmt: skip
EXPERTS = evolve(MODEL, name="mini-moe", moe=MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=1024))
GPU = HardwareProfile(
    name="mini-gpu",
    memory_bytes=1.816e9,
    memory_bytes_per_second=1e11,
    peak_flops={"fp16": 2e12},
    scale_up_bytes_per_second=2e10,
    scale_up_domain=4,
    scale_out_bytes_per_second=1e10,
)
DTYPE = DTypeRule(name="half", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16",),))
FIXED = {
    "model": MODEL, "gpu": GPU, "dtype": DTYPE, "cost_model": "megatron", "engine": "tensorrt-llm",
    "prompt_tokens": 200, "output_tokens": 20, "price_per_gpu_hour": 2.0, "max_sequences": 6, "requests": 0,
    "confidence": 0.5,
}  # fmt: skip
SIZES = {"tp": [1, 2], "pp": [1, 2]}
"""A space that is small enough to price plan by plan."""
MOST_REPLICAS = 8
RATE = 20.0


def priced(loads):
    """The estimate of every layout under every load that can be priced, in the order of the listing."""
    found = []
    for tp, pp in product(*SIZES.values()):
        for load in loads:
            estimate = infer(**FIXED, tp=tp, pp=pp, **{"dp": 1, **load})
            if estimate.feasible:
                found.append(estimate)
    return found


@pytest.fixture(scope="module")
def users():
    """One replica with 1 to 6 users."""
    return priced([{"concurrency": users} for users in range(1, 7)])


@pytest.fixture(scope="module")
def arrivals():
    """Replicas that share a rate."""
    return priced([{"rate": RATE, "dp": replicas} for replicas in range(1, MOST_REPLICAS + 1)])


def figure(estimate, objective):
    """What is to be least, and what decides among equals."""
    of = {
        "throughput": -estimate.tokens_per_second_per_gpu,
        "cost": estimate.cost_per_million_tokens,
        "gpus": estimate.server.gpus,
    }
    return strained(estimate), of[objective], estimate.total_seconds


def strained(estimate):
    """What is nearly full comes after what holds its load with ease."""
    return estimate.load is not None and estimate.load > 0.9


def latencies(estimate):
    return {
        "ttft": estimate.first_token_seconds, "tpot": estimate.next_token_seconds, "latency": estimate.total_seconds
    }  # fmt: skip


def between(every, name, share):
    """A limit that so many plans keep to."""
    return sorted(latencies(one)[name] for one in every)[int(share * len(every))]


def best_of(every, objective, limits, many=3):
    """The first plans of brute force, one of each layout."""
    kept = [one for one in every if all(latencies(one)[name] <= limit for name, limit in limits.items())]
    ranked = sorted(kept, key=lambda one: figure(one, objective))
    found = {}
    for one in ranked:
        found.setdefault((one.plan.layout.tp, one.plan.layout.pp), one)
    return list(found.values())[:many]


def identity(estimate):
    layout = estimate.plan.layout
    return layout.tp, layout.pp, layout.dp, estimate.server.workload.concurrency


CASES = [
    ("throughput", {}),
    ("throughput", {"tpot": 0.5}),
    ("throughput", {"ttft": 0.3}),
    ("throughput", {"latency": 0.25}),
    ("cost", {"ttft": 0.7, "tpot": 0.6}),
    ("cost", {"ttft": 0.6, "tpot": 0.6, "latency": 0.5}),
]
"""An objective, and limits by the share of plans that keep to them."""


@pytest.mark.parametrize(("objective", "shares"), CASES)
def test_the_best_with_users_are_those_of_brute_force(users, objective, shares):
    """If it fails, a search recommends a server that is worse than another, or too slow."""
    limits = {name: between(users, name, share) for name, share in shares.items()}
    wanted = best_of(users, objective, limits)
    found = search(InferenceSpace(**FIXED, **SIZES), objective, top=len(wanted), **limits)
    assert len(wanted) >= 2
    assert [identity(one) for one in found.best] == [identity(one) for one in wanted]
    assert [figure(one, objective) for one in found.best] == [figure(one, objective) for one in wanted]


@pytest.mark.parametrize(
    ("objective", "shares"),
    [("gpus", {}), ("gpus", {"tpot": 0.4}), ("cost", {"ttft": 0.3, "latency": 0.6}), ("throughput", {"ttft": 0.5})],
)
def test_the_best_at_a_rate_are_those_of_brute_force(arrivals, objective, shares):
    """If it fails, a search books more replicas than it takes, or too few."""
    limits = {name: between(arrivals, name, share) for name, share in shares.items()}
    wanted = best_of(arrivals, objective, limits)
    found = search(InferenceSpace(**FIXED, **SIZES, rate=RATE), objective, top=len(wanted), **limits)
    assert len(wanted) >= 2
    assert [identity(one) for one in found.best] == [identity(one) for one in wanted]
    assert [figure(one, objective) for one in found.best] == [figure(one, objective) for one in wanted]


@pytest.mark.parametrize(
    "load", [{}, {"gpus": 8}, {"rate": RATE}, {"prefill_replicas": 1}, {"dp": 2, "concurrency": 3}]
)
def test_a_plan_is_what_infer_makes_of_it(load, monkeypatch):
    """If it fails, the plan file of a search prices to other figures than the search showed."""
    found = search(InferenceSpace(**{**FIXED, "requests": 60}, **SIZES, **load), ttft=1.0, top=2)
    assert found.best[0].simulated.requests == 60
    for request, estimate in zip(found.requests, found.best, strict=True):
        assert document(infer(request)) == document(estimate)
    monkeypatch.setenv("COLUMNS", "120")
    assert ("prefill-replicas" in search_report(found)) == ("prefill_replicas" in load)


def test_what_is_shown_holds_in_simulation():
    """If it fails, a search recommends what its own simulation shows to be too slow."""
    space = InferenceSpace(**{**FIXED, "requests": 60}, tp=[1, 2], pp=1, output_lengths="uniform:0.4")
    loose = search(space, top=1).best[0]
    limit = 0.7 * loose.simulated.first_token["p95"]
    found = search(space, ttft=limit, percentile=95, top=2)
    assert all(one.simulated.first_token["p95"] <= limit for one in found.best)
    assert found.constraints == {"ttft": limit, "percentile": 95}
    assert [document(one) for one in search(space, ttft=limit, percentile=95, top=2).best] == [
        document(one) for one in found.best
    ]


@pytest.mark.parametrize(
    ("load", "by"),
    [
        ({"rate": RATE}, None),
        ({"concurrency": [1, 2, 3]}, "concurrency"),
        ({}, "kv"),
        ({"dp": 2}, "kv"),
    ],
)
def test_only_what_is_reached_holds_a_plan_back(load, by):
    """If it fails, a user raises a limit that has nothing to do with the figures."""
    found = search(InferenceSpace(**FIXED, **SIZES, **load))
    assert found.why[0].held_back == by
    assert ("keeps the other from a heavier load" in search_report(found)) == (by is not None)


def test_a_winner_that_is_nearly_full_is_warned_of():
    """If it fails, simulated waiting of a few requests is taken for what a server at its capacity does."""
    options = {**FIXED, "tp": 1, "pp": 2}
    most = infer(**options, dp=1, rate=1).capacity.requests_per_second
    (said,) = search(InferenceSpace(**options, rate=0.995 * most, dp=1), "gpus").warnings
    assert said.startswith("the first runs at 99.5 % of its capacity, with ")
    assert said.endswith("; --ttft limits it, or --dp 2 leaves room")
    roomy = search(InferenceSpace(**options, rate=0.995 * most), "gpus")
    assert roomy.best[0].load < 0.8
    assert roomy.best[0].plan.layout.dp == 2
    assert not roomy.warnings


def test_pruning_changes_nothing_but_counts():
    """If it fails, what one user alone shows to be too slow was not."""
    space, limits = InferenceSpace(**FIXED, **SIZES), {"tpot": 3e-3}
    pruned, every = search(space, **limits), search(space, prune=False, **limits)
    assert [document(one) for one in pruned.best] == [document(one) for one in every.best]
    assert pruned.counts.pruned_by.keys() == {"tpot"}
    assert every.counts.pruned == 0
    assert (pruned.counts.legal, pruned.counts.infeasible) == (every.counts.legal, every.counts.infeasible)


@pytest.mark.parametrize("load", [{}, {"rate": 0.01, "dp": [1, 2]}], ids=["users", "rate"])
def test_what_never_holds_in_simulation_is_refused(load):
    """If it fails, a search shows a plan whose slowest answers are too late, or no way out."""
    options = {**FIXED, "requests": 40, "tp": [2], "pp": 1, "output_lengths": "uniform:0.5", **load}
    alone = infer(**{**options, "tp": 2, "dp": 1, **({"rate": 0.01} if load else {"concurrency": 1})})
    limits = {"latency": 1.1 * alone.closed_form.total_seconds, "percentile": 95}
    found = search(InferenceSpace(**options), **limits)
    assert not found.feasible
    assert found.counts.infeasible < found.counts.legal
    (change,) = (change for change in found.verdict.changes if change.option == "latency")
    assert change.value == pytest.approx(alone.simulated.total["p95"], rel=1e-3)
    assert search(InferenceSpace(**options), **{**limits, "latency": change.value}).feasible


def test_an_interrupt_is_passed_on():
    """If it fails, a script cannot be stopped."""

    def watch(_state):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(InferenceSpace(**FIXED, **SIZES), watch=watch)


def test_a_search_for_servers_works_alone():
    """If it fails, workers are asked for that are never used."""
    with ThreadPoolExecutor(1) as executor, pytest.raises(TypeError, match="takes no executor"):
        search(InferenceSpace(**FIXED, **SIZES), executor=executor)


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({}, {"tpot": 1e-3}),
        ({}, {"ttft": 1e-3, "tpot": 1e-3}),
        ({"requests": 40}, {"ttft": 1e-3, "latency": 1e9}),
        ({"tp": 1, "pp": 1, "prompt_tokens": 4000}, {}),
        ({"tp": 3}, {}),
        ({"gpus": 3, "tp": 2}, {}),
        ({"rate": 500, "dp": 1}, {}),
    ],
)
def test_a_change_that_is_said_to_do_does(options, limits):
    """If it fails, a user follows the advice of a search and is refused again."""
    options = {**FIXED, **SIZES, **options}
    found = search(InferenceSpace(**options), **limits)
    assert not found.feasible
    assert found.verdict.changes
    for change in found.verdict.changes:
        values = change.value if isinstance(change.value, list) else [change.value]
        changed = dict(zip(change.option.split("+"), values, strict=True))
        if change.option == "memory of the accelerator":
            changed = {"gpu": evolve(GPU, memory_bytes=change.value)}
        asked = {name: value for name, value in changed.items() if name in ("ttft", "tpot", "latency")}
        others = {name: value for name, value in changed.items() if name not in asked}
        assert search(InferenceSpace(**{**options, **others}), **{**limits, **asked}).feasible, change.option
    assert "would do" in search_report(found)


def test_the_nearest_number_of_users_is_said_to_do(users):
    """If it fails, a user is told to turn away far more users than is needed."""
    limit = between(users, "latency", 0.6)
    found = search(InferenceSpace(**FIXED, **SIZES, dp=1, concurrency=60), latency=limit)
    kept = [one.server.workload.concurrency for one in users if one.total_seconds <= limit]
    (said,) = (change.value for change in found.verdict.changes if change.option == "concurrency")
    assert said == max(kept) > min(kept)


def test_layouts_of_more_gpus_than_there_are_do_not_count():
    """If it fails, two GPUs are said to need the memory that each of eight would, and nobody hears of the other six."""
    tiny = evolve(GPU, memory_bytes=1.567e9)
    found = search(InferenceSpace(**{**FIXED, "gpu": tiny}, gpus=1))
    assert found.verdict.constraint == "memory"
    alone = infer(**{**FIXED, "gpu": tiny}, tp=1, pp=1, dp=1, concurrency=1)
    assert found.verdict.least >= alone.memory_bytes_per_gpu
    assert found.verdict.plans == 1
    options = {change.option: change.value for change in found.verdict.changes}
    assert search(InferenceSpace(**{**FIXED, "gpu": tiny}, gpus=options["gpus"])).feasible


def test_experts_are_shared_by_replicas_and_by_tensor_parallel_ranks():
    """If it fails, layouts of models with experts are not looked at, or not as they are priced."""
    found = search(InferenceSpace(**{**FIXED, "model": EXPERTS}, tp=[1, 2]), top=20)
    layouts = {(one.plan.layout.tp, one.plan.layout.dp, one.plan.layout.ep) for one in found.best}
    assert layouts == {(1, 1, 1), (1, 2, 2), (1, 4, 4), (2, 1, 1), (2, 1, 2), (2, 2, 2), (2, 2, 4)}
    for request, estimate in zip(found.requests[:3], found.best, strict=False):
        assert document(infer(request)) == document(estimate)


def test_a_given_number_of_ranks_shares_experts():
    """If it fails, --ep is ignored, or shared over ranks that are not there."""
    found = search(InferenceSpace(**{**FIXED, "model": EXPERTS}, tp=2, pp=1, ep=[2, 8, 3]), top=20)
    assert {(one.plan.layout.dp, one.plan.layout.ep) for one in found.best} == {(1, 2), (2, 2), (4, 8), (8, 8)}
    assert sum(found.counts.illegal_by.values()) == 1


def test_replicas_that_no_link_reaches_are_not_counted_on():
    """If it fails, a search recommends more replicas than the cost model can connect, or ends in a traceback."""
    island = evolve(GPU, scale_out_bytes_per_second=None)
    space = InferenceSpace(**{**FIXED, "gpu": island}, tp=2, pp=2, rate=RATE)
    assert not search(space, ttft=1e-3).feasible
    one, eight = (InferenceSpace(**{**FIXED, "gpu": island}, tp=2, pp=2, gpus=gpus) for gpus in (4, 32))
    assert search(one).feasible
    assert search(eight).counts.illegal_by == {"pp": 1}


def test_everything_is_there_as_columns_and_counted(tmp_path):
    """If it fails, a script that looks at all plans misses some."""
    found = search(InferenceSpace(**FIXED, **SIZES), tpot=0.05)
    counts = found.counts
    assert counts.legal == counts.priced + counts.pruned
    assert counts.priced + sum(counts.pruned_by.values()) == counts.legal
    frame = found.to_pandas()
    assert frame["feasible"].sum() == counts.legal - counts.infeasible
    best = frame[frame["feasible"]]["tokens_per_second_per_gpu"].max()
    assert best == pytest.approx(found.best[0].tokens_per_second_per_gpu)
    found.to_parquet(str(tmp_path / "all.parquet"))


def test_no_point_beats_one_of_the_frontier():
    """If it fails, the picture shows a server as the best of its kind that is not."""
    found = search(InferenceSpace(**FIXED, **SIZES), tpot=0.05)
    every = found.to_pandas()
    speeds = [point["tokens_per_second_per_gpu"] for point in found.pareto]
    assert speeds == sorted(speeds)
    for point in found.pareto:
        faster = every[every["next_token_seconds"] <= point["next_token_seconds"]]
        assert faster["tokens_per_second_per_gpu"].max() == point["tokens_per_second_per_gpu"]


def test_the_frontier_of_a_load_lists_what_is_worth_its_gpus():
    """If it fails, hundreds of GPUs for five requests a second stand in it, a hundredth faster than eight."""
    found = search(InferenceSpace(**FIXED, **SIZES), tpot=0.05)
    rate = 3.0 * found.best[0].requests_per_second
    of_rate = search(InferenceSpace(**FIXED, **SIZES, rate=rate), tpot=0.05)
    listed = of_rate.pareto
    every = of_rate.to_pandas()
    assert len(listed) < len(every)
    assert listed[-1]["tokens_per_second_per_gpu"] == every["tokens_per_second_per_gpu"].max()
    for faster, cheaper in pairwise(listed):
        doublings = log2(cheaper["tokens_per_second_per_gpu"] / faster["tokens_per_second_per_gpu"])
        assert faster["next_token_seconds"] <= cheaper["next_token_seconds"] * 0.9**doublings


def test_cases_are_compared():
    """If it fails, several accelerators with a price each, or several bits, are not told apart."""
    slow = evolve(GPU, name="slow-gpu", memory_bytes_per_second=5e10)
    space = InferenceSpace(
        **{**FIXED, "gpu": [GPU, slow], "price_per_gpu_hour": [2.0, 0.5]}, tp=1, pp=2, kv_bits=[8, 16]
    )
    found = search(space, "cost", top=9)
    assert [one.plan.hardware.name for one in found.best[:2]] == ["slow-gpu", "slow-gpu"]
    assert {one.plan.kv_bits for one in found.best} == {8, 16}
    assert found.space["gpu"] == ("mini-gpu", "slow-gpu")
    printed = document(found)
    assert printed["best"][0]["gpu"] == "slow-gpu"
    assert len(printed["pareto"]) == len(found.pareto)
    assert given_options(found.requests[0])["price_per_gpu_hour"] == 0.5


def test_answers_of_one_token_have_a_frontier_of_first_tokens():
    """If it fails, a classifier cannot be planned."""
    found = search(InferenceSpace(**{**FIXED, "output_tokens": 1}, **SIZES), ttft=10)
    assert found.pareto_of == ("throughput", "ttft")
    assert found.pareto
    assert "first" in search_report(found)


def test_a_trace_is_a_load_too(tmp_path):
    """If it fails, a server for requests as they came cannot be searched for."""
    trace = tmp_path / "trace.csv"
    lines = [f"{number / 20},200,{10 + number % 20}" for number in range(60)]
    trace.write_text("arrival_seconds,prompt_tokens,output_tokens\n" + "\n".join(lines) + "\n", encoding="utf-8")
    options = {
        name: value for name, value in FIXED.items() if name not in ("prompt_tokens", "output_tokens", "requests")
    }
    found = search(InferenceSpace(**options, **SIZES, trace=str(trace)), "gpus", ttft=5, top=1)
    assert found.best[0].simulated.requests == 60
    assert document(infer(found.requests[0])) == document(found.best[0])


def test_a_trace_of_one_instant_has_no_rate(tmp_path):
    """If it fails, requests that come together end in a traceback, or load a server infinitely."""
    trace = tmp_path / "trace.csv"
    trace.write_text("arrival_seconds,prompt_tokens,output_tokens\n" + 5 * "0,200,10\n", encoding="utf-8")
    options = {
        name: value for name, value in FIXED.items() if name not in ("prompt_tokens", "output_tokens", "requests")
    }
    best = search(InferenceSpace(**options, **SIZES, trace=str(trace)), top=1).best[0]
    assert best.load is None
    assert best.simulated.requests == 5
    assert document(infer(**options, trace=str(trace))) is not None
    assert "all at once" in report(best)


@pytest.mark.parametrize(
    ("options", "asked", "said"),
    [
        ({}, {"objective": "gpus"}, "objective: gpus needs --rate or --trace"),
        ({"price_per_gpu_hour": None}, {"objective": "cost"}, "objective: cost is not known without"),
        ({}, {"objective": "speed"}, "objective: 'speed' is not one of throughput, cost, gpus"),
        ({}, {"percentile": 99, "tpot": 1}, "percentile: is what a simulation counts, and requests 0 asks for none"),
        ({"requests": 9}, {"percentile": 99}, "percentile: 99 of what?"),
        ({}, {"percentile": 98}, "percentile: 98 is not one of 50, 90, 95, 99"),
        ({"output_tokens": 1}, {"tpot": 1}, "tpot: answers of one token have no further ones"),
        ({"batch": 4}, {}, "batch: a search is for loaded servers"),
        (
            {"concurrency": "1,50000", "dp": 2, "requests": None},
            {},
            "concurrency: 50000 users of 2 replicas take too long to simulate; give at most 40000, more --dp",
        ),
        ({"rate": 1, "concurrency": 2}, {}, "rate: contradicts concurrency"),
        ({"cost_model": "roofline"}, {}, "search: the cost model roofline prices no server under load"),
        ({"price_per_gpu_hour": [1, 2]}, {}, "price-per-gpu-hour: 2 prices for 1 GPUs"),
        ({"tp": "4..1"}, {}, "tp: '4..1' ends below its beginning"),
        ({}, {"tpot": "5parsecs"}, "tpot: '5parsecs' is not a "),
    ],
)
def test_bad_input_is_named(options, asked, said):
    """If it fails, a slip of the pen is answered with a traceback or with another question's answer."""
    with pytest.raises(BadInputError, match=f"^{said.replace('?', '.')}"):
        search(InferenceSpace(**{**FIXED, **options}), **asked)


def test_options_that_are_none_are_refused():
    """If it fails, a misspelt option is silently left out."""
    with pytest.raises(TypeError, match="'tpp' is no option of inference"):
        InferenceSpace(**FIXED, tpp=2)


def test_memory_of_which_an_engine_takes_a_crumb_is_named_at_once(monkeypatch):
    """If it fails, a search goes on for minutes, a mebibyte after the other, or names memory that would not do."""
    priced, missing = [], Case.missing_bytes
    monkeypatch.setattr(Case, "missing_bytes", lambda *of: priced.append(of[-1]) or missing(*of))
    space = {"model": "llama-7b", "gpu": "h100-sxm-80gb", "tp": 1, "pp": 1, "dp": 1, "memory_utilization": 1e-5}
    (change,) = (one for one in search(InferenceSpace(**space)).verdict.changes if one.option.startswith("memory"))
    assert change.value == priced[-1]
    assert len(priced) <= 5
    gpu = registry().gpus["h100-sxm-80gb"]
    for memory, fits in ((change.value, True), (0.999 * change.value, False)):
        assert infer(**{**space, "gpu": evolve(gpu, memory_bytes=memory)}, concurrency=1, requests=0).fits is fits
