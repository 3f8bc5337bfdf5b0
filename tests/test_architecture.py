"""The map of the house, held against the house."""

import re
from pathlib import Path

import pytest
from attrs import fields_dict

from llmplan import train
from llmplan.records import TrainingPlan

ROOT = Path(__file__).parents[1]
MAP = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
RECIPES = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:core|plugins|tools|docs|tests)/[\w./-]+)`", MAP + RECIPES)))
ROOMS = sorted(path.name for path in (ROOT / "core" / "src" / "llmplan").iterdir() if (path / "__init__.py").exists())
PACKAGES = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))


@pytest.mark.parametrize("path", PATHS)
def test_what_the_map_names_is_there(path):
    """Whoever follows a recipe would look for a file that has moved."""
    assert list(ROOT.glob(path.replace("NAME", "*")))


@pytest.mark.parametrize("room", [*ROOMS, *PACKAGES])
def test_every_room_is_on_the_map(room):
    """A newcomer would find a folder that nothing explains."""
    assert f"{room}/" in MAP


def test_a_figure_of_the_report_is_spelt_in_one_file_beside_its_estimate():
    """What the map promises of a figure: `mfu_causal`, the youngest, is in the table and where it is computed."""
    spelt = {
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
        if re.search(r"\bmfu_causal\b", path.read_text(encoding="utf-8"))
    }
    assert spelt == {"core/src/llmplan/estimate/figures.py", "core/src/llmplan/estimate/training.py"}


def test_an_option_is_spelt_where_it_is_asked_for_and_where_it_is_read():
    """What the map promises of an option: between the request and the formula, here one of a plugin, none passes it on
    by name. A word on it, where it changes nothing, asks the formula's own function.
    """
    spelt = {
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
        if re.search(r"\"expert_imbalance\"|\bexpert_imbalance:", path.read_text(encoding="utf-8"))
    }
    cost_model = "plugins/parallelism_megatron/src/llmplan_parallelism_megatron"
    assert spelt == {f"{cost_model}/options.py", f"{cost_model}/training/layer.py"}


def test_a_setting_reaches_the_plan_unnamed():
    """If it fails, a new option is asked for and the formula that reads it takes what is usual."""
    request = {"model": "qwen3-30b-a3b", "gpu": "h100-sxm-80gb", "gpus": 8, "tp": 1, "pp": 1, "cp": 1, "micro_batch": 1}
    plans = train(**request).plan, train(**request, expert_imbalance=1.5).plan
    assert [plan.settings for plan in plans] == [{}, {"expert_imbalance": 1.5}]
    seconds = [train(**request, ep=8, **given).iteration_seconds for given in ({}, {"expert_imbalance": 1.5})]
    assert seconds[1] > seconds[0]


@pytest.mark.parametrize("option", ["pue", "confidence", "master_weights", "price_per_gpu_hour"])
def test_an_option_of_a_plan_is_passed_on_as_it_is(option):
    """If it fails, a new option is asked for and never reaches the formula that reads it."""
    given = {"pue": 1.2, "confidence": 0.7, "master_weights": False, "price_per_gpu_hour": 3.0}
    request = {"model": "qwen3-30b-a3b", "gpu": "h100-sxm-80gb", "gpus": 8, "tp": 1, "pp": 1, "cp": 1, "micro_batch": 1}
    plans = train(**request).plan, train(**request, **{option: given[option]}).plan
    assert [getattr(plan, option) for plan in plans] == [fields_dict(TrainingPlan)[option].default, given[option]]
