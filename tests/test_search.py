"""The search: its winner is that of brute force, whatever is asked, and however the work is cut."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from attrs import evolve
from search_space import DTYPE, FIXED, GPU, MODEL, SPACE, brute_force, with_gpu

from llmplan import registry, train
from llmplan.arrays.rows import joined, kept, length
from llmplan.errors import BadInputError
from llmplan.request import given_options
from llmplan.search import TrainingSpace, search
from llmplan.space.case import training_cases
from llmplan.space.enumerate import Listing
from llmplan.space.schedules import place_of
from llmplan_layers import MixtureOfExperts
from llmplan_report.terminal.search_report import search_report

DAY = 86_400.0


@pytest.fixture(scope="module")
def every():
    """All legal plans, priced one by one."""
    return brute_force()


@pytest.fixture
def many(monkeypatch):
    """The space counts as one of many plans, of which those are pruned that cannot win."""
    monkeypatch.setattr("llmplan.search.run._FEW", 0)


@cache
def ranges(estimate):
    """The upper ends of time and memory, over what they are estimated to be."""
    return estimate.time_spread.high, estimate.memory_spread.high


def figures(estimate, objective, sure=True):
    """What an objective compares plans by: the upper end of their ranges, where it is to be counted on."""
    time, memory = ranges(estimate) if sure else (1.0, 1.0)
    of = {
        "time": time * estimate.training_seconds,
        "cost": time * estimate.cost,
        "gpu-hours": time * estimate.gpu_hours,
        "energy": time * estimate.energy_kwh,
        "gpus": estimate.plan.layout.gpus,
        "memory": memory * estimate.memory_bytes_per_gpu,
    }
    return (of[objective], of["gpu-hours" if objective == "time" else "time"])


def order(estimate):
    """How equal plans are told apart, as the documentation states it."""
    plan, layout = estimate.plan, estimate.plan.layout
    return (
        bool(plan.layout_warnings), layout.gpus, layout.tp * layout.pp * layout.cp, layout.pp, layout.cp, layout.ep,
        layout.vpp, place_of(plan.schedule_name), layout.zero, plan.offload_optimizer, plan.offload_activations,
        plan.recompute, plan.micro_batch, layout.sequence_parallel,
    )  # fmt: skip


def identity(estimate):
    """Which plan it is."""
    plan, layout = estimate.plan, estimate.plan.layout
    return (
        layout.gpus, layout.tp, layout.pp, layout.cp, layout.dp, layout.vpp, layout.sequence_parallel, layout.zero,
        plan.micro_batch, plan.gradient_accumulation, plan.recompute, plan.schedule_name, plan.offload_optimizer,
        plan.offload_activations,
    )  # fmt: skip


def fits(estimate, headroom=0.05, sure=True):
    memory, capacity = estimate.memory_bytes_per_gpu, estimate.memory_capacity_bytes
    return memory <= (1 - headroom) * capacity and (ranges(estimate)[1] if sure else 1.0) * memory <= capacity


def best_of(every, objective, met, many):
    """The first plans of brute force."""
    ranked = sorted(every, key=lambda one: (*figures(one, objective), order(one)))
    met_by = [one for one in ranked if met(one)]
    return told_apart(met_by)[:many]


def told_apart(estimates):
    """Of plans of the same sizes that nothing tells apart but how they go, the first."""
    found = {}
    for one in estimates:
        plan, layout = one.plan, one.plan.layout
        sizes = layout.gpus, layout.tp, layout.pp, layout.cp, layout.vpp, plan.micro_batch
        told = one.training_seconds, one.memory_bytes_per_gpu
        found.setdefault((*sizes, *(f"{figure:.10e}" for figure in told)), one)
    return list(found.values())


CASES = {
    "time": ("time", {}),
    "cost": ("cost", {}),
    "gpu-hours": ("gpu-hours", {}),
    "energy": ("energy", {}),
    "memory": ("memory", {}),
    "gpus in time": ("gpus", {"finish_within": 0.5}),
    "gpus for money": ("gpus", {"budget": 0.1}),
    "time for money": ("time", {"budget": 0.05}),
    "cost in time": ("cost", {"finish_within": 0.05}),
    "energy in time for money": ("energy", {"finish_within": 0.3, "budget": 0.3}),
    "much headroom": ("time", {"memory_headroom": 0.3}),
    "no headroom": ("time", {"memory_headroom": 0}),
}
"""An objective, and the options of the search; limits as the share of the plans that fit which keep to them."""
LIMITED = {"finish_within": "time", "budget": "cost"}


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("prune", [True, False])
def test_the_winners_are_those_of_brute_force(every, case, prune):
    """If it fails, a search books a plan that is worse than another one of its space, or one that breaks a limit."""
    objective, options = CASES[case]
    fitting = [one for one in every if fits(one)]
    limits = {}
    for option, figure in LIMITED.items():
        if option in options:
            values = sorted(figures(one, figure)[0] for one in fitting)
            limits[option] = values[int(options[option] * len(values))]

    def met(one):
        kept = all(figures(one, LIMITED[option])[0] <= limit for option, limit in limits.items())
        return kept and fits(one, options.get("memory_headroom", 0.05))

    wanted = best_of(every, objective, met, 5)
    found = search(TrainingSpace(**FIXED, **SPACE), objective, top=5, prune=prune, **{**options, **limits})
    assert len(wanted) >= 4
    assert [identity(one) for one in found.best] == [identity(one) for one in wanted]
    assert [figures(one, objective) for one in found.best] == [figures(one, objective) for one in wanted]


@pytest.mark.parametrize(
    ("alone", "name", "value"),
    [("tp", "sequence_parallel", True), ("pp", "schedule", "zero-bubble"), ("dp", "zero", 1), ("dp", "zero", 3)],
)
def test_what_one_rank_alone_does_not_share_changes_nothing(alone, name, value):
    """If it fails, a search leaves out plans that are better, as if another one said the same in plainer words."""
    sizes = {"tp": 2, "pp": 2, "cp": 1, "dp": 2, "ep": 1, alone: 1}
    options = {**FIXED, **{of: values[0] for of, values in SPACE.items()}, **sizes, "gpus": 4, "vpp": 1}
    plain, other = train(**options), train(**{**options, name: value})
    assert other.time_breakdown == plain.time_breakdown
    assert other.memory_breakdown == plain.memory_breakdown


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("objective", ["time", "cost", "memory"])
def test_at_even_odds_the_estimates_alone_decide(every, objective):
    """If it fails, --confidence 0.5 is not the point estimate, or a search hides what that would have chosen."""
    wanted = sorted(
        (one for one in every if fits(one, sure=False)),
        key=lambda one: (*figures(one, objective, sure=False), order(one)),
    )
    even = search(TrainingSpace(**FIXED, **SPACE, confidence=0.5), objective, top=5)
    assert [identity(one) for one in even.best] == [identity(one) for one in told_apart(wanted)[:5]]
    assert even.by_estimate is None
    sure = search(TrainingSpace(**FIXED, **SPACE), objective)
    fitting = next(one for one in wanted if fits(one))
    assert identity(sure.by_estimate or sure.best[0]) == identity(fitting)


@pytest.mark.parametrize("layout", [{"tp": 2}, {"pp": [2, 3]}, {"gpus": 16, "zero": 1}, {"micro_batch": 2, "vpp": 2}])
def test_a_constraint_on_the_layout_is_kept(every, layout):
    """If it fails, a search answers with a layout that was ruled out."""
    allowed = {name: set(several if isinstance(several, list) else [several]) for name, several in layout.items()}

    def met(one):
        has = {"micro_batch": one.plan.micro_batch}
        return all(has.get(name, getattr(one.plan.layout, name, None)) in several for name, several in allowed.items())

    wanted = best_of(every, "time", lambda one: fits(one) and met(one), 1)
    found = search(TrainingSpace(**FIXED, **{**SPACE, **layout}))
    assert identity(found.best[0]) == identity(wanted[0])


def test_every_plan_is_counted_once(every, monkeypatch):
    """If it fails, plans are left out of the space, or counted under two heads."""
    found = search(TrainingSpace(**FIXED, **SPACE), prune=False)
    too_large = sum(figures(one, "memory")[0] > GPU.memory_bytes for one in every)
    assert found.counts.legal == found.counts.priced == len(every)
    beyond = {"memory": too_large, "memory-headroom": sum(not fits(one) for one in every) - too_large}
    assert found.counts.infeasible_by == {name: many for name, many in beyond.items() if many}
    assert found.counts.pruned == search(TrainingSpace(**FIXED, **SPACE)).counts.pruned == 0
    monkeypatch.setattr("llmplan.search.run._FEW", len(every) - 1)
    pruned = search(TrainingSpace(**FIXED, **SPACE))
    assert pruned.counts.legal == len(every) == pruned.counts.priced + pruned.counts.pruned
    assert pruned.counts.pruned > len(every) // 2


def test_priced_plans_are_columns_with_the_figures_of_the_scalar_path(every):
    """If it fails, a script that looks for its own optimum looks at other plans than the ones that are priced."""
    columns = search(TrainingSpace(**FIXED, **SPACE), prune=False).columns
    by_plan = {identity(one): one for one in every}
    assert {len(column) for column in columns.values()} == {len(every)}
    modes = ("none", "full")
    for at in range(len(columns["tp"])):
        row = {name: column[at].item() for name, column in columns.items()}
        sizes = (row[name] for name in ("gpus", "tp", "pp", "cp", "dp", "vpp", "sequence_parallel", "zero"))
        batch = row["micro_batch"], row["gradient_accumulation"]
        ways = 4 * modes.index(row["recompute"]), row["schedule"]
        estimate = by_plan[(*sizes, *batch, *ways, row["offload_optimizer"], row["offload_activations"])]
        assert row["iteration_seconds"] == estimate.iteration_seconds
        assert row["training_seconds"] == estimate.training_seconds
        assert row["memory_bytes_per_gpu"] == estimate.memory_bytes_per_gpu
        whole = estimate.plan.tokens / (estimate.iterations * estimate.tokens_per_iteration)
        assert row["ranked_by"] == pytest.approx(whole * figures(estimate, "time")[0], rel=1e-10)
        assert (row["cost"], row["energy_kwh"], row["mfu"]) == (estimate.cost, estimate.energy_kwh, estimate.mfu)
        assert row["feasible"] == fits(estimate)
        assert (row["model"], row["gpu"], row["dtype"]) == ("mini", "mini-gpu", "half")


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("of", [("time", "gpus"), ("cost", "time"), ("memory", "time", "energy")])
@pytest.mark.parametrize("prune", [True, False])
def test_the_frontier_is_that_of_brute_force(every, of, prune):
    """If it fails, somebody weighs time against money with a plan missing, or with one that another beats in both."""
    points = {tuple(figures(one, name)[0] for name in of) for one in every if fits(one)}

    def beaten(point):
        return any(other != point and all(a <= b for a, b in zip(other, point, strict=True)) for other in points)

    found = search(TrainingSpace(**FIXED, **SPACE), pareto=of, prune=prune)
    shown = [tuple(figures(one, name)[0] for name in of) for one in found.pareto]
    assert shown == sorted(point for point in points if not beaten(point))


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("chunk", [31, 200, 1_000_000])
def test_the_size_of_a_chunk_changes_nothing(chunk):
    """If it fails, what a search finds depends on how its work is cut."""
    options = {"objective": "cost", "pareto": "time,memory", "top": 20}
    one, other = (search(TrainingSpace(**FIXED, **SPACE), chunk=size, **options) for size in (chunk, 65_536))
    assert [identity(plan) for plan in one.best] == [identity(plan) for plan in other.best]
    assert [identity(plan) for plan in one.pareto] == [identity(plan) for plan in other.pareto]
    for name in ("legal", "priced", "pruned", "infeasible", "illegal_by", "pruned_by", "infeasible_by"):
        assert getattr(one.counts, name) == getattr(other.counts, name)
    assert all((one.columns[name] == other.columns[name]).all() for name in one.columns)


def test_the_best_plan_is_what_train_prices():
    """If it fails, the plan that a search recommends costs something else once it is looked at by itself."""
    found = search(TrainingSpace(**FIXED, **SPACE), top=3)
    for estimate, request in zip(found.best, found.requests, strict=True):
        options = {**given_options(request), "model": MODEL, "gpu": GPU, "dtype": DTYPE}
        again = train(**options)
        assert again.time_breakdown == estimate.time_breakdown
        assert again.memory_breakdown == estimate.memory_breakdown
        assert again.training_seconds == estimate.training_seconds


def test_plans_of_several_models_and_accelerators_are_compared():
    """If it fails, the cheaper cluster is not found, or a plan is shown under another accelerator's name."""
    fast = evolve(GPU, name="fast", peak_flops={"fp16": 4e14}, memory_bytes_per_second=4e12)
    wide = evolve(MODEL, name="wide", ffn_hidden=8192)
    options = {**FIXED, "gpu": [GPU, fast], "model": [wide, MODEL], "price_per_gpu_hour": [1.0, 8.0]}
    quickest = search(TrainingSpace(**options, **SPACE))
    assert [quickest.best[0].plan.hardware.name, quickest.best[0].plan.model.name] == ["fast", "mini"]
    cheapest = search(TrainingSpace(**options, **SPACE), "cost")
    assert cheapest.best[0].plan.hardware.name == "mini-gpu"
    alone = search(TrainingSpace(**{**FIXED, "price_per_gpu_hour": 1.0}, **SPACE), "cost")
    assert identity(cheapest.best[0]) == identity(alone.best[0])
    assert cheapest.best[0].cost == alone.best[0].cost
    assert set(quickest.columns["gpu"]) <= {"fast", "mini-gpu"}
    assert quickest.space["model"] == ("wide", "mini")


