"""What NVIDIA accelerators with timings reach of their printed peaks.

Generated from timings by ``python -m calibration FOLDER`` beside src: run it, edit nothing. Only formats with timings
are here; what stands in for the others, and for accelerators without timings, is in efficiency.py.

- flops: median fraction of the dense peak over GEMMs with m, n, k >= 4096. 16 bits were timed in bf16; fp8 and fp4
  include the quantisation of the activations.
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

from llmplan.records import CalibratedEfficiency, WholeRunEfficiency

RUNS: Mapping[str, WholeRunEfficiency] = {
    "V100": WholeRunEfficiency(
        median=0.43,
        low=0.312,
        high=0.445,
        runs=10,
        source="10 published training runs on V100 (BigScience-tr3m-V100 10)",
    ),
    "A100": WholeRunEfficiency(
        median=0.488,
        low=0.363,
        high=0.62,
        runs=193,
        source=(
            "193 published training runs on A100 (Korthikanti2022 8, MT-NLG 3, vTrain 73, llm-foundry 77, "
            "BigScience-BLOOM 29, TinyLlama 1, llm.c 2)"
        ),
    ),
    "H100": WholeRunEfficiency(
        median=0.409,
        low=0.349,
        high=0.563,
        runs=38,
        source="38 published training runs on H100 (llm-foundry 38)",
    ),
    "B200": WholeRunEfficiency(
        median=0.362,
        low=0.24,
        high=0.56,
        runs=16,
        source="16 published training runs on B200 (SimuMax-B200 16)",
    ),
}
"""Whole training runs, by family."""

MEASURED: Mapping[str, CalibratedEfficiency] = {
    "a100-sxm-80gb": CalibratedEfficiency(
        flops={"bf16": 0.847, "int8": 0.875},
        hbm=0.818,
        scale_up=0.741,
        scale_out=0.85,
        training_run=RUNS["A100"],
        source=(
            "A100 operator timings (aiconfigurator): large GEMMs, 16 in bf16 and 16 in int8; 6 weight-bound GEMMs; "
            "NCCL all-reduce of 8 GPUs; 4 HDR NICs that deliver 85 of 100 GB/s (nccl-tests #119)"
        ),
    ),
    "h100-sxm-80gb": CalibratedEfficiency(
        flops={"bf16": 0.799, "fp8": 0.623},
        hbm=0.849,
        scale_up=0.989,
        scale_out=0.94,
        training_run=RUNS["H100"],
        source=(
            "H100 operator timings (aiconfigurator): large GEMMs, 24 in bf16 and 24 in fp8; 6 weight-bound GEMMs; "
            "NCCL all-reduce of 8 GPUs; an NDR NIC that delivers 46 to 48 of 50 GB/s (nccl-tests #290)"
        ),
    ),
    "h200-sxm-141gb": CalibratedEfficiency(
        flops={"bf16": 0.789, "fp8": 0.633},
        hbm=0.868,
        scale_up=1.0,
        scale_out=0.94,
        training_run=RUNS["H100"],
        source=(
            "H200 operator timings (aiconfigurator): large GEMMs, 24 in bf16 and 24 in fp8; 6 weight-bound GEMMs; "
            "NCCL all-reduce of 8 GPUs; an NDR NIC that delivers 46 to 48 of 50 GB/s (nccl-tests #290)"
        ),
    ),
    "b200-sxm": CalibratedEfficiency(
        flops={"bf16": 0.673, "fp8": 0.504, "fp4": 0.392},
        hbm=0.766,
        scale_up=0.782,
        scale_out=0.94,
        training_run=RUNS["B200"],
        source=(
            "B200 operator timings (aiconfigurator): large GEMMs, 24 in bf16 and 24 in fp8 and 24 in fp4; 6 "
            "weight-bound GEMMs; NCCL all-reduce of 8 GPUs; an NDR NIC that delivers 46 to 48 of 50 GB/s "
            "(nccl-tests #290)"
        ),
    ),
    "l40s": CalibratedEfficiency(
        flops={"bf16": 0.582, "fp8": 0.476},
        hbm=0.832,
        scale_up=0.628,
        scale_out=0.628,
        source=(
            "L40S operator timings (aiconfigurator): large GEMMs, 24 in bf16 and 24 in fp8; 6 weight-bound GEMMs; "
            "NCCL all-reduce of 2 GPUs; no NIC timed: what leaves the GPU crosses PCIe"
        ),
    ),
}
"""By profile name."""

TWO_GPUS: Mapping[str, float] = {
    "a100-sxm-80gb": 0.643,
    "h100-sxm-80gb": 0.707,
    "h200-sxm-141gb": 0.7,
    "b200-sxm": 0.593,
    "l40s": 0.628,
}
"""scale_up of two GPUs, without a switch; that of the L40S is PCIe."""
