"""Efficiencies that the user states have no published error."""

from __future__ import annotations

import pytest

from llmplan import infer, train
from llmplan.search import InferenceSpace, TrainingSpace, search
from llmplan_report.terminal.search_report import search_report

STATED = ({"ideal": True}, {"flops_efficiency": 0.4}, {"scale_out_efficiency": 0.06})
TRAINED = {"model": "llama-3.1-8b", "gpu": "h100-sxm-80gb", "gpus": 16, "framework": "torchtitan"}
SERVED = {"model": "llama-3.1-8b", "gpu": "h100-sxm-80gb", "prompt_tokens": 512, "output_tokens": 128}


@pytest.mark.parametrize("stated", STATED, ids=lambda given: next(iter(given)))
def test_times_have_no_range(stated):
    """A number of the user's would be printed with the errors of published runs, which never were priced with it."""
    estimate = train(**TRAINED, **stated)
    assert (estimate.time_spread, estimate.training_seconds_at_confidence) == (None, None)
    assert estimate.memory_spread is not None
    assert any("stated efficiencies have no published error" in said for said in estimate.plan.assumptions)
    for served in (infer(**SERVED, **stated), infer(**SERVED, **stated, rate=2.0, requests=0)):
        assert (served.first_token_spread, served.next_token_spread) == (None, None)
    assert train(**TRAINED).time_spread is not None
    assert infer(**SERVED).next_token_spread is not None


@pytest.mark.parametrize("stated", STATED, ids=lambda given: next(iter(given)))
def test_plans_are_ranked_by_their_estimates(stated):
    """A plan would lose to a slower one for a doubt that has nothing to do with it, "with 90% confidence"."""
    found = search(TrainingSpace(**TRAINED, **stated))
    assert found.confidence is None
    assert "confidence" not in search_report(found, width=200)
    columns = found.columns
    assert found.best[0].training_seconds == pytest.approx(
        columns["training_seconds"][columns["feasible"]].min(), rel=1e-3
    )
    served = search(InferenceSpace(**SERVED, **stated, gpus=4, concurrency=8, requests=0))
    assert served.confidence is None
    assert "confidence" not in search_report(served, width=200)
