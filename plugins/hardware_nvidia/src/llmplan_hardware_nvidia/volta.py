"""V100: FP16 tensor cores and nothing narrower."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import HardwareProfile
from llmplan.units import GBIT, GIB, GIGA, MIB, TERA
from llmplan_hardware_nvidia.sources import cite

_DATASHEET = "NVIDIA V100 datasheet, 2020"
_WHITEPAPER = "NVIDIA Tesla V100 GPU Architecture whitepaper, 2017"
_MEMORY_16 = "nvidia-smi total: 16,160 MiB"
_MEMORY_32 = "nvidia-smi total: 32,510 MiB"

_NOTE = "no BF16, no TF32, no INT8 tensor cores (INT8 only as DP4A on the vector units, 4 x the FP32 rate)"
_SXM2_PEAKS = {"fp32": 15.7 * TERA, "fp16": 125 * TERA}

V100_SXM2_16 = HardwareProfile(
    name="v100-sxm2-16gb",
    vendor="NVIDIA",
    architecture="volta",
    memory_bytes=15.78 * GIB,
    memory_bytes_per_second=900 * GIGA,
    peak_flops=_SXM2_PEAKS,
    scale_up_link="NVLink2",
    scale_up_bytes_per_second=150 * GIGA,
    scale_up_domain=8,
    scale_out_bytes_per_second=50 * GBIT,
    host_bytes_per_second=16 * GIGA,
    tdp_watts=300,
    l2_bytes=6 * MIB,
    sm_count=80,
    launch_year=2017,
    sources=cite(
        _DATASHEET,
        _WHITEPAPER,
        _SXM2_PEAKS,
        memory_bytes=_MEMORY_16,
        scale_up_domain="DGX-1: eight GPUs in a hybrid cube mesh",
        scale_out_bytes_per_second="DGX-1: four 100 Gb/s ports for eight GPUs",
    ),
    confidence="high",
    note=f"{_NOTE}; DGX-1 is a hybrid cube mesh, not all-to-all",
)
V100_SXM2_32 = evolve(
    V100_SXM2_16,
    name="v100-sxm2-32gb",
    memory_bytes=31.75 * GIB,
    launch_year=2018,
    sources={**V100_SXM2_16.sources, "memory_bytes": _MEMORY_32},
)

_PCIE_PEAKS = {"fp32": 14 * TERA, "fp16": 112 * TERA}

V100_PCIE_16 = evolve(
    V100_SXM2_16,
    name="v100-pcie-16gb",
    peak_flops=_PCIE_PEAKS,
    scale_up_link="PCIe3",
    scale_up_bytes_per_second=16 * GIGA,
    scale_out_bytes_per_second=None,
    tdp_watts=250,
    sources=cite(
        _DATASHEET,
        _WHITEPAPER,
        _PCIE_PEAKS,
        memory_bytes=_MEMORY_16,
        scale_up_domain="servers of up to eight cards on PCIe",
    ),
    note=_NOTE,
)
V100_PCIE_32 = evolve(
    V100_PCIE_16,
    name="v100-pcie-32gb",
    memory_bytes=31.75 * GIB,
    launch_year=2018,
    sources={**V100_PCIE_16.sources, "memory_bytes": _MEMORY_32},
)

PROFILES = (V100_PCIE_16, V100_PCIE_32, V100_SXM2_16, V100_SXM2_32)
"""The Volta generation."""
