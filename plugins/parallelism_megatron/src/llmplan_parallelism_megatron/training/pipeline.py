"""From layers to an iteration: stages, micro-batches, the bubble."""

from __future__ import annotations

from attrs import define

from llmplan.arrays.quantities import Number, maximum, minimum, total, where
from llmplan.estimate.sharding import stage_counts, state_elements
from llmplan.records import Block, LoweredModel, Recompute, Schedule, TrainingPlan
from llmplan_parallelism_megatron.kernels.elementwise import BACKWARD_MOVED
from llmplan_parallelism_megatron.kernels.reached import Kernels
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.network.groups import Groups
from llmplan_parallelism_megatron.training.layer import LayerTimes, Passes, layer_times


@define(eq=False)
class Work:
    """Seconds of one micro-batch on a rank: of one stage, or of all of them."""

    compute: Passes
    tensor: Passes
    expert: Passes
    context: Passes
    host_forward: Number
    """Launching the kernels of the forward pass."""
    host_backward: Number
    """Those of the backward pass, and of recomputation."""

    @property
    def forward(self) -> Number:
        """Computation and communication."""
        return self.compute.forward + self.tensor.forward + self.expert.forward + self.context.forward

    @property
    def all(self) -> Number:
        """Forward, backward and recompute."""
        return self.compute.all + self.tensor.all + self.expert.all + self.context.all

    @property
    def forward_seconds(self) -> Number:
        """The forward pass, or launching it, whichever takes longer."""
        return maximum(self.forward, self.host_forward)

    @property
    def weight_gradient_seconds(self) -> Number:
        """The same of gradients of weights, half of what the host launches in a backward pass."""
        return maximum(self.compute.weight_gradient, 0.5 * self.host_forward)

    @property
    def backward_seconds(self) -> Number:
        """The same of the backward pass and recomputation."""
        others = self.all - self.forward - self.compute.weight_gradient
        return maximum(others, self.host_backward - 0.5 * self.host_forward) + self.weight_gradient_seconds

    @property
    def seconds(self) -> Number:
        """Both passes."""
        return self.forward_seconds + self.backward_seconds

    @property
    def waiting(self) -> Number:
        """For the host, where it launches kernels more slowly than they run."""
        return maximum(self.seconds - self.all, 0.0)

    def add(self, times: Number, layer: LayerTimes, host: tuple[Number, Number] = (0.0, 0.0)) -> None:
        """So many layers."""
        self.compute.add_times(times, layer.compute)
        self.tensor.add_times(times, layer.tensor)
        self.expert.add_times(times, layer.expert)
        self.context.add_times(times, layer.context)
        self.host_forward = self.host_forward + times * host[0]
        self.host_backward = self.host_backward + times * host[1]


@define(eq=False)
class Pipeline:
    """One iteration, but for gradients and optimizer."""

    slowest: Work
    """The stage that sets the pace."""
    whole: Work
    """All stages together."""
    counts: list[Number]
    """Layers of each block on the slowest stage."""
    forward_parts: dict[str, Number]
    """Forward computation of the slowest stage by part."""
    micro_batches: Number
    transfer: Number
    """Seconds of point-to-point messages of a micro-batch that no computation hides."""
    bubble: Number

    @property
    def seconds(self) -> Number:
        """All micro-batches on the slowest stage, the bubble and transfers."""
        return self.micro_batches * (self.slowest.seconds + self.transfer) + self.bubble


def pipeline(plan: TrainingPlan, rank: LoweredModel, of: Kernels, groups: Groups) -> Pipeline:
    """T = m t + bubble: m micro-batches on the slowest stage, which holds ceil(L/p) layers and an end of the model."""
    layout = plan.layout
    blocks = [(block.count, layer_times(block, plan, of, groups), _routes(block)) for block in rank.layers]
    embedding, head = ends(plan, rank, of, groups)
    alone = where(layout.pp == 1, 1.0, 0.0)
    head_is_slower = where(_all(head) > _all(embedding), 1.0, 0.0)
    first, last = maximum(alone, 1.0 - head_is_slower), maximum(alone, head_is_slower)
    on_first, on_last = stage_counts(rank, layout)
    counts = [where(head_is_slower > 0, late, early) for early, late in zip(on_first, on_last, strict=True)]
    slowest, whole = _empty(), _empty()
    for held, (count, layer, routed) in zip(counts, blocks, strict=True):
        host = _host(plan, routed=routed)
        slowest.add(held, layer, host)
        whole.add(count * 1.0, layer, host)
    for times, all_times, end in ((first, 1.0, embedding), (last, 1.0, head)):
        slowest.add(times, end)
        whole.add(all_times, end)
    of_layers = [(held, layer) for held, (_, layer, _) in zip(counts, blocks, strict=True)]
    parts = _parts([*of_layers, (first, embedding), (last, head)])
    transfer = transfer_seconds(plan, rank, of, groups)
    return Pipeline(
        slowest=slowest,
        whole=whole,
        counts=counts,
        forward_parts=parts,
        micro_batches=plan.gradient_accumulation,
        transfer=transfer,
        bubble=bubble_seconds(plan, slowest, whole, transfer),
    )


