"""The profiles against what datasheets print, and against what no GPU can do."""

from __future__ import annotations

import pytest
from attrs import fields_dict

from llmplan import registry
from llmplan.records import HardwareProfile
from llmplan.records.hardware import LINKS
from llmplan.testing import check_plugin
from llmplan.units import GBIT, GIB, GIGA, TERA
from llmplan_hardware_nvidia import plugin

PROFILES = [profile for _, by, profile in registry().gpus.entries() if by == "llmplan-hardware-nvidia"]
BY_NAME = {profile.name: profile for profile in PROFILES}
NAMES = sorted(BY_NAME)

# FLOPs that the FP16 tensor cores of one SM do in a clock, FP32 accumulated, dense; from the whitepapers.
FP16_FLOPS_PER_SM_AND_CLOCK = {
    "volta": 1024,
    "turing": 1024,
    "ampere": 1024,
    "ada": 1024,
    "hopper": 4096,
    "blackwell": 8192,
    "blackwell-ultra": 8192,
    "blackwell-geforce": 1024,
}
GA100 = {name for name in NAMES if name.startswith(("a100", "a800", "a30"))}
HALF_RATE_WITH_FP32_ACCUMULATION = {"a10g", "l40", "rtx-3090", "rtx-4090", "rtx-5090"}


def generation(*architectures: str) -> list[HardwareProfile]:
    """The profiles of these architectures."""
    return [profile for profile in PROFILES if profile.architecture in architectures]


def numbers_of(profile: HardwareProfile) -> set[str]:
    """Every number that a profile sets, named as `sources` names it."""
    names = [*fields_dict(HardwareProfile), *LINKS]
    plain = {name for name in names if isinstance(getattr(profile, name), (int, float))}
    return plain | {f"peak_flops.{name}" for name in profile.peak_flops}


def test_every_file_keeps_the_contract():
    """If it fails, a file cannot be read, or a number of it is implausible or without a source."""
    check_plugin(plugin)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_a_source_and_every_source_a_number(name):
    """If it fails, a number cannot be traced, or a source speaks of a number that is not there."""
    profile = BY_NAME[name]
    assert set(profile.sources) == numbers_of(profile)
    assert all(source.strip() for source in profile.sources.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_says_what_it_is(name):
    """If it fails, a listing shows a GPU without vendor, link or confidence."""
    profile = BY_NAME[name]
    assert profile.vendor == "NVIDIA"
    assert profile.scale_up_link
    assert profile.confidence in {"high", "medium", "low"}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"h20-96gb"}))
def test_fp16_peaks_are_dense(name):
    """If it fails, the clock that the peak implies is none that the GPU runs at: the peak is sparse or not tensor."""
    profile = BY_NAME[name]
    per_clock = 2048 if name in GA100 else FP16_FLOPS_PER_SM_AND_CLOCK.get(profile.architecture)
    if per_clock is None:  # of an architecture that came later
        return
    if name in HALF_RATE_WITH_FP32_ACCUMULATION:
        per_clock /= 2
    clock = profile.peak_flops["fp16"] / (profile.sm_count * per_clock)
    assert 1.3 * GIGA < clock < 2.6 * GIGA


@pytest.mark.parametrize("name", NAMES)
def test_a_narrower_format_is_as_much_faster_as_it_is_narrower(name):
    """If it fails, one format of the GPU is sparse, or another GPU's, while the others are dense and its own."""
    peaks = dict.fromkeys(("tf32", "fp16", "bf16", "fp8", "fp4", "int8", "int4"), None) | BY_NAME[name].peak_flops
    ratios = {("tf32", "fp16"): 2, ("fp16", "bf16"): 1, ("fp16", "fp8"): 2, ("fp8", "int8"): 1}
    ratios |= {("fp16", "int8"): 2, ("int8", "int4"): 2, ("fp8", "fp4"): 2}
    if name in {"rtx-3090", "rtx-4090", "rtx-5090"}:  # integers and FP4 do not pay for FP32 accumulation
        ratios |= {("fp8", "int8"): 2, ("fp16", "int8"): 4, ("fp8", "fp4"): 4}
    if BY_NAME[name].architecture == "blackwell-ultra":  # INT8 units taken out, FP4 units put in
        ratios |= {("fp8", "fp4"): 3, ("fp8", "int8"): 0.034, ("fp16", "int8"): 0.067}
    if name == "l40s":  # as its datasheet prints
        ratios |= {("int8", "int4"): 1}
    for (wide, narrow), ratio in ratios.items():
        if peaks[wide] and peaks[narrow]:
            assert peaks[narrow] / peaks[wide] == pytest.approx(ratio, rel=0.03), (wide, narrow)


