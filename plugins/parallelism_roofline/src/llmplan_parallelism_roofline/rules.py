"""What ``roofline`` has to say about a plan before pricing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import TYPE_CHECKING, Any

from llmplan.arrays.quantities import has_remainder
from llmplan.records import Efficiency, InferencePlan, TrainingPlan, Tuning
from llmplan.request import option_name
from llmplan_costing import rules
from llmplan_costing.rules import TOO_LONG_A_PIPELINE, Rule
from llmplan_costing.sharding import most_parts

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number, Truth

NOTEWORTHY_BUBBLE = 0.1
"""Share of an iteration above which a bubble that is not priced is worth a warning."""
ADAM_STATE_BYTES = 8.0
"""Of an optimizer that keeps what `memory` counts beside the master weights."""
NO_OPTIMIZER = "none"
"""That of a plan where no plugin offers one."""
GIVEN = Efficiency().source
"""Of efficiencies that the user states."""


def check(plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """Words against the layout of a plan of numbers; BadInputError where it cannot be priced."""
    rules.refuse(plan, (*(UNPRICED if isinstance(plan, TrainingPlan) else UNPRICED_SERVING), *REFUSED))
    return rules.said(plan, _avoided(plan))


def illegal(plan: TrainingPlan) -> dict[str, Truth]:
    """By rule, whether plans break it: `check` refuses those that break any."""
    return rules.broken(plan, (*UNPRICED, *REFUSED))


def worded(plan: TrainingPlan) -> Truth:
    """Whether `check` has words against plans that it does not refuse."""
    return rules.any_broken(plan, _avoided(plan))


def remarks(plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """What to know of a plan of numbers, whatever its layout."""
    if isinstance(plan, InferencePlan):
        return (*_in_flight(plan), *_unused_engine(plan))
    unused = (*_unused_efficiencies(plan), *_unused_framework(plan))
    return (*unused, *plan.dtype.training_remarks, *_rate_of_16_bits(plan))


def _unpriced(option: str, asked: Callable[[Any], Truth], value: Callable[[Any], object]) -> Rule:
    """What would change time or memory, were it counted."""
    return Rule(
        f"{option}: roofline prices none",
        asked,
        lambda plan: f"{option}: {value(plan)} is not priced by the cost model roofline; megatron does",
    )


def _another_optimizer(plan: TrainingPlan) -> bool:
    return plan.optimizer.state_bytes != ADAM_STATE_BYTES and plan.optimizer.name != NO_OPTIMIZER


def _other_gradients(plan: TrainingPlan) -> bool:
    return plan.gradient_bits != plan.framework.gradient_bits_of(plan.dtype.name)


def _say_setting(plan: TrainingPlan) -> str:
    name, value = next(iter(plan.settings.items()))
    word = value if isinstance(value, str) else f"{value:g}"
    return f"{option_name(name)}: {word} is not priced by the cost model roofline; megatron does"


UNPRICED = (
    _unpriced("cp", lambda plan: plan.layout.cp != 1, lambda plan: int(plan.layout.cp)),
    _unpriced("ep", lambda plan: plan.layout.ep != 1, lambda plan: int(plan.layout.ep)),
    _unpriced("vpp", lambda plan: plan.layout.vpp != 1, lambda plan: int(plan.layout.vpp)),
    _unpriced(
        "zero-group",
        lambda plan: False if plan.layout.zero_group is None else plan.layout.zero_group < inf,
        lambda plan: plan.layout.zero_group,
    ),
    _unpriced(
        "schedule",
        lambda plan: plan.schedule.of(lambda schedule: not schedule.default),
        lambda plan: plan.schedule_name,
    ),
    _unpriced("optimizer", _another_optimizer, lambda plan: plan.optimizer.name),
    _unpriced("master-weights", lambda plan: not plan.master_weights, lambda _plan: "false"),
    _unpriced("gradient-bits", _other_gradients, lambda plan: f"{plan.gradient_bits:g}"),
    _unpriced(
        "reduction-bits",
        lambda plan: plan.reduction_bits != plan.framework.reduction_bits,
        lambda plan: f"{plan.reduction_bits:g}",
    ),
    _unpriced("tuning", lambda plan: plan.tuning is not Tuning.FULL, lambda plan: plan.tuning.value),
    _unpriced("offload", lambda plan: plan.waits_on_host, lambda plan: plan.offloaded),
    _unpriced("packing", lambda plan: plan.sequence_tokens != plan.seq_len, lambda _plan: "false (padding)"),
    Rule("settings: roofline prices none", lambda plan: bool(plan.settings), _say_setting),
)


UNPRICED_SERVING = (_unpriced("ep", lambda plan: plan.layout.ep != 1, lambda plan: int(plan.layout.ep)),)


def _unused_engine(plan: InferencePlan) -> Iterator[str]:
    engine = plan.engine
    if engine.source and not engine.default:
        yield f"engine {engine.name} changes nothing: the cost model roofline is the same for all"


def _unused_framework(plan: TrainingPlan) -> Iterator[str]:
    framework = plan.framework
    if not framework.default:
        yield f"framework {framework.name} changes nothing: the cost model roofline is the same for all"


def _unused_efficiencies(plan: TrainingPlan) -> Iterator[str]:
    given = plan.efficiency
    all_given = given.source == GIVEN and min(given.hbm, given.scale_up, given.scale_out) < 1
    if all_given or set(given.stated) - {"flops"}:
        yield "of the efficiencies, training time counts that of FLOPs alone; the others shape the forward pass shown"


def _in_flight(plan: InferencePlan) -> Iterator[str]:
    pp = plan.layout.pp
    if pp > 1:
        yield f"prefill and decode are times of one of {pp} pipeline stages; {pp} batches are in flight, one on each"


def _most_parts(plan: TrainingPlan | InferencePlan) -> float:
    return max(most_parts(plan.model), default=inf)


def _say_parts(plan: TrainingPlan | InferencePlan) -> str:
    limited = most_parts(plan.model)
    most = max(limited)
    return f"tp: {int(plan.layout.tp)} is more than the {most} {limited[most]} of {plan.model.name}"


def _beyond_domain(plan: TrainingPlan | InferencePlan) -> Truth:
    return plan.layout.tp > plan.hardware.scale_up_domain


def _say_link(plan: TrainingPlan | InferencePlan) -> str:
    hardware = plan.hardware
    return (
        f"tp: {int(plan.layout.tp)} leaves the scale-up domain of {hardware.name}, {hardware.scale_up_domain}, and its "
        "record holds no link beyond"
    )


REFUSED = (
    TOO_LONG_A_PIPELINE,
    Rule("tp is at most the heads", lambda plan: plan.layout.tp > _most_parts(plan), _say_parts),
    Rule(
        "tp stays in the scale-up domain where no link leaves it",
        lambda plan: plan.layout.tp > plan.hardware.cluster.size,
        _say_link,
    ),
)
"""What has to hold for a plan to be priced."""


def _avoided(plan: TrainingPlan | InferencePlan) -> Iterator[Rule]:
    """What has to hold for nothing to be said against a layout."""
    for most, parts in most_parts(plan.model).items():
        yield _even(most, parts)
    yield Rule("tp stays in the scale-up domain", _beyond_domain, _say_beyond)
    yield Rule("pp divides the layers", lambda plan: has_remainder(plan.model.layers, plan.layout.pp), _say_stages)
    if isinstance(plan, TrainingPlan) and plan.efficiency.mfu is None:
        yield Rule("the bubble is short", lambda plan: _bubble(plan) > NOTEWORTHY_BUBBLE, _say_bubble)


def _even(most: int, parts: str) -> Rule:
    """Tp divides heads, or a whole number of ranks shares a KV head."""
    return Rule(
        f"tp divides the {parts}",
        lambda plan: has_remainder(most, plan.layout.tp) & has_remainder(plan.layout.tp, most),
        lambda plan: (
            f"tp {int(plan.layout.tp)} does not divide the {most} {parts} of {plan.model.name}: priced as an even split"
        ),
    )


def _say_beyond(plan: TrainingPlan | InferencePlan) -> str:
    link = (plan.hardware.beyond_domain_bytes_per_second or 0.0) / 1e9
    leaves = f"tp {int(plan.layout.tp)} leaves the scale-up domain of {plan.hardware.scale_up_domain}"
    return f"{leaves}: its all-reduces are priced at {link:,.0f} GB/s"


def _say_stages(plan: TrainingPlan | InferencePlan) -> str:
    pp, layers = int(plan.layout.pp), plan.model.layers
    return (
        f"pp {pp} does not divide the {layers} layers of {plan.model.name}: time as an even split, the forward "
        f"pass of a stage over {layers // pp} layers, memory over {-(-layers // pp)}"
    )


def _bubble(plan: TrainingPlan) -> Number:
    """More time that the pipeline's start and end take: (p - 1) / micro-batches."""
    return (plan.layout.pp - 1) / plan.gradient_accumulation


def _say_bubble(plan: TrainingPlan) -> str:
    return f"the pipeline bubble, (pp - 1) / micro-batches = {_bubble(plan):.0%} more time, is not priced"


def _rate_of_16_bits(plan: TrainingPlan) -> Iterator[str]:
    """Efficiencies are those of 16-bit runs, where FP8 ones lose more.

    Measured: 6,667 tokens/s/GPU in BF16, 8,532 with FP8 GEMMs (torchtitan,
    benchmarks/llama3_h100_202412_torchtitan.md, table 1).
    """
    calibrated = (
        plan.efficiency.mfu is None and plan.efficiency.source != GIVEN and "flops" not in plan.efficiency.stated
    )
    if plan.dtype.training == "published" and plan.dtype.is_narrow and calibrated:
        yield (
            f"{plan.dtype.name} at the FLOPs efficiency of 16-bit runs, where FP8 runs reach less of their peak: "
            "torchtitan's Llama 3.1 8B on H100 became 1.3 times as fast, not twice"
        )
