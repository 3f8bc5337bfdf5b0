"""Sites on published runs that they have not seen, and what their constants rest on."""

from __future__ import annotations

import csv
import importlib.util
import sys
from math import log, sqrt
from pathlib import Path
from statistics import fmean, variance

import pytest

from llmplan import infer, registry
from llmplan.search import InferenceSpace
from llmplan_calibration import Factor, Fitted, MeasuredSite, Phases
from llmplan_calibration.sample import LEAST_SHARED, SCATTER
from llmplan_calibration.site import RATES
from llmplan_serving_load.search.case import cases_of
from llmplan_serving_load.search.exploring import Explored, explore
from llmplan_serving_load.search.limits import Limits

ROOT = Path(__file__).resolve().parents[1]
RESIDUALS = ROOT / "plugins/parallelism_megatron/src/llmplan_parallelism_megatron/validation"
EVERY = 5
"""Of the groups of docs/explanation/sites.md, those that are priced here."""


@pytest.fixture(scope="module")
def page():
    """The script behind the page."""
    specification = importlib.util.spec_from_file_location("sites_page", ROOT / "tools" / "sites_page.py")
    script = importlib.util.module_from_spec(specification)
    sys.modules["sites_page"] = script
    specification.loader.exec_module(script)
    return script


def test_two_runs_take_a_third_off_the_error_of_the_others(page):
    """If it fails, calibration does not help where it has to: on an accelerator that nobody has timed."""
    found = [
        outcome
        for rows in list(page.groups().values())[::EVERY]
        if (outcome := page.outcome(page.samples_of(rows[:4], page.untimed), pairs=1)) is not None
    ]
    assert len(found) > 8
    assert fmean(one.after for one in found) < fmean(one.before for one in found) * 2 / 3


@pytest.mark.parametrize(
    ("phase", "files"),
    [("train", {"training_residuals.csv": ("time",)}), ("infer", {"inference_residuals.csv": ("prefill", "decode")})],
)
def test_the_scatter_is_that_of_published_runs(phase, files):
    """If it fails, the residuals have been fitted anew, and sites go by what runs of one source were off before."""
    found = [_scatter(RESIDUALS / name, figure) for name, figures in files.items() for figure in figures]
    assert SCATTER[phase] == pytest.approx(fmean(found), rel=0.15)


def test_what_runs_of_one_source_share_is_that_of_published_training_runs():
    """If it fails, two runs of a site narrow the range of all others more than published ones say, or less."""
    by_source = [ratios for ratios in _by_source(RESIDUALS / "training_residuals.csv", "time") if len(ratios) > 2]
    within = fmean(variance(ratios) for ratios in by_source)
    means = variance(fmean(ratios) for ratios in by_source)
    between = means - fmean(variance(ratios) / len(ratios) for ratios in by_source)
    assert pytest.approx(between / (between + within), abs=0.05) == LEAST_SHARED


def _scatter(path, figure):
    """The root of the mean of the sources' variances."""
    return sqrt(fmean(variance(ratios) for ratios in _by_source(path, figure) if len(ratios) > 2))


def _by_source(path, figure):
    """Logarithms of measured over predicted figures."""
    found = {}
    for row in csv.DictReader(path.read_text().splitlines()):
        if row["figure"] == figure:
            found.setdefault(row["source"], []).append(log(float(row["refitted"] or row["ratio"])))
    return found.values()


def hall():
    """A site of H100s of which six servers were measured."""
    known = {name: Factor(uncertainty=0.02, prior=0.1) for name in RATES}
    fitted = Fitted(runs=6, shared=0.5, **known)
    return MeasuredSite(name="hall", gpus={"h100-sxm-80gb": Phases(infer=fitted)})


def test_a_search_of_servers_narrows_the_range_of_each_layout_by_its_own_passes():
    """All layouts would be ranked by what one of them waits for, and two GPUs count as well known as one."""
    asked = {"model": "llama-3.1-8b", "gpu": "h100-sxm-80gb", "prompt_tokens": 1000, "output_tokens": 100}
    asked |= {"site": hall()}
    found = Explored()
    cases = cases_of(InferenceSpace(**asked, rate=20.0, gpus=8), next(iter(registry().server_models.values())))
    for _ in explore(cases, Limits({}), found, prune=False):
        pass
    fleet = found.parts[0].fleet
    prompts, decoding = fleet.doubt
    for place in (0, 2, len(fleet.sizes) - 1):
        sizes = {name: getattr(fleet.sizes[place], name) for name in ("tp", "pp", "dp")}
        assert infer(**asked, **sizes, batch=1).first_token_spread.high == pytest.approx(prompts[place], rel=1e-9)
        many = infer(**asked, **sizes, batch=256).next_token_spread.high
        assert many == pytest.approx(decoding[place], rel=0.02)
    assert len(set(prompts.tolist())) > 2


def test_replicas_of_a_server_share_no_link():
    """Sums inside a node would count as traffic over the network where there are many replicas of it."""
    asked = {"model": "llama-3.1-8b", "gpu": "h100-sxm-80gb", "tp": 4, "site": hall()}
    one, many = (infer(**asked, dp=replicas).first_token_spread for replicas in (1, 64))
    assert many.high == one.high
