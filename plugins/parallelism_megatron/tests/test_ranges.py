"""Ranges by kind of plan, against the published figures that they come from."""

from functools import cache
from math import exp, log

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from llmplan import infer, registry, train
from llmplan.estimate.spread import LEVEL
from llmplan_costing.columns import columns
from llmplan_parallelism_megatron.ranges import serving, training
from llmplan_parallelism_megatron.ranges.coverage import left_out, share_inside
from llmplan_parallelism_megatron.ranges.fit import fitted_by_figure, quantile
from llmplan_parallelism_megatron.ranges.kind import Kind
from llmplan_parallelism_megatron.ranges.residuals import Residual, read_residuals, text_of
from llmplan_parallelism_megatron.ranges.table import ANY, Halves, Program, Published, Ranges

WITHIN = 0.05
"""75 to 85 % of figures lie inside ranges made without their source."""
WITHIN_LEAPS, TOO_WIDE = 0.06, 0.11
"""Nearly as many of a leap, of which there are fewer: 93 figures of prompts come from nine accelerators."""
TABLES = [
    *((training.training_ranges, "training", figure) for figure in (training.TIME, training.MEMORY)),
    *((serving.serving_ranges, "inference", figure) for figure in (serving.PREFILL, serving.DECODE, serving.MEMORY)),
]
NAMES = [f"{command}-{figure}" for _, command, figure in TABLES]


@cache
def residuals_of(command):
    """All rows, as the calibration wrote them."""
    return read_residuals(training.VALIDATION / f"{command}_residuals.csv")


def residuals_of_figure(command, figure):
    """The rows of one figure."""
    return [one for one in residuals_of(command) if one.figure == figure]


@cache
def fitted(command):
    """The tables that they give."""
    return fitted_by_figure(residuals_of(command))


@pytest.mark.parametrize(("_read", "command", "figure"), TABLES, ids=NAMES)
def test_a_range_holds_what_it_says_of_sources_left_out(_read, command, figure):
    """A range that held much more or less than 80 % of figures of unseen sources would be a wrong claim."""
    covered = left_out(residuals_of_figure(command, figure), "source")
    assert share_inside(covered) == pytest.approx(LEVEL, abs=WITHIN)


@pytest.mark.parametrize("what", ["program", "architecture", "accelerator"])
@pytest.mark.parametrize(("_read", "command", "figure"), TABLES, ids=NAMES)
def test_a_range_holds_as_much_of_what_no_run_is_published_of(_read, command, figure, what):
    """The range of an accelerator or a program that nobody has run would flatter, or say next to nothing."""
    share = share_inside(left_out(residuals_of_figure(command, figure), what))
    assert LEVEL - WITHIN_LEAPS < share < LEVEL + TOO_WIDE


@pytest.mark.parametrize(("read", "command", "figure"), TABLES, ids=NAMES)
def test_the_shipped_table_is_the_one_that_its_residuals_give(read, command, figure):
    """The table would be of other rows than those beside it, and nobody could say where its numbers come from."""
    shipped, now = read()[figure], fitted(command)[figure]
    assert set(shipped.kinds) == set(now.kinds)
    for key, published in now.kinds.items():
        assert shipped.kinds[key].rows == published.rows
        assert shipped.kinds[key].halves.high == pytest.approx(published.halves.high, abs=2e-3)
        assert shipped.kinds[key].halves.low == pytest.approx(published.halves.low, abs=2e-3)


@settings(max_examples=40, deadline=None)
@given(st.data())
@pytest.mark.parametrize(("read", "_command", "figure"), TABLES, ids=NAMES)
def test_what_is_more_unusual_is_never_known_better(read, _command, figure, data):
    """A plan that nobody has run would win by a range that is narrower than that of plans that people run."""
    ranges = read()[figure]
    program = data.draw(st.sampled_from(sorted(ranges.programs)))
    architecture = data.draw(st.sampled_from([*sorted({name for _, name in ranges.kinds}), "another"]))
    traits = data.draw(st.dictionaries(st.sampled_from(sorted(ranges.leaps)), st.booleans()))
    scale = data.draw(st.floats(1.0, 1e5))
    usual = Kind(program=program, architecture=architecture, traits=traits, scale=scale)
    here = ranges.spread(usual)
    more = [
        usual._replace(scale=2.0 * scale),
        usual._replace(traits={**traits, "of-nobody": True}),
        *(usual._replace(traits={**traits, name: True}) for name in ranges.leaps),
        *([usual._replace(architecture="unknown")] if (program, architecture) in ranges.kinds else []),
    ]
    for unusual in more:
        found = ranges.spread(unusual)
        assert found.low <= here.low * (1 + 1e-12)
        assert found.high >= here.high * (1 - 1e-12)


