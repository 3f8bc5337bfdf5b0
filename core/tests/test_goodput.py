"""Failures: what checkpoints and restarts leave of a run's time, against arithmetic and against a simulated run."""

from __future__ import annotations

import json
import math
import random

import pytest
from attrs import evolve

from llmplan import train
from llmplan.errors import BadInputError
from llmplan.output.document import document
from llmplan.records.goodput import Failures, daly_stretch, young_interval
from llmplan.request import TrainRequest
from llmplan_report.terminal.report import report

HOUR, DAY = 3600.0, 86_400.0
LLAMA_3 = 4.7e-4
"""419 unexpected interruptions in 54 days on 16,384 GPUs (Llama 3, arXiv:2407.21783, table 5)."""
RUN = {"model": "llama-65b", "gpu": "a100-sxm-80gb", "gpus": 2048, "tp": 8, "pp": 8, "mfu": 0.5}


def failing(**options):
    """The run with failures at the rate of Llama 3, unless told otherwise."""
    return train(**{**RUN, "failures_per_gpu_day": LLAMA_3, **options})


def refusal(**options):
    """The message with which the run is refused."""
    with pytest.raises(BadInputError) as caught:
        train(**{**RUN, **options})
    return str(caught.value)


def test_the_rate_in_the_help_is_the_published_one():
    """If it fails, the anchor is off: 419 interruptions in 54 days are one every 3.1 hours."""
    assert pytest.approx(419 / (54 * 16_384), rel=0.01) == LLAMA_3
    published = Failures(per_gpu_day=LLAMA_3, checkpoint_seconds=30.0)
    assert published.mtbf_seconds(16_384) == pytest.approx(54 * DAY / 419, rel=0.01)


@pytest.mark.parametrize(("delta", "m", "tau"), [(30.0, 5.1 * HOUR, 1049.6), (2.0, 100.0, 20.0), (50.0, 1.0, 10.0)])
def test_the_interval_is_youngs(delta, m, tau):
    """If it fails, checkpoints come at another interval than sqrt(2 delta M)."""
    assert young_interval(delta, m) == pytest.approx(tau, rel=1e-4)


def test_youngs_interval_is_nearly_the_best():
    """If it fails, another interval that the same formula prices is clearly better."""
    m, delta = 3.0 * HOUR, 30.0
    best = min(daly_stretch(tau, delta, 600.0, m) for tau in range(60, 7200, 10))
    assert daly_stretch(young_interval(delta, m), delta, 600.0, m) < 1.001 * best


def test_without_failures_checkpoints_are_all_that_it_costs():
    """If it fails, the limit of rare failures is not (tau + delta) / tau, or loses its digits."""
    assert daly_stretch(1000.0, 30.0, 600.0, 1e15) == pytest.approx(1.03, rel=1e-9)


def test_where_failures_are_rare_the_familiar_sum_holds():
    """If it fails, the exact expression has another first order than 1 + delta/tau + (tau + delta)/2M + R/M."""
    tau, delta, r, m = 1000.0, 10.0, 100.0, 1e6
    first_order = 1 + delta / tau + (tau + delta) / (2 * m) + r / m
    assert daly_stretch(tau, delta, r, m) == pytest.approx(first_order, rel=1e-4)


@pytest.mark.parametrize(
    ("tau", "delta", "r", "m"), [(1000.0, 30.0, 600.0, 20_000.0), (900.0, 100.0, 300.0, 1500.0), (60.0, 1.0, 0.0, 45.0)]
)
def test_a_simulated_run_takes_as_long(tau, delta, r, m):
    """If it fails, the wall clock is off where the interval nears the time between failures."""
    rng, clock, segments = random.Random(1), 0.0, 20_000
    for _ in range(segments):
        needed = tau + delta
        while (failure := rng.expovariate(1 / m)) < needed:
            clock += failure
            needed = r + tau + delta  # a failure in the restart begins it again
        clock += needed
    assert clock / (segments * tau) == pytest.approx(daly_stretch(tau, delta, r, m), rel=0.03)


def test_what_is_not_asked_is_null():
    """If it fails, a run that nobody asked about failures has a wall clock."""
    estimate = train(**RUN)
    figures = document(estimate)
    for key in ("goodput", "wall_clock_seconds", "wall_clock_gpu_hours", "mtbf_seconds", "checkpoint_interval_seconds"):
        assert figures[key] is None
        assert getattr(estimate, key) is None
    assert "wall clock" not in report(estimate, 120)


