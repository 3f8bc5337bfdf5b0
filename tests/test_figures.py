"""One table of figures: nothing else spells a figure's key, and what is printed of it follows from the table."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

import llmplan
from llmplan import compare, infer, train
from llmplan.catalogues.figures import every_figure, figures_of
from llmplan.estimate.figure import HIGH
from llmplan.estimate.figures import kind_of_estimate, limits, objectives
from llmplan.output.document import document, rows
from llmplan.request import InferRequest, InferSearchRequest, SearchRequest, TrainRequest, options_of
from llmplan_report.terminal.comparison_report import columns
from llmplan_report.terminal.report import report

ROOT = Path(__file__).parents[1]
CORE = Path(llmplan.__file__).parent
TABLE = CORE / "estimate" / "figures.py"
OPTIONS = {*options_of(TrainRequest), *options_of(InferRequest)}
KEYS = {key for figure in every_figure() if "_" in (key := figure.key.rpartition(".")[2])} - OPTIONS
ESTIMATES = {
    "train": train(model="llama-7b", gpu="a100-sxm-80gb", gpus=8, price_per_gpu_hour=2, failures_per_gpu_day=1e-3),
    "infer": infer(model="llama-7b", gpu="a100-sxm-80gb", price_per_gpu_hour=2),
    "server": infer(model="llama-7b", gpu="a100-sxm-80gb", price_per_gpu_hour=2, rate="1/s", requests=50),
}


def strings(path):
    """Strings of a module that are no documentation."""
    tree = ast.parse(path.read_text("utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    }


SOURCES = [path for path in sorted(CORE.rglob("*.py")) if path != TABLE] + sorted(
    (ROOT / "plugins" / "report" / "src").rglob("*.py")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_other_module_spells_a_key(path):
    """If it fails, a figure is known in two places, which will come to say two things."""
    attributes = {"requests_per_second"}  # of the capacity and the means of a load too
    assert not strings(path) & KEYS - attributes


@pytest.mark.parametrize("kind", ESTIMATES)
def test_a_figure_is_the_same_wherever_it_is_printed(kind):
    """If it fails, JSON and the table say two things of one figure."""
    estimate = ESTIMATES[kind]
    assert kind_of_estimate(estimate) == kind
    printed = document(estimate)
    for figure in figures_of(kind):
        found = printed
        for key in figure.key.split("."):
            found = found and found[key]
        assert found == figure.value(estimate), figure.key


@pytest.mark.parametrize("kind", ESTIMATES)
def test_a_range_holds_its_figure_and_turns_round_with_it(kind):
    """If it fails, tokens/s are said to be higher where times are longer, or a headline has no range."""
    estimate, printed = ESTIMATES[kind], document(ESTIMATES[kind])
    ranged = [figure for figure in figures_of(kind) if figure.range and printed.get(f"{figure.key}_range")]
    assert len(ranged) >= (3 if kind == "server" else 6)  # all that comes at a rate is answered, whatever steps take
    for figure in ranged:
        low, high = printed[f"{figure.key}_range"]
        assert low <= high
        spread = getattr(estimate, figure.range)
        times = 1 / spread.high if figure.better == HIGH else spread.low
        assert low == pytest.approx(figure.value(estimate) * times)


@pytest.mark.parametrize("kind", ESTIMATES)
def test_facts_of_the_report_are_the_figures(kind):
    """If it fails, a figure that the table gives a line is not in the report."""
    text = report(ESTIMATES[kind], width=200)
    for figure in figures_of(kind):
        if figure.fact and figure.value(ESTIMATES[kind]) is not None:
            assert f"\n  {figure.fact} " in text


def test_columns_of_a_comparison_are_the_figures():
    """If it fails, a figure with a heading is missing from the table of a comparison."""
    compared = compare(train, model="llama-7b", gpu="a100-sxm-80gb", gpus=[8, 16], price_per_gpu_hour=2)
    plans = rows(compared)
    headings = [column.heading for column in columns(compared.varied, plans)]
    known = {
        figure.heading
        for figure in figures_of("train")
        if figure.heading and not figure.if_ranked and figure.value(compared.variants[0].estimate) is not None
    }
    assert known <= set(headings)


def test_searches_ask_for_figures():
    """If it fails, --objective or a limit names something that no figure is."""
    assert set(options_of(SearchRequest)["objective"]["names"]()) == set(objectives("train"))
    assert set(options_of(InferSearchRequest)["objective"]["names"]()) == set(objectives("server")) - {"memory"}
    assert {name.replace("-", "_") for name in limits("train")} <= options_of(SearchRequest).keys()
    assert limits("server").keys() <= options_of(InferSearchRequest).keys()


def test_the_reference_is_not_stale():
    """If it fails, run python tools/reference.py."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    for path, text in reference.files().items():
        assert path.read_text("utf-8") == text
        assert text.count("<!-- figures: ") == 3
