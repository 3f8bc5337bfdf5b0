"""Sites on published runs that they have not seen, and what their constants rest on."""

from __future__ import annotations

import csv
import importlib.util
import sys
from math import log, sqrt
from pathlib import Path
from statistics import fmean, variance

import pytest

from llmplan_calibration.sample import SCATTER

ROOT = Path(__file__).resolve().parents[1]
RESIDUALS = ROOT / "plugins/parallelism_megatron/src/llmplan_parallelism_megatron/validation"
EVERY = 3
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
    assert len(found) > 10
    assert fmean(one.after for one in found) < fmean(one.before for one in found) * 2 / 3


@pytest.mark.parametrize(
    ("phase", "files"),
    [("train", {"training_residuals.csv": ("time",)}), ("infer", {"inference_residuals.csv": ("prefill", "decode")})],
)
def test_the_scatter_is_that_of_published_runs(phase, files):
    """If it fails, the residuals have been fitted anew, and sites go by what runs of one source were off before."""
    found = [_scatter(RESIDUALS / name, figure) for name, figures in files.items() for figure in figures]
    assert SCATTER[phase] == pytest.approx(fmean(found), rel=0.15)


def _scatter(path, figure):
    """The root of the mean of the sources' variances."""
    by_source = {}
    for row in csv.DictReader(path.read_text().splitlines()):
        if row["figure"] == figure:
            by_source.setdefault(row["source"], []).append(log(float(row["refitted"] or row["ratio"])))
    return sqrt(fmean(variance(ratios) for ratios in by_source.values() if len(ratios) > 2))
