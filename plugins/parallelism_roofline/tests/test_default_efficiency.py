"""The efficiencies that ``roofline`` takes where the user gives none."""

import pytest
from attrs import evolve

from llmplan.records import CalibratedEfficiency, HardwareProfile, NumberFormat, WholeRunEfficiency
from llmplan_parallelism_roofline.model import Roofline

RUNS = WholeRunEfficiency(median=0.4, low=0.3, high=0.5, runs=20, source="20 runs")
KNOWN = CalibratedEfficiency(
    flops={"fp16": 0.8, "int8": 0.6}, hbm=0.85, scale_up=0.7, scale_out=0.9, training_run=RUNS, source="timings"
)
GPU = HardwareProfile(
    name="calibrated",
    memory_bytes=1e11,
    memory_bytes_per_second=1e12,
    peak_flops={"fp16": 1e14, "int8": 2e14},
    scale_up_bytes_per_second=1e11,
    efficiency=KNOWN,
)
FP16, INT8, FP8 = NumberFormat("fp16", 1e14), NumberFormat("int8", 2e14), NumberFormat("fp8", 2e14)
ROOFLINE = Roofline()


def test_training_takes_what_whole_runs_reached():
    """Training would be priced at what a single GEMM reaches, as if there were no bubbles and no communication."""
    efficiency = ROOFLINE.efficiency(GPU, FP16, "train")
    assert efficiency.flops == 0.4
    assert "20 runs" in efficiency.source
    assert "-20% to +33%" in efficiency.source


@pytest.mark.parametrize(("gemm", "flops"), [(FP16, 0.8), (INT8, 0.6), (FP8, 0.6)])
def test_inference_takes_what_kernels_reach_in_its_format(gemm, flops):
    """INT8 would be priced at the efficiency of 16 bits; a format without timings at better than any that has them."""
    efficiency = ROOFLINE.efficiency(GPU, gemm, "infer")
    assert (efficiency.flops, efficiency.hbm, efficiency.scale_up, efficiency.scale_out) == (flops, 0.85, 0.7, 0.9)


@pytest.mark.parametrize(("phase", "flops"), [("train", 0.5), ("infer", 0.7)])
def test_a_gpu_without_calibration_says_so(phase, flops):
    """A third party's GPU would be refused, or priced at a made-up efficiency in silence."""
    efficiency = ROOFLINE.efficiency(evolve(GPU, efficiency=None), FP16, phase)
    assert (efficiency.flops, efficiency.hbm) == (flops, 0.9)
    assert "no calibration" in efficiency.source


def test_a_gpu_without_training_runs_says_so():
    """A GPU with timed kernels but no published run would train at kernel efficiency."""
    efficiency = ROOFLINE.efficiency(evolve(GPU, efficiency=evolve(KNOWN, training_run=None)), FP16, "train")
    assert efficiency.flops == pytest.approx(0.54 * 0.8)
    assert efficiency.scale_up == 0.7
    assert "no run on this one is known" in efficiency.source