def test_formats_are_those_of_the_generation():
    """If it fails, a plan multiplies in a format that the GPU has no tensor cores for."""
    absent = {
        ("volta",): {"tf32", "bf16", "int8", "int4", "fp8", "fp4"},
        ("turing",): {"tf32", "bf16", "fp8", "fp4"},
        ("ampere",): {"fp8", "fp4"},
        ("ada",): {"fp4"},
        ("hopper",): {"int4", "fp4"},
        ("blackwell", "blackwell-ultra", "blackwell-geforce"): {"int4"},
    }
    for architectures, formats in absent.items():
        for profile in generation(*architectures):
            assert not formats & set(profile.peak_flops), profile.name


def test_formats_that_the_generation_brought_are_there():
    """If it fails, a plan takes a wider format than the GPU needs."""
    present = {
        ("turing", "ampere", "ada"): {"int8", "int4"},
        ("ada", "hopper"): {"fp8", "bf16", "tf32"},
        ("blackwell", "blackwell-ultra", "blackwell-geforce"): {"fp8", "fp4"},
    }
    for architectures, formats in present.items():
        for profile in generation(*architectures):
            assert formats <= set(profile.peak_flops), profile.name


@pytest.mark.parametrize(
    ("name", "gigabytes"), [("v100-sxm2-32gb", 150), ("a100-sxm-80gb", 300), ("h100-sxm-80gb", 450), ("b200-sxm", 900)]
)
def test_nvlink_is_of_one_direction(name, gigabytes):
    """If it fails, NVLink has the sum of both directions that NVIDIA prints, twice what a collective can use."""
    assert BY_NAME[name].scale_up_bytes_per_second == gigabytes * GIGA
    assert BY_NAME[name].scale_up_domain == 8


def test_the_network_is_in_bytes():
    """If it fails, Gbit/s were read as GB/s, an optimism of eight."""
    assert BY_NAME["a100-sxm-80gb"].scale_out_bytes_per_second == 25e9
    assert BY_NAME["h100-sxm-80gb"].scale_out_bytes_per_second == 50e9
    assert BY_NAME["v100-sxm2-16gb"].scale_out_bytes_per_second == 6.25e9
    for profile in PROFILES:
        assert profile.scale_out_bytes_per_second is None or profile.scale_out_bytes_per_second <= 800 * GBIT


def test_bridged_cards_pair_up():
    """If it fails, PCIe cards get NVLink among more cards than a bridge can join."""
    bridged = [profile for profile in PROFILES if profile.scale_up_link.endswith("bridge")]
    assert bridged
    assert {profile.scale_up_domain for profile in bridged if profile.name != "h200-nvl-141gb"} == {2}
    assert BY_NAME["a100-pcie-80gb"].scale_up_bytes_per_second == 300 * GIGA
    assert BY_NAME["a100-pcie-80gb"].host_bytes_per_second == 32 * GIGA


def test_memory_is_what_the_driver_reports():
    """If it fails, printed gigabytes were taken as decimal, 7 % too few, or as GiB where ECC takes its share."""
    assert BY_NAME["a100-sxm-80gb"].memory_bytes == 85_899_345_920
    assert BY_NAME["h100-sxm-80gb"].memory_bytes == pytest.approx(81_559 * 2**20, rel=1e-4)
    assert BY_NAME["l40s"].memory_bytes == pytest.approx(46_068 * 2**20, rel=1e-3)


