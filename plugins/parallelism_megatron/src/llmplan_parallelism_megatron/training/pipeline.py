"""From layers to an iteration: stages, micro-batches, the bubble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from llmplan.arrays.quantities import Number, ceil, dot, maximum, total, where
from llmplan.arrays.term import term
from llmplan.records import Block, PipelineTimes, Recompute, Tuning
from llmplan_parallelism_megatron.kernels.elementwise import BACKWARD_MOVED, reading_seconds
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import (
    Stage,
    balanced,
    either,
    end_stages,
    ends_as_layers,
    slowest_stage,
    stage_seconds,
    without_a_layer,
)
from llmplan_parallelism_megatron.training.adapters import adapted
from llmplan_parallelism_megatron.training.divided import divides_weights
from llmplan_parallelism_megatron.training.layer import LayerTimes, Seconds, layer_times
from llmplan_parallelism_megatron.training.loss import logits_of, loss_of, moved_by_loss


class Work(NamedTuple):
    """Seconds of one micro-batch on a rank: of one stage, or of all of them."""

    forward: Number
    """Computation and communication of the forward pass."""
    all: Number
    """The same of forward pass, backward pass and recomputation."""
    weight_gradient: Number
    """The part of the backward pass that nobody waits for."""
    host_forward: Number
    """Launching the kernels of the forward pass."""
    host_backward: Number
    """Those of the backward pass, and of recomputation."""

    @property
    def forward_seconds(self) -> Number:
        """The forward pass, or launching it, whichever takes longer."""
        return maximum(self.forward, self.host_forward)

    @property
    def weight_gradient_seconds(self) -> Number:
        """The same of gradients of weights, half of what the host launches in a backward pass."""
        return maximum(self.weight_gradient, 0.5 * self.host_forward)

    @property
    def backward_seconds(self) -> Number:
        """The same of the backward pass and recomputation."""
        return maximum(self._waited_for, self._host_of_waited_for) + self.weight_gradient_seconds

    @property
    def seconds(self) -> Number:
        """Seconds of both passes of a micro-batch."""
        return self.forward_seconds + self.backward_seconds

    @property
    def waiting(self) -> Number:
        """For the host, where it launches kernels more slowly than they run: exactly nothing where it never does."""
        parts = (
            (self.host_forward, self.forward),
            (self._host_of_waited_for, self._waited_for),
            (0.5 * self.host_forward, self.weight_gradient),
        )
        return total(maximum(host - device, 0.0) for host, device in parts)

    @property
    def _waited_for(self) -> Number:
        """Computation and communication of the backward pass, but for gradients of weights."""
        return self.all - self.forward - self.weight_gradient

    @property
    def _host_of_waited_for(self) -> Number:
        return self.host_backward - 0.5 * self.host_forward


class Pipeline(NamedTuple):
    """One iteration, but for gradients and optimizer."""

    slowest: Work
    """The stage that sets the pace."""
    lines: dict[str, Number]
    """Of the slowest stage, seconds of a micro-batch by line of the breakdown."""
    forward_lines: dict[str, Number]
    """Its forward pass: computation of layers by part, their communication by line, then the ends of the model."""
    micro_batches: Number
    transfer: Number
    """Seconds of point-to-point messages of a micro-batch that no computation hides."""
    bubble: Number

    @property
    def seconds(self) -> Number:
        """All micro-batches on the slowest stage, the bubble and transfers."""
        return self.micro_batches * (self.slowest.seconds + self.transfer) + self.bubble


_LINES: Mapping[str, Callable[[LayerTimes], Number]] = {
    "forward": lambda layer: layer.compute.forward,
    "backward": lambda layer: layer.compute.backward,
    "recompute": lambda layer: layer.compute.recompute,
    "tp_comm": lambda layer: layer.tensor.all,
    "cp_comm": lambda layer: layer.context.all,
    "ep_comm": lambda layer: layer.expert.all,
}
"""Lines of the breakdown that are so many micro-batches of what layers take."""
_FORWARD: Mapping[str, Callable[[LayerTimes], Number]] = {
    "tp_comm": lambda layer: layer.tensor.forward,
    "cp_comm": lambda layer: layer.context.forward,
    "ep_comm": lambda layer: layer.expert.forward,
}
"""Communication of the forward pass."""


def pipeline(rank: Rank) -> Pipeline:
    """T = m t + bubble: m micro-batches on the slowest stage, which holds ceil(L/p) layers and an end of the model."""
    blocks, plan = rank.model.layers, rank.plan
    layers = [layer_times(block, rank) for block in blocks]
    embedding, head = ends(rank)
    times, hosts = [*layers, embedding, head], [_host(rank, block) for block in blocks]
    stage = _slowest(rank, lambda one: _work(one, times, hosts).seconds)
    counts = [*stage.counts, stage.first, stage.last]

    def on_stage(seconds: Callable[[LayerTimes], Number]) -> Number:
        return stage_seconds(counts, [seconds(layer) for layer in times])

    lines = {line: on_stage(seconds) for line, seconds in _LINES.items()}
    forward = {line: on_stage(seconds) for line, seconds in _FORWARD.items()}
    slowest = Work(
        forward=lines["forward"] + total(forward.values()),
        all=total(lines.values()),
        weight_gradient=on_stage(lambda layer: layer.compute.weight_gradient),
        host_forward=dot(stage.counts, [once for once, _ in hosts]),
        host_backward=dot(stage.counts, [back for _, back in hosts]),
    )
    transfer, counted = _transfer(rank), zip(blocks, stage.counts, strict=True)
    others = Stage([block.count - count for block, count in counted], 1.0 - stage.first, 1.0 - stage.last)
    return Pipeline(
        slowest=slowest,
        lines=lines,
        forward_lines=_forward_lines(counts, times, forward),
        micro_batches=plan.gradient_accumulation,
        transfer=transfer,
        bubble=_bubble(rank, slowest, _work(others, times, hosts), transfer),
    )


def _slowest(rank: Rank, seconds: Callable[[Stage], Number]) -> Stage:
    """Either end, or a stage between them where the ends hold a layer fewer; all alike where they are balanced."""
    plan = rank.plan
    if plan.framework.balances_stages:
        return balanced(rank.model, plan.layout.pp)
    first, last = end_stages(rank.model, plan.layout)
    fewer = ends_as_layers(plan.model.layers, plan.layout)
    held = ceil(plan.model.layers / plan.layout.pp)
    ends = without_a_layer(first, fewer, held), without_a_layer(last, fewer, held)
    slowest, between = slowest_stage(ends, seconds), Stage(last.counts, 0.0, 0.0)
    return either((fewer > 0) & (seconds(between) > seconds(slowest)), between, slowest)


def _work(stage: Stage, times: Sequence[LayerTimes], hosts: Sequence[tuple[Number, Number]]) -> Work:
    """What a stage, or all stages together, do with a micro-batch; the ends of the model stand behind its layers."""
    counts = [*stage.counts, stage.first, stage.last]
    return Work(
        forward=dot(counts, [layer.forward for layer in times]),
        all=dot(counts, [layer.all for layer in times]),
        weight_gradient=dot(counts, [layer.compute.weight_gradient for layer in times]),
        host_forward=dot(stage.counts, [once for once, _ in hosts]),
        host_backward=dot(stage.counts, [back for _, back in hosts]),
    )


def ends(rank: Rank) -> tuple[LayerTimes, LayerTimes]:
    """The embedding, and the head with the loss; recomputation is of layers alone."""
    embedding, head = layer_times(rank.model.embedding, rank), layer_times(rank.model.head, rank, wide=True)
    add_loss(head, rank)
    for end in (embedding, head):
        end.compute.recompute = end.tensor.recompute = 0.0
    return embedding, head


def add_loss(head: LayerTimes, rank: Rank) -> None:
    """What the loss reads and writes of every logit, forward and backward; some multiply by the head once more."""
    if loss_of(rank.plan).again:
        head.compute.input_gradient = head.compute.input_gradient + head.compute.forward
    # what the loss moves is that of both passes
    logits = logits_of(rank)
    each = moved_by_loss(rank) / (maximum(logits, 1.0) * (1.0 + BACKWARD_MOVED))  # some models have no head
    seconds = reading_seconds(logits, each, rank.kernels.bytes_per_second)
    part = rank.model.head.operators[-1].part
    head.parts[part] = head.parts.get(part, 0.0) + seconds
    head.compute.add(Seconds(seconds, BACKWARD_MOVED * seconds), 0.0)


def _host(rank: Rank, block: Block) -> tuple[Number, Number]:
    """Of one layer forward; backward and, where it runs again, forward once more."""
    framework, hooked = rank.plan.framework, divides_weights(rank.plan)
    routed = any(operator.gemm is not None and operator.gemm.routed for operator in block.operators)
    once: Number = framework.host_seconds_per_routed_layer if routed else framework.host_seconds_per_layer
    once = once + where(hooked, framework.host_seconds_per_gathered_layer, 0.0)
    if rank.plan.tuning is not Tuning.FULL:
        each = framework.host_seconds_per_adapter + where(hooked, framework.host_seconds_per_gathered_adapter, 0.0)
        once = once + each * total(adapted(operator, rank.plan) for operator in block.operators)
    return once, once * (1.0 + where(rank.plan.recompute >= Recompute.FULL, 1.0, 0.0))


def _forward_lines(
    counts: Sequence[Number], times: Sequence[LayerTimes], communication: dict[str, Number]
) -> dict[str, Number]:
    parts: dict[str, Number] = {}
    for count, layer in zip(counts, times, strict=True):
        for part, seconds in layer.parts.items():
            parts[part] = parts.get(part, 0.0) + count * seconds
    of_layers = {part for layer in times[:-2] for part in layer.parts}
    return {
        **{part: seconds for part, seconds in parts.items() if part in of_layers},
        **communication,
        **{part: seconds for part, seconds in parts.items() if part not in of_layers},
    }


def _transfer(rank: Rank) -> Number:
    """Of a micro-batch: its states to the next stage and their gradients back, for every chunk; 0 without a pipeline.

    Ranks of a tensor parallel group send 1/t each and gather it inside the group; with sequence parallelism they need
    not gather.
    """
    layout, kernels, groups = rank.plan.layout, rank.kernels, rank.groups
    states = rank.states * rank.activation_bytes
    gathered = collectives.all_gather_seconds(states, groups.tensor, kernels)
    span = groups.pipeline.stride * (layout.pp - 1)
    send = collectives.point_to_point_seconds(states / layout.tp, span, kernels)
    gather = where(layout.sequence_parallel, 0.0, gathered)
    seconds = transfer_seconds(layout.vpp, send, gather, rank.plan.framework.pipeline_overlap)
    return where(layout.pp > 1, seconds, 0.0)


@term(
    "2 * v * (send + gather) * (1 - overlap)",
    unit="s",
    source="Narayanan et al. 2021, arXiv:2104.04473, sections 2.2 and 4.1",
)
def transfer_seconds(v: Number, send: Number, gather: Number, overlap: float) -> Number:
    """A micro-batch goes from stage to stage and its gradients come back, v times where chunks are interleaved."""
    return 2.0 * v * (send + gather) * (1.0 - overlap)


def _bubble(rank: Rank, slowest: Work, others: Work, transfer: Number) -> Number:
    """The other stages wait for the host on their own, however long the slowest computes."""
    layout = rank.plan.layout
    times = PipelineTimes(
        others=maximum(others.seconds, 0.0),
        others_weights=maximum(others.weight_gradient_seconds, 0.0),
        own_weights=slowest.weight_gradient_seconds,
        p=layout.pp,
        v=layout.vpp,
        m=rank.plan.gradient_accumulation,
    )
    waiting = rank.plan.schedule.of(lambda schedule: schedule.bubble_seconds(times))
    return where(layout.pp > 1, bubble_seconds(waiting, layout.pp, transfer, layout.vpp), 0.0)


@term("waiting + (p - 1) * transfer / v", unit="s", source="Narayanan et al. 2021, arXiv:2104.04473, section 2.2")
def bubble_seconds(waiting: Number, p: Number, transfer: Number, v: Number) -> Number:
    """Filling and draining the pipeline takes the other stages' time, as far as the schedule leaves it, and p - 1
    messages.
    """
    return waiting + (p - 1) * transfer / v
