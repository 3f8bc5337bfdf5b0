"""The report of an inference plan: what a user waits for, what it costs, where time and memory go, warnings."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType

from llmplan.arrays.quantities import total
from llmplan.estimate import InferenceEstimate
from llmplan.output.sections import (
    bars,
    behind,
    facts,
    gpus,
    heading,
    layout,
    memory,
    plus_minus,
    said,
    sequences,
    title,
    waits,
)
from llmplan.output.words import digits, seconds


def inference_report(estimate: InferenceEstimate, console: Console) -> Iterator[RenderableType]:
    """All of its sections."""
    plan, first, next_ = estimate.plan, estimate.first_token_spread, estimate.next_token_spread
    yield title(estimate, "inference")
    yield facts(
        {
            "layout": layout(estimate),
            "batch": f"{sequences(plan.batch)} a replica, {plan.prompt_tokens:,} prompt and "
            f"{plan.output_tokens:,} output tokens each",
            "engine": plan.engine.name + ("" if plan.cuda_graphs else ", without CUDA graphs"),
            "KV cache": f"{plan.kv_bits:g} bits",
        }
    )
    yield heading("Totals")
    yield facts(
        {
            "first token": f"{seconds(estimate.first_token_seconds)} (prefill){plus_minus(first)}",
            "each token": f"{seconds(estimate.next_token_seconds)} (decode){plus_minus(next_)}",
            "whole answer": seconds(estimate.total_seconds),
            "speed": f"{digits(estimate.tokens_per_second)} output tokens/s on {gpus(plan.layout.gpus)}, "
            f"{digits(estimate.tokens_per_second_per_gpu)} a GPU",
            "cost": _cost(estimate),
            **_energy(estimate),
            "fits": _fits(estimate),
            **_crossing(estimate),
            **behind(next_),
        }
    )
    stage = "" if plan.layout.pp == 1 else " on a pipeline stage"
    for name, breakdown, of in (
        ("Prefill", estimate.prefill_breakdown, estimate.prefill_bottleneck),
        ("Decode", estimate.decode_breakdown, estimate.decode_bottleneck),
    ):
        whole = total(breakdown.values())
        yield heading(f"{name}{stage}: {seconds(whole)}")
        yield from waits(of)
        yield bars(breakdown, whole, seconds, console)
    yield from memory(estimate, console)
    yield from said(estimate)


def _cost(estimate: InferenceEstimate) -> str:
    """Of input and output tokens, and of answers as a whole."""
    price, into, out = (
        estimate.plan.price_per_gpu_hour,
        estimate.cost_per_million_input_tokens,
        estimate.cost_per_million_output_tokens,
    )
    if price is None or into is None or out is None:
        return "not known: give --price-per-gpu-hour"
    whole = f"{estimate.cost_per_million_tokens:.3g} per million output tokens, all in"
    return f"{into:.3g} per million input and {out:.3g} per million output tokens; {whole}; {price:g} a GPU-hour"


def _energy(estimate: InferenceEstimate) -> dict[str, str]:
    joules, watts = estimate.joules_per_token, estimate.average_power_watts
    if joules is None or watts is None:
        return {}
    return {"energy": f"{joules:.3g} J per output token, at {watts:,.0f} W a GPU"}


def _fits(estimate: InferenceEstimate) -> str:
    """How many sequences of these lengths, and how long ones at this batch."""
    most, plan = estimate.max_batch_size, estimate.plan
    found = f"{sequences(most)} of {plan.prompt_tokens + plan.output_tokens:,} tokens a replica"
    longest = estimate.max_context
    return found if longest is None else f"{found}, or {sequences(plan.batch)} of {longest:,} tokens"


def _crossing(estimate: InferenceEstimate) -> dict[str, str]:
    batch = estimate.compute_bound_batch
    return {} if batch is None else {"turns": f"from bandwidth-bound to compute-bound at a batch of {batch:,} (decode)"}
