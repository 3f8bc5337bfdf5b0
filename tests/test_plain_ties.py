"""A cost model to which many plans are equal, that of docs/plugins.md: the plainest of them is taken."""

from __future__ import annotations

import pytest
from test_docs_hooks import EXAMPLES, module_of

from llmplan import train
from llmplan.search import TrainingSpace, search

(FLOPS_ONLY,) = module_of(EXAMPLES["llmplan_parallelism_models"], "flops_only").llmplan_parallelism_models()
OPTIONS = {"model": "llama-3.1-8b", "gpu": "h100-sxm-80gb", "gpus": 8, "tokens": "1T", "cost_model": FLOPS_ONLY}


def test_what_is_left_over_of_the_tokens_decides_nothing():
    """If it fails, 0.01 % less time by a batch that leaves more tokens over makes a plan of tp 8 and 171 x 3."""
    plan = train(**OPTIONS).plan
    assert (plan.layout.tp, plan.layout.pp, plan.layout.dp, plan.micro_batch) == (1, 1, 8, 1)
    assert plan.global_batch == 512


@pytest.mark.parametrize("batch", ["3M", "5M", 4_194_304])
def test_whatever_the_batch_is(batch):
    """If it fails, that was luck with one size."""
    best = search(TrainingSpace(**OPTIONS, global_batch_tokens=batch), top=4).best
    sizes = [(one.plan.layout.tp, one.plan.layout.pp, one.plan.micro_batch) for one in best]
    assert sizes[0] == (1, 1, 1)
    assert len(set(sizes)) == 4
