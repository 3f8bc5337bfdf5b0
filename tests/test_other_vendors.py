"""Accelerators that are not NVIDIA's: priced by the same cost models, in words of their own."""

import re

import pytest
from attrs import evolve

from llmplan import infer, registry, train
from llmplan.records import HardwareProfile
from llmplan.records.cluster import two_levels
from llmplan_report.terminal.formats import to_text
from llmplan_validation import validate

VENDORS = {"AMD": "torchtitan-rocm", "Google": "maxtext", "Intel": "optimum-habana", "Apple": None}
CHIPS = [one for _, _, one in registry().gpus.entries() if one.vendor in VENDORS]
ENGINES = {"AMD": "vllm-rocm", "Google": "jetstream", "Intel": "optimum-habana", "Apple": "mlx"}
THEIRS = re.compile("cuda|nvidia|nvlink|nccl|h100|a100|megatron-core", re.IGNORECASE)
PLAIN = HardwareProfile(
    name="unknown-chip",
    memory_bytes=9e10,
    memory_bytes_per_second=2e12,
    peak_flops={"bf16": 5e14},
    cluster=two_levels(3e11, 8, beyond=5e10),
)


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_a_report_has_no_word_of_another_vendor(chip):
    """A reader would ask what CUDA graphs do on a TPU, or which H100 stands behind the price of a Mac."""
    served = infer(model="llama-3.1-8b", gpu=chip.name, batch=1, tp=1, pp=1, dp=1)
    assert served.plan.engine.name == ENGINES[chip.vendor]
    assert not THEIRS.findall(to_text(served).decode())
    if chip.vendor != "Apple":
        run = train(model="llama-7b", gpu=chip.name, gpus=8, tp=1, pp=1, cp=1, zero=3, micro_batch=1, recompute="full")
        assert run.plan.framework.name == VENDORS[chip.vendor]
        assert not THEIRS.findall(to_text(run).decode())


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_no_chip_reaches_its_peaks(chip):
    """What nobody timed would be taken to be perfect."""
    curves = chip.kernels
    plateaus = [one.plateau for one in (*curves.gemm.values(), *curves.collectives.values(), curves.network)]
    assert max(*plateaus, curves.hbm) < 1
    assert all(kernel.forward.plateau < 1 and kernel.backward.plateau < 1 for kernel in curves.attention.values())


def test_what_nobody_calibrated_is_pessimistic_and_says_so():
    """A chip without timings would be the fastest of all, or look as certain as one with them."""
    known = registry().gpus["h100-sxm-80gb"]
    options = {"model": "llama-7b", "gpus": 8, "tp": 8, "pp": 1, "cp": 1, "micro_batch": 1, "recompute": "none"}
    unknown = evolve(known, name="unknown-chip", kernels=None, efficiency=None, architecture="new")
    for cost_model in ("megatron", "roofline"):
        guessed = train(**options, gpu=unknown, cost_model=cost_model)
        assert (
            guessed.iteration_seconds >= train(**options, gpu="h100-sxm-80gb", cost_model=cost_model).iteration_seconds
        )
        loud = [line for line in guessed.plan.warnings if "UNKNOWN-CHIP IS NOT CALIBRATED" in line]
        assert len(loud) == 1
    calibrated, guessed = (train(**options, gpu=gpu).time_spread for gpu in ("h100-sxm-80gb", unknown))
    assert guessed.high > calibrated.high
    assert guessed.low < calibrated.low
    assert train(**options, gpu=PLAIN).plan.efficiency.scale_up < 1


def test_stated_efficiencies_hold_for_what_nobody_calibrated():
    """A user's own numbers would be lost behind those of other accelerators."""
    options = {
        "model": "llama-7b",
        "gpu": PLAIN,
        "gpus": 8,
        "tp": 1,
        "pp": 1,
        "micro_batch": 1,
        "cost_model": "roofline",
    }
    slow, fast = (train(**options, flops_efficiency=reached).iteration_seconds for reached in (0.2, 0.4))
    assert slow == pytest.approx(2 * fast)


@pytest.mark.parametrize("source", ["torchao-training", "TPU-recipes"])
def test_published_runs_are_met(source, tmp_path):
    """Curves of operators alone would not add up to what MaxText on TPUs and torchtitan on MI300X were measured at."""
    published = registry().validation_sets["training-unfitted"]
    lines = published.table.read_text(encoding="utf-8").splitlines()
    theirs = [line for line in lines if f",{source}," in line and ("MI300X" in line or "TPU-v" in line)]
    table = tmp_path / "theirs.csv"
    table.write_text("\n".join([lines[0], *theirs]), encoding="utf-8")
    found = [one for one in validate(published, table).checked if one.row.metric == "tokens_per_s_per_gpu"]
    errors = [abs(one.predicted / one.row.measured - 1) for one in found]
    assert len(errors) >= 3
    assert sum(errors) / len(errors) < 0.15
