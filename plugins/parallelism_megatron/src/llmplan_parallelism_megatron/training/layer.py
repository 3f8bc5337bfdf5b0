"""Seconds of one layer, or of an end of the model, for one micro-batch on one rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from attrs import define, field

from llmplan.arrays.quantities import Number, maximum, total, where
from llmplan.arrays.term import term
from llmplan.records import Block, Gemm, Operator, Recompute, TrainingPlan, Tuning
from llmplan_parallelism_megatron.kernels.attention import fused_seconds, is_fused, unfused_seconds
from llmplan_parallelism_megatron.kernels.elementwise import (
    BACKWARD_MOVED,
    moved_seconds,
    without_shape_seconds,
)
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.rank import Rank, copies_of
from llmplan_parallelism_megatron.training.adapters import adapter_seconds, beside_adapter_seconds, widening_seconds
from llmplan_parallelism_megatron.training.alternating import GATHERED_AGAIN, part_of_kernel, run_again


class Seconds(NamedTuple):
    """Of one kernel: its forward pass, and its backward pass for the gradients of inputs and of weights."""

    forward: Number
    input_gradient: Number
    weight_gradient: Number = 0.0


@define(eq=False, repr=False)
class Passes:
    """The same work in the forward pass, the backward pass (for inputs and for weights) and when done again."""

    forward: Number = 0.0
    input_gradient: Number = 0.0
    weight_gradient: Number = 0.0
    recompute: Number = 0.0

    def add(self, seconds: Seconds, again: Number) -> None:
        """Another kernel, recomputed where `again` is 1."""
        self.forward = self.forward + seconds.forward
        self.input_gradient = self.input_gradient + seconds.input_gradient
        self.weight_gradient = self.weight_gradient + seconds.weight_gradient
        self.recompute = self.recompute + seconds.forward * again

    @property
    def backward(self) -> Number:
        """Gradients of inputs and of weights."""
        return self.input_gradient + self.weight_gradient

    @property
    def all(self) -> Number:
        """All passes of a layer together."""
        return self.forward + self.input_gradient + self.weight_gradient + self.recompute


@define(eq=False, repr=False)
class LayerTimes:
    """What one layer spends its time on."""

    parts: dict[str, Number] = field(factory=dict)
    """Forward computation by part."""
    compute: Passes = field(factory=Passes)
    tensor: Passes = field(factory=Passes)
    expert: Passes = field(factory=Passes)
    context: Passes = field(factory=Passes)

    @property
    def forward(self) -> Number:
        """Computation and communication of the forward pass."""
        return self.compute.forward + self.tensor.forward + self.expert.forward + self.context.forward

    @property
    def all(self) -> Number:
        """Seconds of forward, backward and recomputation together."""
        return self.compute.all + self.tensor.all + self.expert.all + self.context.all


def layer_times(block: Block, rank: Rank, *, wide: bool = False) -> LayerTimes:
    """Of a block on one rank; `wide` where its multiplications keep 16 bits though layers multiply in fewer."""
    times, parts = LayerTimes(), run_again(block.operators)
    for operators in kernels_of(block.operators):
        add_kernel(times, operators, rank, part_of_kernel(operators, parts), wide=wide)
        add_communication(times, operators[-1], rank)
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


def add_kernel(times: LayerTimes, operators: Sequence[Operator], rank: Rank, part: Number, *, wide: bool) -> None:
    """A kernel, what its operators move beside it, and the ring that feeds attention; `part` of it runs again where a
    program keeps every second product.
    """
    first, kernels = operators[0], rank.kernels
    repeated = again(first, rank, part)
    if first.scores is not None:
        seconds = _attention(operators, rank)
        keys_and_values = _ring_seconds(operators, 1.0, seconds.forward, rank)
        with_gradients = _ring_seconds(operators, 2.0, seconds.input_gradient, rank)
        times.context.add(Seconds(keys_and_values, with_gradients), repeated)
    elif first.gemm is not None:
        seconds = _multiplication(operators, rank, wide=wide)
    else:
        seconds = _without_shape(first, rank)
    times.compute.add(seconds, repeated)
    forward = seconds.forward
    for operator in operators:
        if operator.moved is not None:
            moved = moved_seconds(
                operator.moved * rank.activation_bytes,
                kernels.framework.elementwise_traffic,
                kernels.bytes_per_second,
                kernels.curves.launch_seconds,
            )
            forward = forward + moved
            times.compute.add(Seconds(moved, BACKWARD_MOVED * moved), again(first, rank, 1.0))
    times.parts[first.part] = times.parts.get(first.part, 0.0) + forward


def again(operator: Operator, rank: Rank, part: Number) -> Number:
    """1 where the recompute mode runs the operator a second time; the part of it that a program runs again which keeps
    every second product, in any mode but that of whole layers.
    """
    recompute = rank.plan.recompute
    if not rank.plan.framework.alternates:
        return where(recompute >= operator.recomputed_from, 1.0, 0.0)
    return where(recompute >= Recompute.FULL, 1.0, where(recompute >= Recompute.ATTENTION_COMPUTE, part, 0.0))


def joined(operators: Sequence[Operator], imbalance: float) -> Gemm:
    """The multiplication of operators that share an input: columns side by side.

    The busiest rank has `imbalance` times the mean of the tokens of an expert.
    """
    gemm = operators[0].gemm
    assert gemm is not None  # noqa: S101 - the caller has looked
    n = total(operator.gemm.n for operator in operators if operator.gemm is not None)
    matrices = sum(operator.gemm.matrices for operator in operators if operator.gemm is not None)
    rows = gemm.m * imbalance if gemm.routed else gemm.m
    return Gemm(rows, n, gemm.k, gemm.groups, matrices=matrices)


def expert_imbalance(plan: TrainingPlan) -> float:
    """Tokens of the busiest expert parallel rank, against the mean."""
    times: float = plan.setting("expert_imbalance", 1.0)
    return times


def _multiplication(operators: Sequence[Operator], rank: Rank, *, wide: bool) -> Seconds:
    """Y = XW forward, dX = dY W^T and dW = X^T dY backward."""
    plan, kernels = rank.plan, rank.kernels
    gemm, by = joined(operators, expert_imbalance(plan)), kernels.wide if wide else kernels.narrow
    output = rank.activation_bytes
    operand = output if wide else min(plan.dtype.weight_bits, plan.dtype.activation_bits) / 8
    forward = by.forward_seconds(gemm, operand, output)
    backward = by.input_gradient_seconds(gemm, operand, output)
    if plan.tuning is not Tuning.FULL:
        if wide:
            return Seconds(forward, backward)
        adapter, beside = adapter_seconds(operators, gemm, rank), beside_adapter_seconds(operators, gemm, rank)
        widening = widening_seconds(gemm, rank)
        once = forward + widening + adapter + beside
        again = 0.0 if plan.framework.keeps_widened else widening
        return Seconds(once, backward + again + 2.0 * adapter + BACKWARD_MOVED * beside)
    forward = forward + gemm.groups * _casting(gemm.m * gemm.k, operand, rank) * _is_cast(operators)
    backward = backward + gemm.groups * _casting(gemm.m * gemm.n, operand, rank)
    gradients = 2.0 * plan.gradient_bits / 8  # read, added to and written
    fused = plan.framework.fused_accumulation
    weights = by.weight_gradient_seconds(gemm, operand, gradients if fused else output)
    if not fused:
        weights = weights + gemm.groups * gemm.n * gemm.k * (output + gradients) / kernels.bytes_per_second
    return Seconds(forward, backward, weights)


def _is_cast(operators: Sequence[Operator]) -> bool:
    """Whether an input comes from no norm, which would have written it in fewer bits itself."""
    gemm = operators[0].gemm
    return gemm is not None and (gemm.splits_sum or gemm.routed)


def _casting(elements: Number, operand: float, rank: Rank) -> Number:
    """Seconds in which a kernel of its own casts; 0 where the program fuses it or nothing is cast."""
    apart = rank.plan.framework.casts_apart and operand < rank.activation_bytes
    if not apart:
        return 0.0
    return casting_seconds(elements, rank.activation_bytes, operand, rank.kernels.bytes_per_second)


@term(
    "elements * (read + 2 * written) / bandwidth",
    unit="s",
    source="NVIDIA/TransformerEngine, common/transpose/cast_transpose.cu",
)
def casting_seconds(elements: Number, read: float, written: float, bandwidth: float) -> Number:
    """What multiplications read in 8 bits is read in 16 and written twice, by rows and by columns, since gradients of
    weights read it the other way: inputs that come from no norm, and all gradients of outputs.
    """
    return elements * (read + 2.0 * written) / bandwidth


def _without_shape(operator: Operator, rank: Rank) -> Seconds:
    """FLOPs at the rate of large multiplications, or its weights read once: of operators that state no shape.

    Those without weights multiply activations with each other, in 16 bits, and have gradients of both.
    """
    kernels, weighs = rank.kernels, operator.weights > 0
    rate = where(weighs, kernels.narrow.most_flops_per_second, kernels.wide.most_flops_per_second)
    read = operator.weights * rank.plan.dtype.weight_bits / 8
    computed = without_shape_seconds(operator.flops, rate, read, kernels.bytes_per_second)
    once = where(operator.flops > 0, computed, 0.0)
    return Seconds(once, once, once if rank.plan.tuning is Tuning.FULL else where(weighs, 0.0, once))


def _attention(operators: Sequence[Operator], rank: Rank) -> Seconds:
    """One fused kernel over the part that the mask leaves, or several over the whole square.

    Where sequences are dealt out in order, the last of cp ranks sees 1 - 1/(2 cp) of its rectangle, not a half.
    """
    scores, framework = operators[0].scores, rank.plan.framework
    assert scores is not None  # noqa: S101 - the caller has looked
    flops = total(operator.flops for operator in operators)
    if not is_fused(rank.plan):
        elements = total(tensor.elements for operator in operators for tensor in operator.inputs if tensor.fusible)
        return Seconds(*unfused_seconds(flops, elements / 2.0, scores, rank.kernels))
    seen = scores.share * (1.0 if framework.balanced_context else 2.0 - 1.0 / rank.plan.layout.cp)
    return Seconds(*fused_seconds(flops * seen, scores, rank.kernels))


def _ring_seconds(operators: Sequence[Operator], times: float, attention: Number, rank: Rank) -> Number:
    """K and V of the other context parallel ranks, `times` of them: the backward pass sends their gradients, too."""
    cp = rank.plan.layout.cp
    k, v = operators[0].inputs[1], operators[-1].inputs[1]
    step_bytes = times * (k.elements + v.elements) * rank.activation_bytes
    transfer = collectives.point_to_point_seconds(step_bytes, rank.groups.context.stride * (cp - 1), rank.kernels)
    return ring_seconds(cp, transfer, attention)


@term("(c - 1) * max(transfer - attention / c, 0)", unit="s", source="Liu et al. 2023, arXiv:2310.01889, section 3")
def ring_seconds(c: Number, transfer: Number, attention: Number) -> Number:
    """Keys and values of the other context parallel ranks come in c - 1 steps, each behind the attention of a step.

    They show where sequences are so short that a step's attention is over before the next keys are there.
    """
    return (c - 1) * maximum(transfer - attention / c, 0.0)


def add_communication(times: LayerTimes, operator: Operator, rank: Rank) -> None:
    """Partial sums over tensor parallel ranks, and tokens to and from the ranks of the experts."""
    plan, width = rank.plan, rank.activation_bytes
    if operator.reduced_elements is not None:
        times.tensor.add(_reduction(operator.reduced_elements * width, rank), again(operator, rank, GATHERED_AGAIN))
    if operator.exchanged is not None:
        exchanged = operator.exchanged * width * expert_imbalance(plan)
        seconds = collectives.all_to_all_seconds(exchanged, rank.groups.expert, rank.kernels, _copies(plan))
        hidden = plan.schedule.of(lambda schedule: 1.0 if schedule.both_ways else plan.framework.expert_overlap)
        seconds = seconds * (1.0 - where(plan.layout.pp > 1, hidden, plan.framework.expert_overlap))
        times.expert.add(Seconds(seconds, seconds), again(operator, rank, GATHERED_AGAIN))


def _copies(plan: TrainingPlan) -> float:
    """Of a token, where the program sends those that go the same way once; else each for itself."""
    return copies_of(plan.model) if plan.framework.sends_tokens_once else 1.0


def _reduction(message_bytes: Number, rank: Rank) -> Seconds:
    """An all-reduce, or with sequence parallelism an all-gather before the part and a reduce-scatter after it.

    The backward pass has as many, and gathers the inputs once more for the gradients of weights (Korthikanti et al.
    2022, arXiv:2205.05198, sections 4.1 and 4.2.2).
    """
    framework, group, kernels = rank.plan.framework, rank.groups.tensor, rank.kernels
    exposed, regathered = 1.0 - framework.tensor_overlap, 1.0 - framework.regather_overlap
    sequence_parallel: Any = rank.plan.layout.sequence_parallel
    if sequence_parallel is False:
        whole = exposed * collectives.all_reduce_seconds(message_bytes, group, kernels)
        return Seconds(whole, whole)
    gathered = collectives.all_gather_seconds(message_bytes, group, kernels)
    halves = exposed * (gathered + collectives.reduce_scatter_seconds(message_bytes, group, kernels))
    if sequence_parallel is True:
        return Seconds(halves, halves + regathered * gathered)
    whole = exposed * collectives.all_reduce_seconds(message_bytes, group, kernels)
    forward = where(sequence_parallel, halves, whole)
    return Seconds(forward, where(sequence_parallel, halves + regathered * gathered, whole))