def test_leaps_add_up_as_variances_and_doublings_count_from_twice_the_largest_run():
    """By hand: sqrt(0.1^2 + 0.2^2 + 2 x 0.05^2) above, and below only what has a low side."""
    ranges = Ranges(
        kinds={("mine", ANY): Published(Halves(0.1, 0.1), 9, 3), ("mine", "new"): Published(Halves(0.05, 0.1), 9, 3)},
        programs={"mine": Program(frozenset({"known"}), 8.0, 4.0)},
        leaps={"odd": Halves(0.0, 0.2), "doubling": Halves(0.0, 0.05), "architecture": Halves(0.0, 0.3)},
    )
    ranges = ranges._replace(kinds={**ranges.kinds, (ANY, ANY): Published(Halves(0.1, 0.1), 9, 3)})
    ranges = ranges._replace(kinds={**ranges.kinds, (ANY, "new"): Published(Halves(0.1, 0.1), 9, 3)})
    kind = Kind(program="mine", architecture="new", traits={"known": True, "odd": True}, scale=64.0)
    found = ranges.spread(kind)
    assert log(found.high) == pytest.approx((0.1**2 + 0.2**2 + 2 * 0.05**2) ** 0.5)
    assert log(found.low) == pytest.approx(-0.05)
    assert (found.rows, found.extrapolated) == (0, True)
    known = ranges.spread(kind._replace(traits={"known": True}, scale=16.0))
    assert (known.high, known.rows, known.extrapolated) == (exp(0.1), 9, False)
    sharded = ranges.spread(kind._replace(traits={"known": True}, scale=16.0, sharded=True))
    assert log(sharded.high) == pytest.approx((0.1**2 + 0.05**2) ** 0.5)


def test_an_array_of_plans_has_the_ranges_of_each():
    """A search would rank plans by other ranges than their reports print."""
    plan = train(model="llama-65b", gpu="h100-sxm-80gb", gpus=2048, tp=8, pp=4).plan
    sizes = [(8, 4, 64, 1), (1, 1, 2048, 3), (1, 1, 2048, 2), (2, 1, 1024, 3), (8, 1, 256, 0)]
    tp, pp, dp, zero = (np.array(column, dtype=float) for column in zip(*sizes, strict=True))
    many = evolve(plan, layout=evolve(plan.layout, tp=tp, pp=pp, dp=dp, zero=zero))
    for of_all, number in zip(training.spreads(many), (0, 1), strict=True):
        for place, (t, p, d, z) in enumerate(sizes):
            one = training.spreads(evolve(plan, layout=evolve(plan.layout, tp=t, pp=p, dp=d, zero=z)))[number]
            assert np.broadcast_to(of_all.high, len(sizes))[place] == pytest.approx(one.high)
            assert np.broadcast_to(of_all.low, len(sizes))[place] == pytest.approx(one.low)
            assert np.broadcast_to(of_all.rows, len(sizes))[place] == one.rows
            assert np.broadcast_to(of_all.extrapolated, len(sizes))[place] == one.extrapolated


def test_columns_of_plans_have_the_ranges_of_their_arrays():
    """A search, which holds plans as columns, would rank by no range at all."""
    plan = train(model="llama-65b", gpu="h100-sxm-80gb", gpus=2048, tp=8, pp=4).plan
    held = {"tp": np.array([8.0, 1, 1, 2]), "dp": np.array([64.0, 2048, 2048, 1024]), "zero": np.array([1.0, 3, 2, 3])}
    whole = training.spreads(evolve(plan, layout=evolve(plan.layout, pp=1, **held)))
    with columns(held) as short:
        for one, array in zip(
            training.spreads(evolve(plan, layout=evolve(plan.layout, pp=1, **short))), whole, strict=True
        ):
            for figure in ("low", "high", "rows", "extrapolated"):
                found = getattr(one, figure)
                assert np.allclose(getattr(found, "array", found), getattr(array, figure), rtol=1e-12), figure


def upper(**options):
    """The seconds of an iteration that one run in ten exceeds."""
    estimate = train(**options)
    return estimate.iteration_seconds * estimate.time_spread.high


def test_llama_65b_as_people_train_it_beats_what_nobody_has_run_by_the_upper_end():
    """ZeRO 3 over 2,048 GPUs and the network, one sequence each, 69 % MFU: its authors reached 380 tokens/s a GPU."""
    run = {"model": "llama-65b", "gpu": "a100-sxm-80gb", "gpus": 2048}
    assert upper(**run, tp=8, pp=4) < upper(**run, tp=1, pp=1, zero=3, micro_batch=1)


def test_deepseek_v3_under_zero_3_beyond_the_domain_is_extrapolated_and_wide():
    """Experts over 256 ranks had the range of usual plans, -10 to +13 %."""
    run = {"model": "deepseek-v3", "gpu": "h100-sxm-80gb", "gpus": 2048}
    odd = train(**run, tp=1, pp=1, ep=256, zero=3).time_spread
    usual = train(**run, tp=1, pp=16, ep=8, zero=1).time_spread
    assert odd.extrapolated
    assert odd.high > 1.5
    assert odd.high > 1.1 * usual.high
    assert usual.high < 1.4


