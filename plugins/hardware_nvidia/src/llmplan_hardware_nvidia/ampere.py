"""A100, A800, A30 and the GA102 cards: INT8 and INT4 tensor cores, no FP8."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import HardwareProfile
from llmplan.units import GBIT, GIB, GIGA, MIB, TERA
from llmplan_hardware_nvidia.sources import BRIDGED_PAIR, NO_NVLINK, UNCHECKED, cite

_A100_80 = "NVIDIA A100 80GB datasheet, 2021"
_A100_40 = "NVIDIA A100 40GB datasheet, 2020"
_WHITEPAPER = "NVIDIA A100 Tensor Core GPU Architecture whitepaper, 2020"
_MEMORY_80 = "nvidia-smi total: 81,920 MiB"
_MEMORY_40 = "nvidia-smi total: 40,960 MiB"
_PCIE_SERVER = "one 200 Gb/s port a GPU, as in DGX A100; servers with PCIe cards differ"
_BRIDGE_ONLY = "NVLink speed only inside a bridged pair; other cards are reached over PCIe"

_A100_PEAKS = {
    "fp32": 19.5 * TERA,
    "tf32": 156 * TERA,
    "fp16": 312 * TERA,
    "bf16": 312 * TERA,
    "int8": 624 * TERA,
    "int4": 1248 * TERA,
}

A100_SXM_80 = HardwareProfile(
    name="a100-sxm-80gb",
    vendor="NVIDIA",
    architecture="ampere",
    memory_bytes=80 * GIB,
    memory_bytes_per_second=2039 * GIGA,
    peak_flops=_A100_PEAKS,
    scale_up_link="NVLink3",
    scale_up_bytes_per_second=300 * GIGA,
    scale_up_domain=8,
    scale_out_bytes_per_second=200 * GBIT,
    host_bytes_per_second=32 * GIGA,
    tdp_watts=400,
    l2_bytes=40 * MIB,
    sm_count=108,
    launch_year=2020,
    sources=cite(
        _A100_80,
        _WHITEPAPER,
        _A100_PEAKS,
        memory_bytes=_MEMORY_80,
        scale_up_domain="DGX A100: eight GPUs behind NVSwitch",
        scale_out_bytes_per_second="DGX A100: one 200 Gb/s port a GPU",
    ),
    confidence="high",
    note="INT4 tensor cores: 1248 TOPS dense, the 2496 of some tables is sparse",
)
A100_SXM_40 = evolve(
    A100_SXM_80,
    name="a100-sxm-40gb",
    memory_bytes=40 * GIB,
    memory_bytes_per_second=1555 * GIGA,
    sources={**A100_SXM_80.sources, "memory_bytes": _MEMORY_40, "memory_bytes_per_second": _A100_40},
)
A100_PCIE_80 = evolve(
    A100_SXM_80,
    name="a100-pcie-80gb",
    memory_bytes_per_second=1935 * GIGA,
    scale_up_link="NVLink3 bridge",
    scale_up_domain=2,
    tdp_watts=300,
    launch_year=2021,
    sources={**A100_SXM_80.sources, "scale_up_domain": BRIDGED_PAIR, "scale_out_bytes_per_second": _PCIE_SERVER},
    note=_BRIDGE_ONLY,
)
A100_PCIE_40 = evolve(
    A100_PCIE_80,
    name="a100-pcie-40gb",
    memory_bytes=40 * GIB,
    memory_bytes_per_second=1555 * GIGA,
    tdp_watts=250,
    launch_year=2020,
    sources={
        **A100_PCIE_80.sources,
        "memory_bytes": _MEMORY_40,
        "memory_bytes_per_second": _A100_40,
        "tdp_watts": _A100_40,
    },
)

_A800_LINK = "NVIDIA A800 datasheet, 2022: NVLink cut to 400 GB/s in both directions; medium confidence"

A800_SXM_80 = evolve(
    A100_SXM_80,
    name="a800-sxm-80gb",
    scale_up_bytes_per_second=200 * GIGA,
    launch_year=2022,
    sources={**A100_SXM_80.sources, "scale_up_bytes_per_second": _A800_LINK},
    confidence="medium",
    note="an A100 with less NVLink, for export; the other numbers are the A100's",
)
A800_PCIE_80 = evolve(
    A100_PCIE_80,
    name="a800-pcie-80gb",
    scale_up_bytes_per_second=200 * GIGA,
    scale_out_bytes_per_second=None,
    launch_year=2022,
    sources=cite(
        _A100_80,
        _WHITEPAPER,
        _A100_PEAKS,
        memory_bytes=_MEMORY_80,
        scale_up_bytes_per_second=_A800_LINK,
        scale_up_domain=BRIDGED_PAIR,
    ),
    confidence="medium",
    note=f"an A100 with less NVLink, for export; {_BRIDGE_ONLY}",
)

_A30_PEAKS = {
    "fp32": 10.3 * TERA,
    "tf32": 82 * TERA,
    "fp16": 165 * TERA,
    "bf16": 165 * TERA,
    "int8": 330 * TERA,
    "int4": 661 * TERA,
}

A30 = HardwareProfile(
    name="a30",
    vendor="NVIDIA",
    architecture="ampere",
    memory_bytes=24 * GIB,
    memory_bytes_per_second=933 * GIGA,
    peak_flops=_A30_PEAKS,
    scale_up_link="NVLink3 bridge",
    scale_up_bytes_per_second=100 * GIGA,
    scale_up_domain=2,
    scale_out_bytes_per_second=200 * GBIT,
    host_bytes_per_second=32 * GIGA,
    tdp_watts=165,
    l2_bytes=24 * MIB,
    sm_count=56,
    launch_year=2021,
    sources=cite(
        "NVIDIA A30 datasheet, 2021",
        UNCHECKED,
        _A30_PEAKS,
        memory_bytes="nvidia-smi total: 24,576 MiB",
        scale_up_domain=BRIDGED_PAIR,
        scale_out_bytes_per_second=_PCIE_SERVER,
    ),
    confidence="high",
    note=_BRIDGE_ONLY,
)

_GA102 = "NVIDIA Ampere GA102 GPU Architecture whitepaper, 2021"
_ECC_48 = "nvidia-smi total: 46,068 MiB with ECC on"
_A40_PEAKS = {
    "fp32": 37.4 * TERA,
    "tf32": 74.8 * TERA,
    "fp16": 149.7 * TERA,
    "bf16": 149.7 * TERA,
    "int8": 299.3 * TERA,
    "int4": 598.7 * TERA,
}

A40 = HardwareProfile(
    name="a40",
    vendor="NVIDIA",
    architecture="ampere",
    memory_bytes=44.99 * GIB,
    memory_bytes_per_second=696 * GIGA,
    peak_flops=_A40_PEAKS,
    scale_up_link="NVLink3 bridge",
    scale_up_bytes_per_second=56.25 * GIGA,
    scale_up_domain=2,
    host_bytes_per_second=32 * GIGA,
    tdp_watts=300,
    l2_bytes=6 * MIB,
    sm_count=84,
    launch_year=2020,
    sources=cite("NVIDIA A40 datasheet, 2021", _GA102, _A40_PEAKS, memory_bytes=_ECC_48, scale_up_domain=BRIDGED_PAIR),
    confidence="high",
    note=_BRIDGE_ONLY,
)

_A6000_PEAKS = {
    "fp32": 38.7 * TERA,
    "tf32": 77.4 * TERA,
    "fp16": 154.8 * TERA,
    "bf16": 154.8 * TERA,
    "int8": 309.7 * TERA,
    "int4": 619.3 * TERA,
}

RTX_A6000 = evolve(
    A40,
    name="rtx-a6000",
    memory_bytes=47.99 * GIB,
    memory_bytes_per_second=768 * GIGA,
    peak_flops=_A6000_PEAKS,
    sources=cite(
        "NVIDIA RTX A6000 datasheet, 2020",
        _GA102,
        _A6000_PEAKS,
        memory_bytes="nvidia-smi total: 49,140 MiB with ECC off; ECC takes some 6 %",
        scale_up_domain=BRIDGED_PAIR,
    ),
)

_RTX_3090_PEAKS = {
    "fp32": 35.6 * TERA,
    "tf32": 35.6 * TERA,
    "fp16": 71 * TERA,
    "bf16": 71 * TERA,
    "int8": 284 * TERA,
    "int4": 568 * TERA,
}

RTX_3090 = evolve(
    A40,
    name="rtx-3090",
    memory_bytes=24 * GIB,
    memory_bytes_per_second=936 * GIGA,
    peak_flops=_RTX_3090_PEAKS,
    tdp_watts=350,
    sm_count=82,
    sources=cite(
        _GA102,
        _GA102,
        _RTX_3090_PEAKS,
        memory_bytes="nvidia-smi total: 24,576 MiB",
        scale_up_domain=BRIDGED_PAIR,
    ),
    note=f"FP16 accumulated in FP32, at half the rate of FP16 accumulation (142); {_BRIDGE_ONLY}",
)

_ECC_24 = "nvidia-smi total: 23,028 MiB with ECC on"
_A10_PEAKS = {
    "fp32": 31.2 * TERA,
    "tf32": 62.5 * TERA,
    "fp16": 125 * TERA,
    "bf16": 125 * TERA,
    "int8": 250 * TERA,
    "int4": 500 * TERA,
}

A10 = evolve(
    A40,
    name="a10",
    memory_bytes=22.49 * GIB,
    memory_bytes_per_second=600 * GIGA,
    peak_flops=_A10_PEAKS,
    scale_up_link="PCIe4",
    scale_up_bytes_per_second=32 * GIGA,
    scale_up_domain=1,
    tdp_watts=150,
    sm_count=72,
    launch_year=2021,
    sources=cite("NVIDIA A10 datasheet, 2021", UNCHECKED, _A10_PEAKS, memory_bytes=_ECC_24, scale_up_domain=NO_NVLINK),
    note="no NVLink",
)

_A10G_PEAKS = {
    "fp32": 35 * TERA,
    "tf32": 35 * TERA,
    "fp16": 70 * TERA,
    "bf16": 70 * TERA,
    "int8": 140 * TERA,
    "int4": 280 * TERA,
}

A10G = evolve(
    A10,
    name="a10g",
    peak_flops=_A10G_PEAKS,
    scale_up_domain=8,
    tdp_watts=300,
    sm_count=80,
    sources=cite(
        "NVIDIA A10G datasheet, 2021",
        UNCHECKED,
        _A10G_PEAKS,
        int8="NVIDIA A10G datasheet, 2021: 140 dense; the AWS G5 page prints 250, the A10's",
        memory_bytes=_ECC_24,
        scale_up_domain="AWS G5: up to eight GPUs on PCIe",
    ),
    confidence="medium",
    note="the card of AWS G5; not an A10: 56 % of its tensor rate. Some tables give it the A10's numbers",
)

PROFILES = (
    *(A10, A10G, A30, A40, RTX_A6000, RTX_3090),
    *(A100_PCIE_40, A100_PCIE_80, A100_SXM_40, A100_SXM_80, A800_SXM_80, A800_PCIE_80),
)
"""The Ampere generation."""
