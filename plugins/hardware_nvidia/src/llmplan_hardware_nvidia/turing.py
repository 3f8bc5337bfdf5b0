"""T4: the first INT8 and INT4 tensor cores, for inference."""

from __future__ import annotations

from llmplan.records import HardwareProfile
from llmplan.units import GIB, GIGA, MIB, TERA
from llmplan_hardware_nvidia.sources import NO_NVLINK, cite

_PEAKS = {"fp32": 8.1 * TERA, "fp16": 65 * TERA, "int8": 130 * TERA, "int4": 260 * TERA}

T4 = HardwareProfile(
    name="t4",
    vendor="NVIDIA",
    architecture="turing",
    memory_bytes=15 * GIB,
    memory_bytes_per_second=320 * GIGA,
    peak_flops=_PEAKS,
    scale_up_link="PCIe3",
    scale_up_bytes_per_second=16 * GIGA,
    host_bytes_per_second=16 * GIGA,
    tdp_watts=70,
    l2_bytes=4 * MIB,
    sm_count=40,
    launch_year=2018,
    sources=cite(
        "NVIDIA T4 datasheet, 2019",
        "NVIDIA Turing GPU Architecture whitepaper, 2018",
        _PEAKS,
        memory_bytes="nvidia-smi total: 15,360 MiB with ECC on",
        scale_up_domain=NO_NVLINK,
    ),
    confidence="high",
    note="no BF16, no TF32",
)

PROFILES = (T4,)
"""The Turing generation."""
