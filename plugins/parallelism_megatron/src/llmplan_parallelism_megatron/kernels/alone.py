"""Kernels and collectives one by one, as benchmarks time them: nothing else runs, clocks do not fall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records import Efficiency, FrameworkProfile, HardwareProfile, NumberFormat
from llmplan_parallelism_megatron.kernels.elementwise import moved_seconds
from llmplan_parallelism_megatron.kernels.reached import Kernels, kernels_of
from llmplan_parallelism_megatron.network.collectives import (
    all_gather_seconds,
    all_reduce_seconds,
    all_to_all_seconds,
    reduce_scatter_seconds,
)
from llmplan_parallelism_megatron.network.groups import Group

_BARE = FrameworkProfile(name="bare", attention="flash-2")
"""PyTorch's own attention is FlashAttention-2 (torch.nn.functional.scaled_dot_product_attention)."""
_BYTES = {"fp8": 1.0, "int8": 1.0, "fp4": 0.5, "int4": 0.5, "fp32": 4.0, "tf32": 4.0}
"""Of an operand, by format; 2 of all others."""
_OUTPUT = 2.0


def seconds(
    kernel: str, sizes: Mapping[str, float], hardware: HardwareProfile, gemm: NumberFormat, efficiency: Efficiency
) -> float:
    """BadInputError where there is no such kernel."""
    if kernel not in _PRICED:
        raise BadInputError(f"kernel: {kernel!r} is none of {', '.join(_PRICED)}")
    return float(_PRICED[kernel](sizes, kernels_of(hardware, _BARE, gemm, _unsustained(efficiency)), gemm))


@lru_cache(maxsize=16)
def _unsustained(efficiency: Efficiency) -> Efficiency:
    """Without what a run that lasts loses against the same kernels timed alone."""
    curves = efficiency.curves
    return efficiency if curves is None else evolve(efficiency, curves=evolve(curves, sustained={}))


def _gemm(sizes: Mapping[str, float], kernels: Kernels, gemm: NumberFormat) -> Any:
    each = _BYTES.get(gemm.name, 2.0)
    return kernels.narrow.seconds(sizes["m"], sizes["n"], sizes["k"], 1.0, each, max(each, _OUTPUT))


def _copy(sizes: Mapping[str, float], kernels: Kernels, _gemm: NumberFormat) -> Any:
    return moved_seconds(sizes["bytes"], 1.0, kernels.bytes_per_second, kernels.curves.launch_seconds)


def _attention(sizes: Mapping[str, float], kernels: Kernels, _gemm: NumberFormat) -> Any:
    s, d = sizes["tokens"], sizes["head_dim"]
    flops = 2.0 * sizes["batch"] * sizes["heads"] * s * s * d  # two products over half of the square
    return kernels.attention.forward.seconds(flops, s, d, kernels.attention_flops)


def _collective(price: Callable[[Any, Group, Kernels], Any]) -> Callable[..., Any]:
    def priced(sizes: Mapping[str, float], kernels: Kernels, _gemm: NumberFormat) -> Any:
        return price(sizes["bytes"], Group(sizes["ranks"], 1.0, sizes["ranks"]), kernels)

    return priced


_PRICED: Mapping[str, Callable[[Mapping[str, float], Kernels, NumberFormat], Any]] = {
    "gemm": _gemm,
    "copy": _copy,
    "attention": _attention,
    "all_reduce": _collective(all_reduce_seconds),
    "all_gather": _collective(all_gather_seconds),
    "reduce_scatter": _collective(reduce_scatter_seconds),
    "all_to_all": _collective(all_to_all_seconds),
}