def test_failures_count_where_they_are_planned_for():
    """If it fails, a deadline is met on paper and missed for the restarts."""
    failing = {**FIXED, "failures_per_gpu_day": 30.0}
    (best,) = search(TrainingSpace(**failing, **SPACE), top=1).best
    calm = search(TrainingSpace(**FIXED, **SPACE), top=1).best[0]
    assert best.wall_clock_seconds > 1.1 * calm.training_seconds
    limit = (best.wall_clock_seconds + best.training_seconds) / 2
    assert search(TrainingSpace(**FIXED, **SPACE), finish_within=limit).feasible
    assert not search(TrainingSpace(**failing, **SPACE), finish_within=limit).feasible


def test_a_run_that_never_ends_is_no_reason_to_look_on():
    """If it fails, a search prices every plan in vain where failures leave no progress, or trips over a time that is
    none.
    """
    hopeless = {**FIXED, "failures_per_gpu_day": 1e12}
    found = search(TrainingSpace(**hopeless, **SPACE), top=2)
    calm = search(TrainingSpace(**FIXED, **SPACE), top=2)
    assert found.best[0].goodput == 0
    assert found.counts.priced <= calm.counts.priced
    out = search_report(found, 100)
    assert "never done" in out
    assert "the runner-up makes no progress either" in out
    # open GPUs: more of them fail more often
    assert train(model=FIXED["model"], gpu=FIXED["gpu"], failures_per_gpu_day=1e12).plan.layout.gpus <= 8


