"""The curves as a module of Python, formatted as ruff would: every call and every mapping one item a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from calibration.module import string
from llmplan.records import AttentionKernel, KernelCurves

NAME = "measured_kernels.py"

TEXT = '''\
"""What kernels and links of NVIDIA accelerators with timings reach of their printed peaks, by shape.

Generated from timings by ``python -m calibration FOLDER`` beside src: run it, edit nothing. Only formats with timings
are here; what stands in for the others, and for accelerators without timings, is in curves.py.

- GEMMs: of 64 rows and more, those with m, n, k >= 1024 counting three times. half_n is large in fp8, fp4 and int8,
  whose timings include the quantisation of the activations: m k elements, 1/n of the work.
- Attention: causal. What was not timed is said in the source.
- hbm: slope of latency over bytes in 16-bit GEMMs of at most 8 rows and more than 64 MB of weights.
- Collectives: NCCL's, groups of 2, 4 and 8 together. On PCIe (L40S) the curve is that of 4 GPUs: without peer-to-peer
  2 are four times as fast, and 8 four times as slow. A GB200, timed in groups of 2 and 4, is within 4 % of the B200,
  whose curves it takes.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    CollectiveCurve,
    GemmCurve,
    KernelCurves,
    NetworkCurve,
)

@ATTENTION@
MEASURED_KERNELS: Mapping[str, KernelCurves] = {
@MEASURED@}
"""By profile name."""
'''


def expression(value: Any, indent: int, names: Mapping[int, str]) -> str:
    """A record, a mapping, a string or a number as source code, without what is empty; what has a name by its name."""
    if id(value) in names:
        return names[id(value)]
    if isinstance(value, str):
        return string(value, indent)
    inner = " " * (indent + 4)
    if isinstance(value, Mapping):
        items = (f"{json.dumps(key)}: {expression(item, indent + 4, names)}" for key, item in value.items())
        return "{\n" + "".join(f"{inner}{item},\n" for item in items) + " " * indent + "}"
    if attrs.has(type(value)):
        fields = {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
        items = (
            f"{key}={expression(item, indent + 4, names)}" for key, item in fields.items() if item not in ({}, None)
        )
        return f"{type(value).__name__}(\n" + "".join(f"{inner}{item},\n" for item in items) + " " * indent + ")"
    return repr(value)


def shared(measured: Mapping[str, KernelCurves]) -> dict[int, str]:
    """Attention kernels that more than one generation or accelerator has, by identity: the names they get."""
    seen: dict[int, int] = {}
    names: dict[int, str] = {}
    for profile, curves in measured.items():
        for generation, kernel in curves.attention.items():
            seen[id(kernel)] = seen.get(id(kernel), 0) + 1
            names.setdefault(id(kernel), f"_{profile.split('-')[0]}_{generation.replace('-', '_')}".upper())
    return {identity: name for identity, name in names.items() if seen[identity] > 1}


def source(measured: Mapping[str, KernelCurves]) -> str:
    """The module measured_kernels.py."""
    names = shared(measured)
    kernels: dict[int, AttentionKernel] = {
        id(kernel): kernel for curves in measured.values() for kernel in curves.attention.values()
    }
    definitions = (f"{name} = {expression(kernels[identity], 0, {})}\n" for identity, name in names.items())
    entries = (f"    {json.dumps(name)}: {expression(curves, 4, names)},\n" for name, curves in measured.items())
    return TEXT.replace("@ATTENTION@\n", "".join(definitions) + "\n").replace("@MEASURED@", "".join(entries))
