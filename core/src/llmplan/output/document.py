"""The JSON contract: an estimate as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from llmplan.estimate import Estimate, InferenceEstimate, ServerEstimate, Spread, TrainingEstimate
from llmplan.estimate.spread import LEVEL
from llmplan.records import Efficiency, InferencePlan, Recompute, TrainingPlan, Tuning

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys may join."""


def document(estimate: Estimate) -> dict[str, Any]:
    """What ``--json`` prints. SI units, full precision, None where something does not apply."""
    if isinstance(estimate, TrainingEstimate):
        return {**_head("train", estimate), **_training(estimate), **_tail(estimate)}
    if isinstance(estimate, ServerEstimate):
        return {**_head("infer", estimate), **_server(estimate), **_tail(estimate)}
    return {**_head("infer", estimate), **_inference(estimate), "server": None, **_tail(estimate)}


def _head(command: str, estimate: Estimate) -> dict[str, Any]:
    plan = estimate.plan
    return {
        "schema": f"llmplan.{command}/{SCHEMA}",
        "model": plan.model.name,
        "gpu": plan.hardware.name,
        "dtype": plan.dtype.name,
        "gemm_format": plan.gemm.name,
        "cost_model": plan.cost_model,
        "efficiency": _efficiency(plan.efficiency),
        "layout": _layout(plan),
        "feasible": estimate.feasible,
    }


def _efficiency(efficiency: Efficiency) -> dict[str, Any]:
    kernels = ("flops", "hbm", "scale_up", "scale_out")
    stated = efficiency.mfu is None
    return {
        "mfu": efficiency.mfu,
        **{name: getattr(efficiency, name) if stated else None for name in kernels},
        "source": efficiency.source if stated else "given",
    }


def _layout(plan: TrainingPlan | InferencePlan) -> dict[str, Any]:
    layout = plan.layout
    sizes = {
        "gpus": layout.gpus,
        "tp": layout.tp,
        "pp": layout.pp,
        "vpp": layout.vpp,
        "dp": layout.dp,
        "cp": layout.cp,
        "ep": layout.ep,
        "sp": layout.sequence_parallel,
    }
    if isinstance(plan, InferencePlan):
        return sizes
    return {
        **sizes,
        "zero": layout.zero,
        "zero_group": layout.zero_group,
        "micro_batch": plan.micro_batch,
        "gradient_accumulation": plan.gradient_accumulation,
    }


def _training(estimate: TrainingEstimate) -> dict[str, Any]:
    plan = estimate.plan
    return {
        "global_batch": plan.global_batch,
        "seq_len": plan.seq_len,
        "tokens": plan.tokens,
        "recompute": _recompute(plan.recompute),
        **_ways(plan),
        "iteration_seconds": estimate.iteration_seconds,
        "tokens_per_second": estimate.tokens_per_second,
        "tokens_per_second_per_gpu": estimate.tokens_per_second_per_gpu,
        "mfu": estimate.mfu,
        "hfu": estimate.hfu,
        "time_breakdown": dict(estimate.time_breakdown),
        "forward_breakdown": _copy(estimate.forward_breakdown),
        "iterations": int(estimate.iterations),
        "training_seconds": estimate.training_seconds,
        "confidence": plan.confidence,
        "training_seconds_at_confidence": estimate.training_seconds_at_confidence,
        "gpu_hours": estimate.gpu_hours,
        "cost": estimate.cost,
        **_ranges(estimate),
        **_goodput(estimate),
        "average_power_watts": estimate.average_power_watts,
        "energy_kwh": estimate.energy_kwh,
    }


def _ranges(estimate: TrainingEstimate) -> dict[str, Any]:
    """Low and high of the headline figures, None where nothing was measured of their kind."""
    time, memory = estimate.time_spread, estimate.memory_spread
    rising = ("iteration_seconds", "training_seconds", "gpu_hours", "cost")
    falling = ("tokens_per_second", "tokens_per_second_per_gpu")
    return {
        **{f"{name}_range": _around(time, getattr(estimate, name)) for name in rising},
        **{f"{name}_range": _around(time and time.inverted(), getattr(estimate, name)) for name in falling},
        "memory_bytes_per_gpu_range": _around(memory, estimate.memory_bytes_per_gpu),
        "ranges": {"level": LEVEL, "time": _behind(time), "memory": _behind(memory)},
    }


def _serving_ranges(
    estimate: InferenceEstimate | ServerEstimate, first: Spread | None, further: Spread | None
) -> dict[str, Any]:
    """As for training: of the first token, and of all that further tokens decide on."""
    return {
        "first_token_seconds_range": _around(first, estimate.first_token_seconds),
        "next_token_seconds_range": _around(further, estimate.next_token_seconds),
        "total_seconds_range": _around(further, estimate.total_seconds),
        "tokens_per_second_range": _around(further and further.inverted(), estimate.tokens_per_second),
        "ranges": {"level": LEVEL, "first_token": _behind(first), "next_token": _behind(further)},
    }


