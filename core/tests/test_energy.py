"""Energy: the published figure of one run, and what a GPU draws while it waits."""

from __future__ import annotations

import pytest
from attrs import evolve

from llmplan import train
from llmplan.errors import BadInputError
from llmplan.estimate import Kind, Line
from llmplan.estimate.energy import IDLE_SHARE, average_power, busy_share, energy_kwh
from llmplan.output.document import document
from llmplan_report.terminal.report import report

RUN = {"model": "llama-65b", "gpu": "a100-sxm-80gb", "gpus": 2048, "tp": 8, "pp": 8}
AT_MFU = train(**RUN, mfu=0.5, pue=1.1)
PIPELINE = train(**RUN)


@pytest.mark.parametrize(
    ("gpu_hours", "megawatt_hours"), [(82_432, 36), (135_168, 59), (530_432, 233), (1_022_362, 449)]
)
def test_the_published_runs(gpu_hours, megawatt_hours):
    """If it fails, LLaMA's 7B to 65B take other energies than Touvron et al. 2023, arXiv:2302.13971, table 15."""
    assert int(energy_kwh(400.0, gpu_hours, 1.1) / 1e3) == megawatt_hours


def test_where_only_an_mfu_is_stated_power_is_the_tdp():
    """If it fails, a run without lines of waiting is taken to wait."""
    assert AT_MFU.plan.hardware.tdp_watts == 400
    assert AT_MFU.average_power_watts == 400
    assert AT_MFU.energy_kwh == pytest.approx(AT_MFU.gpu_hours * 0.4 * 1.1)


@pytest.mark.parametrize(("busy", "watts"), [(1.0, 700.0), (0.0, 140.0), (0.5, 420.0)])
def test_power_lies_between_idle_and_the_tdp(busy, watts):
    """If it fails, a GPU that waits draws nothing, or as much as one that works."""
    assert average_power(700.0, busy) == pytest.approx(watts)


def test_only_idle_lines_count_as_such():
    """If it fails, communication that keeps a GPU busy lowers its power, or a cost model's own names decide on it."""
    lines = {
        Line("matmuls", Kind.COMPUTE): 7.0,
        Line("sums", Kind.COMMUNICATION): 1.0,
        Line("bubble", Kind.WAITING): 1.5,
        Line("exposed_sums", Kind.COMMUNICATION, idle=True): 0.5,
    }
    assert busy_share(lines) == pytest.approx(0.8)
    assert busy_share({"matmuls": 1.0, "pipeline_bubble": 2.0}) == 1


def test_a_bubble_lowers_the_power():
    """If it fails, lines lose their kind between the cost model and the estimate."""
    waiting = sum(seconds for line, seconds in PIPELINE.time_breakdown.items() if line.idle)
    busy = 1 - waiting / PIPELINE.iteration_seconds
    assert waiting > 0
    assert PIPELINE.average_power_watts == pytest.approx(400 * (IDLE_SHARE + (1 - IDLE_SHARE) * busy))


def test_what_is_assumed_is_said():
    """If it fails, the share that a waiting GPU draws, or that cooling is left out, stays a secret."""
    power = "power: the TDP while a GPU works, 0.2 of it (assumed) while it waits"
    assert f"{power}; PUE 1: energy of the GPUs alone" in PIPELINE.plan.assumptions
    assert power in AT_MFU.plan.assumptions


def test_an_unknown_tdp_is_an_unknown_energy():
    """If it fails, energy is made up for a GPU that nobody published a TDP of."""
    gpu = evolve(PIPELINE.plan.hardware, name="my-gpu", tdp_watts=None)
    estimate = train(**{**RUN, "gpu": gpu})
    figures = document(estimate)
    assert figures["energy_kwh"] is None
    assert figures["average_power_watts"] is None
    assert "energy       not known without an accelerator whose TDP is known" in report(estimate, 160)
    assert not [said for said in estimate.plan.assumptions if said.startswith("power")]


@pytest.mark.parametrize(("tokens", "unit"), [("1.4T", "MWh"), ("1400T", "GWh"), ("2B", "kWh")])
def test_the_report_has_a_line_of_it(tokens, unit):
    """If it fails, people have to multiply, or read millions of kWh."""
    estimate = train(**RUN, mfu=0.5, pue=1.1, tokens=tokens)
    line = next(line for line in report(estimate, 160).split("\n") if line.startswith("  energy"))
    kwh = {"kWh": 1, "MWh": 1e3, "GWh": 1e6}[unit]
    assert line == f"  energy       {estimate.energy_kwh / kwh:.4g} {unit} at 400 W a GPU, PUE 1.1"


def test_a_pue_below_one_is_refused():
    """If it fails, a data center uses less than what stands in it."""
    with pytest.raises(BadInputError) as caught:
        train(**RUN, pue=0.9)
    assert str(caught.value) == "pue: 0.9 is not a number of at least 1"


def test_many_plans_at_once_are_each_as_alone():
    """If it fails, a sweep prices energy differently from the plan alone."""
    np = pytest.importorskip("numpy")
    lines = PIPELINE.time_breakdown
    bubbles = [0.0, 1.0, 5.0]
    many = evolve(PIPELINE, time_breakdown={**lines, "pipeline_bubble": np.array(bubbles)})
    alone = [evolve(PIPELINE, time_breakdown={**lines, "pipeline_bubble": bubble}) for bubble in bubbles]
    assert many.energy_kwh.tolist() == pytest.approx([estimate.energy_kwh for estimate in alone])
