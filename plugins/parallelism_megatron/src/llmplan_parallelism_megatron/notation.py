"""The letters and words that formulas are written in: what each stands for, and its unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Symbol(NamedTuple):
    """One of them."""

    words: str
    unit: str = ""
    latex: str = ""
    """As books set it, where that is not the word itself."""


SIZES: Mapping[str, Symbol] = {
    "m": Symbol("rows of the left matrix of a multiplication, tokens; of a pipeline, micro-batches of an iteration"),
    "n": Symbol("columns of the right matrix; of a collective, ranks, or scale-up domains where it spans several"),
    "k": Symbol("the side that both matrices share"),
    "g": Symbol("multiplications side by side: experts"),
    "s": Symbol("tokens of a sequence that attention works on"),
    "d": Symbol("width of an attention head"),
    "p": Symbol("pipeline parallel stages"),
    "v": Symbol("chunks of layers on each stage, more than one where they are interleaved"),
    "c": Symbol("context parallel ranks"),
    "q": Symbol("ranks that the sequence is divided over: tensor parallel ones with sequence parallelism, else 1"),
    "z": Symbol("ranks over which ZeRO divides what is outside of experts; 1 where its stage divides it not"),
    "z_e": Symbol("the same of what is in experts"),
    "r": Symbol("rank of LoRA's adapters"),
    "l": Symbol("layers of each kind on a stage, and 1 for an end of the model that it holds", latex=r"\ell"),
    "layers": Symbol("layers whose weights are whole at a time"),
    "matrices": Symbol("weight matrices that stand side by side in one: K and V, gate and up projection"),
    "in_flight": Symbol("micro-batches that have gone forward through a stage and not yet come back"),
    "passes": Symbol("times that a collective goes around: 2 for an all-reduce, else 1"),
}
AMOUNTS: Mapping[str, Symbol] = {
    "flops": Symbol("floating-point operations of the part that the mask leaves", "FLOP"),
    "moved": Symbol("what a kernel or a copy moves; in formulas of the host link, the seconds that takes", "bytes"),
    "volume": Symbol("of a collective: its message, twice that of an all-reduce", "bytes"),
    "message": Symbol("what one rank sends to another", "bytes"),
    "cache": Symbol("the KV cache that a step of decoding reads", "bytes"),
    "operand_bytes": Symbol("of an element that a multiplication reads", "bytes"),
    "output_bytes": Symbol("of an element that it writes", "bytes"),
    "each": Symbol("of one element or parameter", "bytes"),
    "elements": Symbol("of weights, of a cache or of scores, that a kernel reads"),
    "sequences": Symbol("of a server's batch"),
    "tokens": Symbol("of a pass, or its positions of which logits are made"),
    "pages": Symbol("keys and values of one sequence on the fullest stage, in whole pages", "bytes"),
    "ends": Symbol("parameters of the embedding or of the head, whichever stage has more"),
    "dense_each": Symbol("of a weight outside of experts, with its scale", "bytes"),
    "expert_each": Symbol("the same in experts", "bytes"),
    "end_each": Symbol("the same at the ends of the model", "bytes"),
    "memory": Symbol("of the device", "bytes"),
    "parameters": Symbol("on one rank, after ZeRO's division"),
    "dense": Symbol("parameters outside of experts, or their bytes"),
    "experts": Symbol("parameters in routed experts, or their bytes"),
    "updated": Symbol("parameters that the optimizer of one rank updates"),
    "orthogonal": Symbol("operations for each parameter that make gradients orthogonal: Muon's", "FLOP"),
    "travel": Symbol("of a gradient and a weight, which cross the host link", "bytes"),
    "held": Symbol("of the optimizer's states of a parameter, read and written", "bytes"),
    "a": Symbol("what one layer of each kind keeps of one micro-batch for its backward pass", "bytes"),
    "kept": Symbol("the same of one layer, or of all of a stage", "bytes"),
    "whole": Symbol("the same without recomputation", "bytes"),
    "states": Symbol("of the residual stream of one micro-batch; of a sequence, of its recurrent layers", "bytes"),
    "logits": Symbol("of the head, on one rank"),
    "working": Symbol("activations and buffers", "bytes"),
}
RATES: Mapping[str, Symbol] = {
    "peak_flops": Symbol("dense peak of the number format, as far as a run sustains it", "FLOP/s"),
    "rate": Symbol("what multiplications reach", "FLOP/s"),
    "bytes_per_second": Symbol("memory bandwidth", "bytes/s"),
    "bandwidth": Symbol("memory bandwidth that kernels reach", "bytes/s"),
    "link": Symbol("one direction of a rank's link to others, or to the host", "bytes/s"),
    "card": Symbol("one direction of a rank's network card", "bytes/s"),
    "host_memory": Symbol("one accelerator's share of the host's memory bandwidth", "bytes/s"),
    "traffic": Symbol("what the framework's kernels move against those that fuse all they can"),
    "overlap": Symbol("part of a transfer that the framework hides"),
    "share": Symbol("part of the device that an engine takes for itself"),
    "slack": Symbol("part of activations and buffers that the allocator loses"),
}
FITTED: Mapping[str, Symbol] = {
    "plateau": Symbol("part of the peak that the largest shapes reach"),
    "half_tile": Symbol("sqrt(m n) at which half of it is reached", latex=r"h_{mn}"),
    "half_m": Symbol("m at which half of it is reached", latex=r"h_m"),
    "half_n": Symbol("n at which half of it is reached", latex=r"h_n"),
    "half_k": Symbol("k at which half of it is reached", latex=r"h_k"),
    "half_tokens": Symbol("s at which half of it is reached", latex=r"h_s"),
    "half_head_dim": Symbol("d at which half of it is reached", latex=r"h_d"),
    "half_ranks": Symbol("ranks at which half of it is reached", latex=r"h_\text{ranks}"),
    "half_bytes": Symbol("bytes at which the ramp of small messages takes as long as the message", "bytes", r"h_V"),
    "launch_seconds": Symbol("until a kernel or a collective begins", "s"),
    "launch": Symbol("the same of a kernel that only moves data", "s"),
    "launches": Symbol("of all kernels of an unfused pass", "s"),
    "step_seconds": Symbol("latency of one step from rank to rank", "s"),
}
SECONDS: Mapping[str, Symbol] = {
    "t": Symbol("of one layer of each kind, or of an end of the model, for one micro-batch", "s"),
    "computing": Symbol("of a kernel, if it did nothing but compute", "s"),
    "moving": Symbol("of a kernel, if it did nothing but move data", "s"),
    "stage": Symbol("of one micro-batch, or one pass, on the slowest stage", "s"),
    "others": Symbol("of one micro-batch on all other stages", "s"),
    "others_weights": Symbol("the part of it that gradients of weights take", "s"),
    "own_weights": Symbol("the same of the slowest stage", "s"),
    "waiting": Symbol("in which a stage waits for the others, as the schedule has it", "s"),
    "send": Symbol("of a message to the next stage", "s"),
    "gather": Symbol("of gathering it in the tensor parallel group, where each rank has sent a part", "s"),
    "transfer": Symbol("of a message between stages, or of a step of the ring", "s"),
    "attention": Symbol("of attention over the whole sequence", "s"),
    "forward": Symbol("of the forward pass; of data parallel traffic, what goes on beside it", "s"),
    "backward": Symbol("the same of the backward pass", "s"),
    "hides_forward": Symbol("of the forward pass that traffic can hide behind", "s"),
    "hides_backward": Symbol("the same of the backward pass", "s"),
}
GROUPS: Mapping[str, Mapping[str, Symbol]] = {
    "Sizes": SIZES,
    "Amounts": AMOUNTS,
    "Rates and shares": RATES,
    "Fitted to timings": FITTED,
    "Seconds": SECONDS,
}
NOTATION: Mapping[str, Symbol] = {name: symbol for group in GROUPS.values() for name, symbol in group.items()}
