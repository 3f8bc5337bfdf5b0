"""The curves against timings that they were fitted to, and whose they are where there were none."""

from __future__ import annotations

import re

import pytest
from attrs import asdict

from llmplan import registry
from llmplan.units import GIGA, TERA

PROFILES = [profile for _, by, profile in registry().gpus.entries() if by == "llmplan-hardware-nvidia"]
BY_NAME = {profile.name: profile for profile in PROFILES}
NAMES = sorted(BY_NAME)
CURVES = {name: profile.kernels for name, profile in BY_NAME.items()}
TIMED = ("a100-sxm-80gb", "h100-sxm-80gb", "h200-sxm-141gb", "b200-sxm", "l40s")
OPERATIONS = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all"}
POWER_LIMITED = "h100-sxm-96gb-500w"


def gemm_seconds(name, number_format, m, n, k):
    """Of a compute-bound GEMM."""
    curve, peak = CURVES[name].gemm[number_format], BY_NAME[name].peak_flops[number_format]
    return curve.launch_seconds + curve.computing_seconds(m, n, k, 1, peak)


def attention_fraction(curve, tokens, head_dim):
    return curve.flops_per_second(tokens, head_dim, 1.0)


def collective_seconds(name, operation, gpus, message_bytes):
    volume = (2 if operation == "all_reduce" else 1) * message_bytes
    return CURVES[name].collectives[operation].seconds(volume, gpus, BY_NAME[name].scale_up_bytes_per_second)


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_has_curves_of_all_that_it_can_do(name):
    """If it fails, a plan on this GPU asks for a kernel that has no curve."""
    curves = CURVES[name]
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


@pytest.mark.parametrize("name", TIMED)
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


@pytest.mark.parametrize("name", TIMED)
def test_what_is_measured_names_its_timings(name):
    """If it fails, a report does not say which measurements stand behind its times, or which assumptions."""
    source = CURVES[name].source
    assert source.startswith(f"{name.split('-')[0].upper()} operator timings (aiconfigurator): GEMMs, ")
    assert "; attention: " in source
    assert "; GEMMs in fp16, tf32, fp32 as bf16; " in source


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(TIMED)))
def test_a_relative_names_whose_curves_it_takes(name):
    """If it fails, a report passes another GPU's timings off as this one's, or one's network for another's."""
    curves, source = CURVES[name], CURVES[name].source
    nearest = next(other for other in TIMED if f"as {other}: {CURVES[other].source}" in source)
    assert (curves.hbm, curves.launch_seconds) == (CURVES[nearest].hbm, CURVES[nearest].launch_seconds)
    for table in ("collectives", "network"):
        whose = CURVES["l40s" if re.search(rf"{table}(, \w+)* as l40s", source) else nearest]
        assert alike(getattr(curves, table), getattr(whose, table))
    assert alike(curves.gemm, CURVES[nearest].gemm) == (name != POWER_LIMITED)


def alike(curve, other):
    """Whether two curves, or tables of them, are the same."""
    if isinstance(curve, dict):
        return {key: asdict(of) for key, of in curve.items()} == {key: asdict(of) for key, of in other.items()}
    return asdict(curve) == asdict(other)


def test_what_formats_without_timings_take():
    """If it fails, INT8 on Hopper is priced as 16 bits, or 16 bits as FP8."""
    for name, fmt, timed in [
        *(("h100-sxm-80gb", "int8", "fp8"), ("b200-sxm", "int8", "fp8"), ("l40s", "int4", "fp8")),
        *(("a100-sxm-80gb", "int4", "int8"), ("a100-sxm-80gb", "fp16", "bf16"), ("t4", "fp32", "bf16")),
    ]:
        assert alike(CURVES[name].gemm[fmt], CURVES[name].gemm[timed])


def test_generations_of_attention_that_an_accelerator_has_no_kernels_of():
    """If it fails, FlashAttention-3 runs on an A100, or FlashAttention-2 at more FLOP/s on a B200 than on an H100."""
    for name in ("a100-sxm-80gb", "l40s"):
        assert alike(CURVES[name].attention["flash-3"], CURVES[name].attention["flash-2"])
    hopper, blackwell = (
        CURVES[name].attention["flash-2"].forward.plateau * BY_NAME[name].peak_flops["bf16"]
        for name in ("h100-sxm-80gb", "b200-sxm")
    )
    assert blackwell == pytest.approx(hopper, rel=2e-3)


def test_networks():
    """If it fails, a network card delivers more than was seen, or a step between nodes costs nothing."""
    plateaus = {name: CURVES[name].network.plateau for name in TIMED}
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
    reached = {name: CURVES[name].hbm * BY_NAME[name].memory_bytes_per_second / GIGA for name in TIMED}
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
        assert limited.kernels.gemm[fmt].plateau == pytest.approx(clock * curve.plateau, rel=1e-5)
        assert limited.kernels.gemm[fmt].half_n == curve.half_n
    for generation, kernel in full.kernels.attention.items():
        for direction in ("forward", "backward"):
            slowed, printed = (getattr(of, direction) for of in (limited.kernels.attention[generation], kernel))
            assert slowed.plateau == pytest.approx(clock * printed.plateau, rel=1e-5)
    assert alike(limited.kernels.collectives, full.kernels.collectives)
    assert "times 0.894: 500 of 700 W, assuming that power grows with the clock's cube" in limited.kernels.source
