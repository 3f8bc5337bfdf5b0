"""Schedules of one plan and of many: the figures of each plan are those of its own schedule."""

import pytest

from llmplan.records.schedule import PLAIN, PipelineTimes, Schedule, Schedules

np = pytest.importorskip("numpy")

FIRST, SECOND, THIRD = (
    Schedule(name=name, in_flight=lambda p, v, m, n=n: n * p * v * m) for n, name in enumerate("abc", 1)
)


def test_a_schedule_without_formulas_waits_for_all_others_and_holds_one_micro_batch_a_stage():
    """A stage would hold more micro-batches than there are, or wait for itself."""
    times = PipelineTimes(others=7.0, others_weights=3.0, own_weights=2.0, p=4.0, v=1.0, m=8.0)
    assert PLAIN.bubble_seconds(times) == 7
    assert (PLAIN.default, PLAIN.interleaves, FIRST.default) == (True, False, False)
    assert (PLAIN.in_flight(4.0, 1.0, 8.0), PLAIN.in_flight(4.0, 1.0, 3.0)) == (4, 3)


def test_one_schedule_is_the_first_of_one():
    """Plans of one schedule would not find it by its place, where they are priced with others."""
    assert (SECOND.which, SECOND.among, SECOND.at(5)) == (0, (SECOND,), SECOND)
    assert SECOND.of(lambda schedule: schedule.name) == "b"


def test_each_of_many_plans_has_the_figures_of_its_own_schedule():
    """A search would count the micro-batches in flight of another schedule than the one that it names."""
    many = Schedules((FIRST, SECOND, THIRD), np.array([2.0, 0.0, 1.0]))
    assert many.of(lambda schedule: schedule.in_flight(2.0, 3.0, 5.0)).tolist() == [90, 30, 60]
    assert many.at(1.0) is SECOND
    turned = many.at(np.array([1.0, 2.0]))
    assert turned.of(lambda schedule: schedule.in_flight(2.0, 3.0, 5.0)).tolist() == [60, 90]
