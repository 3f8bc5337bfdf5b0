"""Estimates, comparisons and searches at a Python prompt, in a notebook and as values."""

from __future__ import annotations

import json

import pytest

from llmplan import compare, infer, train
from llmplan.output.formats import as_json
from llmplan.search import TrainingSpace, search

SIZES = {"tp": 2, "pp": 1, "cp": 1, "zero": 1, "micro_batch": 1, "recompute": "none", "offload": "none"}
TRAINING = train(model="llama-7b", gpu="h100-sxm-80gb", gpus=8, **SIZES)
SERVING = infer(model="llama-7b", gpu="l40s", tp=1, pp=1)
COMPARED = compare(infer, model="llama-7b", gpu="l40s", tp=1, pp=1, batch=[1, 2])
FOUND = search(TrainingSpace(model="llama-7b", gpu="h100-sxm-80gb", gpus=8, **SIZES))
ALL = {"training": TRAINING, "serving": SERVING, "comparison": COMPARED, "search": FOUND}


@pytest.mark.parametrize("of", ALL.values(), ids=ALL)
def test_a_prompt_shows_the_answer_on_one_line(of):
    """If it fails, a prompt shows an address, or fills the screen."""
    text = repr(of)
    assert text.startswith(f"<{type(of).__name__}: llama-7b on ")
    assert "\n" not in text
    assert len(text) < 200


@pytest.mark.parametrize("of", ALL.values(), ids=ALL)
def test_values_are_those_of_the_json(of):
    """If it fails, a script in Python reads other figures than one that reads --json."""
    assert json.loads(json.dumps(of.to_dict())) == json.loads(as_json(of))


@pytest.mark.parametrize("of", ALL.values(), ids=ALL)
def test_a_notebook_shows_the_report_and_no_markup_of_its_own(of):
    """If it fails, a name with a < in it breaks the page, or the page shows nothing."""
    text = of._repr_html_()
    assert text.startswith(("<pre", "<table"))
    assert "llama-7b" in text


@pytest.mark.parametrize(("of", "rows"), [(TRAINING, 1), (SERVING, 1), (COMPARED, 2)])
def test_a_frame_has_a_row_for_each_plan(of, rows):
    """If it fails, plans are lost, or figures are words."""
    frame = of.to_pandas()
    assert len(frame) == rows
    assert frame["tokens_per_second"].dtype == float


def test_what_has_no_answer_yet_is_shown_all_the_same():
    """If it fails, a debugger that looks at an estimate of many plans raises an error of its own."""
    from attrs import evolve

    half = evolve(TRAINING, time_breakdown={"forward": None})
    assert repr(half).startswith("<llmplan.estimate.training.TrainingEstimate object")


@pytest.mark.parametrize("price", [train, infer])
def test_a_misspelt_keyword_gets_the_nearest(price):
    """If it fails, somebody reads the source to find the name of an option."""
    with pytest.raises(TypeError, match=r"'dtyp' is no option of \w+; did you mean dtype\?"):
        price(model="llama-7b", gpu="l40s", dtyp="bf16")
