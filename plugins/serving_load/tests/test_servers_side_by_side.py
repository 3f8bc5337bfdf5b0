"""Many servers in arrays: each comes out as it does alone."""

from __future__ import annotations

import numpy as np
import pytest
from affine_server import AffineSteps, affine_server, inference_plan
from attrs import fields_dict
from hypothesis import given, settings, strategies as st

from llmplan.estimate import Means
from llmplan.records import FAMILIES, Lengths
from llmplan_serving_load.queueing.capacity import peak
from llmplan_serving_load.queueing.closed_form import means_at
from llmplan_serving_load.queueing.closed_loop import ClosedLoop

ROUNDING = 1e-9
"""Arrays sum in another order than numbers, and exp is not the same to the last digit everywhere."""
LOADS = [
    {},
    {"prompt": 9000, "output": 3},
    {"prompt": 3000, "step_tokens": 600, "output": 40},
    {"prompt": 300, "step_tokens": 100, "output": 40, "max_sequences": 60},
    {"chunked": False, "prompt": 3000},
    {"output": 1},
    {"prompt": Lengths(700, FAMILIES["lognormal"], 0.6), "output": Lengths(60, FAMILIES["geometric"])},
    {"prefill_pool": inference_plan()},
]
ONE = st.fixed_dictionaries(
    {
        "base": st.floats(1e-4, 0.05),
        "per_token": st.floats(1e-7, 1e-4),
        "weight_bytes": st.floats(1e9, 63e9),
        "stages": st.integers(1, 4),
    }
)


def servers(each, load, replicas=(1, 1, 1)):
    """Side by side, and alone, each with so many replicas."""
    arrays = AffineSteps(**{name: np.array([float(one[name]) for one in each]) for name in each[0]})
    ones = np.ones(len(each))
    layout = {"tp": ones, "pp": arrays.stages, "ep": ones, "dp": np.array(replicas, dtype=float)}
    return affine_server(arrays, layout=layout, **load), [
        affine_server(AffineSteps(**one), layout={"pp": one["stages"], "dp": many}, **load)
        for one, many in zip(each, replicas, strict=True)
    ]


def compare(together, alone, at):
    """All means of one of the servers."""
    for name in fields_dict(Means):
        wanted, found = getattr(alone, name), getattr(together, name)
        if wanted is None:
            assert found is None
        else:
            assert np.broadcast_to(found, (3,))[at] == pytest.approx(wanted, rel=ROUNDING, abs=ROUNDING), name


THREE = [
    {"base": 0.01, "per_token": 2e-5, "weight_bytes": 6e10, "stages": 1, "kv_bytes_per_token": 1e5},
    {"base": 0.001, "per_token": 1e-6, "weight_bytes": 6.3e10, "stages": 3, "kv_bytes_per_token": 2e4},
    {"base": 0.02, "per_token": 4e-5, "weight_bytes": 5.9e10, "stages": 2, "kv_bytes_per_token": 3e5},
]
"""Each of which has room for another number of sequences."""


@pytest.mark.parametrize("load", LOADS)
def test_three_servers_are_as_they_are_alone(load):
    """If it fails, one of several servers has the room, the stages or the steps of another."""
    same(THREE, load, 0.9)


def test_passes_of_three_servers_are_priced_together(monkeypatch):
    """If it fails, a search over many servers takes as many calls of arrays as there are passes."""
    calls, step_seconds = [], AffineSteps.step_seconds
    monkeypatch.setattr(AffineSteps, "step_seconds", lambda self, step: calls.append(step) or step_seconds(self, step))
    peak(servers(THREE, {"rate": 1.0})[0])
    assert len(calls) == 4  # of prompts and of sequences alone, through all stages and on the slowest


@pytest.mark.parametrize("separate", [False, True])
def test_some_of_three_servers(separate):
    """If it fails, a search takes one server for another, or one replica's room for that of all."""
    ones, many = np.ones(3), (3, 1, 2)
    load = {"rate": 1.0, "prompt": 3000, "step_tokens": 600, "output": 40}
    pools = [inference_plan(tp=one, pp=one, dp=one, ep=one) if separate else None for one in (ones, 1)]
    together, alone = (servers(THREE, {**load, "prefill_pool": pool}, many)[at] for at, pool in enumerate(pools))
    loop, rows, users = ClosedLoop(together), np.array([2, 0, 2]), np.array([90.0, 3.0, 7.0])
    replicas, own = (ones, np.array(many)[rows]) if separate else (np.array([2.0, 2.0, 1.0]), ones)
    found = loop.means(users, replicas, rows, own)
    for at, row in enumerate(rows):
        compare(found, ClosedLoop(alone[row]).means(int(users[at]), replicas[at]), at)
    some, most = together.taken(rows, own), [one.most_sequences for one in alone]
    assert loop.room_of(rows, np.array([1.0, 3.0, 2.0])).tolist() == [most[2], 3 * most[0], 2 * most[2]]
    assert some.plan.plan.layout.gpus.tolist() == [own[at] * THREE[row]["stages"] for at, row in enumerate(rows)]
    assert some.prefill_engine.kv_room_bytes.tolist() == together.prefill_engine.kv_room_bytes[rows].tolist()
    assert (some.prefill_engine is some.decode_engine) == (not separate)


@settings(max_examples=6, deadline=None)
@given(each=st.lists(ONE, min_size=3, max_size=3), load=st.sampled_from(LOADS), share=st.floats(0.01, 0.95))
def test_every_server_is_as_it_is_alone(each, load, share):
    """If it fails, a search compares servers by figures that `llmplan infer` does not have."""
    same(each, load, share)


def same(each, load, share):
    """At a rate that is a share of what each can answer, and with users."""
    together, alone = servers(each, {"rate": 1.0, **load})
    best = peak(together)
    rates = np.array([share * peak(one).rate for one in alone])
    assert best.rate * share == pytest.approx(rates, rel=ROUNDING)
    at_rates, loop = means_at(together, rates), ClosedLoop(together)
    for at, one in enumerate(alone):
        compare(at_rates, means_at(one, float(rates[at])), at)
        for users, replicas in ((1, 1), (7, 1), (40, 3), (3, 5)):
            found = loop.means(np.full(3, float(users)), float(1 if one.separate else replicas))
            compare(found, ClosedLoop(one).means(users, float(1 if one.separate else replicas)), at)
