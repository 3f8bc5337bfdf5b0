"""The glossary: every word that a report shows or a command takes is explained."""

from __future__ import annotations

from collections import Counter

import pytest

from llmplan import infer, train
from llmplan.catalogues.figures import every_figure
from llmplan.cli.main import main
from llmplan.errors import UnknownNameError
from llmplan.request import InferRequest, InferSearchRequest, SearchRequest, TrainRequest, options_of
from llmplan_glossary import groups
from llmplan_glossary.found import meanings

SIZES = {"tp": 2, "pp": 2, "dp": 2, "cp": 1, "vpp": 1, "zero": 3, "recompute": "full", "offload": "none"}
TRAINING = train(model="llama-7b", gpu="h100-sxm-80gb", micro_batch=1, **SIZES)
SERVING = infer(model="llama-3.1-8b", gpu="l40s", tp=2, pp=1)
OPERATORS = {"attention", "mlp", "layernorm", "input_embedding", "output_embedding_loss"}
"""Lines that a model names, not llmplan."""


@pytest.mark.parametrize(
    "breakdown",
    [
        TRAINING.time_breakdown,
        TRAINING.memory_breakdown,
        SERVING.prefill_breakdown,
        SERVING.decode_breakdown,
        SERVING.memory_breakdown,
    ],
)
def test_every_line_of_a_report_is_explained(breakdown):
    """If it fails, somebody looks at a bar and finds nobody who says what it is."""
    for line in {*breakdown} - OPERATORS:
        assert meanings(line)[0].kind == "term"


@pytest.mark.parametrize("request_type", [TrainRequest, InferRequest, SearchRequest, InferSearchRequest])
def test_every_option_is_explained_with_the_commands_that_take_it(request_type):
    """If it fails, the hint beside an error names a command that knows nothing of the option."""
    for name, option in options_of(request_type).items():
        texts = [found.words for found in meanings(name) if found.kind == "option"]
        assert option["help"] in texts


def test_every_figure_is_explained():
    """If it fails, a key of the JSON is a riddle to who has no reference page at hand."""
    for figure in every_figure():
        assert f"{figure.words}." in [found.words for found in meanings(figure.key)]


def test_a_word_means_one_term():
    """If it fails, two entries claim the same word, and a reader gets both."""
    keys = Counter(key for group in groups() for term in group.terms for key in set(term.keys))
    assert [key for key, times in keys.items() if times > 1] == []
    assert all(term.words.endswith((".", "**.")) for group in groups() for term in group.terms)


def test_a_misspelt_word_gets_the_nearest():
    """If it fails, a slip is answered with nothing."""
    with pytest.raises(UnknownNameError, match="did you mean headroom"):
        meanings("headrom")


@pytest.mark.parametrize("words", [("mfu",), ("--zero",), ("pipeline", "bubble"), ("tp_comm", "--json"), ()])
def test_words_are_taken_as_people_write_them(words, capsys):
    """If it fails, an option with its dashes, or a term of two words, is refused."""
    assert main(("explain", *words)) == 0
    assert capsys.readouterr().out.strip()
