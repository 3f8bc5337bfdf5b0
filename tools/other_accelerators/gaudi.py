"""Gaudi 2 and 3."""

from __future__ import annotations

from attrs import evolve
from calibration.fitting import rounded

from llmplan.records import KernelCurves
from other_accelerators.fits import OPERATIONS


def curves(usual: KernelCurves) -> dict[str, KernelCurves]:
    """Best of a search over shapes, and collectives of eight cards of Gaudi 3."""
    shape = usual.gemm["bf16"]
    links = {name: evolve(usual.collectives[name], plateau=0.95, half_ranks=0.0) for name in OPERATIONS}
    said = (
        "the best of a search over shapes (ml-engineering), its plateau; hccl_demo of eight cards of Gaudi 3, 0.97 of their "
        "links; other shapes, small messages, memory, attention, the network and engines' kernels, of which none was timed: "
        "the lower quartile of accelerators that were"
    )
    reached = {"gaudi2": {"bf16": 0.92, "fp8": 0.90}, "gaudi3": {"bf16": 0.741, "fp8": 0.769}}
    return {
        name: evolve(
            usual,
            gemm={of: rounded(evolve(shape, plateau=plateau)) for of, plateau in formats.items()},
            sustained={},
            collectives=links,
            source=f"{name}: {said}",
        )
        for name, formats in reached.items()
    }
