"""All curves of an accelerator with timings. Needs numpy and scipy.

A step between nodes is half of what a least all-reduce of two nodes with one GPU each takes, which is 2 (n - 1) steps;
one pair of A100s was timed, and stands for all networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from attrs import frozen

from calibration import collectives, gemms
from calibration.fitting import short
from calibration.kernels import PCIE_GPUS, Row, Timed, all_reduce_fractions
from llmplan.records import AttentionKernel, KernelCurves, NetworkCurve

FIGURES = "FlashAttention's own figures"
ATTENTION_SOURCES = {
    "a100-sxm-80gb": (
        f"attention: {FIGURES}, forward and backward together on an A100, split as on an H100; flash-3, which has no "
        "kernel here, is flash-2"
    ),
    "h100-sxm-80gb": (
        f"attention: {FIGURES} on an H100; flash-3 backward, of which none was timed, assumed to gain what forward "
        "gains over flash-2, at most 1.75"
    ),
    "h200-sxm-141gb": "attention: that of h100-sxm-80gb, the same chip, whose flash-3 backward is assumed",
    "b200-sxm": (
        "attention: flash-3 is TensorRT-LLM's prefill, its backward assumed as far behind as h100-sxm-80gb's; flash-2, "
        "which has no kernel here, at the FLOP/s of an H100"
    ),
    "l40s": "attention: none timed, the fractions of a100-sxm-80gb; flash-3, which has no kernel here, is flash-2",
}
"""By profile."""
STEP_SOURCE = "19.9 us for the least all-reduce of two nodes (nccl-tests #150)"
TINY_BYTES = 1024
SISTERS = {"gb200": "b200-sxm"}
"""Accelerators of which collectives alone were timed, 2 and 4 GPUs: whose curves they take."""


@frozen(eq=False)
class Tables:
    """The rows of the files that curves come from."""

    gemms: Sequence[Row]
    collectives: Sequence[Row]
    figures: Sequence[Row]
    prefill: Sequence[Row]
    nodes: Sequence[Row]


def step_seconds(rows: Iterable[Row]) -> float:
    """Latency of the least all-reduce of n nodes with one GPU each, over 2 (n - 1) steps."""
    steps = [
        float(row["latency_us"]) * 1e-6 / (2 * (int(row["nodes"]) - 1))
        for row in rows
        if row["gpus_per_node"] == "1" and row["message_bytes"].isdigit() and int(row["message_bytes"]) <= TINY_BYTES
    ]
    return short(min(steps))


def network(device: Timed, tables: Tables) -> NetworkCurve:
    """What a NIC delivers; over PCIe what two GPUs reach."""
    over_pcie = all_reduce_fractions(tables.collectives, device)[PCIE_GPUS]
    plateau = device.network.fraction if device.network else over_pcie
    return NetworkCurve(plateau=round(plateau, 3), step_seconds=step_seconds(tables.nodes))


def source(device: Timed, tables: Tables) -> str:
    """Whose timings, and how many."""
    counts = {name: gemms.gemms(tables.gemms, device, name).m for name in device.tflops}
    large = " and ".join(f"{int(np.sum(m >= gemms.FEWEST_ROWS))} in {name}" for name, m in counts.items())
    timed = sum(
        len(collectives.collectives(tables.collectives, device.timings, name).gpus) for name in collectives.OPERATIONS
    )
    nic = device.network.source if device.network else "no NIC timed: what leaves the GPU crosses PCIe"
    return (
        f"{device.chip} operator timings (aiconfigurator): GEMMs, {large}; {timed} NCCL collectives of 2 to 8 GPUs; "
        f"{nic}; {STEP_SOURCE}; {ATTENTION_SOURCES[device.profile]}"
    )


def curves(device: Timed, tables: Tables, kernels: Mapping[str, AttentionKernel]) -> KernelCurves:
    """Those of an accelerator; its attention is fitted with the others'."""
    hbm = gemms.hbm(gemms.gemms(tables.gemms, device, "bf16"), device)
    return KernelCurves(
        gemm=gemms.curves(tables.gemms, device, hbm),
        attention=kernels,
        hbm=hbm,
        launch_seconds=gemms.launch_seconds(device),
        collectives=collectives.curves(tables.collectives, device),
        network=network(device, tables),
        source=source(device, tables),
    )


def table(device: Timed, tables: Tables, fitted: KernelCurves) -> list[str]:
    """What the curves of an accelerator miss, as lines."""
    return [
        f"{device.profile}: hbm {fitted.hbm}, {fitted.network}",
        *gemms.table(tables.gemms, device, fitted.gemm, fitted.hbm),
        *collectives.table(tables.collectives, device, fitted.collectives),
    ]


def sisters_table(tables: Tables, devices: Mapping[str, Timed]) -> list[str]:
    """How far timings of a sister are from those of the accelerator whose curves it takes, as lines."""
    lines = ["Collectives against those of the accelerator whose curves it takes, median of seconds over seconds:"]
    for sister, profile in SISTERS.items():
        for operation in collectives.OPERATIONS:
            own = collectives.collectives(tables.collectives, sister, operation)
            other = collectives.collectives(tables.collectives, devices[profile].timings, operation)
            by_shape = dict(zip(zip(other.gpus, other.message_bytes, strict=True), other.seconds, strict=True))
            ratios = [
                seconds / by_shape[shape]
                for shape, seconds in zip(zip(own.gpus, own.message_bytes, strict=True), own.seconds, strict=True)
            ]
            lines.append(f"  {sister} / {profile} {operation}: {np.median(ratios):.3f} of {len(ratios)}")
    return lines
