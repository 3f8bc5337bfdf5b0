"""Factors from runs: what one tells, what ten tell, and what they tell nothing of."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from llmplan_calibration.calibrating import calibrate
from llmplan_calibration.fit import fit
from llmplan_calibration.sample import Sample
from llmplan_calibration.site import RATES

COMPUTE, MEMORY = RATES.index("compute"), RATES.index("memory")


def run(name, truth, shares=None, deviation=0.15, shared=0.5, noise=0.0):
    """A run whose seconds are shares over rates, measured where the rates are `truth`."""
    shares = shares or {"compute": 1.0}

    def seconds(by):
        return sum(share / by[RATES.index(rate)] for rate, share in shares.items())

    there = tuple(truth.get(rate, 1.0) for rate in RATES)
    return Sample(
        id=name,
        file="runs.csv",
        metric="iteration_time_s",
        gpu="mine",
        phases=("train",),
        measured=seconds(there) * exp(noise),
        predict=seconds,
        deviation=deviation,
        shared=shared,
        plan=(name,),
    )


def test_one_run_moves_a_factor_by_what_runs_share():
    """By hand: precision 1/t^2 = 1/(0.5 x 0.15^2), and as much of the run: half of the logarithm is believed."""
    found = fit([run("a", {"compute": 0.8})])
    assert log(found.rates[COMPUTE]) == pytest.approx(0.5 * log(0.8), rel=0.01)
    assert found.fitted.compute.uncertainty == pytest.approx(found.fitted.compute.prior * 0.5**0.5, rel=0.01)


def test_ten_runs_convince():
    """By hand: n runs are believed n r / (1 + (n - 1) r) = 10/11 at r = 0.5, and more where they agree."""
    found = fit([run(f"{at}", {"compute": 0.8}) for at in range(10)])
    assert 10 / 11 < log(found.rates[COMPUTE]) / log(0.8) < 1.0
    assert found.fitted.runs == 10


def test_the_same_plan_ten_times_is_one_run():
    """If it fails, a log of a thousand steps makes a site sure of itself."""
    one = run("a", {"compute": 0.8})
    assert fit([one] * 10).rates[COMPUTE] == pytest.approx(fit([one]).rates[COMPUTE], rel=0.02)


def test_a_run_tells_only_of_what_its_time_depends_on():
    """If it fails, a run bound by compute changes links that it never used."""
    found = fit([run("a", {"compute": 0.7})])
    for rate in ("memory", "scale_up", "scale_out", "host"):
        factor = getattr(found.fitted, rate)
        assert factor.factor == 1.0
        assert factor.uncertainty == pytest.approx(factor.prior)
    assert found.informed == (1, 0, 0, 0, 0)


def test_runs_of_two_kinds_tell_two_rates_apart():
    """If it fails, what is slow is not told from what is not."""
    truth = {"compute": 0.7, "memory": 1.0}
    kinds = ({"compute": 0.9, "memory": 0.1}, {"compute": 0.1, "memory": 0.9})
    found = fit([run(f"{at}", truth, kinds[at % 2], deviation=0.3, shared=0.8) for at in range(12)])
    assert found.rates[COMPUTE] == pytest.approx(0.7, rel=0.05)
    assert found.rates[MEMORY] == pytest.approx(1.0, rel=0.05)


def test_ranges_are_as_wide_as_the_own_runs_scatter():
    """If it fails, a site whose runs differ wildly promises as much as one whose runs agree."""
    wild = fit([run(f"{at}", {}, noise=0.5 * (-1) ** at) for at in range(10)])
    calm = fit([run(f"{at}", {}) for at in range(10)])
    assert wild.fitted.scatter > 1.0 > calm.fitted.scatter


@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=5), st.integers(0, 4))
@settings(max_examples=20, deadline=None)
def test_the_order_of_runs_is_nothing(rates, turn):
    """If it fails, a site depends on the order of its files."""
    runs = [run(f"{at}", {"compute": rate}, {"compute": 0.7, "memory": 0.3}) for at, rate in enumerate(rates)]
    turned = runs[turn % len(runs) :] + runs[: turn % len(runs)]
    assert np.allclose(fit(runs).rates, fit(turned).rates, rtol=1e-6)


@given(st.floats(0.3, 3.0))
@settings(max_examples=20, deadline=None)
def test_a_factor_lies_between_published_and_measured(truth):
    """If it fails, shrinkage overshoots."""
    factor = fit([run(f"{at}", {"compute": truth}) for at in range(3)]).rates[COMPUTE]
    assert min(1.0, truth) - 1e-6 <= factor <= max(1.0, truth) + 1e-6


def test_accelerators_and_phases_are_apart():
    """If it fails, runs of one accelerator change another one."""
    from attrs import evolve

    slow = run("a", {"compute": 0.7})
    other = evolve(run("b", {"compute": 1.3}), gpu="theirs", phases=("infer",))
    site = calibrate([slow, other], "hall").site
    assert site.gpus["mine"].train.compute.factor < 1.0 < site.gpus["theirs"].infer.compute.factor
    assert site.gpus["mine"].infer is None


def test_a_kernel_tells_of_both_phases():
    """If it fails, links that were timed alone make one phase faster and not the other."""
    from attrs import evolve

    kernel = evolve(run("a", {"compute": 0.7}), phases=("train", "infer"))
    phases = calibrate([kernel], "hall").site.gpus["mine"]
    assert phases.train.compute == phases.infer.compute
