"""What a simulation counts, and tables by the number of sequences, in small numbers by hand."""

import numpy as np
import pytest

from llmplan_serving_load.queueing.meter import Meter, mean, percentiles
from llmplan_serving_load.queueing.table import SequenceTable


def test_a_meter_counts_between_its_beginning_and_its_end():
    """Warming up would count, or what is still going on at the end not."""
    meter = Meter()
    meter.change("busy", 2, 1.0)
    meter.count("preempted")
    assert (meter.mean("busy"), meter.mean("nothing"), meter.seconds) == (2, 0, 0)
    meter.begin(2.0)
    meter.change("busy", -1, 4.0)
    meter.change("late", 3, 5.0)
    meter.count("preempted")
    meter.count("preempted")
    meter.end(6.0)
    meter.count("preempted")
    meter.change("busy", 100, 7.0)
    meter.end(9.0)
    assert (meter.seconds, meter.counted("preempted"), meter.counted("nothing")) == (4, 2, 0)
    assert meter.mean("busy") == (2 * 2 + 1 * 2) / 4
    assert meter.mean("late") == 3 * 1 / 4
    assert meter.mean("nothing") == 0


def test_percentiles_lie_between_values():
    """A tail would be that of the value before, or behind the last one."""
    found = percentiles([50.0, 10.0, 30.0, 20.0, 40.0])
    assert found == {"p50": 30, "p90": pytest.approx(46), "p95": pytest.approx(48), "p99": pytest.approx(49.6)}
    assert set(percentiles([7.0]).values()) == {7}
    assert mean([1.0, 2.0, 6.0]) == 3
    assert mean([0.1] * 3) == 0.1  # which adds up to a little more than three times as much


def test_tables_are_linear_between_points_and_ask_for_no_more_than_they_need():
    """Another number of sequences would be priced, each of them again and again, or what is beyond all points."""
    asked = []

    def price(points):
        asked.append(list(points))
        return [(10.0 * n, n**2) for n in points]

    table = SequenceTable(price, [1.0, 2.0, 4.0], None)
    assert table.at(2.0) == (20, 4)
    assert asked == [[2.0]]
    assert table.at(3.5) == (35, 0.25 * 4 + 0.75 * 16)
    assert table.at(1.5) == (15, 2.5)
    assert table.at(4.0) == table.at(9.0) == (40, 16)
    assert asked == [[2.0], [4.0], [1.0]]
    asked.clear()
    ahead = SequenceTable(price, [1.0, 2.0, 4.0], None, ahead=True)
    assert [ahead.at(n) for n in (2.0, 3.5, 1.5)] == [(20, 4), (35, 13), (15, 2.5)]
    assert asked == [[1.0, 2.0, 4.0]]


def test_tables_of_many_servers():
    """A server would be priced as its neighbour, or as another one that was taken."""
    table = SequenceTable(lambda points: [(n * np.array([1.0, 10.0, 100.0]), n**2) for n in points], [1.0, 2.0, 4.0], 3)
    first, second = table.at(np.array([1.0, 3.0, 9.0]))
    assert first.tolist() == [1, 30, 400]
    assert second.tolist() == [1, 10, 16]
    some = table.taken(np.array([2, 0, 2]))
    assert some.at(np.array([1.0, 2.0, 3.0]))[0].tolist() == [100, 2, 300]
    rows = table.at(np.array([[1.0], [2.0]]))[0]
    assert rows.tolist() == [[1, 10, 100], [2, 20, 200]]


def test_tables_of_one_server_at_many_numbers():
    """Numbers that are asked for together would be those of other points than one by one."""
    table = SequenceTable(lambda points: [(10.0 * n, n**2) for n in points], [1.0, 2.0, 4.0], None)
    first, second = table.at(np.array([1.0, 1.5, 3.5, 4.0, 9.0]))
    assert first.tolist() == [10, 15, 35, 40, 40]
    assert second.tolist() == [1, 2.5, 13, 16, 16]