def test_a_stated_mfu_only_rescales_time():
    """If it fails, a number that holds all losses decides between layouts, about which it says nothing."""
    found = search(TrainingSpace(**FIXED, **SPACE, mfu=0.4), top=1).best[0]
    assert found.mfu == pytest.approx(0.4)
    assert identity(found) == identity(search(TrainingSpace(**FIXED, **SPACE), top=1).best[0])


# Why the winner wins


def test_the_reasons_add_up():
    """If it fails, the terms that are said to have shrunk are not those that did."""
    found = search(TrainingSpace(**FIXED, **{**SPACE, "gpus": 16}))
    winner = found.best[0]
    runner_up, simplest = found.why
    assert (runner_up.against, simplest.against) == ("the runner-up", "the simplest plan that fits")
    assert runner_up.estimate.time_breakdown == found.best[1].time_breakdown
    for comparison in found.why:
        other = comparison.estimate
        changed = {line: winner.time_breakdown[line] - other.time_breakdown[line] for line in winner.time_breakdown}
        assert comparison.unit == "seconds"
        assert comparison.terms == pytest.approx({line: changed[line] for line in comparison.terms})
        assert all(abs(changed[line]) < 0.001 * other.iteration_seconds for line in changed.keys() - comparison.terms)
        assert list(map(abs, comparison.terms.values())) == sorted(map(abs, comparison.terms.values()), reverse=True)
        assert comparison.changed or other.time_breakdown == winner.time_breakdown
        assert all(before != after for before, after in comparison.changed.values())


