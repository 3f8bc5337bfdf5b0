"""The records as a module of Python, formatted as ruff would."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import fields

from llmplan.records import CalibratedEfficiency, WholeRunEfficiency

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "llmplan_hardware_nvidia"
NAME = "measured.py"
WIDTH = 110
"""Of a string; the quotes, the comma and the space between two pieces come on top."""

TEXT = '''\
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
@RUNS@}
"""Whole training runs, by family."""

MEASURED: Mapping[str, CalibratedEfficiency] = {
@MEASURED@}
"""By profile name."""

TWO_GPUS: Mapping[str, float] = {
@TWO_GPUS@}
"""scale_up of two GPUs, without a switch; that of the L40S is PCIe."""
'''


def string(text: str, indent: int) -> str:
    """A string as source code, in pieces where it is too long for the line."""
    pieces = textwrap.wrap(text, WIDTH - indent, break_on_hyphens=False)
    lines = [json.dumps(piece + " " * (piece is not pieces[-1])) for piece in pieces]
    inner = "\n".join(" " * (indent + 4) + line for line in lines)
    return lines[0] if len(lines) == 1 else f"(\n{inner}\n{' ' * indent})"


def expression(value: Any, runs: Mapping[str, WholeRunEfficiency]) -> str:
    """A field as source code; a training run by its name."""
    if isinstance(value, WholeRunEfficiency):
        return next(f"RUNS[{json.dumps(family)}]" for family, run in runs.items() if run == value)
    return string(value, 8) if isinstance(value, str) else json.dumps(value)


def entry(name: str, record: WholeRunEfficiency | CalibratedEfficiency, runs: Mapping[str, WholeRunEfficiency]) -> str:
    """A record under its name as source code, without the fields that are None."""
    values = {field.name: getattr(record, field.name) for field in fields(type(record))}
    lines = [f"        {key}={expression(value, runs)},\n" for key, value in values.items() if value is not None]
    return f"    {json.dumps(name)}: {type(record).__name__}(\n{''.join(lines)}    ),\n"


def source(
    runs: Mapping[str, WholeRunEfficiency], measured: Mapping[str, CalibratedEfficiency], two_gpus: Mapping[str, float]
) -> str:
    """The module measured.py."""
    text = TEXT.replace("@RUNS@", "".join(entry(family, run, {}) for family, run in runs.items()))
    text = text.replace("@MEASURED@", "".join(entry(name, record, runs) for name, record in measured.items()))
    pairs = (f"    {json.dumps(name)}: {fraction},\n" for name, fraction in two_gpus.items())
    return text.replace("@TWO_GPUS@", "".join(pairs))


def write(name: str, text: str) -> None:
    """A module of the package, whole or not at all: beside it, then renamed over it."""
    module = PACKAGE / name
    new = module.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(module)
