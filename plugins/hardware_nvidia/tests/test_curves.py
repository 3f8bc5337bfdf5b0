"""The curves against timings that they were fitted to, and whose they are where there were none."""

from __future__ import annotations

import math
import re

import pytest

from llmplan.units import GIGA, TERA
from llmplan_hardware_nvidia.curves import CURVES
from llmplan_hardware_nvidia.measured_kernels import MEASURED_KERNELS
from llmplan_hardware_nvidia.profiles import PROFILES
from llmplan_hardware_nvidia.stand_ins import FORMATS, RELATIVES

BY_NAME = {profile.name: profile for profile in PROFILES}
NAMES = sorted(BY_NAME)
OPERATIONS = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all"}
POWER_LIMITED = "h100-sxm-96gb-500w"


def gemm_seconds(name, number_format, m, n, k):
    """Of a compute-bound GEMM."""
    curve = CURVES[name].gemm[number_format]
    tile = (m * n) ** 0.5
    reached = curve.plateau * tile / (tile + curve.half_tile)
    reached = reached * m / (m + curve.half_m) * n / (n + curve.half_n) * k / (k + curve.half_k)
    return curve.launch_seconds + 2 * m * n * k / (BY_NAME[name].peak_flops[number_format] * reached)


def attention_fraction(curve, tokens, head_dim):
    return curve.plateau * tokens / (tokens + curve.half_tokens) * head_dim / (head_dim + curve.half_head_dim)


def collective_seconds(name, operation, gpus, message_bytes):
    curve, link = CURVES[name].collectives[operation], BY_NAME[name].scale_up_bytes_per_second
    moved = (2 if operation == "all_reduce" else 1) * (gpus - 1) / gpus * message_bytes
    bandwidth = link * curve.plateau * gpus / (gpus + curve.half_ranks)
    latency = curve.launch_seconds + (gpus - 1) * curve.step_seconds
    return latency + (moved + math.sqrt(moved * curve.half_bytes)) / bandwidth


def test_every_accelerator_has_either_timings_or_a_relative():
    """If it fails, an accelerator has no curves, or curves by a name that no accelerator has."""
    assert set(MEASURED_KERNELS) | set(RELATIVES) == set(NAMES)
    assert not set(MEASURED_KERNELS) & set(RELATIVES)
    assert set(MEASURED_KERNELS) == set(FORMATS)


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_has_curves_of_all_that_it_can_do(name):
    """If it fails, a plan on this GPU asks for a kernel that has no curve."""
    curves = BY_NAME[name].kernels
    assert curves is CURVES[name]
    assert set(BY_NAME[name].peak_flops) <= set(curves.gemm)
    assert set(curves.attention) == {"flash-2", "flash-3"}
    assert set(curves.collectives) == OPERATIONS
    assert curves.source.strip()


@pytest.mark.parametrize(
    ("name", "number_format", "sizes", "microseconds", "fraction"),
    [  # as eff_gemm.csv has them; the fraction is of the dense peak
        ("a100-sxm-80gb", "bf16", (8192, 8192, 8192), 4188.5, 0.841),
        ("a100-sxm-80gb", "bf16", (4096, 4096, 12_288), 1549.6, 0.853),
        ("a100-sxm-80gb", "int8", (8192, 8192, 8192), 1951.7, 0.903),
        ("h100-sxm-80gb", "bf16", (8192, 8192, 8192), 1404.8, 0.791),
        ("h100-sxm-80gb", "bf16", (2048, 8192, 1024), 51.1, 0.680),
        ("h100-sxm-80gb", "fp8", (8192, 8192, 8192), 884.9, 0.628),
        ("h200-sxm-141gb", "fp8", (8192, 8192, 8192), 884.2, 0.628),
        ("b200-sxm", "bf16", (8192, 8192, 8192), 737.2, 0.663),
        ("b200-sxm", "fp8", (8192, 8192, 8192), 470.9, 0.519),
        ("b200-sxm", "fp4", (8192, 8192, 8192), 284.6, 0.429),
        ("l40s", "bf16", (8192, 8192, 8192), 4938.6, 0.615),
    ],
)
def test_gemms_take_what_they_were_timed_at(name, number_format, sizes, microseconds, fraction):
    """If it fails, the large GEMMs of a layer take another time than on the GPU: the curve misses them by 4 to 9 %."""
    m, n, k = sizes
    peak = BY_NAME[name].peak_flops[number_format]
    assert 2 * m * n * k / (microseconds * 1e-6 * peak) == pytest.approx(fraction, rel=2e-3)
    assert gemm_seconds(name, number_format, m, n, k) == pytest.approx(microseconds * 1e-6, rel=0.1)


