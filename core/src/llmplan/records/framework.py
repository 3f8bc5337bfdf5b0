"""Training frameworks: what differs between programs that run the same plan on the same accelerator."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import optional

from llmplan.records.checks import (
    fraction,
    fraction_or_none,
    lookup_name,
    not_negative,
    positive,
    positive_values,
    words_of,
)


@frozen(kw_only=True, eq=False, repr=False)
class FrameworkProfile:
    """How a program trains: which kernels it calls, what it overlaps, what its host costs, what it keeps in memory."""

    name: str = field(validator=lookup_name)
    description: str = ""
    default: bool = False
    """Whether it is meant where the user names none."""
    aliases: tuple[str, ...] = ()
    """Words by which tables of measurements know it: the longest that occurs in the table's own word wins."""
    architectures: tuple[str, ...] = ()
    """Those of the accelerators that its aliases are meant for, all where empty."""
    usual_on: tuple[str, ...] = ()
    """Architectures on which it is meant where the user names none, in place of the default."""
    attention: str | None = field(default=None, validator=optional(lookup_name))
    """Kernel by the word that curves of accelerators and cost models know it by; None for the newest. One without a
    curve is priced as the slowest that has one.
    """
    attention_by_architecture: Mapping[str, str] = field(factory=dict)
    """The same, for architectures of accelerators on which it differs."""
    latents_unfused_on: tuple[str, ...] = ()
    """Architectures without such a kernel for attention over latents, whose keys are wider than its values."""
    usual_recompute: str | None = None
    """What its backward pass computes again unless it is told otherwise, by the label of the mode."""
    kernel_rate: float = field(default=1.0, validator=fraction)
    """Rate of its multiplications, against the best that were timed."""
    dropout: bool = False
    """Masks are drawn, applied and kept."""
    elementwise_traffic: float = field(default=1.0, validator=positive)
    """Bytes that norms, residuals and activation functions move, against kernels that fuse what can be fused."""
    adapter_input_bytes: float = field(default=0.0, validator=not_negative)
    """That kernels beside the multiplications of LoRA move of an element that an adapter reads: casts, dropout."""
    adapter_output_bytes: float = field(default=0.0, validator=not_negative)
    """The same of an element that it adds to: scaling, sum."""
    adapter_input_kept_bytes: float = field(default=3.0, validator=not_negative)
    """For the backward pass, of an element that an adapter reads: what dropout left of it, and the mask."""
    adapter_output_kept_bytes: float = field(default=0.0, validator=not_negative)
    """The same of an element that it adds to."""
    adapters_share: bool = False
    """Gradients of adapters are written by hand: what several of them read is kept once, and what the last matrix of
    an MLP reads is made again from its factors.
    """
    frozen_bits: float = field(default=4.127, validator=positive)
    """Of a frozen weight under QLoRA: 4 bits and scales; doubly quantised ones take 0.127 (Dettmers et al. 2023,
    arXiv:2305.14314, section 3).
    """
    freezes_head: bool = False
    """The output head is held in these bits as well."""
    unties_head: bool = False
    """The output head has a table of its own, though the model ties it to the embedding."""
    widened_copies: float = field(default=1.0, validator=positive)
    """In 16 bits, of the frozen matrix that is at work."""
    widening_bytes: float = field(default=0.0, validator=not_negative)
    """That widening moves of a frozen weight beside reading it and writing these copies."""
    keeps_widened: bool = False
    """From the forward to the backward pass, which widens nothing of its own."""
    keeps_frozen_inputs: bool = False
    """Multiplications by frozen 4-bit weights keep what they read, though no gradient of the weights needs it."""
    cross_entropy: str | None = field(default=None, validator=optional(lookup_name))
    """How its loss goes over logits, by a word of the cost model, which the two figures below are of."""
    logit_bytes_moved: float = field(default=8.0, validator=not_negative)
    """Of one logit in the loss, forward and backward, beside the multiplication that makes it."""
    logit_bytes_kept: float = field(default=6.0, validator=not_negative)
    """Of one logit at the peak."""
    gradient_bits: float = field(default=32.0, validator=positive)
    """Of the gradients that accumulate."""
    gradient_bits_by_dtype: Mapping[str, float] = field(factory=dict, validator=positive_values)
    """The same, for dtypes in which it differs, by name."""
    master_weights: bool = True
    """Whether the optimizer works on a copy of the weights in 32 bits, where the user says nothing."""
    state_bits: float = field(default=32.0, validator=positive)
    """Of an optimizer's states, at most: those of PyTorch's have the width of the weights."""
    frees_gradients: bool = False
    """After each step: without accumulation they arise while the activations go that they are made of."""
    fused_accumulation: bool = True
    """Multiplications add to the gradients; else they write their own, which another kernel adds."""
    casts_apart: bool = False
    """Kernels of their own write down in fewer bits what multiplications read, but for what norms hand to them."""
    keeps_dummy_gradients: bool = False
    """Beside those that accumulate, one in 16 bits for each matrix of a layer."""
    keeps_operands: bool = False
    """Inputs of multiplications are kept as they are multiplied: in 8 bits, where these are 8."""
    keeps_gathered: bool = False
    """What sequence parallel ranks gather for a multiplication is kept whole, where others keep their part of it."""
    eager: bool = False
    """Kernels of PyTorch one by one: a norm keeps its input in 32 bits and what it makes of it, a gated activation the
    output of its function.
    """
    fused_qkv: bool = False
    """Queries, keys and values are views of one tensor, which stays while any of them does."""
    repeats_kv: bool = False
    """Attention is given a copy of its keys and values for every head."""
    alternates: bool = False
    """Selective recomputation keeps what attention and every second multiplication of a layer make, and no more."""
    reduction_bits: float = field(default=32.0, validator=positive)
    """Of the gradients on the wire."""
    tensor_overlap: float = field(default=0.0, validator=fraction_or_none)
    """Part of the tensor parallel communication that hides behind multiplications."""
    regather_overlap: float = field(default=1.0, validator=fraction_or_none)
    """Part of gathering a layer's inputs once more in the backward pass, under sequence parallelism, that hides."""
    data_overlap: float = field(default=0.0, validator=fraction_or_none)
    """Part of the computation behind which gradients are reduced and weights gathered."""
    data_bandwidth: float = field(default=1.0, validator=fraction)
    """Of what collectives reach, in its data parallel ones: small buckets, one tensor at a time."""
    gathers_after_step: bool = False
    """Weights that the optimizer updates in parts are gathered before the next forward pass, not behind it."""
    splits_by_stages: bool = False
    """A rank's batch is cut into as many micro-batches as its pipeline has stages, where nothing else is said."""
    copies_shards: bool = False
    """Kernels copy gathered weights out of their buffer, and gradients into that in which they are reduced."""
    keeps_ends: bool = False
    """Under ZeRO 3 the embedding and the head stay whole from the forward to the backward pass."""
    balances_stages: bool = False
    """Layers are dealt out to pipeline stages by what they cost, with the ends of the model; else by their number."""
    expert_overlap: float = field(default=0.0, validator=fraction_or_none)
    """Part of the all-to-all that hides behind computation."""
    sends_tokens_once: bool = False
    """To all experts that lie on the same rank, or node, which hands them on; else a copy to each expert."""
    balanced_context: bool = True
    """Causal attention is dealt out to context parallel ranks evenly; else the last has the most of it."""
    pipeline_overlap: float = field(default=0.0, validator=fraction_or_none)
    """Part of the point-to-point transfers that hides behind computation."""
    host_seconds_per_layer: float = field(default=0.0, validator=not_negative)
    """In which the host launches the forward pass of a layer; the backward pass takes as long again."""
    host_seconds_per_routed_layer: float = field(default=0.0, validator=not_negative)
    """The same where a layer routes its tokens to experts."""
    host_seconds_per_adapter: float = field(default=0.0, validator=not_negative)
    """Beside that, of each matrix of a layer that LoRA adapts."""
    host_seconds_per_gathered_layer: float = field(default=0.0, validator=not_negative)
    """Beside both, where ZeRO 3 divides weights: of hooks that gather those of a layer and give them up again."""
    host_seconds_per_gathered_adapter: float = field(default=0.0, validator=not_negative)
    """The same of each adapted matrix of a layer."""
    host_seconds_per_step: float = field(default=0.0, validator=not_negative)
    """Of an iteration, with the accelerator idle: data loading, logging, clipping, synchronisation."""
    optimizer_extra_bytes: float = field(default=0.0, validator=not_negative)
    """Of an updated parameter, beside master weight and states: a copy of its gradient in 32 bits."""
    context_bytes: float = field(default=0.0, validator=not_negative)
    """Of the driver, libraries and communication handles, that no allocator counts."""
    communication_bytes: float = field(default=0.0, validator=not_negative)
    """Of buffers for collectives, when there is more than one rank."""
    live_parameters: float = field(default=0.0, validator=not_negative)
    """That ZeRO 3 leaves whole on a rank before it lets them go; at least the layer at work and the next one stay."""
    bucket_bytes: float = field(default=0.0, validator=not_negative)
    """The same, of buckets that are there however many ranks there are."""
    offloads: tuple[str, ...] = field(default=(), validator=words_of("optimizer", "activations", "parameters"))
    """What it can keep in host memory; what it cannot is never chosen unasked."""
    offloads_gradients: bool = False
    """Gradients that ZeRO 2 or 3 divides go to the host with the optimizer, in every micro-batch."""
    slack: float = field(default=0.0, validator=fraction_or_none)
    """Of activations and buffers, that the allocator holds beyond them: fragments and rounding."""
    source: str = ""

    def attention_on(self, architecture: str) -> str | None:
        """The attention kernel on an architecture of accelerators."""
        return self.attention_by_architecture.get(architecture, self.attention)

    def gradient_bits_of(self, dtype: str) -> float:
        """Of the gradients that accumulate, for a dtype by name."""
        return self.gradient_bits_by_dtype.get(dtype, self.gradient_bits)
