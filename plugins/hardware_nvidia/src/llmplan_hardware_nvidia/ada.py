"""L4, L40, L40S, RTX 6000 Ada and RTX 4090: FP8 on cards without NVLink."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import HardwareProfile
from llmplan.units import GIB, GIGA, MIB, TERA
from llmplan_hardware_nvidia.sources import NO_NVLINK, cite

_WHITEPAPER = "NVIDIA Ada GPU Architecture whitepaper v2.1, 2023"
_INT4 = "sources conflict on whether Ada still multiplies in INT4"

_L40_PEAKS = {
    "fp32": 90.5 * TERA,
    "tf32": 90.5 * TERA,
    "fp16": 181 * TERA,
    "bf16": 181 * TERA,
    "fp8": 362 * TERA,
    "int8": 362 * TERA,
    "int4": 724 * TERA,
}

L40 = HardwareProfile(
    name="l40",
    vendor="NVIDIA",
    architecture="ada",
    memory_bytes=44.99 * GIB,
    memory_bytes_per_second=864 * GIGA,
    peak_flops=_L40_PEAKS,
    scale_up_link="PCIe4",
    scale_up_bytes_per_second=32 * GIGA,
    host_bytes_per_second=32 * GIGA,
    tdp_watts=300,
    l2_bytes=96 * MIB,
    sm_count=142,
    launch_year=2022,
    sources=cite(
        "NVIDIA L40 datasheet, 2022",
        _WHITEPAPER,
        _L40_PEAKS,
        int4=f"NVIDIA L40 datasheet, 2022; {_INT4}",
        memory_bytes="nvidia-smi total: 46,068 MiB with ECC on",
        scale_up_domain=NO_NVLINK,
    ),
    confidence="high",
    note=_INT4,
)

_L40S_PEAKS = {
    "fp32": 91.6 * TERA,
    "tf32": 183 * TERA,
    "fp16": 362 * TERA,
    "bf16": 362 * TERA,
    "fp8": 733 * TERA,
    "int8": 733 * TERA,
    "int4": 733 * TERA,
}

L40S = evolve(
    L40,
    name="l40s",
    peak_flops=_L40S_PEAKS,
    tdp_watts=350,
    launch_year=2023,
    sources=cite(
        "NVIDIA L40S datasheet, 2023",
        _WHITEPAPER,
        _L40S_PEAKS,
        int4="NVIDIA L40S datasheet, 2023: the INT8 figure again; other tables double it to 1466",
        memory_bytes="nvidia-smi total: 46,068 MiB with ECC on",
        scale_up_domain=NO_NVLINK,
    ),
    note="the datasheet prints INT4 no faster than INT8",
)

_RTX_6000_PEAKS = {
    "fp32": 91.1 * TERA,
    "tf32": 182.1 * TERA,
    "fp16": 364.2 * TERA,
    "bf16": 364.2 * TERA,
    "fp8": 728.5 * TERA,
    "int8": 728.5 * TERA,
    "int4": 1457 * TERA,
}

RTX_6000_ADA = evolve(
    L40,
    name="rtx-6000-ada",
    memory_bytes=47.99 * GIB,
    memory_bytes_per_second=960 * GIGA,
    peak_flops=_RTX_6000_PEAKS,
    sources=cite(
        "NVIDIA RTX 6000 Ada Generation datasheet, 2022",
        _WHITEPAPER,
        _RTX_6000_PEAKS,
        **dict.fromkeys(("tf32", "fp16", "bf16", "fp8", "int8"), _WHITEPAPER),
        int4=f"{_WHITEPAPER}; {_INT4}",
        memory_bytes="nvidia-smi total: 49,140 MiB with ECC off; ECC takes some 6 %",
        scale_up_domain=NO_NVLINK,
    ),
    note=f"the 1,457 of the datasheet's front page is sparse FP8; {_INT4}",
)

_RTX_4090_PEAKS = {
    "fp32": 82.6 * TERA,
    "tf32": 82.6 * TERA,
    "fp16": 165.2 * TERA,
    "bf16": 165.2 * TERA,
    "fp8": 330.3 * TERA,
    "int8": 660.6 * TERA,
    "int4": 1321.2 * TERA,
}

RTX_4090 = evolve(
    L40,
    name="rtx-4090",
    memory_bytes=23.99 * GIB,
    memory_bytes_per_second=1008 * GIGA,
    peak_flops=_RTX_4090_PEAKS,
    tdp_watts=450,
    l2_bytes=72 * MIB,
    sm_count=128,
    sources=cite(
        _WHITEPAPER,
        _WHITEPAPER,
        _RTX_4090_PEAKS,
        int4=f"{_WHITEPAPER}; {_INT4}",
        memory_bytes="nvidia-smi total: 24,564 MiB",
        scale_up_domain=NO_NVLINK,
    ),
    note=f"FP16 and FP8 accumulated in FP32, at half the rate of FP16 accumulation; {_INT4}",
)

_L4_PEAKS = {
    "fp32": 30.3 * TERA,
    "tf32": 60.5 * TERA,
    "fp16": 121 * TERA,
    "bf16": 121 * TERA,
    "fp8": 242.5 * TERA,
    "int8": 242.5 * TERA,
    "int4": 485 * TERA,
}
_L4_HALVED = "NVIDIA L4 datasheet, 2023, half of the sparse rate"

L4 = evolve(
    L40,
    name="l4",
    memory_bytes=22.49 * GIB,
    memory_bytes_per_second=300 * GIGA,
    peak_flops=_L4_PEAKS,
    tdp_watts=72,
    l2_bytes=48 * MIB,
    sm_count=58,
    launch_year=2023,
    sources=cite(
        "NVIDIA L4 datasheet, 2023",
        _WHITEPAPER,
        _L4_PEAKS,
        **dict.fromkeys(("tf32", "fp16", "bf16", "fp8", "int8"), _L4_HALVED),
        int4=f"{_WHITEPAPER}; {_INT4}",
        memory_bytes="nvidia-smi total: 23,034 MiB with ECC on",
        scale_up_domain=NO_NVLINK,
    ),
    note=f"the datasheet's headline figures (242 FP16, 485 FP8) are sparse; {_INT4}",
)

PROFILES = (L4, L40, L40S, RTX_6000_ADA, RTX_4090)
"""The Ada generation."""
