"""Calibrate the efficiencies of NVIDIA accelerators: a folder of timings in, the module efficiency.py out.

For maintainers: ``python calibrate.py FOLDER``. The folder is not part of the repository; of it are read eff_gemm.csv,
eff_collectives.csv and training_dev.csv. The tables behind the coefficients are printed. Choices made here:

- GEMMs: 16-bit is plain bf16, fp8 is the per-tensor kernel (not the block-scaled one), int8 is SmoothQuant W8A8, fp4 is
  NVFP4; weight-only kernels (W8A16, W4A16) multiply in 16 bits and are left out. The fp8 and fp4 timings include the
  quantisation of the activations. One framework (TensorRT-LLM) timed them all, so no shape is counted twice.
- A format without timings takes those of the closest format that has them, see `STAND_INS`.
- HBM: 16-bit GEMMs only, since a quantisation kernel would count as slow memory. Points above the peak are L2 hits.
- Links: NCCL only, not the engines' own kernels, and all-reduce only: with NVLS the switch adds up, so an H100 reaches
  0.99 where all-gather, reduce-scatter and all-to-all reach 0.70 to 0.75. An H200 comes to 1.02 of the ring's bound;
  that is capped at 1. GPUs without an NVSwitch take the figure of two GPUs.
- Whole runs: dense 16-bit models on 8 GPUs or more whose time and recomputation are published (see `LEFT_OUT` for what
  that leaves out and why). One convention for all, attention over the full s x s square as `Transformer.lower` counts
  it; kernels that skip the masked half (FlashAttention) do up to half of that, so runs of long sequences come out too
  high. A row weighs 1 / (rows of its source on this accelerator), so that every source weighs the same.
"""

from __future__ import annotations

import csv
import json
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, TypeAlias

import numpy as np
import typer
from attrs import frozen

from llmplan.records import Block, LoweredModel, Recompute, Transformer

MODULE = Path(__file__).parent / "src" / "llmplan_hardware_nvidia" / "efficiency.py"

Row: TypeAlias = Mapping[str, str]
LARGE = 4096
"""The least m, n and k of a GEMM that shows what the tensor cores reach."""
WEIGHT_BOUND_ROWS, WEIGHT_BOUND_BYTES = 8, 256e6
"""The most rows, and the least bytes of weights, of a GEMM that shows what the memory reaches."""
LARGE_MESSAGE_BYTES = 256e6
PCIE_GPUS = 2
"""Without peer-to-peer the bandwidth of a larger group falls to a sixth of PCIe and less."""
FEWEST_RUNS, FEWEST_GPUS = 5, 8
HDR = (0.85, "4 HDR NICs that deliver 85 of 100 GB/s (nccl-tests #119)")
NDR = (0.94, "an NDR NIC that delivers 46 to 48 of 50 GB/s (nccl-tests #290)")
KERNELS = {"fp16": "bfloat16", "int8": "sq", "fp8": "fp8", "fp4": "nvfp4"}
"""The dtype column of eff_gemm.csv that stands for a number format."""
STAND_INS = {"fp32": "fp16", "tf32": "fp16", "bf16": "fp16", "int8": "fp8", "int4": "int8"}
"""Whose timings a format without any takes: 16 bits where it is as wide or wider, else the same or twice the width."""
VTRAIN_VOCABULARY = 50_257
"""vTrain's default; its rows do not state one, nor that they are 16-bit, which their speed shows."""


@frozen
class Timed:
    """An accelerator with timings of its own, and the printed peaks that they are fractions of."""

    profile: str
    chip: str
    timings: str
    """Its name in the files."""
    tflops: Mapping[str, float]
    """Dense, by number format with timings."""
    stand_ins: str
    """Further formats that it or a relative of its has."""
    hbm_gb_s: float
    link_gb_s: float
    """One direction of all NVLinks, or of PCIe."""
    network: tuple[float, str] | None
    """Fraction of the line rate and where it was seen; None where what leaves the domain crosses PCIe."""
    runs: str | None
    """The family whose training runs stand for its own."""