def test_clusters_are_compared_by_their_gpu_hours():
    """If it fails, a run on twice the GPUs looks twice as good."""
    found = search(TrainingSpace(**FIXED, **SPACE))
    winner, simplest = found.best[0], found.why[1]
    assert (winner.plan.layout.gpus, simplest.estimate.plan.layout.gpus) == (16, 8)
    assert simplest.unit == "GPU-hours"
    assert sum(simplest.terms.values()) == pytest.approx(winner.gpu_hours - simplest.estimate.gpu_hours, rel=0.02)


def test_the_simplest_plan_is_the_first_that_fits(every):
    """If it fails, the winner is compared with a plan that nobody would have begun with."""
    found = search(TrainingSpace(**FIXED, **{**SPACE, "sequence_parallel": True, "zero": 1, "offload": "none"}))
    usual = [
        one
        for one in every
        if fits(one) and one.plan.layout.zero == 1 and not one.plan.offload_optimizer
        and one.plan.layout.sequence_parallel == (one.plan.layout.tp > 1) and one.plan.schedule.default
    ]  # fmt: skip
    assert identity(found.why[1].estimate)[:5] == identity(min(usual, key=order))[:5]


@pytest.mark.parametrize("given", [{}, {"zero": [0, 2]}, {"offload": ["all"]}, {"schedule": "zero-bubble", "pp": 2}])
def test_the_usual_plans_are_those_that_are_listed_alone(given):
    """If it fails, few plans have another simplest one among them than many."""
    (case,) = training_cases(TrainingSpace(**FIXED, **{**SPACE, **given}))
    listing = Listing(case)
    roots = list(listing.roots(Counter()))
    every, alone = (
        joined([plans for rows in roots for plans in listing.plans(rows, 10_000, Counter(), usual=usual)])
        for usual in (False, True)
    )
    usual = kept(every, listing.usual(every))
    assert 0 < length(usual) < length(every)
    assert all((usual[name] == alone[name]).all() for name in every)