@pytest.mark.parametrize(
    ("name", "generation", "tokens", "head_dim", "fraction"),
    [  # as eff_flash_attention.csv and, for the B200, eff_attention_prefill.csv (batch 4, 32 heads of 128) have them
        ("h100-sxm-80gb", "flash-2", 4096, 128, 0.322),
        ("h100-sxm-80gb", "flash-2", 16_384, 64, 0.302),
        ("h100-sxm-80gb", "flash-3", 4096, 128, 0.585),
        ("h100-sxm-80gb", "flash-3", 512, 128, 0.295),
        ("h200-sxm-141gb", "flash-3", 4096, 128, 0.585),
        ("b200-sxm", "flash-3", 4096, 128, 0.378),
        ("b200-sxm", "flash-3", 8192, 128, 0.418),
    ],
)
def test_attention_forward_reaches_what_was_timed(name, generation, tokens, head_dim, fraction):
    """If it fails, attention takes another time than on the GPU: the curves miss it by 1 to 6 %."""
    curve = CURVES[name].attention[generation].forward
    assert attention_fraction(curve, tokens, head_dim) == pytest.approx(fraction, rel=0.12)


@pytest.mark.parametrize(
    ("name", "tokens", "head_dim", "fraction"),
    [  # as eff_flash_attention.csv has them
        ("a100-sxm-80gb", 2048, 128, 0.497),
        ("a100-sxm-80gb", 4096, 128, 0.554),
        ("a100-sxm-80gb", 4096, 64, 0.5),
        ("h100-sxm-80gb", 4096, 128, 0.297),
        ("h100-sxm-80gb", 8192, 64, 0.276),
    ],
)
def test_both_passes_of_attention_reach_what_was_timed(name, tokens, head_dim, fraction):
    """If it fails, the split into passes lost time, or made it up: 3.5 / (1 / forward + 2.5 / backward)."""
    kernel = CURVES[name].attention["flash-2"]
    forward, backward = (attention_fraction(of, tokens, head_dim) for of in (kernel.forward, kernel.backward))
    assert 3.5 / (1 / forward + 2.5 / backward) == pytest.approx(fraction, rel=0.06)


@pytest.mark.parametrize("name", MEASURED_KERNELS)
def test_the_backward_pass_is_no_faster_than_the_forward_pass(name):
    """If it fails, an assumption about a backward pass that nobody timed outran the pass that somebody did."""
    for kernel in CURVES[name].attention.values():
        for tokens in (512, 4096, 32_768):
            for head_dim in (64, 128, 256):
                ahead = attention_fraction(kernel.forward, tokens, head_dim)
                assert attention_fraction(kernel.backward, tokens, head_dim) <= ahead


@pytest.mark.parametrize(
    ("name", "operation", "gpus", "megabytes", "microseconds", "bus_gb_s"),
    [  # as eff_collectives.csv has them, a megabyte being 2^20 bytes
        ("a100-sxm-80gb", "all_reduce", 8, 128, 1169.1, 200.9),
        ("a100-sxm-80gb", "all_gather", 8, 128, 660.3, 177.9),
        ("a100-sxm-80gb", "reduce_scatter", 4, 128, 538.7, 186.9),
        ("a100-sxm-80gb", "all_to_all", 8, 128, 640.5, 183.4),
        ("h100-sxm-80gb", "all_reduce", 8, 16, 121.9, 240.8),
        ("h100-sxm-80gb", "all_gather", 8, 128, 392.8, 299.0),
        ("h100-sxm-80gb", "reduce_scatter", 8, 128, 382.2, 307.3),
        ("h100-sxm-80gb", "all_to_all", 4, 128, 364.8, 276.0),
        ("b200-sxm", "all_gather", 8, 128, 206.8, 568.0),
        ("b200-sxm", "reduce_scatter", 8, 128, 208.0, 564.5),
    ],
)
def test_collectives_take_what_they_were_timed_at(name, operation, gpus, megabytes, microseconds, bus_gb_s):
    """If it fails, the exchanges of tensor parallelism take another time: the curves miss them by 3 to 10 %."""
    message, passes = megabytes * 2**20, 2 if operation == "all_reduce" else 1
    moved = passes * (gpus - 1) / gpus * message
    assert moved / (microseconds * 1e-6) == pytest.approx(bus_gb_s * GIGA, rel=2e-3)
    assert collective_seconds(name, operation, gpus, message) == pytest.approx(microseconds * 1e-6, rel=0.12)


@pytest.mark.parametrize("name", MEASURED_KERNELS)
def test_what_is_measured_names_its_timings(name):
    """If it fails, a report does not say which measurements stand behind its times, or which assumptions."""
    source = CURVES[name].source
    assert source.startswith(MEASURED_KERNELS[name].source)
    assert f"{name.split('-')[0].upper()} operator timings (aiconfigurator)" in source
    assert "; attention: " in source
    assert "; GEMMs in fp16, tf32, fp32 as bf16; " in source