def test_the_wall_clock_is_training_time_over_goodput():
    """If it fails, figures of one run contradict each other."""
    estimate = failing(checkpoint_seconds=60, restart_seconds=900, checkpoint_interval=1200)
    m = DAY / (LLAMA_3 * 2048)
    stretch = m * math.exp(900 / m) * (math.exp(1260 / m) - 1) / 1200
    assert estimate.mtbf_seconds == pytest.approx(m)
    assert estimate.checkpoint_interval_seconds == 1200
    assert estimate.goodput == pytest.approx(1 / stretch)
    assert estimate.wall_clock_seconds == pytest.approx(estimate.training_seconds * stretch)
    assert estimate.wall_clock_gpu_hours == pytest.approx(estimate.wall_clock_seconds * 2048 / HOUR)
    assert estimate.gpu_hours == train(**RUN).gpu_hours


def test_what_was_filled_in_is_said():
    """If it fails, thirty seconds for a checkpoint and ten minutes for a restart stay a secret."""
    estimate = failing()
    said = "\n".join(estimate.plan.assumptions)
    for words in ("checkpoint-seconds 30", "restart-seconds 600", "checkpoint-interval sqrt(2 x checkpoint x MTBF)"):
        assert words in said
    assert estimate.checkpoint_interval_seconds == pytest.approx(math.sqrt(2 * 30 * estimate.mtbf_seconds))
    given = "\n".join(failing(checkpoint_seconds=5, restart_seconds=0, checkpoint_interval=600).plan.assumptions)
    assert "checkpoint" not in given
    assert "restart" not in given


def test_checkpoints_take_what_the_storage_takes():
    """If it fails, weights in 2 bytes, master weights in 4 and Adam's moments in 8 do not make 14 a parameter."""
    estimate = failing(checkpoint_gb_per_s=100, optimizer="adam")
    parameters = sum(estimate.plan.model.parameters_by_part().values())
    assert estimate.plan.failures.checkpoint_seconds == pytest.approx(14 * parameters / 100e9)
    assert "checkpoint-seconds 9.14: 14 bytes a parameter, 914 GB" in estimate.plan.assumptions
    without = failing(checkpoint_gb_per_s=100, optimizer="adam", master_weights=False)
    assert without.plan.failures.checkpoint_seconds == pytest.approx(10 * parameters / 100e9)


@pytest.mark.parametrize(
    "name", ["checkpoint_seconds", "checkpoint_gb_per_s", "checkpoint_interval", "restart_seconds"]
)
def test_options_of_failures_need_their_rate(name):
    """If it fails, an option that changes nothing is taken without a word."""
    option = name.replace("_", "-")
    assert refusal(**{name: 60}) == f"{option}: 60 needs failures-per-gpu-day, which is not given"


@pytest.mark.parametrize(
    ("value", "duration"),
    [(1800, 1800), ("1800", 1800), ("1800s", 1800), ("30m", 1800), ("0.5h", 1800), (" 1 h ", 3600), ("1d", 86_400)],
)
@pytest.mark.parametrize("name", ["checkpoint_interval", "checkpoint_seconds", "restart_seconds"])
def test_times_are_taken_as_people_write_them(name, value, duration):
    """If it fails, 30m are thirty million seconds, a year."""
    assert getattr(TrainRequest(**{name: value}), name) == duration


@pytest.mark.parametrize("value", ["m", "-1h", "nanh", "1e300d", "1hh", "1km", "hours"])
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("checkpoint_interval", "a positive time, like 30m or 1800"),
        ("checkpoint_seconds", "a positive time, like 45 or 1.5m"),
        ("restart_seconds", "a time of at least 0, like 600 or 10m"),
    ],
)
def test_what_is_no_time_is_refused(name, wanted, value):
    """If it fails, a typing error gets into the wall clock, or is refused in words about another value."""
    with pytest.raises(BadInputError) as caught:
        TrainRequest(**{name: value})
    assert str(caught.value) == f"{name.replace('_', '-')}: {value!r} is not {wanted}"


