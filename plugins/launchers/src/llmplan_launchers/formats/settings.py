"""What plans say, as flat options by the names that llmplan's own options have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.estimate.figures import is_server
from llmplan.records import Recompute

if TYPE_CHECKING:
    from llmplan.estimate import Estimate, InferenceEstimate, ServerEstimate
    from llmplan.records import InferencePlan, TrainingPlan


def training(launcher: str, estimate: Estimate) -> tuple[TrainingEstimate, dict[str, Any]]:
    """A training estimate, and its plan as options."""
    if not isinstance(estimate, TrainingEstimate):
        raise BadInputError(f"{launcher}: launches training, and this is a plan of serving")
    plan, layout = estimate.plan, estimate.plan.layout
    sizes = {name: int(getattr(layout, name)) for name in ("gpus", "tp", "pp", "dp", "cp", "ep", "vpp", "zero")}
    return estimate, {
        **sizes,
        "expert_tp": plan.setting("expert_tp", None),
        "sequence_parallel": bool(layout.sequence_parallel),
        "zero_group": zero_group(plan),
        "micro_batch": int(plan.micro_batch),
        "gradient_accumulation": int(plan.gradient_accumulation),
        "global_batch": int(plan.global_batch),
        "seq_len": int(plan.seq_len),
        "iterations": int(estimate.iterations),
        "epochs": None if plan.data is None else plan.data.epochs,
        "packing": None if plan.data is None else plan.data.packed,
        "recompute": Recompute(int(plan.recompute)).label,
        "schedule": schedule_name(plan),
        "optimizer": plan.optimizer.name,
        "master_weights": plan.master_weights,
        "gradient_bits": float(plan.gradient_bits),
        "tuning": plan.tuning.value,
        "lora_rank": plan.lora_rank or None,
        "lora_targets": list(plan.lora_targets),
        "offload_optimizer": plan.offload_optimizer,
        "offload_activations": plan.offload_activations,
        "offload_parameters": plan.offload_parameters,
        "cross_entropy": plan.setting("cross_entropy", None),
        "frozen_bits": plan.setting("frozen_bits", None),
        "precision": precision(plan),
        "framework": plan.framework.name,
    }


def schedule_name(plan: TrainingPlan) -> str:
    """The pipeline schedule, as options write it."""
    schedule: Any = plan.schedule
    return str(getattr(schedule, "label", None) or getattr(schedule, "name", schedule))


def zero_group(plan: TrainingPlan) -> int | None:
    """Ranks that ZeRO divides over, None where these are all."""
    layout, group = plan.layout, plan.layout.zero_group
    everyone = layout.dp * layout.cp
    return None if group is None or group >= everyone else int(group)


def precision(plan: TrainingPlan | InferencePlan) -> str:
    """The format of matrix multiplications that the dtype asks for first; bf16 where that will do."""
    formats = plan.dtype.gemm_formats[0]
    return "bf16" if "bf16" in formats else formats[0]


def serving(launcher: str, estimate: Estimate) -> tuple[InferencePlan, dict[str, Any]]:
    """The plan of the replicas, and what it says as options."""
    if isinstance(estimate, TrainingEstimate):
        raise BadInputError(f"{launcher}: serves, and this is a plan of training")
    plan = estimate.plan
    sizes = {name: int(getattr(plan.layout, name)) for name in ("gpus", "tp", "pp", "dp", "ep")}
    settings = {
        **sizes,
        "kv_bits": float(plan.kv_bits),
        "cuda_graphs": plan.setting("cuda_graphs", plan.engine.captures_launches),
        "memory_share": plan.engine.memory_share,
        "block_tokens": plan.engine.block_tokens,
        "precision": precision(plan),
        "engine": plan.engine.name,
        **_load(launcher, estimate),
    }
    return plan, settings


def _load(launcher: str, estimate: InferenceEstimate | ServerEstimate) -> dict[str, Any]:
    """Sequences at once, tokens of a step and of the longest sequence."""
    if not is_server(estimate):
        plan = estimate.plan
        return {
            "max_sequences": int(plan.batch),
            "longest": int(plan.prompt_tokens + plan.output_tokens),
            "step_tokens": None,
            "chunked_prefill": plan.engine.chunked_prefill,
            "speculative_tokens": None,
            "draft": None,
        }
    server = estimate.server
    if server.prefill_pool is not None:
        raise BadInputError(
            f"{launcher}: prefill-replicas {int(server.prefill_pool.layout.dp)}: two kinds of server that hand caches "
            "over are more than one launch file; leave prefill-replicas out"
        )
    speculation = server.speculation
    draft = None if speculation is None or speculation.draft is None else speculation.draft.model
    return {
        "max_sequences": int(server.max_sequences),
        "longest": int(server.workload.longest[1]),
        "step_tokens": int(server.step_tokens),
        "chunked_prefill": server.chunked,
        "speculative_tokens": None if speculation is None else int(speculation.draft_tokens),
        "draft": draft,
        "prefix_caching": server.prefix_hit_rate > 0,
    }
