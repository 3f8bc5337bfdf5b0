"""Seconds of one layer, or of an end of the model, for one micro-batch on one rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define

from llmplan.arrays.quantities import Number, maximum, total, where
from llmplan.records import Block, Gemm, Operator, Recompute, TrainingPlan, Tuning
from llmplan_parallelism_megatron.kernels.attention import fused_seconds, unfused_seconds
from llmplan_parallelism_megatron.kernels.elementwise import BACKWARD_MOVED, moved_seconds
from llmplan_parallelism_megatron.kernels.reached import Kernels
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.network.groups import Groups

QLORA_BYTES = 0.516
"""Of a frozen weight: 4-bit NormalFloat and 0.127 bits of doubly quantised scales (Dettmers et al. 2023,
arXiv:2305.14314, section 3).
"""
SIXTEEN_BIT_BYTES = 2.0


@define(eq=False)
class Passes:
    """The same work in the forward pass, the backward pass (for inputs and for weights) and when done again."""

    forward: Number = 0.0
    input_gradient: Number = 0.0
    weight_gradient: Number = 0.0
    recompute: Number = 0.0

    def add(self, forward: Number, input_gradient: Number, weight_gradient: Number, again: Number) -> None:
        """Another operator, recomputed where `again` is 1."""
        self.forward = self.forward + forward
        self.input_gradient = self.input_gradient + input_gradient
        self.weight_gradient = self.weight_gradient + weight_gradient
        self.recompute = self.recompute + forward * again

    def add_times(self, times: Number, other: Passes) -> None:
        """So many of another."""
        self.forward = self.forward + times * other.forward
        self.input_gradient = self.input_gradient + times * other.input_gradient
        self.weight_gradient = self.weight_gradient + times * other.weight_gradient
        self.recompute = self.recompute + times * other.recompute

    @property
    def backward(self) -> Number:
        """Gradients of inputs and of weights."""
        return self.input_gradient + self.weight_gradient

    @property
    def all(self) -> Number:
        """Everything."""
        return self.forward + self.input_gradient + self.weight_gradient + self.recompute


@define(eq=False)
class LayerTimes:
    """Of one layer."""

    parts: dict[str, Number]
    """Forward computation by part."""
    compute: Passes
    tensor: Passes
    expert: Passes
    context: Passes


def layer_times(block: Block, plan: TrainingPlan, of: Kernels, groups: Groups, *, wide: bool = False) -> LayerTimes:
    """Of a block on one rank; `wide` where its multiplications keep 16 bits though layers multiply in fewer."""
    times = LayerTimes({}, Passes(), Passes(), Passes(), Passes())
    for operators in kernels_of(block.operators):
        first = operators[0]
        if first.scores is not None:
            seconds = _attention(operators, plan, of)
            keys_and_values = _ring_seconds(operators, 1.0, seconds[0], plan, of, groups)
            with_gradients = _ring_seconds(operators, 2.0, seconds[1], plan, of, groups)
            times.context.add(keys_and_values, with_gradients, 0.0, again(first, plan))
        elif first.gemm is not None:
            seconds = _multiplication(operators, plan, of, wide=wide)
        else:
            seconds = _without_shape(first, plan, of)
        _add(times, operators, seconds, plan, of)
        _communicate(times, operators[-1], plan, of, groups)
    return times


def kernels_of(operators: Sequence[Operator]) -> Iterator[list[Operator]]:
    """Operators that run as one: multiplications that share an input, and attention from QK^T to the product with V."""
    running: list[Operator] = []
    for operator in operators:
        gemm = operator.gemm
        in_attention = running and running[0].scores is not None and gemm is None
        if in_attention or (gemm is not None and gemm.joins):
            running.append(operator)
            continue
        if running:
            yield running
        running = [operator]
    yield running


def again(operator: Operator, plan: TrainingPlan) -> Number:
    """1 where the recompute mode runs the operator a second time; a part, where selective recomputation has a share."""
    share = plan.framework.selective_share
    selective = where(plan.recompute >= Recompute.ATTENTION_COMPUTE, share, 0.0)
    return where(plan.recompute >= operator.recomputed_from, 1.0, selective)


def _add(
    times: LayerTimes,
    operators: Sequence[Operator],
    seconds: tuple[Number, Number, Number],
    plan: TrainingPlan,
    of: Kernels,
) -> None:
    """A kernel, and what its operators move beside it."""
    forward, backward, weights = seconds
    for operator in operators:
        if operator.moved is not None:
            moved = moved_seconds(operator.moved * plan.dtype.activation_bits / 8, of)
            forward = forward + moved
            backward = backward + BACKWARD_MOVED * moved
    part = operators[0].part
    times.parts[part] = times.parts.get(part, 0.0) + forward
    times.compute.add(forward, backward, weights, again(operators[0], plan))


def joined(operators: Sequence[Operator], plan: TrainingPlan) -> Gemm:
    """The multiplication of operators that share an input: columns side by side.

    The busiest rank has `expert_imbalance` times the mean of the tokens of an expert.
    """
    gemm = operators[0].gemm
    assert gemm is not None  # noqa: S101 - the caller has looked
    n = total(operator.gemm.n for operator in operators if operator.gemm is not None)
    matrices = sum(operator.gemm.matrices for operator in operators if operator.gemm is not None)
    rows = gemm.m * plan.expert_imbalance if gemm.routed else gemm.m
    return Gemm(rows, n, gemm.k, gemm.groups, matrices=matrices)


def _multiplication(
    operators: Sequence[Operator], plan: TrainingPlan, of: Kernels, *, wide: bool
) -> tuple[Number, Number, Number]:
    """Y = XW forward, dX = dY W^T and dW = X^T dY backward."""
    dtype, gemm = plan.dtype, joined(operators, plan)
    output = dtype.activation_bits / 8
    operand = output if wide else min(dtype.weight_bits, dtype.activation_bits) / 8
    by = of.wide if wide else of.narrow
    forward = by.forward_seconds(gemm, operand, output)
    backward = by.input_gradient_seconds(gemm, operand, output)
    if plan.tuning is not Tuning.FULL:
        adapter = 0.0 if wide else _adapter_seconds(gemm, plan, of)
        return forward + adapter, backward + 2.0 * adapter, 0.0
    gradients = 2.0 * plan.gradient_bits / 8  # read, added to and written
    fused = of.framework.fused_accumulation
    written = gradients if fused else output
    weights = by.weight_gradient_seconds(gemm, operand, written)
    if not fused:
        weights = weights + gemm.groups * gemm.n * gemm.k * (output + gradients) / of.bytes_per_second
    return forward, backward, weights


def _without_shape(operator: Operator, plan: TrainingPlan, of: Kernels) -> tuple[Number, Number, Number]:
    """FLOPs at the rate of large multiplications, or its weights read once: of operators that state no shape."""
    seconds = operator.flops / of.narrow.most_flops_per_second
    read = operator.weights * plan.dtype.weight_bits / 8 / of.bytes_per_second
    once = where(operator.flops > 0, maximum(seconds, read), 0.0)
    return once, once, once if plan.tuning is Tuning.FULL else 0.0 * once


def _adapter_seconds(gemm: Gemm, plan: TrainingPlan, of: Kernels) -> Number:
    """Y += (X A) B with A of k x r and B of r x n; frozen 4-bit weights are widened first."""
    rank, width = float(plan.lora_rank), SIXTEEN_BIT_BYTES
    down = of.wide.seconds(gemm.m, gemm.matrices * rank, gemm.k, gemm.groups, width, width)
    up = of.wide.seconds(gemm.m, gemm.n, rank, gemm.groups, width, width)
    if plan.tuning is Tuning.LORA:
        return down + up
    widened = gemm.groups * gemm.n * gemm.k * (QLORA_BYTES + SIXTEEN_BIT_BYTES) / of.bytes_per_second
    return down + up + widened


def _attention(operators: Sequence[Operator], plan: TrainingPlan, of: Kernels) -> tuple[Number, Number, Number]:
    """One fused kernel over the part that the mask leaves, or several over the whole square.

    Where sequences are dealt out in order, the last of cp ranks sees 1 - 1/(2 cp) of its rectangle, not a half.
    """
    scores = operators[0].scores
    assert scores is not None  # noqa: S101 - the caller has looked
    flops = total(operator.flops for operator in operators)
    if of.framework.attention == "unfused":
        elements = total(tensor.elements for operator in operators for tensor in operator.inputs if tensor.fusible)
        return *unfused_seconds(flops, elements / 2.0, scores, of), 0.0
    seen = scores.share * (1.0 if of.framework.balanced_context else 2.0 - 1.0 / plan.layout.cp)
    return *fused_seconds(flops * seen, scores, of), 0.0


def _ring_seconds(
    operators: Sequence[Operator],
    times: float,
    attention: Number,
    plan: TrainingPlan,
    of: Kernels,
    groups: Groups,
) -> Number:
    """K and V of the other context parallel ranks come in cp - 1 steps, each behind the attention of a step.

    Exposed: (cp - 1) max(0, transfer - attention / cp); the backward pass sends their gradients on as well (Liu et al.
    2023, arXiv:2310.01889, section 3).
    """
    cp = plan.layout.cp
    k, v = operators[0].inputs[1], operators[-1].inputs[1]
    step_bytes = times * (k.elements + v.elements) * plan.dtype.activation_bits / 8
    transfer = collectives.point_to_point_seconds(step_bytes, groups.context.stride * (cp - 1), of)
    return (cp - 1) * maximum(transfer - attention / cp, 0.0)


def _communicate(times: LayerTimes, operator: Operator, plan: TrainingPlan, of: Kernels, groups: Groups) -> None:
    """Partial sums over tensor parallel ranks, and tokens to and from the ranks of the experts."""
    width = plan.dtype.activation_bits / 8
    if operator.reduced_elements is not None:
        forward, backward = reduction_seconds(operator.reduced_elements * width, plan, of, groups)
        times.tensor.add(forward, backward, 0.0, again(operator, plan))
    if operator.exchanged is not None:
        exchanged = operator.exchanged * width * plan.expert_imbalance
        seconds = collectives.all_to_all_seconds(exchanged, groups.expert, of) * (1.0 - of.framework.expert_overlap)
        times.expert.add(seconds, seconds, 0.0, again(operator, plan))


def reduction_seconds(message_bytes: Number, plan: TrainingPlan, of: Kernels, groups: Groups) -> tuple[Number, Number]:
    """An all-reduce, or with sequence parallelism an all-gather before the part and a reduce-scatter after it.

    The backward pass has as many, and gathers the inputs once more for the gradients of weights (Korthikanti et al.
    2022, arXiv:2205.05198, sections 4.1 and 4.2.2).
    """
    exposed, again = 1.0 - of.framework.tensor_overlap, 1.0 - of.framework.regather_overlap
    sequence_parallel: Any = plan.layout.sequence_parallel
    if sequence_parallel is False:
        whole = exposed * collectives.all_reduce_seconds(message_bytes, groups.tensor, of)
        return whole, whole
    gathered = collectives.all_gather_seconds(message_bytes, groups.tensor, of)
    halves = exposed * (gathered + collectives.reduce_scatter_seconds(message_bytes, groups.tensor, of))
    if sequence_parallel is True:
        return halves, halves + again * gathered
    whole = exposed * collectives.all_reduce_seconds(message_bytes, groups.tensor, of)
    return where(sequence_parallel, halves, whole), where(sequence_parallel, halves + again * gathered, whole)


def adapter_parameters(block: Block, plan: TrainingPlan, *, routed: bool) -> Number:
    """R (k + n) of every matrix of a layer on one rank, in routed experts or outside of them; none where all train."""
    if plan.tuning is Tuning.FULL:
        return 0.0
    return total(
        operator.gemm.groups * plan.lora_rank * (operator.gemm.n + operator.gemm.matrices * operator.gemm.k)
        for operator in block.operators
        if operator.gemm is not None and operator.gemm.routed is routed
    )
