"""Ranks that several plans share: what they have in common, and what they may not."""

import pytest
from attrs import evolve
from serving_plans import IDEAL, serving

from llmplan_costing.recording import recorded
from llmplan_parallelism_megatron.serving import known
from llmplan_parallelism_megatron.serving.known import known_rank
from llmplan_parallelism_megatron.serving.rank import Rank


def test_plans_that_differ_in_lengths_share_a_rank():
    """A server would lower its model three times, or a rank answer for another plan's lengths."""
    one = serving()
    longer = evolve(one, prompt_tokens=7.0, batch=3)
    first, second = known_rank(one), known_rank(longer)
    assert first.layers is second.layers
    assert (first.plan, second.plan) == (one, longer)


@pytest.mark.parametrize(
    "changes",
    [{"tp": 2}, {"engine": evolve(IDEAL, gemm_rate=0.5)}, {"kv_bits": 8}],
    ids=lambda changes: next(iter(changes)),
)
def test_plans_that_a_rank_hangs_on_do_not(changes):
    """One plan would be priced with the share, or the kernels, of another."""
    plain, other = serving(), serving(**changes)
    known_rank(plain)
    found, fresh = known_rank(other), Rank.of(other)
    assert found.weight_bytes == fresh.weight_bytes
    assert found.kernels is fresh.kernels


def test_numbers_that_know_their_origin_are_not_kept():
    """An explanation would leave its numbers in plans that nobody explains."""
    before = dict(known.KNOWN)
    with recorded():
        known_rank(serving(tp=4))
    assert before == known.KNOWN


def test_no_more_are_kept_than_were_asked_about_of_late():
    """A long search in one process would keep every model that it saw."""
    for share in range(1, known.MOST + 4):
        known_rank(serving(engine=evolve(IDEAL, memory_share=share / 100)))
    assert len(known.KNOWN) == known.MOST
