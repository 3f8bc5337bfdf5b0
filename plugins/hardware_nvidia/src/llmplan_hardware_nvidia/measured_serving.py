"""What inference engines' kernels reach on NVIDIA accelerators, by shape.

Generated from timings by ``python -m calibration FOLDER`` beside src: run it, edit nothing. Accelerators without
timings take those of a relative (curves.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from llmplan.records import AttentionCurve, CollectiveCurve, DecodeCurve, ServingCurves

MEASURED_SERVING: Mapping[str, ServingCurves] = {
    "a100-sxm-80gb": ServingCurves(
        prefill=AttentionCurve(
            plateau=0.6599,
            half_tokens=542.8,
            half_head_dim=18.38,
            launch_seconds=1.153e-05,
        ),
        decode=DecodeCurve(
            plateau=0.8502,
            half_bytes=8661000.0,
            launch_seconds=1.509e-05,
        ),
        all_reduce=CollectiveCurve(
            plateau=0.4398,
            half_ranks=0.0,
            half_bytes=228700.0,
            launch_seconds=3.853e-06,
            step_seconds=2.894e-07,
        ),
        widening_seconds={
            "8": 8.298e-06,
            "4": 1.159e-05,
        },
        source=(
            "A100 timings of engines' kernels (aiconfigurator): 114 prefills and 186 decodes of vLLM, 96 "
            "all-reduces, weight-only multiplications"
        ),
    ),
    "h100-sxm-80gb": ServingCurves(
        prefill=AttentionCurve(
            plateau=0.874,
            half_tokens=1418.0,
            half_head_dim=60.53,
            launch_seconds=1.542e-05,
        ),
        decode=DecodeCurve(
            plateau=0.9678,
            half_bytes=9781000.0,
            launch_seconds=9.994e-06,
        ),
        all_reduce=CollectiveCurve(
            plateau=0.4325,
            half_ranks=0.0,
            half_bytes=41230.0,
            launch_seconds=2.499e-06,
            step_seconds=1.225e-07,
        ),
        source=(
            "H100 timings of engines' kernels (aiconfigurator): 228 prefills and 245 decodes of TensorRT-LLM, 48 "
            "all-reduces"
        ),
    ),
    "h200-sxm-141gb": ServingCurves(
        prefill=AttentionCurve(
            plateau=0.9209,
            half_tokens=1334.0,
            half_head_dim=68.76,
            launch_seconds=1.556e-05,
        ),
        decode=DecodeCurve(
            plateau=1.0,
            half_bytes=45790000.0,
            launch_seconds=9.686e-06,
        ),
        all_reduce=CollectiveCurve(
            plateau=0.4635,
            half_ranks=0.0,
            half_bytes=47180.0,
            launch_seconds=2.474e-06,
            step_seconds=1.27e-07,
        ),
        source=(
            "H200 timings of engines' kernels (aiconfigurator): 228 prefills and 245 decodes of TensorRT-LLM, 48 "
            "all-reduces"
        ),
    ),
    "b200-sxm": ServingCurves(
        prefill=AttentionCurve(
            plateau=1.0,
            half_tokens=1895.0,
            half_head_dim=119.3,
            launch_seconds=1.647e-05,
        ),
        decode=DecodeCurve(
            plateau=0.8864,
            half_bytes=0.0,
            launch_seconds=1.072e-05,
        ),
        all_reduce=CollectiveCurve(
            plateau=0.3511,
            half_ranks=0.0,
            half_bytes=0.0,
            launch_seconds=4.584e-06,
            step_seconds=1.535e-07,
        ),
        source=(
            "B200 timings of engines' kernels (aiconfigurator): 228 prefills and 245 decodes of TensorRT-LLM, 48 "
            "all-reduces"
        ),
    ),
}
"""By profile name."""
