"""The GPUs of Apple's M2 Ultra, M3 Max and M4 Max."""

from __future__ import annotations

from attrs import evolve
from calibration.fitting import short

from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    DecodeCurve,
    GemmCurve,
    KernelCurves,
    ServingCurves,
)


def curves(usual: KernelCurves) -> dict[str, KernelCurves]:
    """Matrix multiplications of MLX and PyTorch, memory, metal-flash-attention."""
    reached = {
        "m2-ultra-76core": (0.90, 0.71, 0.81, 0.86, 0.63),
        "m3-max-40core": (0.90, 0.72, 0.83, 0.91, 0.69),
        "m4-max-40core": (0.73, 0.73, 0.71, 0.91, 0.69),
    }
    found = {}
    for name, (half, whole, hbm, forward, both) in reached.items():
        # forward and backward together are 1 + 2.5 times the FLOPs of forward
        backward = 2.5 / (3.5 / both - 1.0 / forward)
        multiplying = GemmCurve(plateau=half, half_tile=30.0, launch_seconds=5e-6)
        kernel = AttentionKernel(
            forward=AttentionCurve(plateau=forward, half_tokens=200.0, launch_seconds=5e-6),
            backward=AttentionCurve(plateau=short(backward), half_tokens=200.0, launch_seconds=5e-6),
        )
        found[name] = evolve(
            usual,
            gemm={
                "fp16": multiplying,
                "bf16": evolve(multiplying, plateau=min(half, 0.79)),
                "fp32": evolve(multiplying, plateau=whole),
            },
            attention={"metal": kernel},
            sustained={},
            hbm=hbm,
            launch_seconds=5e-6,
            serving=ServingCurves(
                prefill=kernel.forward,
                decode=DecodeCurve(plateau=hbm, half_bytes=1e6, launch_seconds=5e-6),
                source="as in training: no engine's kernels timed",
            ),
            source="16-bit and 32-bit multiplications of MLX and PyTorch on MPS, best sizes; copies of MLX and PyTorch; "
            "metal-flash-attention's own fractions; small shapes and launches estimated",
        )
    return found
