"""Inference plans with kernels and an engine of their own, so that no calibration moves what tests expect."""

from attrs import evolve
from megatron_plans import CURVES, FP16, GPU, GROUPED

from llmplan.records import (
    AttentionCurve,
    CollectiveCurve,
    DecodeCurve,
    Efficiency,
    EngineProfile,
    InferencePlan,
    Layout,
    ServingCurves,
)

SERVING = ServingCurves(
    prefill=AttentionCurve(plateau=0.6, half_tokens=500, half_head_dim=20, launch_seconds=9e-6),
    decode=DecodeCurve(plateau=0.8, half_bytes=2e6, launch_seconds=8e-6),
    all_reduce=CollectiveCurve(plateau=0.5, half_bytes=3e5, launch_seconds=3e-6, step_seconds=2e-7),
    widening_seconds={"8": 2e-6, "4": 4e-6},
    source="made up",
)
KERNELS = evolve(CURVES, serving=SERVING)
IDEAL = EngineProfile(name="ideal")
BUSY = EngineProfile(
    name="busy",
    gemm_rate=0.9,
    memory_rate=0.8,
    launch_share=1.2,
    elementwise_traffic=1.5,
    launch_seconds_per_layer=1e-4,
    host_seconds_per_step=1e-3,
    host_seconds_per_sequence=1e-6,
    rank_wait_seconds=1e-6,
    step_tokens=512,
    context_bytes=1e9,
    workspace_bytes=5e8,
)
OLD = evolve(
    BUSY,
    name="old",
    attention="unfused",
    grouped_heads=1,
    rereading=0.5,
    cache_token_cycles=14.0,
    captures_launches=False,
    custom_all_reduce=False,
    fuses_residual=False,
    fuses_quantisation=False,
    keeps_buffers=True,
    block_tokens=1,
    memory_share=1.0,
)
ENGINES = (IDEAL, BUSY, OLD)
SIZES = ("tp", "pp", "dp", "ep")


def serving(model=GROUPED, curves=KERNELS, domain=8, **changes):
    """A plan of numbers or arrays; sizes of the layout and fields of the plan by name."""
    sizes = {name: changes.pop(name) for name in SIZES if name in changes}
    gpus = sizes.get("tp", 1) * sizes.get("pp", 1) * sizes.get("dp", 1)
    settings = changes.pop("settings", {}) | {name: changes.pop(name) for name in ("cuda_graphs",) if name in changes}
    dtype, gpu = changes.pop("dtype", FP16), evolve(GPU, scale_up_domain=domain)
    given = {"batch": 1, "prompt_tokens": 64, "output_tokens": 64, "kv_bits": 16, "engine": IDEAL, **changes}
    return InferencePlan(
        model=model,
        hardware=gpu,
        dtype=dtype,
        gemm=dtype.gemm_format(gpu),
        layout=Layout(gpus=gpus, **sizes),
        efficiency=Efficiency(curves=curves),
        cost_model="megatron",
        settings=settings,
        **given,
    )