# Where nothing is feasible


def changes(result):
    return {change.option: change.value for change in result.verdict.changes}


def test_what_kills_the_last_plan_and_what_would_do():
    """If it fails, somebody whose request is impossible is not told what to change, or is told what does not help."""
    alone = {**SPACE, "gpus": 4, "tp": 1, "pp": 1, "zero": 0}
    tight = with_gpu(memory_bytes=3e9)
    dead = search(TrainingSpace(**tight, **alone))
    assert not dead.feasible
    assert dead.verdict.constraint == "memory"
    assert dead.verdict.plans == dead.counts.infeasible_by["memory"] == dead.counts.legal
    assert dead.verdict.least == figures(dead.verdict.nearest, "memory")[0] > 3e9 == dead.verdict.limit
    found = changes(dead)
    assert set(found) == {"memory of the accelerator", "zero", "tp", "pp"}
    for option in ("tp", "zero", "pp"):
        fits_with = {
            value: search(TrainingSpace(**tight, **{**alone, option: value})).feasible
            for value in range(alone[option] + 1, found[option] + 1)
        }
        assert [value for value, does in fits_with.items() if does] == [found[option]]
    roomy = {**tight, "gpu": evolve(GPU, memory_bytes=found["memory of the accelerator"])}
    assert search(TrainingSpace(**roomy, **alone), memory_headroom=0).feasible


@pytest.mark.parametrize(
    ("option", "value", "constraint"),
    [("ep", 2, "ep divides the experts"), ("dp", 3, "dp x tp x cp x pp makes the gpus")],
)
def test_the_rule_that_leaves_nothing_is_named(option, value, constraint):
    """If it fails, another rule is blamed, of which the most divisions of the GPUs fall foul in every search."""
    dead = search(TrainingSpace(**FIXED, **{**SPACE, option: value}))
    assert dead.verdict.constraint == constraint
    assert option in changes(dead)


@pytest.mark.usefixtures("many")
def test_bounds_do_not_hide_what_no_plan_keeps_to():
    """If it fails, headroom is blamed for plans that do not fit at all, and nobody hears by how much."""
    space = TrainingSpace(**FIXED, **SPACE)
    nearest = figures(search(space, "memory", memory_headroom=0).best[0], "memory")[0]
    tight = TrainingSpace(**{**FIXED, "gpu": evolve(GPU, memory_bytes=nearest * 0.999)}, **SPACE)
    dead = search(tight)
    assert dead.verdict.constraint == "memory"
    assert dead.verdict.least == pytest.approx(nearest)


@pytest.mark.parametrize(
    ("objective", "limits", "constraint"),
    [
        ("time", {"memory_headroom": 0.9}, "memory-headroom"),
        ("cost", {"finish_within": "5m"}, "finish-within"),
        ("time", {"budget": 1}, "budget"),
    ],
)
def test_a_limit_gives_way_just_so_far(objective, limits, constraint):
    """If it fails, the limit that is proposed is not met by any plan, or a tighter one would be."""
    space = TrainingSpace(**FIXED, **SPACE)
    dead = search(space, objective, **limits)
    assert dead.verdict.constraint == constraint
    name = constraint.replace("-", "_")
    wanted = changes(dead)[constraint]
    assert search(space, objective, **{name: wanted}).feasible
    tighter = wanted + 0.002 if name == "memory_headroom" else wanted * 0.999
    assert not search(space, objective, **{name: tighter}).feasible


