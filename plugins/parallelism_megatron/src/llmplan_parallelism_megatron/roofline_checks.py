"""What ``roofline`` has to say about a plan before pricing it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import inf

from llmplan.errors import BadInputError
from llmplan.records import Efficiency, InferencePlan, ModelArchitecture, Schedule, TrainingPlan, Tuning
from llmplan_parallelism_megatron.collectives import beyond_domain_bytes_per_second

NOTEWORTHY_BUBBLE = 0.1
"""Share of an iteration above which a bubble that is not priced is worth a warning."""

LEAST_TRAINING_BITS = 16
"""Of weights and activations in mixed precision (Micikevicius et al. 2018, arXiv:1710.03740)."""
ADAM_STATE_BYTES = 8.0
"""Of an optimizer that keeps what `memory` counts beside the master weights."""
NO_OPTIMIZER = "none"
"""That of a plan where no plugin offers one."""
GIVEN = Efficiency().source
"""Of efficiencies that the user states."""


def check(plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """Words against the layout of a plan of numbers; BadInputError where it cannot be priced."""
    if isinstance(plan, TrainingPlan):
        _refuse_what_is_not_priced(plan)
    return (*_tensor_parallel(plan), *_scale_up_domain(plan), *_pipeline(plan))


def remarks(plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """What to know of a plan of numbers, whatever its layout."""
    if isinstance(plan, InferencePlan):
        return (*_in_flight(plan),)
    return (*_unused_efficiencies(plan), *_unused_framework(plan), *narrow_training(plan), *_rate_of_16_bits(plan))


def _refuse_what_is_not_priced(plan: TrainingPlan) -> None:
    """What would change time or memory, were it counted."""
    layout, states = plan.layout, plan.optimizer.state_bytes
    adam = states == ADAM_STATE_BYTES or plan.optimizer.name == NO_OPTIMIZER
    of_framework = plan.framework.gradient_bits_of(plan.dtype.name)
    asked = {
        "cp": (int(layout.cp), layout.cp == 1),
        "ep": (int(layout.ep), layout.ep == 1),
        "vpp": (int(layout.vpp), layout.vpp == 1),
        "zero-group": (layout.zero_group, layout.zero_group is None),
        "schedule": (Schedule(plan.schedule).label, plan.schedule == Schedule.ONE_F_ONE_B),
        "optimizer": (plan.optimizer.name, adam),
        "master-weights": (str(plan.master_weights).lower(), plan.master_weights),
        "gradient-bits": (f"{plan.gradient_bits:g}", plan.gradient_bits == of_framework),
        "tuning": (plan.tuning.value, plan.tuning is Tuning.FULL),
        "offload": (offloaded(plan), not offloaded(plan)),
        "expert-imbalance": (f"{plan.expert_imbalance:g}", plan.expert_imbalance == 1),
    }
    for option, (value, is_priced) in asked.items():
        if not is_priced:
            raise BadInputError(f"{option}: {value} is not priced by the cost model roofline; megatron does")


def offloaded(plan: TrainingPlan) -> str:
    """What waits in host memory, as the option says it; nothing where nothing does."""
    both = plan.offload_optimizer and plan.offload_activations
    one = "optimizer" if plan.offload_optimizer else "activations" if plan.offload_activations else ""
    return "all" if both else one


def _unused_framework(plan: TrainingPlan) -> Iterator[str]:
    framework = plan.framework
    if not framework.default:
        yield f"framework {framework.name} changes nothing: the cost model roofline is the same for all"


def _unused_efficiencies(plan: TrainingPlan) -> Iterator[str]:
    given = plan.efficiency
    if given.source == GIVEN and min(given.hbm, given.scale_up, given.scale_out) < 1:
        yield "of the efficiencies, training time counts that of FLOPs alone; the others shape the forward pass shown"


def _in_flight(plan: InferencePlan) -> Iterator[str]:
    pp = plan.layout.pp
    if pp > 1:
        yield f"prefill and decode are times of one of {pp} pipeline stages; {pp} batches are in flight, one on each"


def _tensor_parallel(plan: TrainingPlan | InferencePlan) -> Iterator[str]:
    """Tp divides heads, or a whole number of ranks shares a KV head."""
    tp = int(plan.layout.tp)
    limited = limits(plan.model)
    if limited and tp > max(limited):
        most = max(limited)
        raise BadInputError(f"tp: {tp} is more than the {most} {limited[most]} of {plan.model.name}")
    for most, parts in limited.items():
        if most % tp and tp % most:
            yield f"tp {tp} does not divide the {most} {parts} of {plan.model.name}: priced as an even split"


@lru_cache(maxsize=256)
def limits(model: ModelArchitecture) -> dict[int, str]:
    """Into how many of what the operators of a layer can be divided at most; every rank holds what cannot be."""
    operators = (operator for block in model.lower(1, 1).layers for operator in block.operators)
    return {int(operator.max_ways): operator.parts for operator in operators if 1 < operator.max_ways < inf}


def _scale_up_domain(plan: TrainingPlan | InferencePlan) -> Iterator[str]:
    hardware, tp = plan.hardware, int(plan.layout.tp)
    if tp <= hardware.scale_up_domain:
        return
    beyond = beyond_domain_bytes_per_second(hardware)
    if beyond is None:
        raise BadInputError(
            f"tp: {tp} leaves the scale-up domain of {hardware.name}, {hardware.scale_up_domain}, and its record "
            "holds no link beyond"
        )
    yield (
        f"tp {tp} leaves the scale-up domain of {hardware.scale_up_domain}: "
        f"its all-reduces are priced at {beyond / 1e9:,.0f} GB/s"
    )


def _pipeline(plan: TrainingPlan | InferencePlan) -> Iterator[str]:
    pp, layers = int(plan.layout.pp), plan.model.layers
    if layers % pp:
        yield (
            f"pp {pp} does not divide the {layers} layers of {plan.model.name}: time as an even split, the forward "
            f"pass of a stage over {layers // pp} layers, memory over {-(-layers // pp)}"
        )
    if isinstance(plan, InferencePlan) or plan.efficiency.mfu is not None:
        return
    bubble = (pp - 1) / plan.gradient_accumulation
    if bubble > NOTEWORTHY_BUBBLE:
        yield f"the pipeline bubble, (pp - 1) / micro-batches = {bubble:.0%} more time, is not priced"


def narrow_training(plan: TrainingPlan) -> Iterator[str]:
    """Training in fewer than 16 bits: FP8 GEMMs have published recipes, FP4 ones first experiments, the rest nothing.

    The recipes of FP8 keep 16 bits between GEMMs (Micikevicius et al. 2022, arXiv:2209.05433; DeepSeek-V3 2024,
    arXiv:2412.19437, section 3.3); for FP4 see NVIDIA 2025, arXiv:2509.25149.
    """
    dtype = plan.dtype
    if not _is_narrow(plan):
        return
    if _asked_format(plan) == "fp4":
        yield f"{dtype.name} in training is experimental: few runs are published, and the figures follow none of them"
    elif not _has_recipe(plan):
        yield f"{dtype.name} in training: no published recipe trains so; the figures are hypothetical"


def _is_narrow(plan: TrainingPlan) -> bool:
    return min(plan.dtype.weight_bits, plan.dtype.activation_bits) < LEAST_TRAINING_BITS


def _asked_format(plan: TrainingPlan) -> str:
    return plan.gemm.fallback_from or plan.gemm.name


def _has_recipe(plan: TrainingPlan) -> bool:
    return _asked_format(plan) == "fp8" and plan.dtype.activation_bits >= LEAST_TRAINING_BITS


def _rate_of_16_bits(plan: TrainingPlan) -> Iterator[str]:
    """Efficiencies are those of 16-bit runs, where FP8 ones lose more.

    Measured: 6,667 tokens/s/GPU in BF16, 8,532 with FP8 GEMMs (torchtitan,
    benchmarks/llama3_h100_202412_torchtitan.md, table 1).
    """
    calibrated = plan.efficiency.mfu is None and plan.efficiency.source != GIVEN
    if _is_narrow(plan) and _has_recipe(plan) and calibrated:
        yield (
            f"{plan.dtype.name} at the FLOPs efficiency of 16-bit runs, where FP8 runs reach less of their peak: "
            "torchtitan's Llama 3.1 8B on H100 became 1.3 times as fast, not twice"
        )
