"""The report of an inference plan: what a user waits for, what it costs, where time and memory go, warnings."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType

from llmplan.output.sections import bars, cost, facts, gpus, heading, layout, memory, said, title
from llmplan.output.words import digits, seconds
from llmplan.quantities import total
from llmplan.records import InferenceEstimate


def inference_report(estimate: InferenceEstimate, console: Console) -> Iterator[RenderableType]:
    """All of its sections."""
    plan = estimate.plan
    yield title(estimate, "inference")
    yield facts(
        {
            "layout": layout(estimate),
            "batch": f"{_sequences(plan.batch)} a replica, {plan.prompt_tokens:,} prompt and "
            f"{plan.output_tokens:,} output tokens each",
            "KV cache": f"{plan.kv_bits:g} bits",
        }
    )
    yield heading("Totals")
    price = cost(estimate.cost_per_million_tokens, plan.price_per_gpu_hour)
    yield facts(
        {
            "first token": f"{seconds(estimate.first_token_seconds)} (prefill)",
            "each token": f"{seconds(estimate.next_token_seconds)} (decode)",
            "whole answer": seconds(estimate.total_seconds),
            "speed": f"{digits(estimate.tokens_per_second)} output tokens/s on {gpus(plan.layout.gpus)}",
            "cost": price if plan.price_per_gpu_hour is None else f"{price} per million output tokens",
            "largest batch": f"{_sequences(estimate.max_batch_size)} a replica fit into memory",
        }
    )
    stage = "" if plan.layout.pp == 1 else " on a pipeline stage"
    for name, breakdown in (("Prefill", estimate.prefill_breakdown), ("Decode", estimate.decode_breakdown)):
        whole = total(breakdown.values())
        yield heading(f"{name}{stage}: {seconds(whole)}")
        yield bars(breakdown, whole, seconds, console)
    yield from memory(estimate, console)
    yield from said(estimate)


def _sequences(number: float) -> str:
    return f"{number:,.0f} sequence{'' if number == 1 else 's'}"