def test_contradictions_are_refused():
    """If it fails, one of two options is ignored, or a LoRA run stores what it does not train."""
    rate = {"failures_per_gpu_day": LLAMA_3, "checkpoint_gb_per_s": 100}
    both = refusal(**rate, checkpoint_seconds=30)
    assert both == "checkpoint-gb-per-s: 100 contradicts checkpoint-seconds 30; give one of them"
    assert "with tuning lora, whose checkpoints are small" in refusal(**rate, tuning="lora")


@pytest.mark.parametrize("rate", [1e3, 1e9, 1e27])
def test_a_run_without_progress_says_so(rate):
    """If it fails, e^x overflows, or a run that never ends has a date."""
    estimate = failing(failures_per_gpu_day=rate)
    assert estimate.goodput == 0
    assert estimate.wall_clock_seconds == math.inf
    assert any(warning.startswith("goodput 0: the run makes no progress") for warning in estimate.warnings)
    figures = document(estimate)
    assert figures["wall_clock_seconds"] is None
    assert figures["wall_clock_gpu_hours"] is None
    json.dumps(figures, allow_nan=False)
    assert "goodput 0.00" in report(estimate, 160)


def test_the_report_has_a_line_of_it():
    """If it fails, people read neither how often a run fails nor how often it saves."""
    estimate = failing(gpus=16_384, tp=8, pp=16, failures_per_gpu_day=3e-4)
    line = next(line for line in report(estimate, 160).split("\n") if "wall clock" in line)
    assert line.split("days, ")[1] == "goodput 0.91, a failure every 4.9 hours, a checkpoint every 17 min"


def test_hours_that_failures_lose_are_paid():
    """If it fails, a budget holds for a run that nobody has, while its deadline holds for the one with failures."""
    found = failing(gpus=16_384, tp=8, pp=16, failures_per_gpu_day=3e-4, price_per_gpu_hour=2.0)
    assert found.cost == pytest.approx(2.0 * 16_384 * found.wall_clock_seconds / 3600)
    assert found.cost == pytest.approx(2.0 * found.gpu_hours / found.goodput)


@pytest.mark.parametrize(
    ("rate", "words"),
    [(1e-6, "every 488 days"), (1e-4, "every 4.9 days"), (1e-3, "every 12 hours"), (0.1, "every 7.0 min")],
)
def test_times_between_failures_have_units_that_people_use(rate, words):
    """If it fails, people read 4.2e+07 s."""
    assert f"a failure {words}" in report(failing(failures_per_gpu_day=rate, restart_seconds=1), 160)


def test_many_plans_at_once_are_each_as_alone():
    """If it fails, a sweep prices failures differently from the plan alone."""
    np = pytest.importorskip("numpy")
    rates = [1e-6, LLAMA_3, 0.1, 1e6]
    one = failing()
    many = evolve(one, plan=evolve(one.plan, failures=evolve(one.plan.failures, per_gpu_day=np.array(rates))))
    alone = [failing(failures_per_gpu_day=rate) for rate in rates]
    for figure in ("mtbf_seconds", "checkpoint_interval_seconds", "goodput", "wall_clock_seconds"):
        assert getattr(many, figure).tolist() == pytest.approx([getattr(estimate, figure) for estimate in alone])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zero_group": 5, "cp": 1}, "zero-group: 5 does not divide dp 32 x cp 1 = 32; 4 or 8 would"),
        ({"zero_group": 64, "cp": 1}, "zero-group: 64 does not divide dp 32 x cp 1 = 32; 32 would"),
        ({"zero_group": 4, "zero": 0}, "zero-group: 4 with zero 0, which divides nothing; zero 1, 2 or 3 does"),
    ],
)
def test_a_group_that_zero_cannot_divide_over_is_refused(options, message):
    """If it fails, a hybrid shard that no run could have is priced."""
    assert refusal(**options) == message


def test_a_smaller_zero_group_keeps_more_in_memory():
    """If it fails, --zero-group does not reach the plan."""
    whole, group = train(**RUN, zero=3), train(**RUN, zero=3, zero_group=4)
    assert group.plan.layout.zero_group == 4
    assert group.memory_breakdown["optimizer"] > whole.memory_breakdown["optimizer"]
    assert document(group)["layout"]["zero_group"] == 4
    assert document(whole)["layout"]["zero_group"] is None
