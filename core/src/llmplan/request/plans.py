"""Requests for a plan: of training, of serving."""

from __future__ import annotations

from typing import Any

from attrs import fields, frozen

from llmplan.records import Recompute, Tuning, Variation
from llmplan.request.options import Options, option
from llmplan.request.values import (
    FAMILY_WORDS,
    as_at_least_one,
    as_auto_or_whole,
    as_bits,
    as_confidence,
    as_flag,
    as_fraction,
    as_not_negative,
    as_part,
    as_positive,
    as_positive_seconds,
    as_rate,
    as_record_or_name,
    as_seconds,
    as_size,
    as_text,
    as_variation,
    as_whole,
    as_word,
)

_MODES = {mode.label: mode for mode in Recompute}
_TUNINGS = {tuning.value: tuning for tuning in Tuning}
OFFLOADS = ("none", "optimizer", "activations", "all")
_OFFLOADS = {word: word for word in OFFLOADS}


@frozen(kw_only=True, eq=False, repr=False)
class Request(Options):
    """What training and inference have in common."""

    model: Any = option(
        "Model, by name, as a file or folder, or by an id of a hub.", as_record_or_name, metavar="NAME", names="models"
    )
    assume_transformer: bool | None = option(
        "Take what the reader of a model does not know as a plain transformer's.", as_flag
    )
    gpu: Any = option("Accelerator, by name or as a TOML file.", as_record_or_name, metavar="NAME", names="gpus")
    dtype: Any = option("Bits of weights, activations, embeddings.", as_record_or_name, metavar="NAME", names="dtypes")
    gpus: int | None = option("Accelerators in all: tp x cp x pp x dp.", as_size)
    tp: int | None = option("Tensor parallel size.", as_size)
    pp: int | None = option("Pipeline parallel size.", as_whole(1), every=True)
    dp: int | None = option("Data parallel size.", as_size)
    sequence_parallel: bool | None = option("Split norms and residuals over tp too.", as_flag)
    flops_efficiency: float | None = option("FLOP/s that kernels reach, of the peak.", as_fraction, metavar="FRACTION")
    hbm_efficiency: float | None = option("Memory bandwidth reached, of the peak.", as_fraction, metavar="FRACTION")
    scale_up_efficiency: float | None = option("Scale-up bandwidth reached.", as_fraction, metavar="FRACTION")
    scale_out_efficiency: float | None = option("Scale-out bandwidth reached.", as_fraction, metavar="FRACTION")
    ideal: bool | None = option("Efficiencies that are not given are 1; else they are calibrated.", as_flag)
    cost_model: Any = option("Cost model.", as_record_or_name, metavar="NAME", names="cost-models")
    price_per_gpu_hour: float | None = option("Price of one accelerator-hour.", as_not_negative, metavar="PRICE")


@frozen(kw_only=True, eq=False, repr=False)
class TrainRequest(Request):
    """Options of a training plan; None is what was not given."""

    cp: int | None = option("Context parallel size: ranks that share each sequence.", as_size)
    ep: int | None = option("Expert parallel size, inside dp x cp.", as_whole(1))
    vpp: int | None = option("Chunks of layers on each pipeline stage (interleaved schedule).", as_whole(1), every=True)
    schedule: Any = option("Pipeline schedule.", as_record_or_name, metavar="NAME", names="schedules")
    zero: int | None = option("ZeRO stage: 0, 1, 2 or 3.", as_whole(0, 3), every=True)
    zero_group: int | None = option("Ranks that ZeRO divides over; all of dp x cp by default.", as_whole(1))
    micro_batch: int | None = option("Sequences that one pipeline takes in at once.", as_whole(1))
    max_micro_batch: int | str | None = option(
        "The largest micro-batch that is tried; auto tries any.", as_auto_or_whole, metavar="N|auto"
    )
    gradient_accumulation: int | None = option("Micro-batches of one pipeline in one iteration.", as_whole(1))
    global_batch: int | None = option("Sequences of one iteration.", as_whole(1))
    global_batch_tokens: float | None = option("Tokens of one iteration, instead of --global-batch.", as_positive)
    seq_len: int | None = option("Tokens of one sequence.", as_whole(1))
    tokens: float | None = option("Training tokens in all: 1.4e12 or 1.4T.", as_positive)
    recompute: Recompute | None = option(
        f"What backward computes again: {', '.join(_MODES)}.",
        as_word(_MODES),
        metavar="MODE",
        names=lambda: list(_MODES),
    )
    framework: Any = option(
        "Program that trains: kernels, overlap, host time.", as_record_or_name, metavar="NAME", names="frameworks"
    )
    optimizer: Any = option("Optimizer.", as_record_or_name, metavar="NAME", names="optimizers")
    master_weights: bool | None = option("The optimizer keeps weights in 32 bits too.", as_flag)
    gradient_bits: float | None = option("Bits of gradients as they accumulate.", as_bits)
    tuning: Tuning | None = option(
        f"Which weights are trained: {', '.join(_TUNINGS)}.",
        as_word(_TUNINGS),
        metavar="NAME",
        names=lambda: list(_TUNINGS),
    )
    lora_rank: int | None = option("Rank of the LoRA matrices.", as_whole(1))
    offload: str | None = option(
        f"What waits in host memory: {', '.join(_OFFLOADS)}.",
        as_word(_OFFLOADS),
        metavar="WHAT",
        names=lambda: list(_OFFLOADS),
    )
    expert_imbalance: float | None = option(
        "Tokens of the busiest expert parallel rank, against the mean.", as_at_least_one, metavar="TIMES"
    )
    mfu: float | None = option(
        "Model FLOPs utilisation of the whole run, instead of the efficiencies.", as_fraction, metavar="FRACTION"
    )
    failures_per_gpu_day: float | None = option(
        "Failures of the run, for each GPU and day: the wall clock with them. Llama 3 405B had 419 unexpected "
        "interruptions in 54 days on 16,384 GPUs = 4.7e-4 (arXiv:2407.21783, table 5).",
        as_positive,
        metavar="RATE",
    )
    checkpoint_seconds: float | None = option(
        "Time that saving a checkpoint stops the run: 45 or 1.5m.", as_positive_seconds("45 or 1.5m"), metavar="SECONDS"
    )
    checkpoint_gb_per_s: float | None = option(
        "Storage bandwidth of the whole run, instead of --checkpoint-seconds.", as_positive, metavar="GB/S"
    )
    checkpoint_interval: float | None = option(
        "Training between checkpoints: 1800, 30m or 0.5h; the Young/Daly optimum by default.",
        as_positive_seconds("30m or 1800"),
        metavar="SECONDS",
    )
    restart_seconds: float | None = option(
        "From a failure until training goes on: 600 or 10m.", as_seconds(as_not_negative), metavar="SECONDS"
    )
    confidence: float | None = option(
        "With which plans are ranked, and fit: 0.9 by default, 0.5 is the point estimate.",
        as_confidence,
        metavar="FRACTION",
    )
    pue: float | None = option(
        "Energy of the data center / energy of the GPUs; 1 by default.", as_at_least_one, metavar="FACTOR"
    )


