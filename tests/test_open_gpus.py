"""Where the number of GPUs is not given, but some of the sizes that make it: nobody gets tens of thousands unasked."""

from __future__ import annotations

import pytest

from llmplan import train
from llmplan.errors import BadInputError
from llmplan.search import TrainingSpace, search

SMALL = {"model": "llama-7b", "gpu": "h100-sxm-80gb", "tokens": "1T"}


def test_tp_pp_and_dp_make_the_gpus():
    """If it fails, context parallelism that nobody asked for multiplies the GPUs that people take for given."""
    found = train(**SMALL, tp=2, pp=1, dp=4)
    assert (found.plan.layout.gpus, found.plan.layout.cp) == (8, 1)
    same = train(**SMALL, tp=2, pp=1, dp=4, gpus=8)
    assert found.training_seconds == same.training_seconds
    ranked = search(TrainingSpace(**SMALL, tp=2, pp=1, dp=4))
    assert ranked.space["gpus"] == (8,)
    assert ranked.best[0].training_seconds == found.training_seconds


def test_what_does_not_fit_is_told_of_the_gpus_given():
    """If it fails, the answer is about GPUs that nobody asked for, and hides that a plan does not fit."""
    options = {"model": "llama-65b", "gpu": "a100-sxm-80gb", "tp": 1, "pp": 2, "dp": 2, "offload": "none"}
    found = train(**options)
    assert (found.plan.layout.gpus, found.fits) == (4, False)
    assert not search(TrainingSpace(**options)).feasible


def test_dp_alone_leaves_the_fewest_gpus_that_are_done_in_a_month():
    """If it fails, the fastest plan is chosen, on all GPUs that there are."""
    found = train(**SMALL, dp=12)
    assert found.plan.layout.gpus == 48
    with pytest.raises(BadInputError, match="gpus: not given; give a number"):
        search(TrainingSpace(**SMALL, dp=12))
