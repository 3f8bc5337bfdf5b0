"""Servers at loads so small that requests never meet."""

from __future__ import annotations

import json

import pytest
from affine_server import SAMPLE

from llmplan import infer
from llmplan.output.document import document

ALIKE = {"prompt_lengths": "fixed", "output_lengths": "fixed"}
SERVER = {**SAMPLE, **ALIKE, "prompt_tokens": 512, "output_tokens": 64, "requests": 200}


@pytest.mark.parametrize("rate", [1e-6, 1e-15, 1e-300])
def test_at_a_trickle_requests_are_alone(rate):
    """A share of no time is 0. If it fails, tiny rates end in a division by 0, or answers take no time."""
    alone, estimate = infer(**SERVER, rate=1e-3), infer(**SERVER, rate=rate, dp=2)
    for means in (estimate.closed_form, estimate.simulated.means):
        assert means.total_seconds == pytest.approx(alone.closed_form.total_seconds, rel=1e-3)
        assert means.first_token_seconds == pytest.approx(alone.closed_form.first_token_seconds, rel=1e-3)
        assert means.requests_per_second == pytest.approx(rate, rel=0.1)
    json.dumps(document(estimate), allow_nan=False)
