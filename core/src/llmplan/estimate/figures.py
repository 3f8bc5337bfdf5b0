"""The figures of all estimates, each once; options of plugins add theirs.

JSON, CSV, Markdown, reports, comparisons, searches, validation and the reference page are loops over this table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llmplan.estimate.figure import HIGH, LOW, Figure
from llmplan.estimate.training import TrainingEstimate
from llmplan.units import GIB

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from llmplan.estimate.server import ServerEstimate

TRAIN, INFER, SERVER = "train", "infer", "server"
_SERVING, _ALL = (INFER, SERVER), (TRAIN, INFER, SERVER)
_DAYS, _MS, _PERCENT = 86_400.0, 1e-3, 0.01
_PRICE, _TDP = "--price", "an accelerator whose TDP is known (tdp_w)"


def kind_of_estimate(estimate: Any) -> str:
    """The kind of an estimate: ``train``, ``infer`` or ``server``."""
    return TRAIN if isinstance(estimate, TrainingEstimate) else SERVER if hasattr(estimate, "server") else INFER


def is_server(estimate: Any) -> TypeIs[ServerEstimate]:
    """Whether it is of a server under a load; its class need not be there to know."""
    return kind_of_estimate(estimate) == SERVER


def _own(kind: str) -> Iterator[Figure]:
    return (figure for figure in FIGURES if kind in figure.on)


def _with_key(key: str, kind: str) -> Figure:
    return next(figure for figure in _own(kind) if figure.key == key)


def throughput(kind: str) -> Figure:
    """What plans are compared by where no price is known."""
    return _with_key("tokens_per_second_per_gpu", kind)


def objectives(kind: str) -> dict[str, Figure]:
    """The figures that a search can ask for, by the word of ``--objective``."""
    return {figure.objective: figure for figure in _own(kind) if figure.objective}


def limits(kind: str) -> dict[str, Figure]:
    """By the option that limits it."""
    return {figure.limit: figure for figure in _own(kind) if figure.limit}


_TIME, _FIRST, _NEXT = "time_spread", "first_token_spread", "next_token_spread"
_TOTAL, _RATE, _MOST = "total_spread", "throughput_spread", "capacity_spread"

FIGURES = (
    Figure(
        "iteration_seconds", "s", "one optimizer step", (TRAIN,), better=LOW, range=_TIME, breakdown="time_breakdown",
        measured={"iteration_time_s": 1.0},
    ),
    Figure(
        "training_seconds", "s", "all iterations, without failures", (TRAIN,), better=LOW, range=_TIME,
        fact="training", say="{value} on {gpus}{range}", heading="training, days", scale=_DAYS, drawn=True,
        essential=True,
    ),
    Figure(
        "training_seconds_at_confidence", "s", "what they stay below with the `confidence` of the plan", (TRAIN,),
        better=LOW, fact="training", say="{value} with {plan.confidence:.0%} confidence", heading="at most, days",
        scale=_DAYS,
    ),
    Figure(
        "run_seconds", "s", "the wall clock where failures are stated, else `training_seconds`", (TRAIN,), better=LOW,
        range=_TIME, objective="time", limit="finish-within",
    ),
    Figure(
        "wall_clock_seconds", "s", "with failures, restarts and checkpoints; `null` where none are stated, or at "
        "goodput 0", (TRAIN,), better=LOW, range=_TIME, fact="wall clock", heading="wall clock, days", scale=_DAYS,
    ),
    Figure(
        "goodput", "share", "training time / wall clock (Daly 2006, doi:10.1016/j.future.2004.11.016); 0 where "
        "failures allow no progress", (TRAIN,), better=HIGH, fact="wall clock", say="goodput {number:.2f}",
    ),
    Figure(
        "wall_clock_gpu_hours", "GPU-hours", "devices x hours of the wall clock, which are paid", (TRAIN,), better=LOW,
        range=_TIME, fact="GPU-hours", say="{value} of the wall clock",
    ),
    Figure(
        "mtbf_seconds", "s", "86,400 / (failures per GPU-day x GPUs)", (TRAIN,), fact="wall clock",
        say="a failure every {about}",
    ),
    Figure(
        "checkpoint_interval_seconds", "s", "of training between checkpoints", (TRAIN,), fact="wall clock",
        say="a checkpoint every {about}",
    ),
    Figure("iterations", "iterations", "whole iterations that the tokens last for", (TRAIN,)),
    Figure(
        "gpu_hours", "GPU-hours", "devices x hours, without failures", (TRAIN,), better=LOW, range=_TIME,
        fact="GPU-hours", say="{value}{range}", heading="GPU-hours", objective="gpu-hours",
        measured={"gpu_hours": 1.0},
    ),
    Figure(
        "cost", "money", "GPU-hours of the run, of the wall clock where failures are stated, x the price of one",
        (TRAIN,), better=LOW, range=_TIME, fact="cost",
        say="{value} at {plan.price_per_gpu_hour:g} a GPU-hour{range}", needs=_PRICE, heading="cost", drawn=True,
        essential=True, objective="cost", limit="budget",
    ),
    Figure(
        "energy_kwh", "kWh", "`gpu_hours` x power x `--pue`, without failures", (TRAIN,), better=LOW, range=_TIME,
        fact="energy", say="{value} at {of.average_power_watts:,.0f} W a GPU, PUE {plan.pue:g}", needs=_TDP,
        heading="energy, MWh", scale=1e3, if_ranked=True, objective="energy",
    ),
    Figure(
        "first_token_seconds", "s", "what a user waits for: prefill on all pipeline stages", (INFER,), better=LOW,
        range=_FIRST, fact="first token", say="{value} (prefill){range}", heading="first token, ms", scale=_MS,
        drawn=True, essential=True,
        limit="ttft",
        measured={"prefill_ms": _MS, "ttft_ms": _MS},
    ),
    Figure(
        "next_token_seconds", "s", "the same of each further token: a decode step", (INFER,), better=LOW, range=_NEXT,
        fact="each token", say="{value} (decode){range}", heading="each token, ms", scale=_MS, drawn=True,
        essential=True,
        limit="tpot",
        measured={"decode_ms_per_token": _MS},
    ),
    Figure(
        "total_seconds", "s", "a whole answer", (INFER,), better=LOW, range=_TOTAL, fact="whole answer",
        limit="latency",
        measured={"e2e_ms": _MS},
    ),
    Figure(
        "first_token_seconds", "s", "from a request to its first token on average, waiting included; `null` where more "
        "comes than can be answered", (SERVER,), better=LOW, range=_FIRST, heading="first token, ms", scale=_MS,
        drawn=True, essential=True, limit="ttft",
    ),
    Figure(
        "next_token_seconds", "s", "for each further token", (SERVER,), better=LOW, range=_NEXT,
        heading="each token, ms", scale=_MS, drawn=True, essential=True, limit="tpot",
    ),
    Figure(
        "total_seconds", "s", "from a request to its last token", (SERVER,), better=LOW, range=_TOTAL,
        limit="latency",
    ),
    Figure(
        "server.simulated.first_token.p99", "s", "of first tokens, 99 in 100 are as fast", (SERVER,), better=LOW,
        path="simulated.first_token.p99", heading="p99 first token, ms", scale=_MS, drawn=True,
    ),
    Figure(
        "server.simulated.next_token.p99", "s", "the same of further tokens", (SERVER,), better=LOW,
        path="simulated.next_token.p99", heading="p99 each token, ms", scale=_MS,
    ),
    Figure(
        "prefill_seconds", "s", "reading the prompts, on one pipeline stage", _SERVING, better=LOW,
        breakdown="prefill_breakdown",
    ),
    Figure(
        "decode_seconds_per_token", "s", "a token of every sequence, on one pipeline stage", _SERVING, better=LOW,
        breakdown="decode_breakdown",
    ),
    Figure(
        "server.requests_per_second", "requests/s", "that are answered", (SERVER,), better=HIGH,
        path="requests_per_second", heading="requests/s",
    ),
    Figure(
        "server.share_of_capacity", "share", "what comes / the most that can be answered", (SERVER,), path="load",
        heading="load, %", scale=_PERCENT, drawn=True,
    ),
    Figure(
        "server.replicas_needed", "replicas", "like these, to answer what comes at 80 % of their capacity", (SERVER,),
        path="replicas_needed",
    ),
    Figure(
        "server.prefill_replicas_needed", "replicas", "the same of those that only prefill", (SERVER,),
        path="prefill_replicas_needed",
    ),
    Figure(
        "server.gpus", "GPUs", "of both pools", (SERVER,), better=LOW, path="server.gpus", objective="gpus",
    ),
    Figure(
        "layout.gpus", "GPUs", "in all", (TRAIN,), better=LOW, path="plan.layout.gpus", objective="gpus",
    ),
    Figure(
        "tokens_per_second", "tokens/s", "of training, over all GPUs", (TRAIN,), better=HIGH, range=_TIME, fact="speed",
        say="{value} tokens/s", heading="tokens/s",
    ),
    Figure(
        "tokens_per_second", "tokens/s", "generated, over all replicas", _SERVING, better=HIGH, range=_RATE,
        fact="speed", say="{value} output tokens/s on {gpus}", heading="tokens/s",
        measured={"tokens_per_s_total_output": 1.0},
    ),
    Figure(
        "tokens_per_second_per_gpu", "tokens/s", "the same of one GPU", (TRAIN,), better=HIGH, range=_TIME,
        fact="speed", say="{value} a GPU", heading="tokens/s a GPU", drawn=True, essential=True,
        measured={"tokens_per_s_per_gpu": 1.0},
    ),
    Figure(
        "tokens_per_second_per_gpu", "tokens/s", "the same of one GPU", _SERVING, better=HIGH, range=_RATE,
        fact="speed", say="{value} a GPU", heading="tokens/s a GPU", drawn=True, essential=True, objective="throughput",
    ),
    Figure(
        "padding", "share", "of the tokens that are worked on, where samples are given and not packed", (TRAIN,),
        better=LOW, fact="speed", say="{value} of all tokens padding",
    ),
    Figure(
        "mfu", "share", "model FLOPs / (time x GPUs x peak), PaLM, arXiv:2204.02311, appendix B: forward and backward "
        "passes with the whole square of attention and the output head, without recomputation or looking up embeddings",
        (TRAIN,), better=HIGH, range=_TIME, fact="utilisation", say="MFU {value}", heading="MFU, %", scale=_PERCENT,
        drawn=True,
    ),
    Figure(
        "mfu_causal", "share", "the same with the half of attention that a causal mask leaves, as Llama 3, "
        "arXiv:2407.21783, counts", (TRAIN,), better=HIGH, range=_TIME, fact="utilisation", say="{value} causal",
    ),
    Figure(
        "hfu", "share", "as `mfu`, with what is recomputed", (TRAIN,), better=HIGH, range=_TIME, fact="utilisation",
        say="HFU {value} of {peak} {plan.gemm.name}",
    ),
    Figure(
        "cost_per_million_input_tokens", "money", "of prompt tokens: what prefill takes of the GPU time, or of the "
        "GPUs of separate pools", _SERVING, better=LOW, range=_RATE, fact="cost", say="{value} per million input",
        needs=_PRICE,
    ),
    Figure(
        "cost_per_million_output_tokens", "money", "of generated tokens: what decoding takes", _SERVING, better=LOW,
        range=_RATE, fact="cost", say="{value} per million output tokens",
        needs=_PRICE,
    ),
    Figure(
        "cost_per_million_tokens", "money", "of generated tokens, all that answers cost", _SERVING, better=LOW,
        range=_RATE, fact="cost", say="{value} per million output tokens, all in, at {plan.price_per_gpu_hour:g} "
        "a GPU-hour", needs=_PRICE,
        heading="cost of 1M tokens", drawn=True, essential=True, objective="cost",
    ),
    Figure(
        "server.least_cost_per_million_tokens", "money", "of generated tokens, at capacity", (SERVER,), better=LOW,
        path="least_cost_per_million_tokens", range=_MOST, fact="cost", say="{value} at full capacity", needs=_PRICE,
    ),
    Figure(
        "average_power_watts", "W", "of one GPU: TDP x (0.2 + 0.8 x the part of an iteration outside its idle lines: "
        "waiting, and traffic that it takes no part in); 0.2 is assumed", (TRAIN,), needs=_TDP,
    ),
    Figure(
        "average_power_watts", "W", "of one GPU: its TDP while it works, 0.2 of that (assumed) while a server waits",
        _SERVING, needs=_TDP,
    ),
    Figure(
        "joules_per_token", "J", "of all GPUs x `--pue`, for each generated token", _SERVING, better=LOW, range=_RATE,
        fact="energy", say="{value} per output token, at {of.average_power_watts:,.0f} W a GPU, PUE {plan.pue:g}",
        needs=_TDP,
    ),
    Figure(
        "max_batch_size", "sequences", "the largest batch of a replica that fits", _SERVING, better=HIGH,
        heading="largest batch",
    ),
    Figure(
        "cache_bytes", "bytes", "room for the KV cache of one GPU beside all else; below 0 the engine would not start; "
        "`null` where the cost model does not say", _SERVING, better=HIGH, fact="room for the cache",
        say="{value} a GPU",
    ),
    Figure(
        "cache_tokens", "tokens", "that this room holds, of all sequences of a replica, as long as these are", _SERVING,
        better=HIGH, fact="room for the cache", say="{value} tokens",
    ),
    Figure("compute_bound_batch", "sequences", "the same, of decoding steps", (SERVER,)),
    Figure("max_context", "tokens", "of a sequence, prompt and answer, that fit at this batch", _SERVING, better=HIGH),
    Figure(
        "compute_bound_batch", "sequences", "the least batch at which decoding takes more time multiplying than "
        "reading weights; `null` where there is none", (INFER,), fact="turns",
        say="from bandwidth-bound to compute-bound at a batch of {value} (decode)",
    ),
    Figure(
        "memory_bytes_per_gpu", "bytes", "on the fullest GPU", _ALL, better=LOW, range="memory_spread",
        breakdown="memory_breakdown",
        heading="memory, GiB", scale=GIB, drawn=True, objective="memory",
    ),
    Figure("memory_capacity_bytes", "bytes", "of one GPU", _ALL),
    Figure(
        "host_bytes_per_gpu", "bytes", "that wait in host memory for each GPU; `null` where nothing does", _ALL,
        better=LOW, fact="host memory", say="{value} a GPU",
    ),
)  # fmt: skip
"""In the order of the JSON and of the report."""

ITERATION, TRAINING, MFU = (_with_key(key, TRAIN) for key in ("iteration_seconds", "training_seconds", "mfu"))
AT_CONFIDENCE, WALL_CLOCK = (_with_key(key, TRAIN) for key in ("training_seconds_at_confidence", "wall_clock_seconds"))
MEMORY, CAPACITY = _with_key("memory_bytes_per_gpu", TRAIN), _with_key("memory_capacity_bytes", TRAIN)
