"""The lines of the breakdowns: of which kind each is, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from llmplan.estimate import Kind, Line

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number

_SECONDS = {
    str(line): line
    for line in (
        Line("forward", Kind.COMPUTE, "forward passes"),
        Line("backward", Kind.COMPUTE, "backward passes"),
        Line("recompute", Kind.COMPUTE, "operators that run again in backward passes", "less --recompute"),
        Line("tp_comm", Kind.COMMUNICATION, "tensor parallel collectives", "less --tp"),
        Line("kv_cache", Kind.MEMORY, "reading the KV cache"),
    )
}


def seconds(breakdown: Mapping[str, Number]) -> dict[str, Number]:
    """Of an iteration or a forward pass; what is not named here is a part of the model's layers."""
    return {_SECONDS.get(name) or Line(name, Kind.COMPUTE): value for name, value in breakdown.items()}


def held(breakdown: Mapping[str, Number]) -> dict[str, Number]:
    """Bytes on a device, all of them of tensors."""
    return {Line(name, Kind.TENSORS): value for name, value in breakdown.items()}
