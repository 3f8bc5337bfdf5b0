"""The efficiencies: every accelerator has one, and says whose timings stand behind it."""

from __future__ import annotations

import re

import pytest

from llmplan_hardware_nvidia.efficiency import CALIBRATED
from llmplan_hardware_nvidia.measured import MEASURED, RUNS, TWO_GPUS
from llmplan_hardware_nvidia.profiles import PROFILES

BY_NAME = {profile.name: profile for profile in PROFILES}
NAMES = sorted(BY_NAME)
RELATIVES = sorted(set(NAMES) - set(MEASURED))
UNTIMED = "no timings of its own: those of "


def nearest(name):
    """The accelerator with timings that stands behind this one."""
    found = re.match(UNTIMED + r"([a-z0-9-]+)", CALIBRATED[name].source)
    return found.group(1) if found else name


def stand_ins(source):
    """By format without timings, the format that its source names."""
    said = re.findall(r"(?:^|; )((?:\w+, )*\w+) as (\w+)(?=;|$)", source)
    return {untimed: timed for formats, timed in said for untimed in formats.split(", ")}


@pytest.mark.parametrize("name", NAMES)
def test_every_accelerator_has_efficiencies(name):
    """If it fails, inference on this GPU is priced at its printed peaks."""
    assert BY_NAME[name].efficiency is CALIBRATED[name]


@pytest.mark.parametrize("name", NAMES)
def test_fractions_are_above_zero_and_at_most_one(name):
    """If it fails, a GPU does more than its datasheet prints, or nothing at all."""
    reached = CALIBRATED[name]
    for fraction in (*reached.flops.values(), reached.hbm, reached.scale_up, reached.scale_out):
        assert 0 < fraction <= 1


@pytest.mark.parametrize("family", RUNS)
def test_whole_runs_are_in_order(family):
    """If it fails, a training report says that one run in ten is better than the best."""
    run = RUNS[family]
    assert 0 < run.low < run.median < run.high < 1
    assert run.source.startswith(f"{run.runs} published training runs on {family} (")
    assert sum(int(count) for count in re.findall(r" (\d+)[,)]", run.source)) == run.runs


@pytest.mark.parametrize("name", NAMES)
def test_formats_of_the_profile_are_covered(name):
    """If it fails, a dtype that the GPU computes in has no efficiency."""
    assert set(BY_NAME[name].peak_flops) <= set(CALIBRATED[name].flops)


@pytest.mark.parametrize("name", MEASURED)
def test_the_measured_ones_name_their_timings(name):
    """If it fails, a report does not say which measurements stand behind its times."""
    source = CALIBRATED[name].source
    assert source.startswith(f"{MEASURED[name].source}; ")
    assert f"{name.split('-')[0].upper()} operator timings (aiconfigurator)" in source
    for timed in MEASURED[name].flops:
        assert re.search(rf"\d+ in {timed}\b", source)


@pytest.mark.parametrize("name", RELATIVES)
def test_a_relative_names_whom_it_takes_after(name):
    """If it fails, a report passes another GPU's timings off as this one's."""
    relative, after = CALIBRATED[name], CALIBRATED[nearest(name)]
    assert nearest(name) in MEASURED
    assert relative.source.endswith(after.source)
    assert (relative.flops, relative.hbm) == (after.flops, after.hbm)


@pytest.mark.parametrize("name", NAMES)
def test_links_are_those_that_the_source_names(name):
    """If it fails, the source names another link than the one whose figure is used."""
    reached, after = CALIBRATED[name], MEASURED[nearest(name)]
    link = re.search(r"scale-up as between two ([a-z0-9-]+)", reached.source)
    assert reached.scale_up == (TWO_GPUS[link.group(1)] if link else after.scale_up)
    over_pcie = "scale-out as between two l40s over PCIe" in reached.source
    assert reached.scale_out == (TWO_GPUS["l40s"] if over_pcie else after.scale_out)


@pytest.mark.parametrize("name", NAMES)
def test_stand_ins_are_said(name):
    """If it fails, a format is priced with another one's timings, and no report says so."""
    flops, timed = CALIBRATED[name].flops, MEASURED[nearest(name)].flops
    said = stand_ins(CALIBRATED[name].source)
    assert set(said) == set(flops) - set(timed)
    assert {untimed: flops[untimed] for untimed in said} == {untimed: timed[by] for untimed, by in said.items()}


def test_stand_ins_that_reports_print():
    """If it fails, INT8 on Hopper and Ada reads as timed, where it is FP8 that was."""
    assert CALIBRATED["h100-sxm-80gb"].source.endswith("; fp16, tf32, fp32 as bf16; int8 as fp8")
    assert CALIBRATED["l40s"].source.endswith("; fp16, tf32, fp32 as bf16; int8, int4 as fp8")
    assert CALIBRATED["a10"].source.endswith("; fp16, tf32, fp32 as bf16; int4 as int8")


def test_v100s_train_as_v100s():
    """If it fails, training on a V100 is priced with the runs of another generation."""
    assert {profile.efficiency.training_run for profile in PROFILES if profile.architecture == "volta"} == {
        RUNS["V100"]
    }
