"""B100, B200, B300, GB200, GB300 and the RTX cards: FP4, and no INT4."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import HardwareProfile
from llmplan.units import GBIT, GIB, GIGA, MIB, TERA
from llmplan_hardware_nvidia.sources import NO_NVLINK, UNCHECKED, cite

_BRIEF = "NVIDIA Blackwell architecture technical brief, 2024"
_B200 = "NVIDIA HGX B200 datasheet, 2025"

_HALVED = ("tf32", "fp16", "bf16", "fp8")
"""Rates that the datasheets of this generation print sparse alone."""

_B200_PEAKS = {
    "fp32": 75 * TERA,
    "tf32": 1125 * TERA,
    "fp16": 2250 * TERA,
    "bf16": 2250 * TERA,
    "fp8": 4500 * TERA,
    "fp4": 9000 * TERA,
    "int8": 4500 * TERA,
}

B200_SXM = HardwareProfile(
    name="b200-sxm",
    vendor="NVIDIA",
    architecture="blackwell",
    memory_bytes=179.06 * GIB,
    memory_bytes_per_second=8000 * GIGA,
    peak_flops=_B200_PEAKS,
    scale_up_link="NVLink5",
    scale_up_bytes_per_second=900 * GIGA,
    scale_up_domain=8,
    scale_out_bytes_per_second=400 * GBIT,
    host_bytes_per_second=64 * GIGA,
    tdp_watts=1000,
    l2_bytes=126 * MIB,
    sm_count=148,
    launch_year=2024,
    sources=cite(
        _B200,
        UNCHECKED,
        _B200_PEAKS,
        **dict.fromkeys((*_HALVED, "fp4", "int8"), f"{_B200}, half of the sparse rate"),
        fp32=f"{_B200}: 600 for eight GPUs; the first brief says 80 for one",
        memory_bytes="nvidia-smi total: 183,359 MiB; printed as 180, first announced as 192 GB",
        memory_bytes_per_second=f"{_B200}; other revisions print 7.7 TB/s",
        scale_up_domain="DGX B200: eight GPUs behind NVSwitch",
        scale_out_bytes_per_second="DGX B200: one 400 Gb/s port a GPU",
    ),
    confidence="high",
    note="the 18 PFLOPS of the headlines are sparse FP4; no INT4 tensor cores",
)

_B100_PEAKS = {
    "fp32": 60 * TERA,
    "tf32": 875 * TERA,
    "fp16": 1750 * TERA,
    "bf16": 1750 * TERA,
    "fp8": 3500 * TERA,
    "fp4": 7000 * TERA,
    "int8": 3500 * TERA,
}

B100 = evolve(
    B200_SXM,
    name="b100-192gb",
    memory_bytes=192 * GIGA,
    peak_flops=_B100_PEAKS,
    tdp_watts=700,
    sources=cite(
        f"{_BRIEF}; low confidence",
        "assumed to be the B200's",
        _B100_PEAKS,
        memory_bytes=f"{_BRIEF}: 192 GB, taken as decimal because no driver total is known",
        scale_up_domain="HGX B100: eight GPUs behind NVSwitch",
        scale_out_bytes_per_second="one 400 Gb/s port a GPU, as in DGX B200",
    ),
    confidence="low",
    note="announced, hardly shipped; the brief rounds its rates",
)

_C2C = "the host link is PCIe; the Grace CPU is reached over NVLink-C2C, which is faster"
_GB200 = "NVIDIA GB200 NVL72 datasheet, 2024"
_GB200_PEAKS = {
    "fp32": 80 * TERA,
    "tf32": 1250 * TERA,
    "fp16": 2500 * TERA,
    "bf16": 2500 * TERA,
    "fp8": 5000 * TERA,
    "fp4": 10_000 * TERA,
    "int8": 5000 * TERA,
}

GB200 = evolve(
    B200_SXM,
    name="gb200",
    memory_bytes=185.03 * GIB,
    peak_flops=_GB200_PEAKS,
    scale_up_domain=72,
    tdp_watts=1200,
    sm_count=152,
    sources=cite(
        _GB200,
        UNCHECKED,
        _GB200_PEAKS,
        **dict.fromkeys((*_HALVED, "fp4", "int8"), f"{_GB200}, half of the sparse rate, per GPU"),
        memory_bytes="nvidia-smi total: 189,471 MiB; printed as 186, first announced as 192 GB",
        scale_up_domain=f"{_GB200}: 72 GPUs",
        scale_out_bytes_per_second="NVL72 reference rack: one 400 Gb/s port a GPU; some tables say 800",
    ),
    note=f"one GPU of the NVL72, not the superchip of two; {_C2C}",
)

_B300 = "NVIDIA HGX B300 datasheet, 2025"
_B300_PEAKS = {
    "fp32": 75 * TERA,
    "tf32": 1125 * TERA,
    "fp16": 2250 * TERA,
    "bf16": 2250 * TERA,
    "fp8": 4500 * TERA,
    "fp4": 13_500 * TERA,
    "int8": 153.5 * TERA,
}

B300_SXM = evolve(
    B200_SXM,
    name="b300-sxm",
    architecture="blackwell-ultra",
    memory_bytes=268.59 * GIB,
    peak_flops=_B300_PEAKS,
    scale_out_bytes_per_second=800 * GBIT,
    host_bytes_per_second=128 * GIGA,
    tdp_watts=1100,
    launch_year=2025,
    sources=cite(
        _B300,
        UNCHECKED,
        _B300_PEAKS,
        **dict.fromkeys(_HALVED, f"{_B300}, half of the sparse rate"),
        fp4=f"{_B300}: 108 PFLOPS for eight GPUs; others say 13.1, 14 or 15 for one",
        int8=f"{_B300}: half of the sparse 307; tables copied from the B200 say 4500",
        memory_bytes="nvidia-smi total: 275,040 MiB; printed as 288 GB",
        scale_up_domain="DGX B300: eight GPUs behind NVSwitch",
        scale_out_bytes_per_second="DGX B300: one 800 Gb/s port a GPU",
        tdp_watts="aiconfigurator's table; other tables say 1400 W",
    ),
    confidence="medium",
    note="INT8 cut to 3 % of a B200's: use FP8 or FP4",
)

_GB300 = "NVIDIA GB300 NVL72 datasheet, 2025"
_GB300_PEAKS = {
    "fp32": 80 * TERA,
    "tf32": 1250 * TERA,
    "fp16": 2500 * TERA,
    "bf16": 2500 * TERA,
    "fp8": 5000 * TERA,
    "fp4": 15_000 * TERA,
    "int8": 165 * TERA,
}

GB300 = evolve(
    B300_SXM,
    name="gb300",
    memory_bytes=277.55 * GIB,
    peak_flops=_GB300_PEAKS,
    scale_up_domain=72,
    tdp_watts=1400,
    sm_count=152,
    sources=cite(
        _GB300,
        UNCHECKED,
        _GB300_PEAKS,
        **dict.fromkeys(_HALVED, f"{_GB300}, half of the sparse rate, per GPU"),
        fp4=f"{_GB300}: 1.1 EFLOPS dense for 72 GPUs; the 20 PFLOPS of the headlines are sparse",
        memory_bytes="nvidia-smi total: 284,208 MiB; printed as 288 GB",
        scale_up_domain=f"{_GB300}: 72 GPUs",
        scale_out_bytes_per_second=f"{_GB300}: one 800 Gb/s port a GPU",
        tdp_watts="nvidia-smi cap: 1400 W",
    ),
    note=f"one GPU of the NVL72; INT8 cut to 3 % of a GB200's: use FP8 or FP4; {_C2C}",
)

_RTX = "NVIDIA RTX Blackwell GPU Architecture whitepaper, 2025"
_RTX_5090_PEAKS = {
    "fp32": 104.8 * TERA,
    "tf32": 104.8 * TERA,
    "fp16": 209.5 * TERA,
    "bf16": 209.5 * TERA,
    "fp8": 419 * TERA,
    "fp4": 1676 * TERA,
    "int8": 838 * TERA,
}

RTX_5090 = HardwareProfile(
    name="rtx-5090",
    vendor="NVIDIA",
    architecture="blackwell-geforce",
    memory_bytes=31.84 * GIB,
    memory_bytes_per_second=1792 * GIGA,
    peak_flops=_RTX_5090_PEAKS,
    scale_up_link="PCIe5",
    scale_up_bytes_per_second=64 * GIGA,
    host_bytes_per_second=64 * GIGA,
    tdp_watts=575,
    l2_bytes=96 * MIB,
    sm_count=170,
    launch_year=2025,
    sources=cite(_RTX, _RTX, _RTX_5090_PEAKS, memory_bytes="nvidia-smi total: 32,607 MiB", scale_up_domain=NO_NVLINK),
    confidence="medium",
    note="FP16 and FP8 accumulated in FP32, at half the rate of FP16 accumulation; 3,352 AI TOPS are sparse FP4",
)

_PRO_6000 = "NVIDIA RTX PRO 6000 Blackwell Server Edition, product page, 2025"
_PRO_6000_PEAKS = {
    "fp32": 120 * TERA,
    "fp16": 467.8 * TERA,
    "bf16": 467.8 * TERA,
    "fp8": 935.6 * TERA,
    "fp4": 1871.2 * TERA,
    "int8": 935.6 * TERA,
}

RTX_PRO_6000_SERVER = evolve(
    RTX_5090,
    name="rtx-pro-6000-blackwell-server",
    memory_bytes=95.59 * GIB,
    memory_bytes_per_second=1597 * GIGA,
    peak_flops=_PRO_6000_PEAKS,
    tdp_watts=600,
    l2_bytes=128 * MIB,
    sm_count=188,
    sources=cite(
        _PRO_6000,
        UNCHECKED,
        _PRO_6000_PEAKS,
        **dict.fromkeys(_PRO_6000_PEAKS, "aiconfigurator's table, scaled to 2430 MHz; low confidence"),
        memory_bytes="nvidia-smi total: 97,887 MiB",
        memory_bytes_per_second=f"{_PRO_6000}; aiconfigurator has 1,792, the workstation card's",
        scale_up_domain=NO_NVLINK,
    ),
    confidence="low",
    note="peaks of one third-party table; TF32 is not published",
)

PROFILES = (B100, B200_SXM, GB200, B300_SXM, GB300, RTX_5090, RTX_PRO_6000_SERVER)
"""The Blackwell generation."""