WIDE = "fp32 tf32 bf16"
TIMED = (
    Timed("a100-sxm-80gb", "A100", "a100_sxm", {"fp16": 312, "int8": 624}, f"{WIDE} int4", 2039, 300, HDR, "A100"),
    Timed("h100-sxm-80gb", "H100", "h100_sxm", {"fp16": 989.4, "fp8": 1978.9}, f"{WIDE} int8", 3350, 450, NDR, "H100"),
    Timed("h200-sxm-141gb", "H200", "h200_sxm", {"fp16": 989.4, "fp8": 1978.9}, f"{WIDE} int8", 4800, 450, NDR, "H100"),
    Timed(
        "b200-sxm", "B200", "b200_sxm", {"fp16": 2250, "fp8": 4500, "fp4": 9000}, f"{WIDE} int8", 8000, 900, NDR, "B200"
    ),
    Timed("l40s", "L40S", "l40s", {"fp16": 362, "fp8": 733}, f"{WIDE} int8 int4", 864, 32, None, None),
)
TFLOPS_16_BIT = {"V100": 125.0, "A100": 312.0, "H100": 989.4, "B200": 2250.0}
"""Dense peaks by family, for training runs."""
FAMILIES = {
    **dict.fromkeys(("A100", "A100-SXM4-40GB", "A100-SXM4-80GB"), "A100"),
    "V100-SXM2-32GB": "V100",
    "H100-SXM-80GB": "H100",
    "B200-SXM": "B200",
}
"""By the accelerator column of training_dev.csv."""


def _gemm_sizes(row: Row) -> tuple[int, int, int]:
    return int(row["m"]), int(row["n"]), int(row["k"])


def gemm_flops_fraction(row: Row, peak_tflops: float) -> float:
    """2 m n k FLOPs / (latency x dense peak)."""
    m, n, k = _gemm_sizes(row)
    return 2.0 * m * n * k / (float(row["latency_us"]) * 1e-6 * peak_tflops * 1e12)


def gemm_hbm_fraction(row: Row, peak_gb_s: float) -> float:
    """2 (nk + mk + mn) bytes, weights, input and output in 16 bits / (latency x printed bandwidth)."""
    m, n, k = _gemm_sizes(row)
    return 2.0 * (n * k + m * k + m * n) / (float(row["latency_us"]) * 1e-6 * peak_gb_s * 1e9)


def large_gemms(rows: Iterable[Row], device: Timed, number_format: str) -> list[float]:
    """Fractions of the peak FLOP/s: m, n, k >= 4096."""
    return [
        gemm_flops_fraction(row, device.tflops[number_format])
        for row in rows
        if (row["accelerator"], row["dtype"]) == (device.timings, KERNELS[number_format])
        and min(_gemm_sizes(row)) >= LARGE
    ]


def weight_bound_gemms(rows: Iterable[Row], device: Timed) -> list[float]:
    """Fractions of the HBM bandwidth: m <= 8 and more than 256 MB of 16-bit weights; above 1 it was the cache."""
    fractions = []
    for row in rows:
        m, n, k = _gemm_sizes(row)
        streams = m <= WEIGHT_BOUND_ROWS and 2 * n * k > WEIGHT_BOUND_BYTES
        if streams and (row["accelerator"], row["dtype"]) == (device.timings, KERNELS["fp16"]):
            fractions.append(gemm_hbm_fraction(row, device.hbm_gb_s))
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


ITERATION_SECONDS: Mapping[str, Callable[[Row], float]] = {
    "iteration_time_s": lambda row: float(row["measured_value"]),
    "tokens_per_s_per_gpu": lambda row: (
        int(row["global_batch"]) * int(row["seq_len"]) / (float(row["measured_value"]) * int(row["n_gpus"]))
    ),
}
LEFT_OUT: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("recalled, not read", lambda row: row["provenance"] not in ("file", "page")),
    ("mixture of experts", lambda row: bool(row["moe_experts"])),
    ("not 16-bit", lambda row: row["dtype"] == "fp8"),
    ("no time, or derived from one", lambda row: row["measured_metric"] not in ITERATION_SECONDS),
    ("recomputation not stated", lambda row: not row["recompute"]),
    ("under 8 GPUs", lambda row: int(row["n_gpus"]) < FEWEST_GPUS),
    # the single-node vTrain models, hidden 1024 and 2048 over 1024 tokens: launch overhead
    ("tiny model", lambda row: row["source"] == "vTrain" and row["seq_len"] == "1024"),
    # golden values of a test: deterministic kernels, unfused gradient accumulation
    ("deterministic mode", lambda row: row["source"] == "Megatron-LM-CI"),
    ("peak not known (500 W part)", lambda row: row["accelerator"] not in FAMILIES),
)
RECOMPUTE = {"none": Recompute.NONE, "selective": Recompute.ATTENTION_COMPUTE, "full": Recompute.FULL}