def ends(plan: TrainingPlan, rank: LoweredModel, of: Kernels, groups: Groups) -> tuple[LayerTimes, LayerTimes]:
    """The embedding, and the head with the loss; recomputation is of layers alone."""
    embedding = layer_times(rank.embedding, plan, of, groups)
    head = layer_times(rank.head, plan, of, groups, wide=True)
    _add_loss(head, rank, plan, of)
    for end in (embedding, head):
        end.compute.recompute = end.tensor.recompute = 0.0 * plan.micro_batch
    return embedding, head


def _all(layer: LayerTimes) -> Number:
    return layer.compute.all + layer.tensor.all


def _empty() -> Work:
    return Work(Passes(), Passes(), Passes(), Passes(), 0.0, 0.0)


def _routes(block: Block) -> bool:
    """Whether tokens go to experts of their own."""
    return any(operator.gemm is not None and operator.gemm.routed for operator in block.operators)


def _host(plan: TrainingPlan, *, routed: bool) -> tuple[Number, Number]:
    """Forward; backward and, where a layer runs again, forward once more."""
    framework = plan.framework
    once = framework.host_seconds_per_routed_layer if routed else framework.host_seconds_per_layer
    return once, once * (1.0 + where(plan.recompute >= Recompute.FULL, 1.0, 0.0))


def _parts(layers: list[tuple[Number, LayerTimes]]) -> dict[str, Number]:
    parts: dict[str, Number] = {}
    for times, layer in layers:
        for part, seconds in layer.parts.items():
            parts[part] = parts.get(part, 0.0) + times * seconds
    return parts


def _add_loss(head: LayerTimes, rank: LoweredModel, plan: TrainingPlan, of: Kernels) -> None:
    """What the loss reads and writes of every logit, forward and backward."""
    logits = total(
        tensor.elements for operator in rank.head.operators for tensor in operator.inputs if tensor.width == "loss"
    )
    seconds = logits * plan.framework.logit_bytes_moved / of.bytes_per_second / (1.0 + BACKWARD_MOVED)
    part = rank.head.operators[-1].part
    head.parts[part] = head.parts.get(part, 0.0) + seconds
    head.compute.add(seconds, BACKWARD_MOVED * seconds, 0.0, 0.0)


def transfer_seconds(plan: TrainingPlan, rank: LoweredModel, of: Kernels, groups: Groups) -> Number:
    """Of a micro-batch: its states to the next stage and their gradients back, b s h each, for every chunk.

    Ranks of a tensor parallel group send 1/t each and gather it inside the group (Narayanan et al. 2021,
    arXiv:2104.04473, section 4.1), with sequence parallelism they need not gather.
    """
    layout = plan.layout
    states = state_elements(rank) * plan.dtype.activation_bits / 8
    message = states / layout.tp
    gathered = collectives.all_gather_seconds(states, groups.tensor, of)
    one = collectives.point_to_point_seconds(message, groups.pipeline.stride * (layout.pp - 1), of)
    one = one + where(layout.sequence_parallel, 0.0, gathered)
    exposed = 1.0 - plan.framework.pipeline_overlap
    return where(layout.pp > 1, 2.0 * layout.vpp * one * exposed, 0.0)


def bubble_seconds(plan: TrainingPlan, slowest: Work, whole: Work, transfer: Number) -> Number:
    """Until the last stage has work, and after the first has none: the other stages' time of one micro-batch.

    (p - 1)(t_f + t_b)/v where stages are equal (Narayanan et al. 2021, section 2.2). Zero-bubble ZB-H1 fills it with
    gradients of weights and leaves (p - 1)(t_f + t_b - 2 t_w), t_b of inputs and weights together (Qi et al. 2023,
    arXiv:2401.10241, table 2, where t_B is of inputs alone: (p - 1)(T_F + T_B - T_W)), where there are as many
    micro-batches as stages; with fewer, fewer gradients are there to fill with. A stage fills with its own.
    """
    layout = plan.layout
    others = maximum(whole.seconds - slowest.seconds, 0.0)
    own = slowest.weight_gradient_seconds
    filled = maximum(whole.weight_gradient_seconds - own, 0.0)
    filled = filled + minimum(plan.gradient_accumulation - 1.0, layout.pp - 1.0) * own
    left = where(plan.schedule == Schedule.ZERO_BUBBLE, maximum(others - filled, 0.0), others)
    return left / layout.vpp + where(layout.pp > 1, (layout.pp - 1) * transfer / layout.vpp, 0.0)