def test_more_gpus_are_proposed_where_they_help():
    """If it fails, nobody learns that twice the GPUs would meet the deadline."""
    space = TrainingSpace(**FIXED, **{**SPACE, "gpus": 8})
    fastest, _ = figures(search(space).best[0], "time")
    dead = search(space, finish_within=0.7 * fastest)
    many = changes(dead)["gpus"]
    assert 8 < many <= 16
    assert search(TrainingSpace(**FIXED, **{**SPACE, "gpus": many}), finish_within=0.7 * fastest).feasible


def test_a_space_without_a_legal_plan_says_what_rules_it_out():
    """If it fails, tp 3, which divides neither heads nor GPUs, ends in an empty table."""
    dead = search(TrainingSpace(**FIXED, **{**SPACE, "tp": 3, "gpus": 16}))
    assert dead.counts.legal == 0
    assert dead.verdict.constraint == "tp x cp x pp divides the gpus"
    assert changes(dead)["tp"] in (2, 4)
    assert dead.verdict.nearest is None


# Bad input


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        ({"gpus": None}, {}, "gpus: not given"),
        ({"tp": "4..2"}, {}, "tp: '4..2' ends below its beginning; 2..4 would be a range"),
        ({"tp": "1..many"}, {}, "tp: '1..many' is not a range of whole numbers"),
        ({"tp": 0}, {}, "tp: 0 is not a whole number of at least 1"),
        ({"zero": "0,4"}, {}, "zero: 4 is not a whole number, 0 to 3"),
        ({"recompute": "none..full"}, {}, "recompute: 'none..full' is not one of none, attention-compute"),
        ({"price_per_gpu_hour": "1,2,3"}, {}, "price-per-gpu-hour: 3 prices for 1 GPUs"),
        ({"price_per_gpu_hour": None}, {"objective": "cost"}, "cost: not known without --price"),
        ({"price_per_gpu_hour": None}, {"budget": "1M"}, "cost: not known without --price"),
        ({"gpu": evolve(GPU, tdp_watts=None)}, {"objective": "energy"}, "energy: not known without an accelerator"),
        ({}, {"objective": "gpus"}, "objective: gpus needs --finish-within or --budget"),
        ({}, {"objective": "beauty"}, "objective: 'beauty' is not one of time, gpu-hours"),
        ({}, {"pareto": "time"}, "pareto: time alone has no frontier"),
        ({}, {"memory_headroom": 1}, "memory-headroom: 1 is not a fraction of at least 0 and below 1"),
        ({"global_batch_tokens": "1M"}, {}, "global-batch: 48 contradicts global-batch-tokens"),
    ],
)
def test_bad_input_is_refused_in_a_line(space, options, message):
    """If it fails, a slip in an option is searched for as if it were meant, or ends in a traceback."""
    with pytest.raises(BadInputError) as caught:
        search(TrainingSpace(**{**FIXED, **SPACE, **space}), **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_option_that_there_is_not_is_refused():
    """If it fails, a misspelt dimension is left open without a word."""
    with pytest.raises(TypeError, match="'microbatch' is no option of training"):
        TrainingSpace(**FIXED, microbatch=1)


# Cost models that judge one plan at a time


def one_by_one(of):
    """A third party's cost model that knows nothing of searches."""
    answers = {name: getattr(of, name) for name in ("completed", "efficiency", "check", "remarks", "train", "infer")}
    return SimpleNamespace(name="one-by-one", description="as another one", default=False, **answers)


def test_a_cost_model_without_bounds_is_searched_all_the_same():
    """If it fails, a search works with llmplan's own cost models alone."""
    options = {**FIXED, "cost_model": one_by_one(registry().cost_models["megatron"])}
    space = {**SPACE, "gpus": [8], "micro_batch": [1]}
    slow, quick = search(TrainingSpace(**options, **space)), search(TrainingSpace(**FIXED, **space), prune=False)
    assert [identity(one) for one in slow.best] == [identity(one) for one in quick.best]
    assert slow.counts.legal == slow.counts.priced == quick.counts.legal


def test_what_is_open_is_searched():
    """If it fails, `search train` with nothing but model and GPUs misses a plan that somebody would try."""
    rng = random.Random(5)
    options = {name: value for name, value in FIXED.items() if name != "global_batch"}
    found = search(TrainingSpace(**options, gpus=16), top=1)
    best = found.best[0]
    assert found.counts.legal > 2_000
    for _ in range(50):
        tp, pp = rng.choice([1, 2, 4]), rng.choice([1, 2, 4])
        try:
            tried = train(
                **options, gpus=16, tp=tp, pp=pp, global_batch=best.plan.global_batch, zero=rng.randint(0, 3),
                micro_batch=rng.choice([1, 2, 4]), offload=rng.choice(["none", "optimizer"]),
            )  # fmt: skip
        except BadInputError:
            continue
        assert not fits(tried) or figures(tried, "time")[0] >= figures(best, "time")[0]
    assert np.isfinite(best.training_seconds)


# Other spaces


def test_priced_plans_go_to_pandas_and_parquet(tmp_path):
    """If it fails, somebody who plots the space has to write the columns out by hand."""
    found = search(TrainingSpace(**FIXED, **{**SPACE, "gpus": 8}))
    frame = found.to_pandas()
    assert list(frame.columns) == list(found.columns)
    assert len(frame) == found.counts.priced
    found.to_parquet(str(tmp_path / "plans.parquet"))
    import pandas as pd

    assert pd.read_parquet(tmp_path / "plans.parquet").equals(frame)


def test_replicas_may_be_given_instead_of_gpus():
    """If it fails, a space of replicas is refused for the GPUs that follow from them."""
    space = {**{name: values for name, values in SPACE.items() if name != "gpus"}, "dp": [2, 4]}
    columns = search(TrainingSpace(**FIXED, **space), prune=False).columns
    assert set(columns["dp"].tolist()) == {2, 4}
    assert (columns["gpus"] == columns["tp"] * columns["pp"] * columns["cp"] * columns["dp"]).all()
    both = search(TrainingSpace(**FIXED, **{**space, "gpus": 8}), prune=False).columns
    assert set(zip(both["gpus"].tolist(), both["dp"].tolist(), strict=True)) == {(8, 2), (8, 4)}


def test_an_accumulation_that_is_given_makes_the_batch():
    """If it fails, a batch that follows from its parts is taken for the common one."""
    options = {name: value for name, value in FIXED.items() if name != "global_batch"}
    space = {**SPACE, "gpus": 8, "gradient_accumulation": [2, 6], "micro_batch": [1, 3]}
    columns = search(TrainingSpace(**options, **space), prune=False).columns
    assert set(columns["gradient_accumulation"].tolist()) == {2, 6}
    assert set((columns["micro_batch"] * columns["gradient_accumulation"]).tolist()) == {2, 6, 18}
    asked = search(TrainingSpace(**FIXED, **space), prune=False).columns
    made = asked["micro_batch"] * asked["gradient_accumulation"] * asked["dp"]
    assert set(made.tolist()) == {48}


@pytest.mark.parametrize("tokens", ["48K", "1M", None])
def test_a_batch_in_tokens_is_met_within_five_percent(tokens):
    """If it fails, plans of other batches than the one that was asked for are compared, or next to none is found."""
    options = {name: value for name, value in FIXED.items() if name != "global_batch"}
    found = search(TrainingSpace(**options, **{**SPACE, "micro_batch": None}, global_batch_tokens=tokens), prune=False)
    asked = {"48K": 48e3, "1M": 1e6, None: 2.0**22}[tokens] / 1024
    made = found.columns["micro_batch"] * found.columns["gradient_accumulation"] * found.columns["dp"]
    assert (np.abs(made - asked) <= 0.05 * asked).all()
    interleaved = found.columns["vpp"] > 1
    assert interleaved.any()
    assert (found.columns["gradient_accumulation"] % found.columns["pp"])[interleaved].max() == 0


def test_zero_divides_over_groups_where_they_are_given():
    """If it fails, hybrid sharding is not searched, or over groups that do not divide the ranks."""
    space = {**SPACE, "gpus": 16, "zero": [0, 1], "zero_group": [2, 4]}
    found = search(TrainingSpace(**FIXED, **space), prune=False)
    ranks = found.columns["dp"] * found.columns["cp"]
    assert set(found.columns["zero"].tolist()) == {1}
    assert set(found.columns["zero_group"].tolist()) == {2, 4}
    assert (ranks % found.columns["zero_group"] == 0).all()
    assert train(**given_options(found.requests[0]) | {"model": MODEL, "gpu": GPU, "dtype": DTYPE}).time_breakdown == (
        found.best[0].time_breakdown
    )


def test_a_largest_micro_batch_bounds_what_is_tried():
    """If it fails, --max-micro-batch means nothing in a search."""
    space = {**SPACE, "gpus": 8, "micro_batch": None}
    most = {
        limit: search(TrainingSpace(**FIXED, **space, max_micro_batch=limit), prune=False).columns["micro_batch"].max()
        for limit in (None, "auto", 4)
    }
    assert most == {None: 48, "auto": 48, 4: 4}


def test_the_number_of_gpus_is_found_where_it_is_what_is_asked():
    """If it fails, the fewest GPUs for a deadline are looked for among those that somebody has to guess."""
    space = {name: values for name, values in SPACE.items() if name != "gpus"}
    fastest, _ = figures(search(TrainingSpace(**FIXED, **space, gpus=8)).best[0], "time")
    found = search(TrainingSpace(**FIXED, **space), "gpus", finish_within=1.01 * fastest)
    many = found.best[0].plan.layout.gpus
    assert 4 < many <= 8
    assert not search(TrainingSpace(**FIXED, **space, gpus=4), finish_within=1.01 * fastest).feasible
    assert found.space["gpus"][:5] == (1, 2, 4, 8, 16)


def test_fewer_gpus_than_a_power_of_two_are_found():
    """If it fails, up to twice the GPUs are bought that the deadline takes."""
    space = {name: values for name, values in SPACE.items() if name not in ("gpus", "micro_batch")}
    hours = [figures(search(TrainingSpace(**FIXED, **space, gpus=many)).best[0], "time")[0] for many in (8, 12)]
    within = 0.5 * sum(hours)
    found = search(TrainingSpace(**FIXED, **space), "gpus", finish_within=within)
    assert found.best[0].plan.layout.gpus == 12
    assert found.best[0].training_seconds <= within


def test_experts_are_shared_in_every_way_that_divides_them():
    """If it fails, a model with experts is searched as if it had none."""
    sparse = evolve(MODEL, name="sparse", moe=MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=512))
    columns = search(TrainingSpace(**{**FIXED, "model": sparse}, **{**SPACE, "gpus": 8}), prune=False).columns
    assert set(columns["ep"].tolist()) == {1, 2, 4, 8}
    assert ((columns["dp"] * columns["cp"]) % columns["ep"] == 0).all()


