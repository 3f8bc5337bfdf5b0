"""What timed kernels and links reach: GEMMs, HBM, NVLink, PCIe.

- GEMMs: 16 bits is plain bf16, fp8 is the per-tensor kernel (not the block-scaled one), int8 is SmoothQuant W8A8, fp4
  is NVFP4; weight-only kernels (W8A16, W4A16) multiply in 16 bits and are left out. The fp8 and fp4 timings include the
  quantisation of the activations. One framework (TensorRT-LLM) timed them all, so no shape is counted twice.
- HBM: 16-bit GEMMs only, since a quantisation kernel would count as slow memory. Points above the peak are L2 hits.
- Links: NCCL only, not the engines' own kernels, and all-reduce only: with NVLS the switch adds up, so an H100 reaches
  0.99 where all-gather, reduce-scatter and all-to-all reach 0.70 to 0.75. An H200 comes to 1.02 of the ring's bound;
  that is capped at 1. GPUs without an NVSwitch take the figure of two GPUs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import TypeAlias

from attrs import frozen

from llmplan.records import CalibratedEfficiency, WholeRunEfficiency

Row: TypeAlias = Mapping[str, str]
LARGE = 4096
"""The least m, n and k of a GEMM that shows what the tensor cores reach."""
WEIGHT_BOUND_ROWS, WEIGHT_BOUND_BYTES = 8, 256e6
"""The most rows, and the least bytes of weights, of a GEMM that shows what the memory reaches."""
LARGE_MESSAGE_BYTES = 256e6
PCIE_GPUS = 2
"""Without peer-to-peer the bandwidth of a larger group falls to a sixth of PCIe and less."""
KERNELS = {"bf16": "bfloat16", "int8": "sq", "fp8": "fp8", "fp4": "nvfp4"}
"""The dtype column of eff_gemm.csv that stands for a number format."""


@frozen
class Network:
    """What leaves the domain: the fraction of the line rate that a network card delivers, and where it was seen."""

    fraction: float
    source: str


HDR = Network(0.85, "4 HDR NICs that deliver 85 of 100 GB/s (nccl-tests #119)")
NDR = Network(0.94, "an NDR NIC that delivers 46 to 48 of 50 GB/s (nccl-tests #290)")


@frozen(eq=False)
class Timed:
    """An accelerator with timings of its own, and the printed peaks that they are fractions of."""

    profile: str
    chip: str
    timings: str
    """Its name in the files."""
    tflops: Mapping[str, float]
    """Dense, by number format with timings."""
    hbm_gb_s: float
    link_gb_s: float
    """One direction of all NVLinks, or of PCIe."""
    network: Network | None
    """None where what leaves the domain crosses PCIe."""
    family: str | None
    """Whose training runs stand for its own."""


TIMED = (
    Timed("a100-sxm-80gb", "A100", "a100_sxm", {"bf16": 312, "int8": 624}, 2039, 300, HDR, "A100"),
    Timed("h100-sxm-80gb", "H100", "h100_sxm", {"bf16": 989.4, "fp8": 1978.9}, 3350, 450, NDR, "H100"),
    Timed("h200-sxm-141gb", "H200", "h200_sxm", {"bf16": 989.4, "fp8": 1978.9}, 4800, 450, NDR, "H100"),
    Timed("b200-sxm", "B200", "b200_sxm", {"bf16": 2250, "fp8": 4500, "fp4": 9000}, 8000, 900, NDR, "B200"),
    Timed("l40s", "L40S", "l40s", {"bf16": 362, "fp8": 733}, 864, 32, None, None),
)


@frozen
class Timings:
    """What an accelerator reaches, as fractions of its peaks."""

    gemms: Mapping[str, Sequence[float]]
    """By number format, of each large GEMM."""
    hbm: Sequence[float]
    """Of each weight-bound GEMM."""
    all_reduce: Mapping[int, float]
    """The best, by group of n GPUs."""


def _sizes(row: Row) -> tuple[int, int, int]:
    return int(row["m"]), int(row["n"]), int(row["k"])


def flops_fraction(row: Row, peak_tflops: float) -> float:
    """2 m n k FLOPs / (latency x dense peak)."""
    m, n, k = _sizes(row)
    return 2.0 * m * n * k / (float(row["latency_us"]) * 1e-6 * peak_tflops * 1e12)


def hbm_fraction(row: Row, peak_gb_s: float) -> float:
    """2 (nk + mk + mn) bytes, weights, input and output in 16 bits / (latency x printed bandwidth)."""
    m, n, k = _sizes(row)
    return 2.0 * (n * k + m * k + m * n) / (float(row["latency_us"]) * 1e-6 * peak_gb_s * 1e9)


def large_gemms(rows: Iterable[Row], device: Timed, number_format: str) -> list[float]:
    """Fractions of the peak FLOP/s: m, n, k >= 4096."""
    return [
        flops_fraction(row, device.tflops[number_format])
        for row in rows
        if (row["accelerator"], row["dtype"]) == (device.timings, KERNELS[number_format]) and min(_sizes(row)) >= LARGE
    ]


def weight_bound_gemms(rows: Iterable[Row], device: Timed) -> list[float]:
    """Fractions of the HBM bandwidth: m <= 8 and more than 256 MB of 16-bit weights; above 1 it was the cache."""
    fractions = []
    for row in rows:
        m, n, k = _sizes(row)
        streams = m <= WEIGHT_BOUND_ROWS and 2 * n * k > WEIGHT_BOUND_BYTES
        if streams and (row["accelerator"], row["dtype"]) == (device.timings, KERNELS["bf16"]):
            fractions.append(hbm_fraction(row, device.hbm_gb_s))
    return [fraction for fraction in fractions if fraction <= 1]


def all_reduce_fractions(rows: Iterable[Row], device: Timed) -> dict[int, float]:
    """By group of n GPUs: best NCCL bus bandwidth, 2 (n - 1) / n x message / latency, over the link's one direction.

    Messages of 256 MB and more; at most 1.
    """
    fractions: dict[int, float] = {}
    for row in rows:
        nccl = row["op"] == "all_reduce" and row["implementation"].startswith("nccl")
        if nccl and row["accelerator"] == device.timings and int(row["message_bytes"]) >= LARGE_MESSAGE_BYTES:
            gpus, fraction = int(row["n_gpus"]), min(1.0, float(row["busbw_gb_s"]) / device.link_gb_s)
            fractions[gpus] = max(fraction, fractions.get(gpus, 0.0))
    return fractions


def timings(device: Timed, gemms: Sequence[Row], collectives: Iterable[Row]) -> Timings:
    """Those of the rows that count for an accelerator."""
    return Timings(
        gemms={name: large_gemms(gemms, device, name) for name in device.tflops},
        hbm=weight_bound_gemms(gemms, device),
        all_reduce=all_reduce_fractions(collectives, device),
    )


def efficiency(device: Timed, timed: Timings, runs: Mapping[str, WholeRunEfficiency]) -> CalibratedEfficiency:
    """Medians over the GEMMs, the all-reduce of the largest group behind a switch, else of two GPUs."""
    group = max(timed.all_reduce) if device.network else PCIE_GPUS
    network = device.network or Network(timed.all_reduce[PCIE_GPUS], "no NIC timed: what leaves the GPU crosses PCIe")
    large = " and ".join(f"{len(fractions)} in {name}" for name, fractions in timed.gemms.items())
    return CalibratedEfficiency(
        flops={name: round(median(fractions), 3) for name, fractions in timed.gemms.items()},
        hbm=round(median(timed.hbm), 3),
        scale_up=round(timed.all_reduce[group], 3),
        scale_out=round(network.fraction, 3),
        training_run=runs[device.family] if device.family else None,
        source=(
            f"{device.chip} operator timings (aiconfigurator): large GEMMs, {large}; {len(timed.hbm)} weight-bound "
            f"GEMMs; NCCL all-reduce of {group} GPUs; {network.source}"
        ),
    )


def table(device: Timed, timed: Timings, reached: CalibratedEfficiency) -> list[str]:
    """What stands behind the numbers of an accelerator, as lines."""
    all_reduces = ", ".join(f"of {gpus} {fraction:.3f}" for gpus, fraction in timed.all_reduce.items())
    return [
        f"{device.profile}: {reached.source}",
        f"  flops {dict(reached.flops)}",
        f"  hbm {reached.hbm}, scale-up {reached.scale_up}, scale-out {reached.scale_out}",
        f"  all-reduce {all_reduces}",
    ]
