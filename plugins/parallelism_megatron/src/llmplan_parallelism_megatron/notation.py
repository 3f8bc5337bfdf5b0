"""The letters and words that formulas are written in: what each stands for, and its unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Symbol(NamedTuple):
    """One symbol of a formula, with its words and unit."""

    words: str
    unit: str = ""
    latex: str = ""
    """As books set it, where that is not the word itself."""


SIZES: Mapping[str, Symbol] = {
    "m": Symbol("rows of the left matrix of a multiplication (tokens); in formulas of the pipeline, micro-batches"),
    "n": Symbol(
        "columns of the right matrix; in formulas of collectives, ranks, or scale-up domains where they span several"
    ),
    "k": Symbol("the side that both matrices share"),
    "g": Symbol("multiplications side by side: experts"),
    "s": Symbol("tokens of a sequence that attention works on"),
    "d": Symbol("width of an attention head"),
    "p": Symbol("pipeline parallel stages"),
    "v": Symbol("chunks of layers on each stage; more than one with an interleaved schedule"),
    "c": Symbol("context parallel ranks"),
    "q": Symbol("ranks that the sequence is divided over: tensor parallel ones with sequence parallelism, else 1"),
    "z": Symbol("ranks over which ZeRO divides what lies outside experts; 1 where its stage leaves that whole"),
    "z_e": Symbol("the same for what lies in experts"),
    "r": Symbol("rank of LoRA's adapters"),
    "l": Symbol(
        "how many layers of each kind a stage holds, and 1 for the embedding or the head if it holds that",
        latex=r"\ell",
    ),
    "e": Symbol("expert parallel ranks"),
    "copies": Symbol("tokens, each for every expert that it goes to, of a rank of experts on average"),
    "inside": Symbol("ranks of a group that share a scale-up domain"),
    "nodes": Symbol("scale-up domains that a group spans"),
    "layers": Symbol("layers whose weights are held whole at the same time"),
    "matrices": Symbol("weight matrices that stand side by side in one: K and V, gate and up projection"),
    "in_flight": Symbol("micro-batches that have gone forward through a stage and not yet come back"),
    "away": Symbol("micro-batches whose activations wait in host memory"),
    "calls": Symbol("kernels that the host launches in a pass, one by one"),
    "cores": Symbol("streaming multiprocessors of the accelerator"),
    "rows": Symbol("sequences that get a token in one step"),
    "vocabulary": Symbol("logits of a position"),
    "keys": Symbol("tokens that a token looks back on"),
    "heads": Symbol("query heads of a rank"),
    "size": Symbol("accelerators that a full mesh joins"),
    "axes": Symbol("dimensions of a torus"),
    "spanned": Symbol("axes that a group lies along, a ring for 1, a line for 1/2, shared ones for their part"),
    "stretch": Symbol("ranks along the longest of them, twice on a line"),
    "steps": Symbol("hops to the farthest rank of a group on a torus"),
    "passes": Symbol("times that a collective goes around: 2 for an all-reduce, else 1"),
}
AMOUNTS: Mapping[str, Symbol] = {
    "flops": Symbol("floating-point operations; of attention, those that the mask leaves", "FLOP"),
    "moved": Symbol(
        "what a kernel or a copy moves; in formulas of the host link, the seconds that this takes", "bytes"
    ),
    "volume": Symbol("of a collective: its message, twice that of an all-reduce", "bytes"),
    "message": Symbol("what one rank sends to another", "bytes"),
    "cache": Symbol("the KV cache that a step of decoding reads", "bytes"),
    "operand_bytes": Symbol("size of an element that a multiplication reads", "bytes"),
    "output_bytes": Symbol("size of an element that it writes", "bytes"),
    "each": Symbol("size of one element or parameter", "bytes"),
    "read": Symbol("bytes of an element that a cast reads", "bytes"),
    "written": Symbol("bytes of an element that a cast writes, in each of its two orders", "bytes"),
    "elements": Symbol("elements (of weights, a cache, scores or logits) that a kernel reads"),
    "sequences": Symbol("sequences in a server's batch"),
    "tokens": Symbol("tokens of a pass, or those positions of it that get logits"),
    "pages": Symbol("keys and values of one sequence on the fullest stage, in whole pages", "bytes"),
    "ends": Symbol("parameters of the embedding or of the head, whichever has more"),
    "dense_each": Symbol("size of a weight outside experts, with its scale", "bytes"),
    "expert_each": Symbol("the same of a weight in experts", "bytes"),
    "end_each": Symbol("the same of a weight of the embedding or the head", "bytes"),
    "memory": Symbol("memory of the device", "bytes"),
    "context": Symbol("of an H100, what the driver and libraries hold", "bytes"),
    "parameters": Symbol("on one rank, after ZeRO's division"),
    "dense": Symbol("parameters outside experts, or their bytes"),
    "experts": Symbol("parameters in routed experts, or their bytes"),
    "states_away": Symbol("what the optimizer has in host memory, with the gradients that wait for it", "bytes"),
    "weights_away": Symbol("weights that wait in host memory", "bytes"),
    "used": Symbol("memory of the device, if nothing of it went to the host", "bytes"),
    "room": Symbol("memory of the device that pages of optimizer states may fill", "bytes"),
    "updated": Symbol("parameters that the optimizer of one rank updates"),
    "orthogonal": Symbol("operations per parameter that make gradients orthogonal (Muon)", "FLOP"),
    "travel": Symbol("size of a gradient and a weight, which cross the host link", "bytes"),
    "each_cycle": Symbol("weights that a core takes in a cycle", "bytes"),
    "each_logit": Symbol("what sampling holds of a logit", "bytes"),
    "beside": Symbol("what lies in memory that a share leaves alone, or is gone when the larger is held", "bytes"),
    "each_score": Symbol("what unfused attention holds of a score", "bytes"),
    "held": Symbol("what is read and written of a parameter's optimizer states", "bytes"),
    "a": Symbol("activations that one layer of each kind keeps of one micro-batch for the backward pass", "bytes"),
    "kept": Symbol("the same for one layer, or for all layers of a stage", "bytes"),
    "whole": Symbol("the same without recomputation", "bytes"),
    "states": Symbol("residual stream of one micro-batch; on a server, recurrent states of one sequence", "bytes"),
    "logits": Symbol("logits that one rank holds"),
    "working": Symbol("activations and buffers", "bytes"),
}
RATES: Mapping[str, Symbol] = {
    "clock": Symbol("of the cores", "1/s"),
    "cores_rate": Symbol("elements of the cache that all cores work on", "1/s"),
    "stream": Symbol("bandwidth of memory, as far as the engine's kernels reach it", "bytes/s"),
    "peak_flops": Symbol("dense peak of the number format, as far as a run sustains it", "FLOP/s"),
    "peak": Symbol("printed peak of all accelerators of a run", "FLOP/s"),
    "rate": Symbol("what multiplications reach", "FLOP/s"),
    "bytes_per_second": Symbol("memory bandwidth", "bytes/s"),
    "bandwidth": Symbol("memory bandwidth that kernels reach", "bytes/s"),
    "link": Symbol("one direction of a rank's link to others, or to the host", "bytes/s"),
    "card": Symbol("one direction of a rank's network card", "bytes/s"),
    "host_memory": Symbol("one accelerator's share of the host's memory bandwidth", "bytes/s"),
    "traffic": Symbol("bytes that the framework's kernels move, over those of kernels that fuse all they can"),
    "overlap": Symbol("part of a transfer that the framework hides"),
    "cost": Symbol("part of hidden traffic by which the computation beside it takes longer"),
    "share": Symbol("part of the device that an engine takes for itself"),
    "slack": Symbol("part of activations and buffers that the allocator loses"),
}
FITTED: Mapping[str, Symbol] = {
    "plateau": Symbol("fraction of the peak that the largest shapes reach"),
    "half_tile": Symbol("sqrt(m n) at which half of it is reached", latex=r"h_{mn}"),
    "half_m": Symbol("m at which half of it is reached", latex=r"h_m"),
    "half_n": Symbol("n at which half of it is reached", latex=r"h_n"),
    "half_k": Symbol("k at which half of it is reached", latex=r"h_k"),
    "half_tokens": Symbol("s at which half of it is reached", latex=r"h_s"),
    "half_head_dim": Symbol("d at which half of it is reached", latex=r"h_d"),
    "half_ranks": Symbol("ranks at which half of it is reached", latex=r"h_\text{ranks}"),
    "half_bytes": Symbol("bytes at which the ramp of small messages takes as long as the message", "bytes", r"h_V"),
    "launch_seconds": Symbol("time until a kernel or a collective begins", "s"),
    "launch": Symbol("the same for a kernel that only moves data", "s"),
    "call": Symbol("what the host takes for a launch", "s"),
    "running": Symbol("kernels of a pass, one after the other", "s"),
    "each_element": Symbol("an element of a head's keys, where one core goes through them", "s"),
    "each_rank": Symbol("what a sum over ranks takes longer for each further one", "s"),
    "launches": Symbol("the same for all kernels of an unfused pass together", "s"),
    "step_seconds": Symbol("latency of one step from rank to rank", "s"),
}
SECONDS: Mapping[str, Symbol] = {
    "t": Symbol("one layer of each kind, or the embedding or the head, for one micro-batch", "s"),
    "computing": Symbol("a kernel, if it did nothing but compute", "s"),
    "moving": Symbol("a kernel, if it did nothing but move data", "s"),
    "stage": Symbol("one micro-batch, or one pass, on the slowest stage", "s"),
    "all_stages": Symbol("one micro-batch, or one pass, on all stages", "s"),
    "others": Symbol("one micro-batch on all other stages together", "s"),
    "others_weights": Symbol("the part of that in which gradients of weights are computed", "s"),
    "own_weights": Symbol("the same part on the slowest stage", "s"),
    "waiting": Symbol("time in which a stage waits for the others under the schedule", "s"),
    "send": Symbol("a message to the next stage", "s"),
    "gather": Symbol("gathering that message in the tensor parallel group, each rank of which has sent a part", "s"),
    "transfer": Symbol("a message between stages, or one step of the ring", "s"),
    "attention": Symbol("attention over the whole sequence", "s"),
    "forward": Symbol("the forward pass; in formulas of data parallel traffic, the traffic beside it", "s"),
    "backward": Symbol("the same for the backward pass", "s"),
    "hides_forward": Symbol("the part of the forward pass that traffic can hide behind", "s"),
    "hides_backward": Symbol("the same for the backward pass", "s"),
    "going": Symbol("the host link in a forward pass, in its busier direction", "s"),
    "coming": Symbol("the same in a backward pass", "s"),
    "hidden": Symbol("data parallel traffic that goes on beside computation", "s"),
}
GROUPS: Mapping[str, Mapping[str, Symbol]] = {
    "Sizes": SIZES,
    "Amounts": AMOUNTS,
    "Rates and shares": RATES,
    "Fitted to timings": FITTED,
    "Seconds": SECONDS,
}
NOTATION: Mapping[str, Symbol] = {name: symbol for group in GROUPS.values() for name, symbol in group.items()}
