"""What whole training runs reach: FLOPs done, recomputation included / (GPUs x 16-bit peak x time).

Dense 16-bit models on 8 GPUs or more whose time and recomputation are published; see `LEFT_OUT` for what that leaves
out and why. One convention for all, attention over the full s x s square as `Transformer.lower` counts it; kernels that
skip the masked half (FlashAttention) do up to half of that, so runs of long sequences come out too high. A row weighs
1 / (rows of its source on this accelerator), so that every source weighs the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import TypeAlias

import numpy as np

from llmplan.records import LoweredModel, Recompute, WholeRunEfficiency
from llmplan_layers import Transformer

Row: TypeAlias = Mapping[str, str]
Runs: TypeAlias = Sequence[tuple[str, float]]
"""The source and the hardware FLOPs utilisation of each run."""
FEWEST_RUNS, FEWEST_GPUS = 5, 8
VTRAIN_VOCABULARY = 50_257
"""vTrain's default; its rows do not state one, nor that they are 16-bit, which their speed shows."""
TFLOPS_16_BIT = {"V100": 125.0, "A100": 312.0, "H100": 989.4, "B200": 2250.0}
"""Dense peaks by family."""
FAMILIES = {
    **dict.fromkeys(("A100", "A100-SXM4-40GB", "A100-SXM4-80GB"), "A100"),
    "V100-SXM2-32GB": "V100",
    "H100-SXM-80GB": "H100",
    "B200-SXM": "B200",
}
"""By the accelerator column of training_dev.csv."""
RECOMPUTE = {"none": Recompute.NONE, "selective": Recompute.ATTENTION_COMPUTE, "full": Recompute.FULL}
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


def training_flops(model: LoweredModel, recompute: Recompute) -> float:
    """3 x forward + what the layers compute again: the backward pass takes twice the forward pass."""
    again = (
        block.count * operator.flops
        for block in model.layers
        for operator in block.operators
        if operator.recomputed_from <= recompute
    )
    return 3.0 * model.flops + sum(again)


def hardware_flops_utilisation(row: Row) -> float:
    """HFU = FLOPs done, recomputation included / (GPUs x dense 16-bit peak x iteration time)."""
    model = transformer(row).lower(int(row["global_batch"]), int(row["seq_len"]))
    seconds = ITERATION_SECONDS[row["measured_metric"]](row)
    peak_flops = int(row["n_gpus"]) * TFLOPS_16_BIT[FAMILIES[row["accelerator"]]] * 1e12
    return training_flops(model, RECOMPUTE[row["recompute"]]) / (peak_flops * seconds)


def by_family(rows: Iterable[Row]) -> dict[str, Runs]:
    """The runs that count of each family with enough of them."""
    runs: dict[str, list[tuple[str, float]]] = {family: [] for family in TFLOPS_16_BIT}
    for row in rows:
        if reason_left_out(row) is None:
            runs[FAMILIES[row["accelerator"]]].append((row["source"], hardware_flops_utilisation(row)))
    return {family: of_family for family, of_family in runs.items() if len(of_family) >= FEWEST_RUNS}


def weighted_quantile(values: Sequence[float], weights: Sequence[float], fraction: float) -> float:
    """Linear between the values, each standing at the middle of its share of the weight."""
    order = np.argsort(values, kind="stable")
    share = np.asarray(weights)[order] / np.sum(weights)
    return float(np.interp(fraction, np.cumsum(share) - share / 2, np.asarray(values)[order]))


def efficiency(family: str, runs: Runs) -> WholeRunEfficiency:
    """Quantiles at 10, 50 and 90 %, every source weighing the same."""
    counts = Counter(source for source, _ in runs)
    hfus, weights = [hfu for _, hfu in runs], [1 / counts[source] for source, _ in runs]
    low, middle, high = (round(weighted_quantile(hfus, weights, quantile), 3) for quantile in (0.1, 0.5, 0.9))
    listed = ", ".join(f"{source} {count}" for source, count in counts.items())
    return WholeRunEfficiency(
        median=middle,
        low=low,
        high=high,
        runs=len(runs),
        source=f"{len(runs)} published training runs on {family} ({listed})",
    )


def table(family: str, runs: Runs) -> list[str]:
    """The runs of a family by source, as lines."""
    whole = efficiency(family, runs)
    lines = [f"{family}: HFU median {whole.median} ({whole.low} to {whole.high}) of {len(runs)} training runs"]
    for source, count in Counter(source for source, _ in runs).items():
        own = [hfu for of, hfu in runs if of == source]
        lines.append(f"  {source:22}{count:4} runs  median {median(own):.3f}  ({min(own):.3f} to {max(own):.3f})")
    return lines


def left_out_table(rows: Iterable[Row]) -> list[str]:
    """How many rows of which source do not count, by reason, as lines."""
    left_out = Counter((reason, row["source"]) for row in rows if (reason := reason_left_out(row)))
    listed = (f"  {reason:30}{source:26}{count:4}" for (reason, source), count in sorted(left_out.items()))
    return ["Training rows left out:", *listed]