@pytest.mark.parametrize("name", sorted(RELATIVES))
def test_a_relative_names_whose_curves_it_takes(name):
    """If it fails, a report passes another GPU's timings off as this one's."""
    curves, nearest = CURVES[name], CURVES[RELATIVES[name].nearest]
    assert curves.source.startswith(f"no timings of its own: those of {RELATIVES[name].nearest}")
    assert nearest.source.split("; GEMMs in training keep ")[0] in curves.source
    assert curves.hbm == nearest.hbm
    over_pcie = "collectives as among l40s over PCIe" in curves.source
    assert curves.collectives == (CURVES["l40s"] if over_pcie else nearest).collectives
    without_nic = "network as between two l40s over PCIe" in curves.source
    assert curves.network is (CURVES["l40s"] if without_nic else nearest).network
    assert (curves.gemm is nearest.gemm) == (name != POWER_LIMITED)


def test_what_formats_without_timings_take():
    """If it fails, INT8 on Hopper is priced as 16 bits, or 16 bits as FP8."""
    for name, fmt, timed in [
        *(("h100-sxm-80gb", "int8", "fp8"), ("b200-sxm", "int8", "fp8"), ("l40s", "int4", "fp8")),
        *(("a100-sxm-80gb", "int4", "int8"), ("a100-sxm-80gb", "fp16", "bf16"), ("t4", "fp32", "bf16")),
    ]:
        assert CURVES[name].gemm[fmt] is CURVES[name].gemm[timed]


def test_generations_of_attention_that_an_accelerator_has_no_kernels_of():
    """If it fails, FlashAttention-3 runs on an A100, or FlashAttention-2 at more FLOP/s on a B200 than on an H100."""
    for name in ("a100-sxm-80gb", "l40s"):
        assert CURVES[name].attention["flash-3"] is CURVES[name].attention["flash-2"]
    hopper, blackwell = (
        CURVES[name].attention["flash-2"].forward.plateau * BY_NAME[name].peak_flops["bf16"]
        for name in ("h100-sxm-80gb", "b200-sxm")
    )
    assert blackwell == pytest.approx(hopper, rel=2e-3)


def test_networks():
    """If it fails, a network card delivers more than was seen, or a step between nodes costs nothing."""
    plateaus = {name: CURVES[name].network.plateau for name in MEASURED_KERNELS}
    assert plateaus == {
        "a100-sxm-80gb": 0.85,
        "h100-sxm-80gb": 0.94,
        "h200-sxm-141gb": 0.94,
        "b200-sxm": 0.94,
        "l40s": 0.628,
    }
    assert {CURVES[name].network.step_seconds for name in NAMES} == {9.95e-6}  # 19.9 us, two steps


def test_memory_bandwidth_of_kernels():
    """If it fails, kernels that only move data are priced at the printed bandwidth."""
    reached = {name: CURVES[name].hbm * BY_NAME[name].memory_bytes_per_second / GIGA for name in MEASURED_KERNELS}
    assert reached == pytest.approx(
        {"a100-sxm-80gb": 1680, "h100-sxm-80gb": 2872, "h200-sxm-141gb": 4346, "b200-sxm": 6432, "l40s": 749}, rel=1e-3
    )


def test_the_power_limited_h100():
    """If it fails, an H100 of 500 W computes at the clock of one of 700 W, or its links slow down as well."""
    limited, full = BY_NAME[POWER_LIMITED], BY_NAME["h100-sxm-80gb"]
    assert limited.memory_bytes_per_second == 2400 * GIGA
    assert limited.scale_out_bytes_per_second == 50 * GIGA
    assert limited.peak_flops["bf16"] == 989 * TERA
    assert (limited.tdp_watts, full.tdp_watts) == (500, 700)
    assert "500 W" in limited.note
    clock = (500 / 700) ** (1 / 3)
    for fmt, curve in full.kernels.gemm.items():
        assert limited.kernels.gemm[fmt].plateau == pytest.approx(clock * curve.plateau)
        assert limited.kernels.gemm[fmt].half_n == curve.half_n
    for generation, kernel in full.kernels.attention.items():
        for direction in ("forward", "backward"):
            slowed, printed = (getattr(of, direction) for of in (limited.kernels.attention[generation], kernel))
            assert slowed.plateau == pytest.approx(clock * printed.plateau)
    assert limited.kernels.collectives is full.kernels.collectives
    assert re.search(r"times 0\.894, assuming that power grows with the clock's cube", limited.kernels.source)
