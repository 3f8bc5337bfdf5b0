"""Lines of a breakdown: a cost model may call them what it likes, and the core goes by their kind."""

from __future__ import annotations

import json
import pickle

import pytest
from attrs import evolve

from llmplan import train
from llmplan.estimate import Kind, Line
from llmplan.estimate.line import bottleneck

LINE = Line("exposed", Kind.COMMUNICATION, "sums that nothing hides", "fewer replicas", idle=True)


def test_a_line_is_its_name():
    """If it fails, JSON, CSV or `breakdown["exposed"]` no longer find the line by its name."""
    assert json.loads(json.dumps({LINE: 1.0})) == {"exposed": 1.0}
    assert {LINE: 1.0}["exposed"] == {"exposed": 1.0}[LINE] == 1.0


def test_a_line_survives_the_way_to_a_worker():
    """If it fails, a search with several workers finds other energies than one with one."""
    again = pickle.loads(pickle.dumps(LINE))
    assert (again, again.kind, again.words, again.advice, again.idle) == (
        "exposed", Kind.COMMUNICATION, "sums that nothing hides", "fewer replicas", True,
    )  # fmt: skip


def test_words_of_a_bottleneck_are_the_cost_models_own():
    """If it fails, a report says of a foreign cost model's resource less than the cost model knows."""
    found = bottleneck({Line("flux", Kind.COMPUTE, "bending time", "a larger --batch"): 3.0, LINE: 1.0})
    assert (found.words, found.share, found.advice) == ("bending time", 0.75, "a larger --batch")
    assert bottleneck({"flux": 1.0}).words == "flux"


def test_a_foreign_cost_models_names_decide_nothing():
    """If it fails, power, headroom or advice are right only for the names that one cost model gives its lines."""
    priced = train(model="llama-7b", gpu="a100-sxm-80gb", gpus=8, tp=1, pp=1)
    capacity = priced.memory_capacity_bytes
    own = evolve(
        priced,
        time_breakdown={Line("flux", Kind.COMPUTE): 3.0, Line("dusk", Kind.WAITING, "", "get up earlier"): 1.0},
        memory_breakdown={Line("matter", Kind.TENSORS): 0.85 * capacity, Line("void", Kind.RESERVE): 0.1 * capacity},
    )
    assert own.average_power_watts == pytest.approx(400 * (0.75 + 0.2 * 0.25))
    assert "dusk takes 25% of the time: get up earlier" in own.warnings
    assert own.has_headroom
    full = evolve(own, memory_breakdown={Line("matter", Kind.TENSORS): 0.96 * capacity})
    assert any("the driver's context" in warning for warning in full.warnings)
    counted = {Line("matter", Kind.TENSORS): 0.95 * capacity, Line("core", Kind.SYSTEM): 0.01 * capacity}
    warnings = evolve(own, memory_breakdown=counted).warnings
    assert any("off by more than that" in warning for warning in warnings)