def test_a_list_tells_plans_apart():
    """If it fails, half of the ten best are the first once more, with a ZeRO stage that changes nothing."""
    found = search(TrainingSpace(**FIXED, **{**SPACE, "zero": [1, 2, 3], "pp": 2}), top=20)
    told = [
        (one.training_seconds, one.memory_bytes_per_gpu, identity(one)[:6], one.plan.micro_batch) for one in found.best
    ]
    assert len(set(told)) == len(told) == 20
    assert {one.plan.layout.zero for one in found.best if not one.plan.layout.shards_gradients} == {1}


def test_a_stated_mfu_has_no_other_plan_by_the_estimates_alone():
    """If it fails, a plan is told of that takes the very same time."""
    stated = TrainingSpace(model="llama-7b", gpu="h100-sxm-80gb", gpus=8, mfu=0.4)
    assert search(stated, top=1).by_estimate is None
    said = train(model="llama-7b", gpu="h100-sxm-80gb", gpus=8, mfu=0.4).plan.assumptions
    assert not any("by the estimates alone" in one for one in said)


def test_the_gpus_that_would_do_are_a_round_number():
    """If it fails, somebody is told to book 1,312 GPUs, or twice what would do."""
    options = {"model": "llama-7b", "gpu": "h100-sxm-80gb", "tokens": "1T", "cp": 1, "zero": 1, "offload": "none"}
    limited = {"finish_within": "5d", "top": 1}
    dead = search(TrainingSpace(**options, gpus=64), **limited)
    assert not dead.feasible
    (advised,) = (change.value for change in dead.verdict.changes if change.option == "gpus")
    eighth = (1 << (advised - 1).bit_length()) // 8
    assert advised % eighth == 0
    assert search(TrainingSpace(**options, gpus=advised), **limited).feasible
    fewer = [gpus for gpus in range(eighth, advised, eighth) if gpus > 64]
    assert fewer
    best = search(TrainingSpace(**options, gpus=fewer), top=1).best[0]
    assert best.training_seconds_at_confidence > 5 * DAY