def reason_left_out(row: Row) -> str | None:
    """Why a row does not count, None where it does."""
    return next((reason for reason, applies in LEFT_OUT if applies(row)), None)


def transformer(row: Row) -> Transformer:
    """The model of a row, from its columns; head_dim is hidden / heads."""
    return Transformer(
        name=row["id"],
        layers=int(row["layers"]),
        hidden=int(row["hidden"]),
        heads=int(row["heads"]),
        kv_heads=int(row["kv_heads"]),
        head_dim=int(row["hidden"]) // int(row["heads"]),
        ffn_hidden=int(row["ffn_hidden"]),
        gated_mlp=row["gated_mlp"] == "1",
        vocab=int(row["vocab"] or VTRAIN_VOCABULARY),
    )


def _block_flops(block: Block, recompute: Recompute = Recompute.FULL) -> float:
    return block.count * sum(float(op.flops) for op in block.operators if op.recomputed_from <= recompute)


def training_flops(model: LoweredModel, recompute: Recompute) -> float:
    """3 x forward + what the layers compute again: the backward pass takes twice the forward pass."""
    forward = sum(_block_flops(block) for block in (model.embedding, *model.layers, model.head))
    return 3.0 * forward + sum(_block_flops(block, recompute) for block in model.layers)


def hardware_flops_utilisation(row: Row) -> float:
    """HFU = FLOPs done, recomputation included / (GPUs x dense 16-bit peak x iteration time)."""
    model = transformer(row).lower(int(row["global_batch"]), int(row["seq_len"]))
    seconds = ITERATION_SECONDS[row["measured_metric"]](row)
    peak_flops = int(row["n_gpus"]) * TFLOPS_16_BIT[FAMILIES[row["accelerator"]]] * 1e12
    return training_flops(model, RECOMPUTE[row["recompute"]]) / (peak_flops * seconds)


def weighted_quantile(values: Sequence[float], weights: Sequence[float], fraction: float) -> float:
    """Linear between the values, each standing at the middle of its share of the weight."""
    order = np.argsort(values, kind="stable")
    share = np.asarray(weights)[order] / np.sum(weights)
    return float(np.interp(fraction, np.cumsum(share) - share / 2, np.asarray(values)[order]))


def literal(text: str, indent: int) -> str:
    """A string as source code, in pieces where it is too long for the line."""
    pieces = textwrap.wrap(text, 110 - indent, break_on_hyphens=False)
    lines = [json.dumps(piece + " " * (piece is not pieces[-1])) for piece in pieces]
    inner = "\n".join(" " * (indent + 4) + line for line in lines)
    return lines[0] if len(lines) == 1 else f"(\n{inner}\n{' ' * indent})"


def whole_runs(rows: Sequence[Row], family: str) -> str | None:
    """The record of a family's training runs as source code, None where they are too few; prints them by source."""
    runs = [(row["source"], hardware_flops_utilisation(row)) for row in rows if FAMILIES[row["accelerator"]] == family]
    if len(runs) < FEWEST_RUNS:
        return None
    counts = Counter(source for source, _ in runs)
    hfus, weights = [hfu for _, hfu in runs], [1 / counts[source] for source, _ in runs]
    low, middle, high = (round(weighted_quantile(hfus, weights, q), 3) for q in (0.1, 0.5, 0.9))
    typer.echo(f"\n{family}: HFU median {middle} ({low} to {high}) of {len(runs)} training runs")
    for source, count in counts.items():
        own = [hfu for of, hfu in runs if of == source]
        typer.echo(f"  {source:22}{count:4} runs  median {median(own):.3f}  ({min(own):.3f} to {max(own):.3f})")
    listed = ", ".join(f"{source} {count}" for source, count in counts.items())
    said = literal(f"{len(runs)} published training runs on {family} ({listed})", 8)
    return (
        f'    "{family}": WholeRunEfficiency(\n        median={middle},\n        low={low},\n        high={high},\n'
        f"        runs={len(runs)},\n        source={said},\n    ),\n"
    )


