"""What ``megatron`` has to say about a plan before pricing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from llmplan.errors import BadInputError
from llmplan.records import InferencePlan, ModelArchitecture, Schedule, TrainingPlan
from llmplan_parallelism_megatron import roofline_checks
from llmplan_parallelism_megatron.collectives import beyond_domain_bytes_per_second
from llmplan_parallelism_megatron.megatron.data_parallel import SHARDS_GRADIENTS, SHARDS_WEIGHTS
from llmplan_parallelism_megatron.megatron.links import Group, groups_of
from llmplan_parallelism_megatron.roofline_checks import limits, narrow_training, offloaded


def check(plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """Words against the layout of a plan of numbers; BadInputError where it cannot be priced."""
    if isinstance(plan, InferencePlan):
        return roofline_checks.check(plan)
    for refuse in (_tensor_parallel, _context_parallel, _expert_parallel, _virtual_pipeline, _links, _offload):
        refuse(plan)
    return (*_beyond_domain(plan), *_uneven_stages(plan), *_schedule(plan), *_zero(plan))


def remarks(plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
    """What to know of a plan of numbers, whatever its layout."""
    if isinstance(plan, InferencePlan):
        return roofline_checks.remarks(plan)
    return (*narrow_training(plan), *_imbalance(plan))


def _tensor_parallel(plan: TrainingPlan) -> None:
    """Each rank has as many heads, and of KV heads as many or a copy of one; sequence parallel ranks as many tokens."""
    tp, limited = int(plan.layout.tp), limits(plan.model)
    for most, parts in limited.items():
        if not _splits(tp, most, max(limited)):
            near = _near(tp, max(limited), lambda size: all(_splits(size, one, max(limited)) for one in limited))
            raise BadInputError(f"tp: {tp} does not divide the {most} {parts} of {plan.model.name}; {near} would")
    tokens = int(plan.seq_len) // int(plan.layout.cp)
    if plan.layout.sequence_parallel and tokens % tp:
        near = _near(tp, tokens, lambda size: tokens % size == 0)
        raise BadInputError(
            f"tp: {tp} with sequence parallelism does not divide the {tokens} tokens of a rank's sequence; {near} would"
        )


def _splits(tp: int, most: int, all_parts: int) -> bool:
    """Parts are divided evenly; fewer parts than heads may also be copied, each to as many ranks."""
    return most % tp == 0 or (most < all_parts and tp % most == 0)


def _context_parallel(plan: TrainingPlan) -> None:
    """Tokens are cut into 2 cp pieces, of which a rank has one from each half; into cp, where they are not balanced."""
    cp, seq_len = int(plan.layout.cp), int(plan.seq_len)
    pieces = 2 * cp if plan.framework.balanced_context else cp
    if cp > 1 and seq_len % pieces:
        below, above = seq_len // pieces * pieces, (seq_len // pieces + 1) * pieces
        near = f"{below} or {above}" if below else f"{above}"
        raise BadInputError(f"cp: {cp} cuts a sequence into {pieces} pieces, and seq-len is {seq_len}; {near} would do")


def _expert_parallel(plan: TrainingPlan) -> None:
    """Each rank has as many experts, and expert parallel ranks are data and context parallel ones."""
    layout, ep = plan.layout, int(plan.layout.ep)
    if ep == 1:
        return
    experts, ranks = routed_experts(plan.model), int(layout.dp * layout.cp)
    if not experts:
        raise BadInputError(f"ep: {ep} divides routed experts, and {plan.model.name} has none; 1 would do")
    if experts % ep:
        near = _near(ep, experts, lambda size: experts % size == 0)
        raise BadInputError(f"ep: {ep} does not divide the {experts} routed experts of {plan.model.name}; {near} would")
    if ranks % ep:
        near = _near(ep, ranks, lambda size: ranks % size == 0 and experts % size == 0)
        product = f"dp {int(layout.dp)} x cp {int(layout.cp)} = {ranks}"
        raise BadInputError(f"ep: {ep} does not divide {product}, the ranks that share experts; {near} would")


@lru_cache(maxsize=256)
def routed_experts(model: ModelArchitecture) -> int:
    """Experts that expert parallelism divides, in one layer; 0 where there are none."""
    gemms = (operator.gemm for block in model.lower(1, 1).layers for operator in block.operators)
    return max((int(gemm.groups) for gemm in gemms if gemm is not None and gemm.routed), default=0)


def _virtual_pipeline(plan: TrainingPlan) -> None:
    """Chunks take turns in rounds of p micro-batches (Narayanan et al. 2021, arXiv:2104.04473, section 2.2)."""
    pp, vpp, layers = int(plan.layout.pp), int(plan.layout.vpp), plan.model.layers
    if vpp == 1:
        return
    if plan.schedule == Schedule.ZERO_BUBBLE:
        raise BadInputError(f"vpp: {vpp} with schedule zero-bubble, which has one chunk a stage; 1 would do")
    if pp == 1:
        raise BadInputError(f"vpp: {vpp} divides the stages of a pipeline, and pp is 1; 1 would do")
    if pp * vpp > layers:
        most = layers // pp
        raise BadInputError(
            f"vpp: {vpp} x pp {pp} = {pp * vpp} is more than the {layers} layers of {plan.model.name}; "
            f"at most {most} would do"
        )
    micro_batches = int(plan.gradient_accumulation)
    if micro_batches % pp:
        below, above = micro_batches // pp * pp, (micro_batches // pp + 1) * pp
        near = f"{below} or {above}" if below else f"{above}"
        raise BadInputError(
            f"vpp: {vpp} takes micro-batches in rounds of pp {pp}, and gradient-accumulation is {micro_batches}; "
            f"{near} would do"
        )


def _links(plan: TrainingPlan) -> None:
    hardware, groups = plan.hardware, groups_of(plan.layout)
    if beyond_domain_bytes_per_second(hardware) is not None:
        return
    sizes = ("tp", groups.tensor), ("cp", groups.context), ("ep", groups.expert)
    for name, group in (*sizes, ("dp", groups.data), ("pp", groups.pipeline)):
        if _leaves_domain(plan, group):
            raise BadInputError(
                f"{name}: {int(getattr(plan.layout, name))} leaves the scale-up domain of {hardware.name}, "
                f"{hardware.scale_up_domain}, and its record holds no link beyond"
            )


def _leaves_domain(plan: TrainingPlan, group: Group) -> bool:
    return bool(group.ranks > group.inside(plan.hardware.scale_up_domain))


def _offload(plan: TrainingPlan) -> None:
    if (what := offloaded(plan)) and plan.hardware.host_bytes_per_second is None:
        raise BadInputError(
            f"offload: {what} needs a link to the host, and the record of {plan.hardware.name} has none"
        )


def _beyond_domain(plan: TrainingPlan) -> Iterator[str]:
    hardware, groups = plan.hardware, groups_of(plan.layout)
    link = (beyond_domain_bytes_per_second(hardware) or 0.0) * plan.efficiency.scale_out / 1e9
    priced = "" if plan.efficiency.mfu is not None else f": its traffic is priced at {link:,.3g} GB/s"
    for name, group in (("tp", groups.tensor), ("cp", groups.context)):
        if _leaves_domain(plan, group):
            ranks = f"{name} {int(group.ranks)}" + (f" with tp {int(group.stride)}" if group.stride > 1 else "")
            yield f"{ranks} leaves the scale-up domain of {hardware.scale_up_domain}{priced}"


def _uneven_stages(plan: TrainingPlan) -> Iterator[str]:
    pp, vpp, layers = int(plan.layout.pp), int(plan.layout.vpp), plan.model.layers
    of_model = f"does not divide the {layers} layers of {plan.model.name}"
    if layers % pp:
        yield f"pp {pp} {of_model}: stages hold {layers // pp} or {-(-layers // pp)} layers, priced at the slower"
    elif layers % (pp * vpp):
        few, many = layers // (pp * vpp), -(-layers // (pp * vpp))
        yield f"pp {pp} x vpp {vpp} {of_model}: chunks hold {few} or {many} layers, the bubble as if even"


def _schedule(plan: TrainingPlan) -> Iterator[str]:
    if plan.schedule == Schedule.ZERO_BUBBLE and plan.layout.pp == 1:
        yield "schedule zero-bubble changes nothing with pp 1: there is no bubble to fill"


def _zero(plan: TrainingPlan) -> Iterator[str]:
    zero, pp = int(plan.layout.zero), int(plan.layout.pp)
    if zero >= SHARDS_GRADIENTS and pp > 1:
        also = "weights gathered and gradients" if zero >= SHARDS_WEIGHTS else "gradients"
        yield f"ZeRO {zero} with pp {pp}: {also} reduced in every micro-batch, in ZeRO 1 once an iteration"


def _imbalance(plan: TrainingPlan) -> Iterator[str]:
    if plan.expert_imbalance > 1 and not routed_experts(plan.model):
        yield f"expert-imbalance {plan.expert_imbalance:g} changes nothing: {plan.model.name} has no routed experts"


def _near(value: int, most: int, fits: Callable[[int], bool]) -> str:
    """The sizes next to a value that would do, in words."""
    below = next((size for size in range(min(value - 1, most), 0, -1) if fits(size)), None)
    above = next((size for size in range(value + 1, most + 1) if fits(size)), None)
    return " or ".join(str(size) for size in (below, above) if size is not None)
