"""What ``megatron`` has to say about a plan before pricing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llmplan.arrays.quantities import floor, has_remainder
from llmplan.records import Tuning
from llmplan_costing import rules
from llmplan_costing.rules import TOO_LONG_A_PIPELINE, Rule
from llmplan_parallelism_megatron.network.groups import groups_of
from llmplan_parallelism_megatron.rank import expert_tp
from llmplan_parallelism_megatron.rules.common import DIVIDES_EXPERTS, DIVIDES_HEADS, nearest, routed_experts
from llmplan_parallelism_megatron.rules.offload import GATHERS, HAS_A_LINK, HAS_ROOM
from llmplan_parallelism_megatron.rules.scale_up import stays_inside, stays_linked
from llmplan_parallelism_megatron.stages import ends_as_layers
from llmplan_parallelism_megatron.training.adapters import TARGETS
from llmplan_parallelism_megatron.training.layer import expert_imbalance
from llmplan_parallelism_megatron.training.loss import LOSSES, is_known

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number, Truth
    from llmplan.records import TrainingPlan
    from llmplan_parallelism_megatron.network.groups import Group


def check(plan: TrainingPlan) -> tuple[str, ...]:
    """Words against the layout of a plan of numbers; BadInputError where it cannot be priced."""
    rules.refuse(plan, REFUSED)
    return rules.said(plan, AVOIDED)


def illegal(plan: TrainingPlan) -> dict[str, Truth]:
    """By rule, whether plans break it: `check` refuses those that break any."""
    return rules.broken(plan, REFUSED)


def worded(plan: TrainingPlan) -> Truth:
    """Whether `check` has words against plans that it does not refuse."""
    return rules.any_broken(plan, AVOIDED)


def remarks(plan: TrainingPlan) -> tuple[str, ...]:
    """What to know of a plan of numbers, whatever its layout."""
    return (*plan.dtype.training_remarks, *_imbalance(plan))


def _uneven_tokens(plan: TrainingPlan) -> Truth:
    """Sequence parallel ranks have as many tokens."""
    layout = plan.layout
    return layout.sequence_parallel & has_remainder(floor(plan.seq_len / layout.cp), layout.tp)


def _say_tokens(plan: TrainingPlan) -> str:
    tp, tokens = int(plan.layout.tp), int(plan.seq_len) // int(plan.layout.cp)
    close = nearest(tp, tokens, lambda size: tokens % size == 0)
    return f"tp: {tp} with sequence parallelism does not divide the {tokens} tokens of a rank's sequence; {close} would"


def _uneven_pieces(plan: TrainingPlan) -> Truth:
    """Tokens are cut into 2 cp pieces, of which a rank has one from each half; into cp, where they are not balanced."""
    cp = plan.layout.cp
    return (cp > 1) & has_remainder(plan.seq_len, 2 * cp if plan.framework.balanced_context else cp)


def _say_pieces(plan: TrainingPlan) -> str:
    cp, seq_len = int(plan.layout.cp), int(plan.seq_len)
    pieces = 2 * cp if plan.framework.balanced_context else cp
    near = _next_to(seq_len, pieces)
    return f"cp: {cp} cuts a sequence into {pieces} pieces, and seq-len is {seq_len}; {near} would do"


def _sharing(plan: TrainingPlan) -> Number:
    """Ranks that share experts: data and context parallel ones, and tensor parallel ones with experts of their own."""
    within = expert_tp(plan)
    return plan.layout.dp * plan.layout.cp * (1 if within is None else plan.layout.tp / within)


def _uneven_replicas(plan: TrainingPlan) -> Truth:
    return has_remainder(_sharing(plan), plan.layout.ep)


def _say_replicas(plan: TrainingPlan) -> str:
    layout, experts = plan.layout, routed_experts(plan.model)
    ep, ranks, within = int(layout.ep), int(_sharing(plan)), expert_tp(plan)
    close = nearest(ep, ranks, lambda size: ranks % size == 0 and experts % size == 0)
    product = f"dp {int(layout.dp)} x cp {int(layout.cp)}"
    product += "" if within is None else f" x tp {int(layout.tp)} / expert-tp {within}"
    return f"ep: {ep} does not divide {product} = {ranks}, the ranks that share experts; {close} would"


def _uneven_expert_tp(plan: TrainingPlan) -> Truth:
    within = expert_tp(plan)
    return False if within is None else has_remainder(plan.layout.tp, within)


def _say_expert_tp(plan: TrainingPlan) -> str:
    tp, within = int(plan.layout.tp), expert_tp(plan)
    close = nearest(int(within or 1), tp, lambda size: tp % size == 0)
    return f"expert-tp: {within} does not divide tp {tp}; {close} would"


def _dealt_out(plan: TrainingPlan) -> Truth:
    """Ranks that do not share an expert have tokens of their own, which is what sequence parallelism gives them."""
    layout, within = plan.layout, expert_tp(plan)
    return False if within is None else (layout.tp > within) & (layout.sequence_parallel == False)  # noqa: E712


def _more_than_layers(plan: TrainingPlan) -> Truth:
    return (plan.layout.vpp > 1) & (plan.layout.pp * plan.layout.vpp > plan.model.layers)


def _say_layers(plan: TrainingPlan) -> str:
    pp, vpp, layers = int(plan.layout.pp), int(plan.layout.vpp), plan.model.layers
    return (
        f"vpp: {vpp} x pp {pp} = {pp * vpp} is more than the {layers} layers of {plan.model.name}; "
        f"at most {layers // pp} would do"
    )


def _uneven_rounds(plan: TrainingPlan) -> Truth:
    """Chunks take turns in rounds of p micro-batches (Narayanan et al. 2021, arXiv:2104.04473, section 2.2)."""
    return (plan.layout.vpp > 1) & has_remainder(plan.gradient_accumulation, plan.layout.pp)


def _say_rounds(plan: TrainingPlan) -> str:
    pp, vpp, micro_batches = int(plan.layout.pp), int(plan.layout.vpp), int(plan.gradient_accumulation)
    return (
        f"vpp: {vpp} takes micro-batches in rounds of pp {pp}, and gradient-accumulation is {micro_batches}; "
        f"{_next_to(micro_batches, pp)} would do"
    )


def _feeds_both_ends(plan: TrainingPlan) -> Truth:
    return plan.schedule.of(lambda schedule: schedule.both_ways)


def _cannot_feed(plan: TrainingPlan) -> Truth:
    return has_remainder(plan.layout.pp, 2) | (plan.gradient_accumulation < 2 * plan.layout.pp)


def _groups(plan: TrainingPlan) -> tuple[tuple[str, Group], ...]:
    groups = groups_of(plan.layout, expert_tp(plan))
    sizes = ("tp", groups.tensor), ("cp", groups.context), ("ep", groups.expert)
    return (*sizes, ("dp", groups.data), ("pp", groups.pipeline))


def _say_targets(plan: TrainingPlan) -> str:
    odd = next(word for word in plan.lora_targets if word not in TARGETS)
    return f"lora-targets: {odd!r} is none of {', '.join(TARGETS)}"


def _freezes_nothing(plan: TrainingPlan) -> bool:
    return plan.tuning is Tuning.FULL and "frozen_bits" in plan.settings


def _say_loss(plan: TrainingPlan) -> str:
    return f"cross-entropy: {plan.settings['cross_entropy']!r} is none of {', '.join(LOSSES)}"


REFUSED = (
    TOO_LONG_A_PIPELINE,
    DIVIDES_HEADS,
    Rule("tp divides a rank's tokens where sequence parallel", _uneven_tokens, _say_tokens),
    Rule("cp cuts sequences into equal pieces", _uneven_pieces, _say_pieces),
    DIVIDES_EXPERTS,
    Rule("expert-tp divides tp", _uneven_expert_tp, _say_expert_tp),
    Rule("ep divides dp x cp, and tp / expert-tp", _uneven_replicas, _say_replicas),
    Rule(
        "vpp is 1 with a schedule of one chunk a stage",
        lambda plan: (plan.layout.vpp > 1) & plan.schedule.of(lambda schedule: not schedule.interleaves),
        lambda plan: (
            f"vpp: {int(plan.layout.vpp)} with schedule {plan.schedule_name}, which has one chunk a stage; 1 would do"
        ),
    ),
    Rule(
        "pipelines fed from both ends have even stages and twice as many micro-batches",
        lambda plan: (plan.layout.pp > 1) & _feeds_both_ends(plan) & _cannot_feed(plan),
        lambda plan: (
            f"schedule: {plan.schedule_name} feeds a pipeline from both ends, which takes an even pp and at least 2 pp "
            f"micro-batches; pp is {int(plan.layout.pp)}, gradient-accumulation {int(plan.gradient_accumulation)}"
        ),
    ),
    Rule(
        "vpp is 1 without a pipeline",
        lambda plan: (plan.layout.vpp > 1) & (plan.layout.pp == 1),
        lambda plan: f"vpp: {int(plan.layout.vpp)} divides the stages of a pipeline, and pp is 1; 1 would do",
    ),
    Rule("pp x vpp is at most the layers", _more_than_layers, _say_layers),
    Rule("pp divides the micro-batches with vpp", _uneven_rounds, _say_rounds),
    stays_linked(_groups),
    Rule("lora-targets are matrices", lambda plan: not set(plan.lora_targets) <= set(TARGETS), _say_targets),
    Rule(
        "frozen-bits beside adapters",
        _freezes_nothing,
        lambda plan: f"frozen-bits: {plan.settings['frozen_bits']:g} with tuning full, which trains all weights",
    ),
    Rule("cross-entropy is a word", lambda plan: not is_known(plan), _say_loss),
    HAS_A_LINK,
    GATHERS,
    HAS_ROOM,
)
"""What has to hold for a plan to be priced."""


def _uneven_stages(plan: TrainingPlan) -> Truth:
    uneven = has_remainder(plan.model.layers, plan.layout.pp * plan.layout.vpp)
    return uneven & (ends_as_layers(plan.model.layers, plan.layout) == 0)


def _say_stages(plan: TrainingPlan) -> str:
    pp, vpp, layers = int(plan.layout.pp), int(plan.layout.vpp), plan.model.layers
    of_model = f"does not divide the {layers} layers of {plan.model.name}"
    if layers % pp:
        return f"pp {pp} {of_model}: stages hold {layers // pp} or {-(-layers // pp)} layers, priced at the slower"
    few, many = layers // (pp * vpp), -(-layers // (pp * vpp))
    return f"pp {pp} x vpp {vpp} {of_model}: chunks hold {few} or {many} layers, the bubble as if even"


def _say_zero(plan: TrainingPlan) -> str:
    zero, pp = int(plan.layout.zero), int(plan.layout.pp)
    whole = "weights and gradients stay" if plan.layout.shards_weights else "gradients stay"
    return f"ZeRO {zero} with pp {pp}: {whole} whole for the iteration, as in ZeRO 1"


AVOIDED = (
    stays_inside(_groups, "tp"),
    Rule(
        "sequences are divided where expert-tp is below tp",
        _dealt_out,
        lambda plan: (
            f"expert-tp: {expert_tp(plan)} below tp {int(plan.layout.tp)} deals tokens out to the ranks of a tensor "
            "parallel group, which takes sequence parallelism"
        ),
    ),
    stays_inside(_groups, "cp"),
    Rule("pp x vpp divides the layers", _uneven_stages, _say_stages),
    Rule(
        "another schedule has a bubble to fill",
        lambda plan: plan.schedule.of(lambda schedule: not schedule.default) & (plan.layout.pp == 1),
        lambda plan: f"schedule {plan.schedule_name} changes nothing with pp 1: there is no bubble to fill",
    ),
    Rule(
        "ZeRO 0 or 1 in a pipeline",
        lambda plan: (plan.layout.shards_gradients) & (plan.layout.pp > 1),
        _say_zero,
    ),
)
"""What has to hold for nothing to be said against a layout."""


def _imbalance(plan: TrainingPlan) -> Iterator[str]:
    if (times := expert_imbalance(plan)) > 1 and not routed_experts(plan.model):
        yield f"expert-imbalance {times:g} changes nothing: {plan.model.name} has no routed experts"


def _next_to(value: int, step: int) -> str:
    """The multiples next to a value, in words."""
    below = value // step * step
    return f"{below} or {below + step}" if below else f"{step}"