def test_memory_is_decimal_where_no_driver_total_is_known():
    """If it fails, a plan counts on memory that nobody has seen."""
    assert BY_NAME["gh200-144gb"].memory_bytes == 144e9
    assert BY_NAME["b100-192gb"].memory_bytes == 192e9
    for name in ("gh200-144gb", "b100-192gb"):
        assert "decimal" in BY_NAME[name].sources["memory_bytes"]


def test_peaks_of_the_published_tables():
    """If it fails, the published LLaMA tables come out wrong: they were computed with these figures."""
    a100, h100 = BY_NAME["a100-sxm-80gb"], BY_NAME["h100-sxm-80gb"]
    assert a100.memory_bytes_per_second == 2039 * GIGA
    assert [a100.peak_flops[name] / TERA for name in ("fp32", "tf32", "fp16", "bf16", "int8", "int4")] == [
        *(19.5, 156, 312, 312, 624, 1248)
    ]
    assert h100.memory_bytes_per_second == 3350 * GIGA
    assert [h100.peak_flops[name] / TERA for name in ("fp16", "bf16", "fp8", "int8")] == [989, 989, 1979, 1979]


@pytest.mark.parametrize("name", ["h200-sxm-141gb", "h800-sxm-80gb", "gh200-96gb", "gh200-144gb"])
def test_hopper_modules_share_the_peaks_of_the_h100(name):
    """If it fails, the same chip computes at another rate under another name."""
    assert BY_NAME[name].peak_flops == BY_NAME["h100-sxm-80gb"].peak_flops


@pytest.mark.parametrize(
    ("name", "peaks", "gigabytes_per_second", "gib", "watts"),
    [
        ("v100-pcie-16gb", {"fp32": 14, "fp16": 112}, 900, 15.78, 250),
        ("v100-sxm2-32gb", {"fp32": 15.7, "fp16": 125}, 900, 31.75, 300),
        ("t4", {"fp16": 65, "int8": 130, "int4": 260}, 320, 15, 70),
        ("a10", {"fp16": 125, "int8": 250, "int4": 500}, 600, 22.49, 150),
        ("a30", {"fp16": 165, "int8": 330, "int4": 661}, 933, 24, 165),
        ("a40", {"fp16": 149.7, "int8": 299.3}, 696, 44.99, 300),
        ("a100-pcie-40gb", {"fp16": 312, "int4": 1248}, 1555, 40, 250),
        ("a100-pcie-80gb", {"fp16": 312, "int8": 624}, 1935, 80, 300),
        ("l4", {"bf16": 121, "fp8": 242.5}, 300, 22.49, 72),
        ("l40s", {"bf16": 362, "fp8": 733, "int4": 733}, 864, 44.99, 350),
        ("rtx-4090", {"fp16": 165.2, "int8": 660.6}, 1008, 23.99, 450),
        ("h100-pcie-80gb", {"bf16": 756, "fp8": 1513}, 2000, 79.65, 350),
        ("h100-nvl-94gb", {"bf16": 835.5, "fp8": 1670.5}, 3938, 93.58, 400),
        ("h200-sxm-141gb", {"bf16": 989, "fp8": 1979}, 4800, 140.4, 700),
        ("b200-sxm", {"bf16": 2250, "fp8": 4500, "fp4": 9000}, 8000, 179.06, 1000),
        ("gb300", {"bf16": 2500, "fp4": 15_000, "int8": 165}, 8000, 277.55, 1400),
    ],
)
def test_figures_of_the_datasheets(name, peaks, gigabytes_per_second, gib, watts):
    """If it fails, a figure is not what the datasheet, or for memory the driver, says."""
    profile = BY_NAME[name]
    assert {key: profile.peak_flops[key] / TERA for key in peaks} == pytest.approx(peaks)
    assert profile.memory_bytes_per_second == gigabytes_per_second * GIGA
    assert profile.memory_bytes == gib * GIB
    assert profile.tdp_watts == watts
