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


def test_one_call_prices_prompts_and_decoding(monkeypatch):
    """If it fails, a point of a fresh server takes longer than one that it shares with others."""
    sizes, step_seconds = [], AffineSteps.step_seconds
    monkeypatch.setattr(
        AffineSteps,
        "step_seconds",
        lambda self, step: sizes.append(np.size(step.sequences)) or step_seconds(self, step),
    )
    server = make_server(server_plan(concurrency=1), lambda _: AffineSteps(), ahead=True)
    closed_means(server, 9)
    assert len([size for size in sizes if size > 1]) == 1