def _around(spread: Spread | None, figure: float | None) -> list[float] | None:
    return None if spread is None or figure is None else [figure * spread.low, figure * spread.high]


def _behind(spread: Spread | None) -> dict[str, Any] | None:
    return None if spread is None else {"rows": spread.rows, "extrapolated": spread.extrapolated}


def _ways(plan: TrainingPlan) -> dict[str, Any]:
    return {
        "schedule": plan.schedule_name,
        "framework": plan.framework.name,
        "optimizer": plan.optimizer.name,
        "master_weights": plan.master_weights,
        "gradient_bits": plan.gradient_bits,
        "tuning": plan.tuning.value,
        "lora_rank": None if plan.tuning is Tuning.FULL else plan.lora_rank,
        "offload": {"optimizer": plan.offload_optimizer, "activations": plan.offload_activations},
    }


def _goodput(estimate: TrainingEstimate) -> dict[str, Any]:
    return {
        "goodput": estimate.goodput,
        "wall_clock_seconds": _finite(estimate.wall_clock_seconds),
        "wall_clock_gpu_hours": _finite(estimate.wall_clock_gpu_hours),
        "mtbf_seconds": estimate.mtbf_seconds,
        "checkpoint_interval_seconds": estimate.checkpoint_interval_seconds,
    }


def _finite(value: float | None) -> float | None:
    """JSON has no word for infinity."""
    return None if value == inf else value


def _recompute(mode: int) -> str:
    return Recompute(mode).label


def _copy(breakdown: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if breakdown is None else dict(breakdown)


def _inference(estimate: InferenceEstimate) -> dict[str, Any]:
    plan = estimate.plan
    return {
        "batch": plan.batch,
        "prompt_tokens": plan.prompt_tokens,
        "output_tokens": plan.output_tokens,
        "kv_bits": plan.kv_bits,
        "engine": plan.engine.name,
        "cuda_graphs": plan.cuda_graphs,
        "prefill_seconds": estimate.prefill_seconds,
        "decode_seconds_per_token": estimate.decode_seconds_per_token,
        "first_token_seconds": estimate.first_token_seconds,
        "next_token_seconds": estimate.next_token_seconds,
        "total_seconds": estimate.total_seconds,
        "prefill_breakdown": dict(estimate.prefill_breakdown),
        "decode_breakdown": dict(estimate.decode_breakdown),
        "prefill_bounds": _copy(estimate.prefill_bounds),
        "decode_bounds": _copy(estimate.decode_bounds),
        "compute_bound_batch": estimate.compute_bound_batch,
        **_serving_ranges(estimate, estimate.first_token_spread, estimate.next_token_spread),
        "max_batch_size": int(estimate.max_batch_size),
        "max_context": estimate.max_context,
        "tokens_per_second": estimate.tokens_per_second,
        "tokens_per_second_per_gpu": estimate.tokens_per_second_per_gpu,
        "cost_per_million_tokens": estimate.cost_per_million_tokens,
        "cost_per_million_input_tokens": estimate.cost_per_million_input_tokens,
        "cost_per_million_output_tokens": estimate.cost_per_million_output_tokens,
        "average_power_watts": estimate.average_power_watts,
        "joules_per_token": estimate.joules_per_token,
    }


def _server(estimate: ServerEstimate) -> dict[str, Any]:
    """The keys of inference: phases as they run under the load, latencies with all waiting, batches of no one size."""
    from llmplan.output.server_document import server_document

    load, decode = estimate.server.workload, _inference(estimate.decode)
    prefill = {name: value for name, value in _inference(estimate.prefill).items() if name.startswith("prefill_")}
    own = ("first_token_seconds", "next_token_seconds", "total_seconds", "max_batch_size")
    rates = ("tokens_per_second", "tokens_per_second_per_gpu", "average_power_watts", "joules_per_token")
    costs = ("cost_per_million_tokens", "cost_per_million_input_tokens", "cost_per_million_output_tokens")
    return {
        **decode,
        **prefill,
        "batch": None,
        "prompt_tokens": None if load.trace else load.prompt.mean,
        "output_tokens": None if load.trace else load.output.mean,
        **{name: getattr(estimate, name) for name in (*own, *rates, *costs)},
        **_serving_ranges(estimate, estimate.prefill.first_token_spread, estimate.decode.next_token_spread),
        "server": server_document(estimate),
    }


def _tail(estimate: Estimate) -> dict[str, Any]:
    return {
        "memory_breakdown": dict(estimate.memory_breakdown),
        "memory_bytes_per_gpu": estimate.memory_bytes_per_gpu,
        "memory_capacity_bytes": estimate.memory_capacity_bytes,
        "assumptions": list(estimate.plan.assumptions),
        "warnings": list(estimate.warnings),
    }
