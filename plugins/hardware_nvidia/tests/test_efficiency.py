"""The efficiencies: every accelerator has one, and says whose timings stand behind it."""

from __future__ import annotations

import re

import pytest

from llmplan import registry

PROFILES = [profile for _, by, profile in registry().gpus.entries() if by == "llmplan-hardware-nvidia"]
CALIBRATED = {profile.name: profile.efficiency for profile in PROFILES}
BY_NAME = {profile.name: profile for profile in PROFILES}
NAMES = sorted(BY_NAME)
TIMED = ("a100-sxm-80gb", "h100-sxm-80gb", "h200-sxm-141gb", "b200-sxm", "l40s")
OWN_RUNS = ("v100-sxm2-32gb", "a100-sxm-80gb", "h100-sxm-80gb", "b200-sxm")


@pytest.mark.parametrize("name", NAMES)
def test_fractions_are_above_zero_and_at_most_one(name):
    """If it fails, a GPU does more than its datasheet prints, or nothing at all."""
    reached = CALIBRATED[name]
    for fraction in (*reached.flops.values(), reached.hbm, reached.scale_up, reached.scale_out):
        assert 0 < fraction <= 1


@pytest.mark.parametrize("name", OWN_RUNS)
def test_whole_runs_are_in_order(name):
    """If it fails, a training report says that one run in ten is better than the best."""
    run, family = CALIBRATED[name].training_run, name.split("-")[0].upper()
    assert 0 < run.low < run.median < run.high < 1
    assert run.source.startswith(f"{run.runs} published training runs on {family} (")
    assert sum(int(count) for count in re.findall(r" (\d+)[,)]", run.source)) == run.runs


@pytest.mark.parametrize("name", NAMES)
def test_formats_of_the_profile_are_covered(name):
    """If it fails, a dtype that the GPU computes in has no efficiency."""
    assert set(BY_NAME[name].peak_flops) <= set(CALIBRATED[name].flops)


@pytest.mark.parametrize("name", TIMED)
def test_the_timed_ones_name_their_timings(name):
    """If it fails, a report does not say which measurements stand behind its times, or which formats nobody timed."""
    source = CALIBRATED[name].source
    assert source.startswith(f"{name.split('-')[0].upper()} operator timings (aiconfigurator): ")
    taken = dict(re.findall(r"; ((?:\w+, )*\w+) as (\w+)", source))
    untimed = {untimed: timed for formats, timed in taken.items() for untimed in formats.split(", ")}
    for fmt in CALIBRATED[name].flops:
        assert re.search(rf"\d+ in {untimed.get(fmt, fmt)}\b", source)
        assert CALIBRATED[name].flops[fmt] == CALIBRATED[name].flops[untimed.get(fmt, fmt)]


def test_stand_ins_that_reports_print():
    """If it fails, INT8 on Hopper and Ada reads as timed, where it is FP8 that was."""
    assert CALIBRATED["h100-sxm-80gb"].source.endswith("; fp16, tf32, fp32 as bf16; int8 as fp8")
    assert CALIBRATED["l40s"].source.endswith("; fp16, tf32, fp32 as bf16; int8, int4 as fp8")
    assert CALIBRATED["a10"].source.endswith("; fp16, tf32, fp32 as bf16; int4 as int8")


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(TIMED)))
def test_a_relative_names_whom_it_takes_after(name):
    """If it fails, a report passes another GPU's timings off as this one's, or names another link than it uses."""
    own, source = CALIBRATED[name], CALIBRATED[name].source
    nearest = next(CALIBRATED[other] for other in TIMED if f"as {other}: {CALIBRATED[other].source}" in source)
    assert (own.flops, own.hbm) == (nearest.flops, nearest.hbm)
    pair = "scale-up as between two without a switch" in source
    whose = CALIBRATED["l40s"] if re.search(r"scale_up(, \w+)* as l40s", source) else nearest
    assert own.scale_up == (nearest.scale_up_pair if pair else whose.scale_up)
    whose = CALIBRATED["l40s"] if re.search(r"scale_out(, \w+)* as l40s", source) else nearest
    assert own.scale_out == whose.scale_out


def test_v100s_train_as_v100s():
    """If it fails, training on a V100 is priced with the runs of another generation."""
    runs = [profile.efficiency.training_run for profile in PROFILES if profile.architecture == "volta"]
    assert {run.median for run in runs} == {CALIBRATED["v100-sxm2-32gb"].training_run.median}
    assert all("on V100" in run.source for run in runs)
