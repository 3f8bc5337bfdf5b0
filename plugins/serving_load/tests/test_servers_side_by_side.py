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


def servers(each, load):
    """Side by side, and alone."""
    names = ("base", "per_token", "weight_bytes", "stages")
    arrays = AffineSteps(**{name: np.array([float(one[name]) for one in each]) for name in names})
    layout = {"pp": arrays.stages}
    return affine_server(arrays, layout=layout, **load), [
        affine_server(AffineSteps(**one), layout={"pp": one["stages"]}, **load) for one in each
    ]


def compare(together, alone, at):
    """All means of one of the servers."""
    for name in fields_dict(Means):
        wanted, found = getattr(alone, name), getattr(together, name)
        if wanted is None:
            assert found is None
        else:
            assert np.broadcast_to(found, (3,))[at] == pytest.approx(wanted, rel=ROUNDING, abs=ROUNDING), name


@settings(max_examples=15, deadline=None)
@given(each=st.lists(ONE, min_size=3, max_size=3), load=st.sampled_from(LOADS), share=st.floats(0.01, 0.95))
def test_every_server_is_as_it_is_alone(each, load, share):
    """If it fails, a search compares servers by figures that `llmplan infer` does not have."""
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
