"""A model as one rank of an inference plan sees it: lowered once for each phase, for one token, and divided once.

All that operators do is in proportion to the tokens of a pass, but for the experts that these touch. So passes of any
length are priced from the same record, which no field of a plan but its layout changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import zip_longest

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, maximum, minimum, total, where
from llmplan.arrays.term import term
from llmplan.records import Block, Gemm, InferencePlan, Layout, LoweredModel, Operator
from llmplan.records.model import touched_share
from llmplan_costing.sharding import (
    end_parameters,
    fullest_stage_share,
    layer_parameters,
    rank_of,
    state_elements,
)
from llmplan_parallelism_megatron.serving.experts import busiest, pad_experts
from llmplan_parallelism_megatron.serving.kernels import state_bytes
from llmplan_parallelism_megatron.serving.phases import lowered_for_serving
from llmplan_parallelism_megatron.serving.reached import EXPERTS, WEIGHTS, ServingKernels, serving_kernels
from llmplan_parallelism_megatron.serving.traffic import Links, links_of
from llmplan_parallelism_megatron.stages import Stage, end_stages
from llmplan_parallelism_megatron.training.layer import kernels_of

ATTENTION = "attention"
"""The line of breakdowns that the matrices around attention stand in."""


@frozen(eq=False, repr=False)
class Rank:
    """The share of one rank of a plan, and what its kernels and links reach."""

    plan: InferencePlan
    kernels: ServingKernels
    links: Links
    embedding: Layer
    layers: Sequence[Layer]
    head: Layer
    ends: tuple[Stage, Stage]
    """The first pipeline stage and the last."""
    state_elements: Number
    """Of the residual stream of a token, for the whole tensor parallel group."""
    weight_bytes: Number
    """On the fullest device."""
    host_weight_bytes: Number
    """That wait in host memory for it."""
    cache_share: Number
    """Of all layers, those on the fullest stage."""
    state_bytes: Number
    """What recurrent layers of the fullest stage keep of a sequence, however long it is."""
    stream_elements: Number
    """Of the residual stream of a token, that this rank holds."""
    widest_elements: Number
    """Of a token, that the operator holds which holds most; or all of a layer, where an engine keeps all buffers."""
    called_elements: Number
    """The same of code that calls one operator after the other: its inputs and its output, which follow each other."""
    logit_elements: Number
    """Of a position of which logits are made."""
    heads: Number
    """Query heads of a layer that this rank holds, in which scores are made."""

    @classmethod
    def of(cls, plan: InferencePlan) -> Rank:
        """Lower the model of a plan and divide it."""
        layout, kernels = _expert_layout(plan.layout), serving_kernels(plan)
        share = _shared(plan, layout)
        stream, widest = _stream_elements(share), _widest_elements(share, keeps_buffers=plan.engine.keeps_buffers)
        more = plan.layout.ep / layout.ep
        padding = pad_experts(share, plan)
        for block in share.layers:
            for operator in block.operators:
                _hold_whole_experts(operator.gemm, more)
        return cls(
            plan,
            kernels,
            links_of(layout, kernels),
            Layer.of(share.embedding, layout.ep),
            [Layer.of(block, layout.ep) for block in share.layers],
            Layer.of(share.head, layout.ep),
            end_stages(share, layout),
            state_elements(share),
            *_weights(share, layout, kernels, plan, padding),
            fullest_stage_share(share, layout),
            _state_bytes(share, kernels) * fullest_stage_share(share, layout),
            stream,
            widest,
            _called_elements(share),
            _logit_elements(share),
            _heads(share),
        )


@frozen(eq=False, slots=False, repr=False)
class Layer:
    """Equal layers, or an end of the model, as kernels that run one after the other."""

    count: int
    kernels: Sequence[Sequence[Operator]]
    """Operators for one token; those of a kernel stand together."""
    sharing: Number
    """Data parallel ranks whose tokens touch the same experts."""

    @classmethod
    def of(cls, block: Block, sharing: Number) -> Layer:
        """A block that was lowered for one token."""
        return cls(block.count, list(kernels_of(block.operators)), sharing)

    @cached_property
    def attends(self) -> bool:
        """Whether the layer attends to a cache of keys and values."""
        return any(operators[0].scores is not None for operators in self.kernels)

    @cached_property
    def multiplications(self) -> Sequence[Multiplication | None]:
        """Of each kernel, None where it does not multiply by weights."""
        return [_joined(operators) if operators[0].gemm is not None else None for operators in self.kernels]

    def multiplied(self, one: Multiplication, tokens: Number) -> tuple[Gemm, Number]:
        """A multiplication of so many tokens, and the elements of weights that it reads.

        Of experts it is one group for each that any token goes to, with its share of the tokens; on the busiest rank.
        """
        if one.touched is None:
            return Gemm(one.m * tokens, one.n, one.k, one.groups), one.weights
        rows = tokens * (busiest(self.sharing, one.m * one.groups * tokens) if one.routed else 1.0)
        share = touched_share(one.touched, rows * self.sharing)
        return Gemm(one.m * rows / share, one.n, one.k, one.groups * share), one.weights * share


@frozen(eq=False, repr=False)
class Multiplication:
    """Operators that share an input, for one token."""

    m: Number
    n: Number
    k: Number
    groups: Number
    weights: Number
    """Elements that the rank holds."""
    touched: Number | None
    """The share of them that one token reads; None where every token reads all."""
    routed: bool


def _joined(operators: Sequence[Operator]) -> Multiplication:
    gemm = operators[0].gemm
    assert gemm is not None  # noqa: S101 - the caller has looked
    held = total(operator.weights for operator in operators)
    some = [operator for operator in operators if operator.weights_read is not None]
    read = total(operator.weights if operator.weights_read is None else operator.weights_read for operator in operators)
    return Multiplication(
        m=gemm.m,
        n=total(operator.gemm.n for operator in operators if operator.gemm is not None),
        k=gemm.k,
        groups=gemm.groups,
        weights=held,
        touched=read / held if some else None,
        routed=gemm.routed,
    )


def _shared(plan: InferencePlan, layout: Layout) -> LoweredModel:
    """The model as the engine divides it over ranks."""
    share = rank_of(lowered_for_serving(plan.model), layout)
    if not plan.engine.divides_head:
        whole = rank_of(lowered_for_serving(plan.model), evolve(layout, tp=1))
        share = LoweredModel(whole.embedding, share.layers, whole.head)
    if plan.engine.joins_sums and getattr(plan.model, "parallel_attn_mlp", False):
        for block in share.layers:
            _sum_once(block.operators)
    return share


def _sum_once(operators: Sequence[Operator]) -> None:
    """Partial results are added up on each rank, and summed over ranks after the last of them."""
    summed = [operator for operator in operators if operator.reduced_elements is not None]
    for operator in summed[:-1]:
        operator.reduced_elements = None


def _expert_layout(layout: Layout) -> Layout:
    """With data parallel ranks alone sharing the experts, each divided over the tensor parallel ranks."""
    return evolve(layout, ep=minimum(layout.ep, layout.dp))


def _hold_whole_experts(gemm: Gemm | None, more: Number) -> None:
    """Expert parallelism beyond dp: tensor parallel ranks hold `more` times fewer experts, each that much wider."""
    if gemm is None or not gemm.routed:
        return
    gemm.groups = gemm.groups / more
    if gemm.splits_sum:
        gemm.k = gemm.k * more
    else:
        gemm.n = gemm.n * more


def _weights(
    share: LoweredModel, layout: Layout, kernels: ServingKernels, plan: InferencePlan, padding: Number
) -> tuple[Number, Number]:
    """On the device and in host memory."""
    everything = _weight_bytes(share, layout, kernels, padding)
    if plan.offload == WEIGHTS:
        return 0.0 * everything, everything
    if plan.offload == EXPERTS:
        experts = fullest_stage_share(share, layout) * total(
            block.count * block.expert_parameters for block in share.layers
        )
        apart = padding * experts * kernels.experts.weight_bytes
        return everything - apart, apart
    return everything, 0.0


def _weight_bytes(share: LoweredModel, layout: Layout, kernels: ServingKernels, padding: Number) -> Number:
    """Matrices of layers at the bits of the dtype with their scales, the ends at those of embeddings."""
    ends = maximum(*end_parameters(share, where(layout.pp == 1, 1.0, 0.0)))
    on_fullest = fullest_stage_share(share, layout)
    experts = on_fullest * total(block.count * block.expert_parameters for block in share.layers)
    dense = layer_parameters(share, layout) - experts
    wider = on_fullest * total(
        block.count * operator.weights
        for block in share.layers
        for operator in block.operators
        if operator.part == ATTENTION and operator.gemm is not None
    )
    dense_each, expert_each = kernels.dense.weight_bytes, kernels.experts.weight_bytes
    dense = dense + wider * (kernels.attention.weight_bytes / dense_each - 1.0)
    return weight_bytes(dense, dense_each, padding * experts, expert_each, ends, kernels.head.weight_bytes)


@term(
    "dense * dense_each + experts * expert_each + ends * end_each",
    unit="bytes",
    source="by definition",
)
def weight_bytes(
    dense: Number, dense_each: float, experts: Number, expert_each: float, ends: Number, end_each: float
) -> Number:
    """Weights of a server have the bits of the dtype with their scales; experts and the ends of the model may have
    others.
    """
    return dense * dense_each + experts * expert_each + ends * end_each


def _state_bytes(share: LoweredModel, kernels: ServingKernels) -> Number:
    return total(
        block.count * operator.state.elements * state_bytes(operator.state, kernels)
        for block in share.layers
        for operator in block.operators
        if operator.state is not None
    )


def _stream_elements(share: LoweredModel) -> Number:
    every = (operator for block in share.layers for operator in block.operators)
    return next(tensor.elements for operator in every for tensor in operator.inputs)


def _widest_elements(share: LoweredModel, *, keeps_buffers: bool) -> Number:
    widest: Number = 0.0
    for block in share.layers:
        held = [_held_elements(operator) for operator in block.operators]
        for one in (*held, total(held)) if keeps_buffers else held:
            widest = maximum(widest, one)
    return widest


def _called_elements(share: LoweredModel) -> Number:
    """The output of what does not multiply by weights is what the next operator takes; that of attention is small."""
    widest: Number = 0.0
    for block in share.layers:
        for operator, following in zip_longest(block.operators, block.operators[1:]):
            held = _held_elements(operator)
            if following is not None and operator.gemm is None and operator.scores is None:
                held = held + _input_elements(following)
            widest = maximum(widest, held)
    return widest


def _input_elements(operator: Operator) -> Number:
    return total(tensor.elements for tensor in operator.inputs if not tensor.fusible)


def _held_elements(operator: Operator) -> Number:
    """Inputs, and the output of a multiplication; scores stay on chip."""
    inputs, gemm = _input_elements(operator), operator.gemm
    return inputs if gemm is None else inputs + gemm.groups * gemm.m * gemm.n


def _heads(share: LoweredModel) -> Number:
    """The most of any layer: 4 FLOPs of a pair of tokens and an element of a head, in both multiplications."""
    most: Number = 0.0
    for block in share.layers:
        for operators in kernels_of(block.operators):
            scores = operators[0].scores
            if scores is not None:
                most = maximum(most, total(one.flops for one in operators) / (4.0 * scores.head_dim))
    return most


def _logit_elements(share: LoweredModel) -> Number:
    tensors = (tensor for operator in share.head.operators for tensor in operator.inputs)
    return total(tensor.elements for tensor in tensors if tensor.width == "loss")
