"""Servers that are known from before: nothing of another plan, and nothing priced twice."""

from __future__ import annotations

import gc
import weakref

import pytest
from affine_server import SAMPLE, AffineCostModel, AffineSteps
from attrs import evolve

from llmplan import infer
from llmplan.output.document import document
from llmplan_serving_load.queueing import known

SERVED = {**SAMPLE, "prompt_tokens": 512, "output_tokens": 64, "tp": 1, "pp": 1, "dp": 1, "requests": 0}
CHANGES = (
    {"dp": 2},
    {"prompt_tokens": 700},
    {"output_lengths": "geometric"},
    {"max_sequences": 4},
    {"step_tokens": 300},
    {"prefix_hit_rate": 0.5},
    {"speculative_tokens": 3, "acceptance_rate": 0.7},
    {"prefill_replicas": 1},
    {"gpu": evolve(SAMPLE["gpu"], memory_bytes=20e9)},
    {"cost_model": AffineCostModel(steps=AffineSteps(base=0.02))},
    {"seed": 1},
)


def forget():
    """As a process begins."""
    known.KNOWN.clear()
    known.SIMULATED.clear()


@pytest.mark.parametrize("load", [{"rate": 9.0}, {"trace": "trace.csv"}], ids=["rate", "trace"])
def test_what_chose_a_layout_is_not_simulated_once_more(load, monkeypatch, tmp_path):
    """If it fails, a trace of a million requests takes twice as long as it could."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trace.csv").write_text("".join(f"{at / 9},500,40\n" for at in range(30)), encoding="utf-8")
    forget()
    made, simulate = [], known.simulate
    monkeypatch.setattr(known, "simulate", lambda *given: made.append(1) or simulate(*given))
    infer(**SAMPLE, gpus=2, tp=1, **load)
    assert 1 <= len(made) == len(known.SIMULATED)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize("load", [{"rate": 3.0, "requests": 12}, {"concurrency": 5}], ids=["rate", "users"])
def test_what_is_known_of_one_server_is_not_taken_for_another(change, load):
    """If it fails, a second question in the same process has the answer of the first."""
    forget()
    alone = document(infer(**{**SERVED, **change, **load}))
    forget()
    infer(**{**SERVED, **load})
    for _ in range(2):
        assert document(infer(**{**SERVED, **change, **load})) == alone


def test_a_sweep_prices_a_replica_once(monkeypatch):
    """If it fails, each number of users costs what the first does."""
    known.KNOWN.clear()
    made, make = [], known.make_server
    monkeypatch.setattr(known, "make_server", lambda *given, **how: made.append(1) or make(*given, **how))
    asked = {"model": "llama-3.2-1b", "gpu": "h100-sxm-80gb", "tp": 1, "pp": 1, "dp": 1, "requests": 0}
    for users in range(1, 9):
        infer(**asked, concurrency=users)
        infer(**asked, rate=users)
    assert len(made) == 1


def test_only_some_are_kept():
    """If it fails, a long-running process grows with every plan that it was asked about."""
    for users in range(1, 30):
        infer(**{**SERVED, "prompt_tokens": 500 + users}, concurrency=1)
    assert len(known.KNOWN) <= known.MOST


def test_a_cost_model_is_kept_with_what_is_known_of_it():
    """If it fails, the next cost model may take its place in memory, and is given the figures of the one before."""
    cost_model = AffineCostModel(steps=AffineSteps(base=0.02))
    infer(**{**SAMPLE, "cost_model": cost_model, "tp": 1, "pp": 1, "dp": 1, "requests": 0}, concurrency=7)
    assert any(key[0] == id(cost_model) for key in known.KNOWN)
    kept = weakref.ref(cost_model)
    del cost_model
    gc.collect()
    assert kept() is not None