@frozen(kw_only=True, eq=False, repr=False)
class InferRequest(Request):
    """Options of an inference plan; None is what was not given."""

    batch: int | None = option("Sequences that one replica answers at once.", as_whole(1))
    prompt_tokens: int | None = option("Tokens of a prompt.", as_whole(1))
    output_tokens: int | None = option("Tokens of an answer.", as_whole(1))
    kv_bits: float | None = option("Bits of a KV cache element; those of activations by default.", as_bits)
    max_batch: bool | None = option("As many sequences as fit into memory, instead of --batch.", as_flag)
    max_context: bool | None = option("Prompts as long as fit into memory, instead of --prompt-tokens.", as_flag)
    ep: int | None = option("Expert parallel size, inside tp x dp.", as_whole(1))
    engine: Any = option(
        "Program that serves: kernels, host time, memory, batching.", as_record_or_name, metavar="NAME", names="engines"
    )
    confidence: float | None = option(
        "With which layouts are ranked: 0.9 by default, 0.5 is the point estimate.", as_confidence, metavar="FRACTION"
    )
    cuda_graphs: bool | None = option("Launch the steps of decoding whole; as the engine does by default.", as_flag)
    rate: float | None = option("Requests that come: 2/s, 90/min or 5000/h.", as_rate, metavar="RATE")
    concurrency: int | None = option("Users, each with one request at a time, instead of --rate.", as_whole(1))
    trace: str | None = option(
        "Requests, instead of --rate: columns arrival_seconds, prompt_tokens, output_tokens.",
        as_text,
        metavar="FILE.csv",
    )
    server_model: Any = option(
        "What answers for a server under a load.", as_record_or_name, metavar="NAME", names="server-models"
    )
    prompt_lengths: Variation | None = option(
        f"How prompts vary around --prompt-tokens: {FAMILY_WORDS}.", as_variation, metavar="SHAPE"
    )
    output_lengths: Variation | None = option(
        "How answers vary around --output-tokens: the same.", as_variation, metavar="SHAPE"
    )
    requests: int | None = option("Requests that a simulation counts; 0 for none.", as_whole(0))
    seed: int | None = option("Of the simulation.", as_whole(0))
    step_tokens: int | None = option("Tokens of one step: those of prompts and of what decodes.", as_whole(1))
    chunked_prefill: bool | None = option("Cut prompts to fill steps beside what decodes.", as_flag)
    max_sequences: int | None = option("Sequences that one replica works on at once.", as_whole(1))
    prefix_hit_rate: float | None = option(
        "Share of prompt tokens that the prefix cache holds.", as_part, metavar="FRACTION"
    )
    speculative_tokens: int | None = option("Tokens that a draft proposes at a time.", as_whole(1))
    acceptance_rate: float | None = option("Of a proposed token.", as_fraction, metavar="FRACTION")
    draft_model: Any = option("Model that proposes; free without.", as_record_or_name, metavar="NAME", names="models")
    prefill_replicas: int | None = option("Replicas that only read prompts, beside the dp that decode.", as_whole(1))
    prefill_tp: int | None = option("Tensor parallel size of these; as the others.", as_whole(1))
    prefill_pp: int | None = option("Pipeline parallel size of these; as the others.", as_whole(1), every=True)


LOADS = ("rate", "concurrency", "trace")
"""Options each of which makes a server under load of a plan."""
_NAMES = [attribute.name for attribute in fields(InferRequest)]
SERVER_OPTIONS = tuple(_NAMES[_NAMES.index(LOADS[-1]) + 1 :])
"""Options that mean something beside one of these."""


def of_server(request: InferRequest) -> bool:
    """Whether the request asks for a server under a load, or for something of one."""
    return any(getattr(request, name) is not None for name in (*LOADS, *SERVER_OPTIONS))