def flops_by_format(gemms: Mapping[str, Sequence[float]], stand_ins: Iterable[str]) -> Mapping[str, float]:
    """The median of each format with timings; the others take the closest one's."""
    flops = {number_format: round(median(fractions), 3) for number_format, fractions in gemms.items()}
    for number_format in stand_ins:
        flops[number_format] = flops[STAND_INS[number_format]]
    return dict(sorted(flops.items()))


def measured(device: Timed, timings: Sequence[Row], collectives: Sequence[Row]) -> str:
    """The record of an accelerator with timings as source code; prints what stands behind it."""
    gemms = {name: large_gemms(timings, device, name) for name in device.tflops}
    flops = flops_by_format(gemms, device.stand_ins.split())
    hbm = weight_bound_gemms(timings, device)
    links = all_reduce_fractions(collectives, device)
    group = max(links) if device.network else PCIE_GPUS
    scale_out, network = device.network or (links[PCIE_GPUS], "no NIC timed: what leaves the GPU crosses PCIe")
    said = (
        f"{device.chip} operator timings (aiconfigurator): large GEMMs, "
        f"{' and '.join(f'{len(fractions)} in {name}' for name, fractions in gemms.items())}; "
        f"{len(hbm)} weight-bound GEMMs; NCCL all-reduce of {group} GPUs; {network}"
    )
    numbers = {"hbm": median(hbm), "scale_up": links[group], "scale_out": scale_out}
    all_reduces = ", ".join(f"of {gpus} {fraction:.3f}" for gpus, fraction in links.items())
    typer.echo(f"\n{device.profile}: {said}\n  flops {flops}\n  {numbers}\n  all-reduce {all_reduces}")
    return (
        f'    "{device.profile}": CalibratedEfficiency(\n        flops={json.dumps(flops)},\n'
        + "".join(f"        {name}={round(value, 3)},\n" for name, value in numbers.items())
        + (f'        training_run=_RUNS["{device.runs}"],\n' if device.runs else "")
        + f"        source={literal(said, 8)},\n    ),\n"
    )


