"""Inference engines: what differs between programs that serve the same model on the same accelerator."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import optional

from llmplan.records.checks import (
    fraction,
    lookup_name,
    not_negative,
    one_of,
    positive,
    positive_values,
    whole,
)

DEFAULT_MEMORY_SHARE = 0.9
"""Of the device, that engines take unless told otherwise: vLLM's gpu_memory_utilization, TensorRT-LLM's fraction."""


@frozen(kw_only=True, eq=False, repr=False)
class EngineProfile:
    """How a program serves: which kernels it calls, what its host costs, what it keeps in memory, how it batches."""

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
    """Kernel for prompts, by the word that curves of accelerators and cost models know it by; None as engines time it,
    cache writes included. One without a curve is priced as the slowest that has one.
    """
    gemm_rate: float = field(default=1.0, validator=fraction)
    """Rate of its multiplications, against the best that were timed."""
    memory_rate: float = field(default=1.0, validator=fraction)
    """Bandwidth that its kernels reach, against the best that were timed."""
    cycle_bytes: Mapping[str, float] = field(factory=dict, validator=positive_values)
    """Of weights, that a core takes in a cycle at most, by the bits of a weight up to which it holds: ``4``, ``8``,
    ``16``. Wide memory is faster than that; what is not here is bound by memory alone.
    """
    widened_rows: int = field(default=0, validator=not_negative)
    """Weights of fewer than 16 bits are written out in 16 before they multiply more rows than these; 0 for never."""
    sums_in_16_bits: bool = False
    """Multiplications in FP16 add in FP16, which some accelerators do at twice the rate."""
    grouped_heads: int = field(default=128, validator=whole)
    """The most query heads that share one reading of keys and values; larger groups read them head by head."""
    rereading: float = field(default=1.0, validator=fraction)
    """Of the time of the first reading, what each further one of a larger group takes: caches catch some of them."""
    reread_rows: int = field(default=0, validator=not_negative)
    """Up to so many rows multiply one by one, each of which reads the weights again."""
    cache_copies: int = field(default=1, validator=whole)
    """Of the cache at once: the old and the new one, where each token is joined to all before it."""
    rolls_cache: bool = False
    """Its cache has room for the longer of prompt and answer, and drops the oldest tokens."""
    windows: bool = True
    """Of layers that look back on a window only that is cached and read; else all, as of layers without one."""
    shared_groups: tuple[int, ...] = ()
    """Sizes of groups of query heads for which kernels exist that share a reading; empty where any up to
    `grouped_heads` does.
    """
    cycle_elements: float = field(default=0.0, validator=not_negative)
    """Of keys and values, that a core works on in a cycle for query heads that share no reading: caches catch what they
    read again, and the cores bind; 0 where memory alone does.
    """
    kv_bits: float | None = field(default=None, validator=optional(positive))
    """Of an element of the KV cache unless the user says otherwise: vLLM's ``auto`` is 16, whatever weights have, but
    for checkpoints that state bits of the cache; None where the cache follows the checkpoint's dtype.
    """
    score_bytes: float = field(default=8.0, validator=positive)
    """Unfused attention moves so many of each score: 8 in kernels of 16 bits, more with a softmax in 32 bits."""
    held_score_bytes: float = field(default=0.0, validator=not_negative)
    """Unfused attention holds so many of each score of a layer at once."""
    cache_token_cycles: float = field(default=0.0, validator=not_negative)
    """Of a core, for a cached token of one head of 128 elements, in kernels that give a head of a sequence one core."""
    launch_share: float = field(default=1.0, validator=positive)
    """Of the launch seconds that kernels were timed with: less where launches overlap, more where gaps are longer."""
    fuses_quantisation: bool = True
    """Activations are quantised inside other kernels; else multiplications pay for it as they were timed."""
    fuses_residual: bool = True
    """Residual streams are added inside the norms, without kernels of their own."""
    elementwise_traffic: float = field(default=1.0, validator=positive)
    """Bytes that norms and activation functions move, against kernels that fuse what can be fused."""
    custom_all_reduce: bool = True
    """Small messages are summed by kernels of its own, not by the collective library."""
    two_shots: bool = True
    """Those have a second form, for larger messages: ranks sum shares, which all gather. Else the library does it."""
    rank_wait_seconds: float = field(default=0.0, validator=not_negative)
    """That a sum over tensor parallel ranks takes longer for each further rank: they do not arrive at once."""
    divides_head: bool = True
    """Tensor parallel ranks share the embedding and the output head; else each holds both whole."""
    joins_sums: bool = False
    """Attention and MLP side by side are summed over ranks together, not one by one."""
    pipeline: str = field(default="batches", validator=one_of("batches", "micro-batches", "one-by-one"))
    """Over stages goes one static batch for each, one cut into parts, or one as a whole, while other stages wait."""
    micro_batch_tokens: int = field(default=0, validator=not_negative)
    """Parts of a batch are halved until they have no more tokens; 0 where each is a stage's share, however long."""
    captures_launches: bool = True
    """The steps of decoding are captured once and launched whole, unless the user says otherwise."""
    launch_seconds_per_layer: float = field(default=0.0, validator=not_negative)
    """That a layer takes longer where its kernels are launched one by one, not as a graph."""
    launches_per_layer: float = field(default=0.0, validator=not_negative)
    """Kernels that its code launches for a layer, one by one, while the accelerator works on those before; 0 where they
    are captured, or where `launch_seconds_per_layer` says all.
    """
    launches_per_narrow_matrix: float = field(default=0.0, validator=not_negative)
    """More of them, or host time of as many, for each matrix of fewer than 16 bits."""
    host_seconds_per_launch: float = field(default=0.0, validator=not_negative)
    """Of the host: a pass takes as long as all of its launches where kernels run faster than the host launches them."""
    first_call_seconds: float = field(default=0.0, validator=not_negative)
    """Of a program that runs once and measures its first call: kernels are loaded and memory is reserved."""
    host_seconds_per_step: float = field(default=0.0, validator=not_negative)
    """Between steps, with the accelerator idle: scheduling, sampling, input and output."""
    host_seconds_per_sequence: float = field(default=0.0, validator=not_negative)
    """The same of every sequence of the batch."""
    step_tokens: int = field(default=8192, validator=whole)
    """The most tokens of prompts that one step works on: activations are held for so many."""
    keeps_buffers: bool = False
    """Every operator of a layer has a buffer of its own; else the widest one's is used again."""
    chunked_prefill: bool = True
    """Prompts are cut to fill steps beside what decodes; else they go first, whole, in steps of their own."""
    max_sequences: int = field(default=256, validator=whole)
    """That one replica works on at once, however many fit: vLLM's max_num_seqs."""
    block_tokens: int = field(default=16, validator=whole)
    """Of a page of the KV cache; 1 where the cache is contiguous."""
    memory_share: float = field(default=DEFAULT_MEMORY_SHARE, validator=fraction)
    """Of the device, that it takes."""
    context_bytes: float = field(default=0.0, validator=not_negative)
    """Of the driver and libraries, that no allocator counts; of an H100, fewer cores hold less."""
    workspace_bytes: float = field(default=0.0, validator=not_negative)
    """Of kernels, captured graphs and communication buffers."""
    group_bytes: float = field(default=0.0, validator=not_negative)
    """More of it where tensor parallel ranks exchange sums: buffers of collectives."""
    share_of_free: bool = False
    """Its share is of what is left beside weights and all else, not of the device."""
    beside_share: tuple[str, ...] = ()
    """Lines of memory that lie in what its share leaves alone: ``driver``, ``activations``, ``logits``."""
    warm_up_bytes: float = field(default=0.0, validator=not_negative)
    """Before it lays out its cache it runs a step of `step_tokens` and samples `max_sequences` answers, with so many
    bytes for each logit of the whole vocabulary, and leaves the larger of both free for good; 0 where it does not.
    """
    offloads: tuple[str, ...] = ()
    """What it can leave in host memory and read over the host link: ``weights``, ``experts``, ``kv``."""
    host_rows: int = field(default=0, validator=not_negative)
    """Up to so many tokens the host itself multiplies by what it holds, at its memory's speed; beyond, it is sent."""
    expert_multiple: int = field(default=1, validator=whole)
    """Experts of fewer than 8 bits are as deep as the next multiple of this, since kernels pad them."""
    expert_slice_multiple: int = field(default=1, validator=whole)
    """The same of the slice of each of them that a tensor parallel rank holds."""
    large_memory_bytes: float = field(default=0.0, validator=not_negative)
    """From which on defaults of large accelerators hold; 0 where there are none."""
    not_large: tuple[str, ...] = ()
    """Architectures for which they do not, however much memory they have."""
    large_max_sequences: int = field(default=256, validator=whole)
    large_step_tokens: int = field(default=8192, validator=whole)
    source: str = ""
