"""The longest sequences that a run has room for."""

import pytest

from llmplan import train
from llmplan.errors import BadInputError
from llmplan.output.document import document
from llmplan.search import TrainingSpace, search
from llmplan.search.figures import Judged

RUN = {
    "model": "llama-3.2-3b", "gpu": "h100-sxm-80gb", "gpus": 1, "tp": 1, "pp": 1, "cp": 1, "micro_batch": 1,
    "global_batch": 4, "tokens": 1e9, "tuning": "lora", "framework": "hugging-face-trainer", "offload": "none",
}  # fmt: skip


def surely_fits(estimate):
    return Judged.at(estimate, 0.9).figure("memory") <= estimate.memory_capacity_bytes


@pytest.mark.parametrize(
    "changes", [{}, {"recompute": "full"}, {"micro_batch": 4, "cross_entropy": "fused", "recompute": "full"}]
)
def test_a_thousand_tokens_more_do_not_fit(changes):
    """A sequence would be called the longest that is not, or that does not fit; what frees memory would not lengthen
    it.
    """
    found = train(**{**RUN, **changes}, max_context=True)
    length = found.plan.seq_len
    assert length % 1024 == 0
    same, more = (train(**{**RUN, **changes}, seq_len=length + more) for more in (0, 1024))
    assert document(same) == document(found) | {"assumptions": document(same)["assumptions"]}
    assert surely_fits(same)
    assert not surely_fits(more)


def test_the_model_ends_a_sequence_before_memory_does():
    """A sequence would go beyond the context that the model was made for."""
    found = train(
        **{**RUN, "model": "llama-3.2-1b", "gpu": "h200", "recompute": "full"}, cross_entropy="cut", max_context=True
    )
    assert found.plan.seq_len == 131_072
    assert "seq-len 131,072: the longest that the model takes" in found.plan.assumptions


def test_what_fits_at_no_length_is_the_shortest():
    """Somebody whose weights alone are too large would get a traceback, or nothing."""
    found = train(**{**RUN, "model": "llama-3.1-70b"}, recompute="full", max_context=True)
    assert (found.plan.seq_len, found.feasible) == (1024, False)


def test_two_lengths_are_refused():
    """One of two contradicting lengths would win without a word."""
    with pytest.raises(BadInputError, match="max-context: contradicts seq-len 512"):
        train(**RUN, seq_len=512, max_context=True)
    with pytest.raises(BadInputError, match="max-context: is asked of llmplan train"):
        search(TrainingSpace(**RUN, max_context=True))
