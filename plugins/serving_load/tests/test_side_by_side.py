"""Replicas that have nothing to do with each other: what holds of all follows from one."""

from __future__ import annotations

import pytest
from affine_server import affine_server
from attrs import asdict

from llmplan_serving_load.queueing.closed_form import open_means
from llmplan_serving_load.queueing.closed_loop import ClosedLoop, closed_means
from llmplan_serving_load.queueing.side_by_side import side_by_side
from llmplan_serving_load.queueing.simulation import simulate

OF_A_REQUEST = ("queueing_seconds", "first_token_seconds", "next_token_seconds", "total_seconds")


def server(replicas, **load):
    """As many replicas with a load."""
    return affine_server(layout={"dp": replicas}, **load)


@pytest.mark.parametrize("users", [1, 5, 40])
def test_a_point_of_a_curve_is_what_is_asked_for_alone(users):
    """If it fails, a search finds another server than `llmplan infer` prices."""
    loop = ClosedLoop(server(1, concurrency=1))
    curve = {number: loop.means(number) for number in (40, *range(1, 40))}
    assert asdict(curve[users]) == asdict(closed_means(server(1, concurrency=1), users))


def test_users_stay_with_their_replica():
    """If it fails, three replicas with two users each are no longer three times one with two."""
    one, three = closed_means(server(1, concurrency=1), 2), closed_means(server(3, concurrency=1), 6)
    assert all(getattr(three, name) == getattr(one, name) for name in OF_A_REQUEST)
    assert three.requests_per_second == pytest.approx(3 * one.requests_per_second)
    assert three.concurrency == 6
    assert three.kv_share == one.kv_share


def test_uneven_shares_are_weighed():
    """If it fails, Little's law breaks where users do not divide over replicas."""
    uneven = closed_means(server(3, concurrency=1), 7)
    few, many = (closed_means(server(1, concurrency=1), users) for users in (2, 3))
    assert uneven.requests_per_second == pytest.approx(2 * few.requests_per_second + many.requests_per_second)
    assert uneven.concurrency == 7
    assert uneven.requests_per_second * uneven.total_seconds == pytest.approx(7, rel=1e-3)
    assert few.total_seconds < uneven.total_seconds < many.total_seconds


def test_replicas_without_users_are_idle():
    """If it fails, energy is counted as if all of them worked."""
    means = closed_means(server(4, concurrency=1), 1)
    assert means.busy_share == pytest.approx(0.25)
    assert means.prefill_share == pytest.approx(closed_means(server(1, concurrency=1), 1).prefill_share)


def test_one_token_has_no_further_ones():
    """If it fails, a time of tokens that are not there is given."""
    short = affine_server(layout={"dp": 2}, concurrency=1, output=1)
    assert closed_means(short, 3).next_token_seconds is None


@pytest.mark.parametrize("load", [{"rate": 12.0}, {"concurrency": 24}], ids=["rate", "users"])
def test_one_replica_is_simulated_for_all(load):
    """If it fails, a server of many replicas is simulated as another one, or takes as many times as long."""
    three, one = server(3, requests=400, **load), {name: value / 3 for name, value in load.items()}
    alone = server(1, requests=400, **{name: type(load[name])(value) for name, value in one.items()})
    found, wanted = simulate(three), simulate(alone)
    assert found.first_token == wanted.first_token
    assert found.means.total_seconds == wanted.means.total_seconds
    assert found.means.requests_per_second == pytest.approx(3 * wanted.means.requests_per_second)
    assert found.means.concurrency == pytest.approx(3 * wanted.means.concurrency)
    assert found.requests == 400


def test_it_agrees_with_all_of_them():
    """If it fails, the replica that stands for all sees another load than they do."""
    uneven, even = simulate(server(3, requests=900, concurrency=25)), simulate(server(3, requests=900, concurrency=24))
    assert even.means.total_seconds == pytest.approx(uneven.means.total_seconds, rel=0.05)
    assert even.means.requests_per_second == pytest.approx(uneven.means.requests_per_second, rel=0.05)


def test_levels_are_those_of_a_replica():
    """If it fails, sums are taken for means."""
    means = open_means(server(1, rate=3.0), 3.0)
    both = side_by_side([(2, means), (1, means)])
    assert both.decoding == pytest.approx(means.decoding)
    assert both.busy_share == pytest.approx(means.busy_share)
    assert both.requests_per_second == pytest.approx(9.0)
    assert both.total_seconds == pytest.approx(means.total_seconds)
