"""Ranges by hand: what a figure stays below with a confidence, and how fast falls as slow rises."""

from statistics import NormalDist

import pytest

from llmplan.estimate.spread import LEVEL, Spread

SPREAD = Spread(low=0.8, high=1.5, rows=40, extrapolated=False)


@pytest.mark.parametrize("confidence", [0.1, 0.6, 0.75, 0.975])
def test_errors_of_a_factor_are_log_normal(confidence):
    """A deadline would be kept with another probability than was asked for."""
    normal = NormalDist()
    # ln of the factor, over ln of the one that nine in ten stay below
    times = normal.inv_cdf(confidence) / normal.inv_cdf(0.9)
    assert SPREAD.upper(confidence) == pytest.approx(1.5**times)


def test_the_median_is_the_estimate_and_nine_in_ten_stay_below_the_upper_end():
    """The point estimate would not be as likely too high as too low, or the range not be the range."""
    assert SPREAD.upper(0.5) == 1.0
    assert SPREAD.upper(0.9) == 1.5
    assert SPREAD.upper(0.6) < SPREAD.upper(0.75) < 1.5 < SPREAD.upper(0.975)


def test_a_range_lies_between_both_ends():
    """Pages would say that more figures, or fewer, lie inside than one in ten below and one in ten above leave."""
    normal = NormalDist()
    inside = normal.cdf(normal.inv_cdf(0.9)) - normal.cdf(normal.inv_cdf(0.1))
    assert pytest.approx(inside) == LEVEL


def test_a_speed_falls_as_its_time_rises():
    """Tokens a second would be said to be far better, and never worse, than estimated."""
    speed = SPREAD.inverted()
    assert (speed.low, speed.high) == (pytest.approx(1 / 1.5), pytest.approx(1 / 0.8))
    assert (speed.rows, speed.extrapolated) == (40, False)


@pytest.mark.parametrize(("least", "low"), [(0.5, 0.8), (0.9, 0.9), (1.5, 1.0)])
def test_no_range_begins_below_what_is_possible(least, low):
    """A range would begin below ideal seconds, or above the estimate where that is below them."""
    assert SPREAD.not_below(least).low == low
    assert SPREAD.not_below(least).high == 1.5
