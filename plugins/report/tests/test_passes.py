"""Passes of a pipeline played through: what a schedule's formula says of them, and what no order may break."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from llmplan.catalogues import registry
from llmplan_report.passes import BACKWARD, FORWARD, WEIGHTS, Times, passes

TIMES = Times(forward=1.0, backward=2.0)
SCHEDULES = sorted(registry().schedules.entries())


def of(name):
    """A schedule that is installed."""
    return registry().schedules[name]


def length(made):
    """When the last pass ends."""
    return max(one.end for one in made)


@given(p=st.integers(1, 6), m=st.integers(1, 20))
def test_1f1b_takes_as_long_as_its_formula(p, m):
    """If it fails, the picture shows another bubble than the report: (m + p - 1)(t_f + t_b), arXiv:2104.04473, 2.2."""
    assert length(passes(of("1f1b"), p, 1, m, TIMES)) == pytest.approx((m + p - 1) * 3.0)


@given(p=st.integers(2, 4), v=st.integers(2, 4), groups=st.integers(1, 4))
def test_interleaving_divides_the_bubble(p, v, groups):
    """If it fails, the picture of interleaved chunks has another bubble: (p - 1)(t_f + t_b) / v, arXiv:2104.04473."""
    m = p * groups
    assert length(passes(of("1f1b"), p, v, m, TIMES)) == pytest.approx(3.0 * m + (p - 1) * 3.0 / v)


@given(p=st.integers(2, 6), m=st.integers(2, 20))
def test_gradients_of_weights_fill_the_bubble(p, m):
    """If it fails, zero bubble is drawn with the bubble of 1F1B, or without any."""
    whole = length(passes(of("zero-bubble"), p, 1, m, TIMES))
    assert 3.0 * m < whole <= length(passes(of("1f1b"), p, 1, m, TIMES))


@given(
    name=st.sampled_from([name for name, _, _ in SCHEDULES]),
    p=st.integers(1, 5),
    v=st.integers(1, 3),
    groups=st.integers(1, 4),
)
def test_no_order_breaks_what_passes_depend_on(name, p, v, groups):
    """If it fails, a stage is drawn making two passes at once, one too few, or one before its input is there."""
    schedule = of(name)
    v = v if schedule.interleaves and p > 1 else 1
    m = p * groups
    made = passes(schedule, p, v, m, TIMES)
    counted = Counter((one.kind, one.stage) for one in made)
    assert all(counted[kind, stage] == m * v for kind in (FORWARD, BACKWARD) for stage in range(p))
    ends = {(one.kind, one.chunk * p + one.stage, one.micro_batch): one.end for one in made}
    for one in made:
        depth = one.chunk * p + one.stage
        if one.kind == FORWARD and depth:
            assert one.start >= ends[FORWARD, depth - 1, one.micro_batch]
        if one.kind == BACKWARD:
            assert one.start >= ends[FORWARD, depth, one.micro_batch]
            assert depth == p * v - 1 or one.start >= ends[BACKWARD, depth + 1, one.micro_batch]
        if one.kind == WEIGHTS:
            assert one.start >= ends[BACKWARD, depth, one.micro_batch]
    for stage in range(p):
        own = sorted((one for one in made if one.stage == stage), key=lambda one: one.start)
        assert all(before.end <= after.start + 1e-9 for before, after in pairwise(own))


@given(p=st.integers(2, 6), m=st.integers(1, 20))
def test_a_stage_holds_no_more_than_its_schedule_lets_it(p, m):
    """If it fails, the picture shows more micro-batches in flight than the memory was counted for."""
    made = passes(of("1f1b"), p, 1, m, TIMES)
    events = sorted((one.end, 1 if one.kind == FORWARD else -1) for one in made if one.stage == 0)
    held = most = 0
    for _, change in events:
        held += change
        most = max(most, held)
    assert most <= of("1f1b").in_flight(p, 1, m)
