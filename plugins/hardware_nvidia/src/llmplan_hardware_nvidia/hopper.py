"""H100, H200, H800, H20 and GH200: FP8, and no INT4 any more."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import HardwareProfile
from llmplan.units import GBIT, GIB, GIGA, MIB, TERA
from llmplan_hardware_nvidia.sources import BRIDGED_PAIR, UNCHECKED, cite

_H100 = "NVIDIA H100 datasheet, 2023"
_H200 = "NVIDIA H200 datasheet, 2024"
_H200_L2 = "PyTorch reports 60 MB on an H200"
_GH200 = "NVIDIA GH200 datasheet, 2024"
_WHITEPAPER = "NVIDIA H100 Tensor Core GPU Architecture whitepaper, 2022"
_MEMORY_80 = "nvidia-smi total: 81,559 MiB"
_OTHER_SERVER = "one 400 Gb/s port a GPU, as in DGX H100; other servers differ"
_BRIDGE_ONLY = "NVLink speed only between bridged cards; others are reached over PCIe"

_SXM_PEAKS = {
    "fp32": 67 * TERA,
    "tf32": 494.7 * TERA,
    "fp16": 989 * TERA,
    "bf16": 989 * TERA,
    "fp8": 1979 * TERA,
    "int8": 1979 * TERA,
}


def _cite_sxm(datasheet: str, **others: str) -> dict[str, str]:
    """Sources of the full chip; the datasheets print sparse rates alone, and NVIDIA rounds half of 1,979 to 989."""
    sixteen_bit = f"{datasheet}, half of the sparse 1,979, printed as 989 (whitepaper: 989.4)"
    eight_bit = f"{datasheet}, half of the sparse 3,958 (whitepaper: 1978.9)"
    rates = {"tf32": _WHITEPAPER, "fp16": sixteen_bit, "bf16": sixteen_bit, "fp8": eight_bit, "int8": eight_bit}
    return cite(datasheet, _WHITEPAPER, _SXM_PEAKS, **rates | others)


H100_SXM_80 = HardwareProfile(
    name="h100-sxm-80gb",
    vendor="NVIDIA",
    architecture="hopper",
    memory_bytes=79.65 * GIB,
    memory_bytes_per_second=3350 * GIGA,
    peak_flops=_SXM_PEAKS,
    scale_up_link="NVLink4",
    scale_up_bytes_per_second=450 * GIGA,
    scale_up_domain=8,
    scale_out_bytes_per_second=400 * GBIT,
    host_bytes_per_second=64 * GIGA,
    tdp_watts=700,
    l2_bytes=50 * MIB,
    sm_count=132,
    launch_year=2022,
    sources=_cite_sxm(
        _H100,
        memory_bytes=_MEMORY_80,
        scale_up_domain="DGX H100: eight GPUs behind NVSwitch",
        scale_out_bytes_per_second="DGX H100: one 400 Gb/s port a GPU",
    ),
    confidence="high",
    note="the datasheet's 1,979 FP16 and 3,958 FP8 are sparse; no INT4 tensor cores",
)

H200_SXM_141 = evolve(
    H100_SXM_80,
    name="h200-sxm-141gb",
    memory_bytes=140.4 * GIB,
    memory_bytes_per_second=4800 * GIGA,
    launch_year=2024,
    sources=_cite_sxm(
        _H200,
        memory_bytes="nvidia-smi total: 143,771 MiB",
        l2_bytes=f"{_WHITEPAPER}, for the H100; {_H200_L2}",
        scale_up_domain="DGX H200: eight GPUs behind NVSwitch",
        scale_out_bytes_per_second="DGX H200: one 400 Gb/s port a GPU",
    ),
    note="an H100 with more and faster memory; 1,979 FP16 and 3,958 FP8 are sparse",
)

_H100_HBM2E = "torchtitan, benchmarks/llama3_h100_202412_torchtitan.md: 96 GB HBM2e at 2.4 TB/s, 500 W, 400 Gb/s a GPU"

H100_SXM_96_500W = evolve(
    H100_SXM_80,
    name="h100-sxm-96gb-500w",
    memory_bytes=95.58 * GIB,
    memory_bytes_per_second=2400 * GIGA,
    tdp_watts=500,
    launch_year=2023,
    sources={
        **H100_SXM_80.sources,
        "memory_bytes": "nvidia-smi total of other 96 GB modules of this generation: 97,871 MiB",
        **dict.fromkeys(("memory_bytes_per_second", "tdp_watts", "scale_out_bytes_per_second"), _H100_HBM2E),
        "scale_up_domain": "Grand Teton: eight GPUs fully connected with NVLink, as torchtitan says",
        "launch_year": UNCHECKED,
    },
    confidence="medium",
    note="peaks as printed for the H100 SXM: the limit of 500 W keeps the clock below what they assume",
)

_H800_LINK = "NVIDIA H800: NVLink cut to 400 GB/s in both directions; medium confidence"

H800_SXM_80 = evolve(
    H100_SXM_80,
    name="h800-sxm-80gb",
    scale_up_bytes_per_second=200 * GIGA,
    launch_year=2023,
    sources={**H100_SXM_80.sources, "scale_up_bytes_per_second": _H800_LINK},
    confidence="medium",
    note="an H100 with less NVLink (and FP64), for export; the other numbers are the H100's",
)

_H20 = "tables of third parties; NVIDIA publishes no H20 datasheet"
_H20_PEAKS = {
    "fp32": 44 * TERA,
    "tf32": 74 * TERA,
    "fp16": 148 * TERA,
    "bf16": 148 * TERA,
    "fp8": 296 * TERA,
    "int8": 296 * TERA,
}

H20_96 = evolve(
    H100_SXM_80,
    name="h20-96gb",
    memory_bytes=95.58 * GIB,
    memory_bytes_per_second=4000 * GIGA,
    peak_flops=_H20_PEAKS,
    tdp_watts=500,
    l2_bytes=60 * MIB,
    sm_count=78,
    launch_year=2024,
    sources=cite(
        _H20,
        _H20,
        _H20_PEAKS,
        memory_bytes="nvidia-smi total: 97,871 MiB",
        scale_up_domain="eight GPUs behind NVSwitch, as in HGX H100",
        scale_out_bytes_per_second=_OTHER_SERVER,
        tdp_watts="nvidia-smi cap: 500 W; tables of third parties say 400",
    ),
    confidence="medium",
    note="tensor rate cut to 15 % of an H100, memory not; a 141 GB variant exists",
)

_PCIE_PEAKS = {
    "fp32": 51.2 * TERA,
    "tf32": 378 * TERA,
    "fp16": 756 * TERA,
    "bf16": 756 * TERA,
    "fp8": 1513 * TERA,
    "int8": 1513 * TERA,
}
_HALVED = f"{_H100}, half of the sparse rate"
_TENSOR = ("tf32", "fp16", "bf16", "fp8", "int8")

H100_PCIE_80 = evolve(
    H100_SXM_80,
    name="h100-pcie-80gb",
    memory_bytes_per_second=2000 * GIGA,
    peak_flops=_PCIE_PEAKS,
    scale_up_link="NVLink4 bridge",
    scale_up_bytes_per_second=300 * GIGA,
    scale_up_domain=2,
    tdp_watts=350,
    sm_count=114,
    sources=cite(
        _H100,
        _WHITEPAPER,
        _PCIE_PEAKS,
        **dict.fromkeys(_TENSOR, _HALVED),
        memory_bytes=_MEMORY_80,
        memory_bytes_per_second=f"{_H100}; some revisions print 2,039",
        scale_up_domain=BRIDGED_PAIR,
        scale_out_bytes_per_second=_OTHER_SERVER,
    ),
    note=_BRIDGE_ONLY,
)
H800_PCIE_80 = evolve(
    H100_PCIE_80,
    name="h800-pcie-80gb",
    scale_up_bytes_per_second=200 * GIGA,
    scale_out_bytes_per_second=None,
    launch_year=2023,
    sources=cite(
        _H100,
        _WHITEPAPER,
        _PCIE_PEAKS,
        **dict.fromkeys(_TENSOR, _HALVED),
        memory_bytes=_MEMORY_80,
        scale_up_bytes_per_second=_H800_LINK,
        scale_up_domain=BRIDGED_PAIR,
    ),
    confidence="medium",
    note=f"an H100 with less NVLink, for export; {_BRIDGE_ONLY}",
)

# Halves of 835, 1,671 and 3,341, the sparse rates of one card.
_NVL_PEAKS = {
    "fp32": 60 * TERA,
    "tf32": 417.5 * TERA,
    "fp16": 835.5 * TERA,
    "bf16": 835.5 * TERA,
    "fp8": 1670.5 * TERA,
    "int8": 1670.5 * TERA,
}

H100_NVL_94 = evolve(
    H100_PCIE_80,
    name="h100-nvl-94gb",
    memory_bytes=93.58 * GIB,
    memory_bytes_per_second=3938 * GIGA,
    peak_flops=_NVL_PEAKS,
    tdp_watts=400,
    l2_bytes=60 * MIB,
    sm_count=132,
    launch_year=2023,
    sources={
        **H100_PCIE_80.sources,
        "memory_bytes": "nvidia-smi total: 95,830 MiB",
        "memory_bytes_per_second": _H100,
        "tdp_watts": f"{_H100}: 350 to 400 W, configurable",
        "l2_bytes": UNCHECKED,
        "sm_count": UNCHECKED,
    },
    note=f"one card; early sheets print the pair, twice these rates. {_BRIDGE_ONLY}",
)
H200_NVL_141 = evolve(
    H100_NVL_94,
    name="h200-nvl-141gb",
    memory_bytes=140.4 * GIB,
    memory_bytes_per_second=4800 * GIGA,
    scale_up_bytes_per_second=450 * GIGA,
    scale_up_domain=4,
    tdp_watts=600,
    l2_bytes=50 * MIB,
    launch_year=2024,
    sources={
        **cite(_H200, UNCHECKED, _NVL_PEAKS, **dict.fromkeys(_TENSOR, f"{_H200}, half of the sparse rate")),
        "memory_bytes": "nvidia-smi total: 143,771 MiB",
        "scale_up_domain": f"{_H200}: NVLink bridges join two or four cards",
        "l2_bytes": f"{UNCHECKED}; {_H200_L2}",
        "scale_out_bytes_per_second": _OTHER_SERVER,
    },
    note=_BRIDGE_ONLY,
)

GH200_96 = evolve(
    H100_SXM_80,
    name="gh200-96gb",
    memory_bytes=95.58 * GIB,
    memory_bytes_per_second=4000 * GIGA,
    scale_up_domain=1,
    tdp_watts=1000,
    l2_bytes=60 * MIB,
    launch_year=2023,
    sources=_cite_sxm(
        _GH200,
        memory_bytes="nvidia-smi total: 97,871 MiB",
        scale_up_domain="stand-alone; 2 in NVL2, 32 in NVL32",
        scale_out_bytes_per_second=_OTHER_SERVER,
        tdp_watts=f"{_GH200}: 450 to 1000 W for CPU, GPU and memory together",
        l2_bytes=UNCHECKED,
    ),
    confidence="medium",
    note="the link to the Grace CPU is NVLink-C2C at 450 GB/s; the host link here is PCIe",
)
GH200_144 = evolve(
    GH200_96,
    name="gh200-144gb",
    memory_bytes=144 * GIGA,
    memory_bytes_per_second=4900 * GIGA,
    scale_up_domain=2,
    launch_year=2024,
    sources={
        **GH200_96.sources,
        "memory_bytes": f"{_GH200}: 144 GB, taken as decimal because no driver total is known",
        "scale_up_domain": f"{_GH200}: two in NVL2",
    },
)

PROFILES = (
    *(H100_PCIE_80, H100_SXM_80, H100_SXM_96_500W, H100_NVL_94, H800_SXM_80, H800_PCIE_80, H20_96),
    *(H200_SXM_141, H200_NVL_141, GH200_96, GH200_144),
)
"""The Hopper generation."""