def test_an_accelerator_typed_in_as_a_datasheet_is_wider_than_the_one_that_was_timed():
    """An H100 without its timings would look as well known as with them, and flattering."""
    timed = registry().gpus["h100-sxm-80gb"]
    datasheet = evolve(timed, name="mine", kernels=None, efficiency=None)
    run = {"model": "llama-65b", "gpus": 2048, "tp": 8, "pp": 4}
    unseen, seen = train(gpu=datasheet, **run), train(gpu=timed, **run)
    typed, known = unseen.time_spread, seen.time_spread
    assert typed.extrapolated
    assert not known.extrapolated
    assert typed.high / typed.low > known.high / known.low + 0.2
    assert unseen.iteration_seconds * typed.high >= seen.iteration_seconds * known.high


CHIPS = ("h100-sxm-80gb", "a100-sxm-80gb", "v100-sxm2-32gb", "b200-sxm", "rtx-4090", "l40s", "a10g", "mi300x-192gb")


@pytest.mark.parametrize("chip", CHIPS)
def test_a_datasheet_is_never_both_narrow_and_flattering(chip):
    """Eight A10Gs typed in would answer in half the time, since their link was taken for a switch's."""
    timed = registry().gpus[chip]
    typed = evolve(timed, name="mine", kernels=None, efficiency=None)
    trained = [{"model": "llama-7b", "gpus": 8, "tp": tp, "pp": 1} for tp in (1, 8)]
    served = [{"model": "llama-2-70b", "tp": 8, "batch": 8}, {"model": "llama-2-7b", "tp": 1, "batch": 1}]
    pairs = [[train(**run, gpu=gpu) for gpu in (timed, typed)] for run in trained]
    figures = [(a.iteration_seconds, b.iteration_seconds, a.time_spread, b.time_spread) for a, b in pairs]
    pairs = [[infer(**run, gpu=gpu) for gpu in (timed, typed)] for run in served]
    figures += [
        (getattr(a, f"{name}_seconds"), getattr(b, f"{name}_seconds"), *(getattr(e, f"{name}_spread") for e in (a, b)))
        for a, b in pairs
        for name in ("first_token", "next_token")
    ]
    for known, unseen, its, spread in figures:
        assert spread.extrapolated
        assert spread.high / spread.low > its.high / its.low
        assert spread.low * unseen < known < spread.high * unseen


def test_what_no_run_is_published_of_is_extrapolated():
    """A program, a card, a way of tuning of which no run is published would look as well known as an A100."""
    known = {"model": "llama-7b", "gpu": "h100-sxm-80gb", "gpus": 8, "tp": 1, "pp": 1}
    mine = evolve(registry().frameworks["megatron-core"], name="mine", default=False)
    assert not train(**known).time_spread.extrapolated
    for other in ({"gpu": "rtx-4090"}, {"framework": mine}, {"tuning": "qlora"}, {"schedule": "zero-bubble", "pp": 2}):
        assert train(**{**known, **other}).time_spread.extrapolated, other


def test_a_program_that_is_not_published_fine_tuning_is_an_unknown_one_when_it_does():
    """LoRA of the default program would look as well known as its pretraining, which thousands of GPUs have shown."""
    run = {"model": "llama-7b", "gpu": "h100-sxm-80gb", "gpus": 8, "tp": 1, "pp": 1}
    mine = evolve(registry().frameworks["megatron-core"], name="mine", default=False)
    tuned = train(**run, tuning="lora").time_spread
    assert tuned.high == train(**run, tuning="lora", framework=mine).time_spread.high
    assert tuned.high > train(**run).time_spread.high


def test_servers_of_engines_that_were_measured_are_known_and_others_extrapolated():
    """A latency of an engine of which nothing is published would come with the range of vLLM's."""
    run = {"model": "llama-2-70b", "gpu": "h100-sxm-80gb", "tp": 4, "batch": 8}
    mine = evolve(registry().engines["vllm"], name="mine", default=False)
    assert not infer(**run).next_token_spread.extrapolated
    assert infer(**run, engine=mine).next_token_spread.extrapolated
    assert infer(**run, engine=mine).next_token_spread.high > infer(**run).next_token_spread.high


def test_residuals_are_read_as_they_were_written(tmp_path):
    """A ratio that was not priced would come back as another number."""
    one = Residual(
        row="a", source="S, b", figure="time", program="p", architecture="q", accelerator="r", scale=8.0,
        sharded=True, traits=frozenset({"x", "y"}), ratio=1.25, refitted=1.5, other_program=None, other_curves=0.5,
        datasheet=2.0, other_curves_and_program=None, datasheet_and_other_program=3.0,
    )  # fmt: skip
    (tmp_path / "rows.csv").write_text(text_of([one]), encoding="utf-8")
    assert read_residuals(tmp_path / "rows.csv") == [one]
    assert one.unseen == 1.5


def test_quantiles_are_linear_between_the_middles_of_weights():
    """By hand: weights 1, 1, 2 lie at 1/8, 3/8 and 3/4 of the whole."""
    weighed = [(1.0, 1.0), (2.0, 1.0), (4.0, 2.0)]
    assert quantile(weighed, 0.125) == 1.0
    assert quantile(weighed, 0.25) == 1.5
    assert quantile(weighed, 0.5625) == 3.0
    assert quantile(weighed, 0.0) == 1.0
    assert quantile(weighed, 1.0) == 4.0
