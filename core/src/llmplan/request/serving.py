"""Requests for a plan of serving: of a static batch, or of a server under a load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import fields, frozen

from llmplan.request.latencies import answer_option, each_token_option, first_token_option, percentile_option
from llmplan.request.options import option, record_option, word_option
from llmplan.request.plans import PlanRequest, joining
from llmplan.request.values import (
    as_at_least_one,
    as_bits,
    as_confidence,
    as_flag,
    as_fraction,
    as_part,
    as_rate,
    as_text,
    as_whole,
)
from llmplan.request.variation import FAMILY_WORDS, as_variation

if TYPE_CHECKING:
    from llmplan.records import Variation

_OFFLOADS = {word: word for word in ("none", "weights", "experts", "kv")}


@joining
@frozen(kw_only=True, eq=False, repr=False)
class InferRequest(PlanRequest):
    """Options of an inference plan; None is what was not given."""

    command: ClassVar[str] = "infer"
    batch: int | None = option("Sequences that one replica answers at once.", as_whole(1))
    prompt_tokens: int | None = option("Tokens of a prompt: 4096, 32k (32,000) or 32Ki (32,768).", as_whole(1))
    output_tokens: int | None = option("Tokens of an answer.", as_whole(1))
    kv_bits: float | None = option("Bits of a KV cache element; those of activations by default.", as_bits)
    max_batch: bool | None = option("As many sequences as fit into memory, instead of --batch.", as_flag)
    max_context: bool | None = option("Prompts as long as fit into memory, instead of --prompt-tokens.", as_flag)
    ep: int | None = option("Expert parallel size, inside tp x dp.", as_whole(1))
    engine: Any = record_option("Program that serves: kernels, host time, memory, batching.", "engines")
    confidence: float | None = option(
        "With which layouts are ranked, and latencies hold: 0.9 by default, 0.5 is the point estimate.",
        as_confidence,
        metavar="FRACTION",
    )
    max_sequences: int | None = option("Sequences that one replica works on at once.", as_whole(1))
    step_tokens: int | None = option("Tokens of one step: those of prompts and of what decodes.", as_whole(1))
    memory_utilization: float | None = option(
        "Share of the device's memory that the engine takes, instead of its default.", as_fraction, metavar="FRACTION"
    )
    max_model_len: int | None = option(
        "Tokens of the longest sequence that the engine takes; the model's context by default.", as_whole(1)
    )
    offload: str | None = word_option(
        f"What waits in host memory, as far as the engine can: {', '.join(_OFFLOADS)}.", _OFFLOADS, "WHAT"
    )
    ttft: float | None = first_token_option()
    tpot: float | None = each_token_option()
    latency: float | None = answer_option()
    rate: float | None = option("Requests that come: 2/s, 90/min or 5000/h.", as_rate, metavar="RATE")
    concurrency: int | None = option("Users, each with one request at a time, instead of --rate.", as_whole(1))
    trace: str | None = option(
        "Requests, instead of --rate: columns arrival_seconds, prompt_tokens, output_tokens.",
        as_text,
        metavar="FILE.csv",
    )
    percentile: int | str | None = percentile_option()
    peak: float | None = option(
        "The rate at the peak of the load over --rate, its mean: the server is sized for the peak.",
        as_at_least_one,
        metavar="TIMES",
    )
    server_model: Any = record_option("What answers for a server under a load.", "server-models")
    prompt_lengths: Variation | None = option(
        f"How prompts vary around --prompt-tokens: {FAMILY_WORDS}.", as_variation, metavar="SHAPE", word=True
    )
    output_lengths: Variation | None = option(
        "How answers vary around --output-tokens: the same.", as_variation, metavar="SHAPE", word=True
    )
    requests: int | None = option("Requests that a simulation counts; 0 for none.", as_whole(0, 100_000))
    seed: int | None = option("Of the simulation.", as_whole(0))
    chunked_prefill: bool | None = option("Cut prompts to fill steps beside what decodes.", as_flag)
    prefix_hit_rate: float | None = option(
        "Share of prompt tokens that the prefix cache holds.", as_part, metavar="FRACTION"
    )
    speculative_tokens: int | None = option("Tokens that a draft proposes at a time.", as_whole(1))
    acceptance_rate: float | None = option("Of a proposed token.", as_fraction, metavar="FRACTION")
    draft_model: Any = record_option(
        "Model that proposes, or mtp: layers that the model was trained with to do so; free without.", "models"
    )
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