MODULE_TEXT = '''\
"""What NVIDIA accelerators reach of their printed peaks. Generated by calibrate.py from timings: run it, edit nothing.

- flops: median fraction of the dense peak over GEMMs with m, n, k >= 4096. fp16 and bf16 share the 16-bit timings; fp8
  and fp4 include the quantisation of the activations. Formats without timings take the closest one's: tf32 and fp32
  the 16-bit value, int8 (timed on the A100 only) that of fp8, int4 that of int8.
- hbm: median fraction of the bandwidth over 16-bit GEMMs of at most 8 rows and more than 256 MB of weights.
- scale_up: best NCCL all-reduce bus bandwidth from 256 MB on, of one direction of the link, at most 1. An all-gather or
  an all-to-all reaches less where NVLS adds up in the switch (H100, H200: 0.70 to 0.75). PCIe: between two GPUs; groups
  that cross sockets without peer-to-peer reach 0.16 (four) and 0.05 (eight).
- scale_out: what a NIC delivers of its line rate; that of PCIe where no NIC is published.
- training_run: FLOPs done, recomputation included / (GPUs x 16-bit peak x time), attention over the full square, so it
  is high for long sequences under FlashAttention. Quantiles at 10, 50 and 90 %, every source weighing the same.
  Absent where fewer than 5 runs are published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import evolve

from llmplan.records import CalibratedEfficiency, WholeRunEfficiency

_RUNS = {
@RUNS@}

_MEASURED = {
@MEASURED@}

_TWO_GPUS = {@PAIRS@}
"""scale_up of two GPUs, without a switch; that of the L40S is PCIe."""


def _like(
    nearest: str,
    *names: str,
    link: Literal["switch", "bridge", "pcie"] = "switch",
    nic: bool = True,
    runs: str | None = None,
) -> dict[str, CalibratedEfficiency]:
    """The nearest relative's numbers, but for links and training runs of another kind."""
    relative = _MEASURED[nearest]
    two_gpus = {"switch": None, "bridge": nearest, "pcie": "l40s"}[link]
    whose = [f"those of {nearest}"]
    if two_gpus is not None:
        whose.append(f"scale-up as between two {two_gpus}")
    if not nic:
        whose.append("scale-out as between two l40s over PCIe")
    efficiency = evolve(
        relative,
        scale_up=relative.scale_up if two_gpus is None else _TWO_GPUS[two_gpus],
        scale_out=relative.scale_out if nic else _TWO_GPUS["l40s"],
        training_run=relative.training_run if runs is None else _RUNS[runs],
        source=f"no timings of its own: {', '.join([*whose, relative.source])}",
    )
    return dict.fromkeys(names, efficiency)


CALIBRATED: Mapping[str, CalibratedEfficiency] = {
    **_MEASURED,
    **_like("a100-sxm-80gb", "a100-sxm-40gb", "a800-sxm-80gb"),
    **_like("a100-sxm-80gb", "v100-sxm2-16gb", "v100-sxm2-32gb", runs="V100"),
    **_like("a100-sxm-80gb", "a100-pcie-40gb", "a100-pcie-80gb", "a30", link="bridge"),
    **_like("a100-sxm-80gb", "a40", "a800-pcie-80gb", "rtx-3090", "rtx-a6000", link="bridge", nic=False),
    **_like("a100-sxm-80gb", "a10", "a10g", "t4", link="pcie", nic=False),
    **_like("a100-sxm-80gb", "v100-pcie-16gb", "v100-pcie-32gb", link="pcie", nic=False, runs="V100"),
    **_like("h100-sxm-80gb", "h20-96gb", "h800-sxm-80gb"),
    **_like("h100-sxm-80gb", "gh200-96gb", "gh200-144gb", "h100-nvl-94gb", "h100-pcie-80gb", link="bridge"),
    **_like("h100-sxm-80gb", "h800-pcie-80gb", link="bridge", nic=False),
    **_like("h200-sxm-141gb", "h200-nvl-141gb", link="bridge"),
    **_like("b200-sxm", "b100-192gb", "b300-sxm", "gb200", "gb300"),
    **_like("b200-sxm", "rtx-5090", "rtx-pro-6000-blackwell-server", link="pcie", nic=False),
    **_like("l40s", "l4", "l40", "rtx-4090", "rtx-6000-ada", link="pcie", nic=False),
}
"""By profile name, every NVIDIA accelerator."""
'''


def module_text(folder: Path) -> str:
    """The module efficiency.py."""
    timings, collectives, runs = (
        list(csv.DictReader((folder / name).read_text(encoding="utf-8").splitlines()))
        for name in ("eff_gemm.csv", "eff_collectives.csv", "training_dev.csv")
    )
    left_out = Counter((reason_left_out(row), row["source"]) for row in runs)
    counted = [row for row in runs if reason_left_out(row) is None]
    two_gpus = {device.profile: round(all_reduce_fractions(collectives, device)[2], 3) for device in TIMED}
    parts = {
        "RUNS": "".join(whole_runs(counted, family) or "" for family in TFLOPS_16_BIT),
        "MEASURED": "".join(measured(device, timings, collectives) for device in TIMED),
        "PAIRS": json.dumps(two_gpus)[1:-1],
    }
    text = MODULE_TEXT
    for name, source in parts.items():
        text = text.replace(f"@{name}@", source)
    typer.echo("\nTraining rows left out:")
    for (reason, where), rows in sorted(left_out.items(), key=str):
        if reason:
            typer.echo(f"  {reason:30}{where:26}{rows:4}")
    return text


def main(folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where the timings are.")]) -> None:
    """Print what the timings say and write efficiency.py from it."""
    text = module_text(folder)
    new = MODULE.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(MODULE)


if __name__ == "__main__":
    typer.run(main)
