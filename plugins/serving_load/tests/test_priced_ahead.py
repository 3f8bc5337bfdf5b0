"""A server whose passes are priced in one call of arrays: the same figures, in fewer calls."""

from __future__ import annotations

import numpy as np
import pytest
from affine_server import AffineSteps, server_plan
from attrs import asdict

from llmplan_serving_load.queueing.capacity import capacity, peak
from llmplan_serving_load.queueing.closed_loop import closed_means
from llmplan_serving_load.queueing.server import make_server


@pytest.mark.parametrize("load", [{"prompt": 3000}, {"prompt": 512, "output": 1}, {"layout": {"pp": 2}}])
def test_the_figures_are_those_of_passes_one_by_one(load):
    """If it fails, `llmplan infer` says another thing in a process that has imported numpy."""
    stages = load.get("layout", {}).get("pp", 1)
    one, ahead = (
        make_server(server_plan(concurrency=1, **load), lambda _: AffineSteps(stages=stages), ahead=ahead)
        for ahead in (False, True)
    )
    assert asdict(peak(ahead)) == pytest.approx(asdict(peak(one)))
    assert capacity(ahead).limit == capacity(one).limit
    assert closed_means(ahead, 9).total_seconds == pytest.approx(closed_means(one, 9).total_seconds)


@pytest.fixture
def sizes(monkeypatch):
    """Of each call of the cost model, the number of its steps."""
    found, step_seconds = [], AffineSteps.step_seconds
    monkeypatch.setattr(
        AffineSteps,
        "step_seconds",
        lambda self, step: found.append(np.size(step.sequences)) or step_seconds(self, step),
    )
    return found


def test_one_call_prices_prompts_and_decoding(sizes):
    """If it fails, a point of a fresh server takes longer than one that it shares with others."""
    server = make_server(server_plan(concurrency=1), lambda _: AffineSteps(), ahead=True)
    closed_means(server, 9)
    assert len([size for size in sizes if size > 1]) == 1


def test_no_more_is_priced_one_by_one_than_is_needed(sizes):
    """If it fails, a short answer of a program that has no arrays takes as long as a search."""
    server = make_server(server_plan(concurrency=1), lambda _: AffineSteps())
    server.prefill.times(0.0)
    server.decode_seconds(1.0)
    assert sizes == [1, 1, 1, 1]  # a prompt, passes of some and of many, and one sequence


@pytest.mark.parametrize(("ahead", "calls"), [(False, 3), (True, 1)])
def test_numbers_are_looked_at_in_one_call_of_arrays(ahead, calls):
    """If it fails, a program without arrays imports them, or one that has them makes a call for each number."""
    server, asked = make_server(server_plan(concurrency=1), lambda _: AffineSteps(), ahead=ahead), []
    assert server.each([1, 2, 3], lambda n: (asked.append(n) or 2.0 * n, 7.0)) == [(2, 7), (4, 7), (6, 7)]
    assert len(asked) == calls
