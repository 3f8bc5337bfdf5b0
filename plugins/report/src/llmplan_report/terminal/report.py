"""The report for people: the plan, its figures, where time and memory go, what was assumed, warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType

from llmplan.arrays.quantities import total
from llmplan.estimate import TrainingEstimate
from llmplan.estimate.figures import ITERATION, is_server
from llmplan.output.console import rendered
from llmplan.output.words import count, seconds
from llmplan.records import Recompute, Tuning
from llmplan_report.terminal.console import console_of, heading
from llmplan_report.terminal.headline import headline
from llmplan_report.terminal.next_steps import next_steps
from llmplan_report.terminal.otherwise import otherwise
from llmplan_report.terminal.phases import phase
from llmplan_report.terminal.sections import (
    asked_by,
    bars,
    counted,
    facts,
    figure_facts,
    layout,
    memory,
    priced_by,
    range_of,
    resting,
    said,
)
from llmplan_report.words import dotted

if TYPE_CHECKING:
    from llmplan.estimate import Estimate, InferenceEstimate
    from llmplan.records import InferencePlan, TrainingPlan


def report(estimate: Estimate, width: int | None = None, *, sources: bool = False) -> str:
    """As wide as the terminal, or of the given width and plain, for a file; with the sources of what was assumed."""
    console = console_of(width)
    return rendered(console, _sections(estimate, console, sources=sources))


def _sections(estimate: Estimate, console: Console, *, sources: bool) -> Iterator[RenderableType]:
    yield from headline(estimate, console)
    yield from plan_sections(estimate, console)
    yield from said(estimate.plan.assumptions, estimate.warnings, console, sources=sources)
    yield from next_steps(estimate, console)


def plan_sections(estimate: Estimate, console: Console) -> Iterator[RenderableType]:
    """The layout, the figures, where time and memory go."""
    if isinstance(estimate, TrainingEstimate):
        yield from _training(estimate, console)
    elif is_server(estimate):
        from llmplan_report.terminal.server_report import server_sections

        yield from server_sections(estimate, console)
    else:
        yield from _inference(estimate, console)
    yield from memory(estimate, console)


def _training(estimate: TrainingEstimate, console: Console) -> Iterator[RenderableType]:
    """The plan, totals, an iteration, a forward pass."""
    plan, of = estimate.plan, estimate.plan.layout
    yield heading("Plan")
    yield facts(
        {
            "layout": layout(estimate, *_sharing(plan)),
            "batch": f"micro-batch {plan.micro_batch} x {plan.gradient_accumulation:,} accumulated x dp {of.dp} = "
            f"{plan.global_batch:,} sequences of {_length(plan)} = {count(estimate.tokens_per_iteration)} tokens",
            "recompute": Recompute(plan.recompute).label,
            "framework": plan.framework.name,
            "optimizer": _optimizer(plan),
            "tokens": f"{count(plan.tokens)} in {estimate.iterations:,.0f} iterations",
            "priced by": priced_by(estimate),
            **asked_by(estimate),
        }
    )
    yield heading("Figures")
    yield facts(
        {
            **figure_facts(estimate),
            **otherwise(estimate, estimate.by_estimate),
            **resting({"time": estimate.time_spread, "memory": estimate.memory_spread}),
        }
    )
    whole = estimate.iteration_seconds
    yield heading(f"Time of an iteration: {seconds(whole)}{range_of(ITERATION, estimate)}")
    yield bars(estimate.time_breakdown, whole, seconds, console)


def _length(plan: TrainingPlan) -> str:
    """Of a sequence, of samples up to the longest."""
    whole = plan.sequence_tokens == plan.seq_len
    return f"{plan.seq_len:,}" if whole else f"{plan.sequence_tokens:,.0f} on average (to {plan.seq_len:,})"


def forward_pass(estimate: Estimate) -> str:
    """Its operators, for ``--explain``; nothing where there is none, or an MFU is stated, which has no parts."""
    forward = getattr(estimate, "forward_breakdown", None)
    if forward is None:
        return ""
    console, whole = console_of(None), total(forward.values())
    title = heading(f"Forward pass of a micro-batch on a pipeline stage: {seconds(whole)}")
    return rendered(console, [title, bars(forward, whole, seconds, console)])


def _sharing(plan: TrainingPlan) -> tuple[str, str]:
    """Schedule, where it is not the usual one, and ZeRO."""
    (schedule,), group = plan.schedule.among, plan.layout.zero_group
    over = "" if group is None else f" over {group:,}"
    return "" if schedule.default else schedule.name, f"ZeRO {plan.layout.zero}{over}"


def _optimizer(plan: TrainingPlan) -> str:
    waiting = " and ".join(plan.on_host)
    return dotted(
        (
            plan.optimizer.name,
            "" if plan.tuning is Tuning.FULL else f"{plan.tuning.value} rank {plan.lora_rank}" + _on(plan.lora_targets),
            "" if plan.master_weights else "no master weights",
            f"gradients in {plan.gradient_bits:g} bits",
            f"{waiting} in host memory" if waiting else "",
        )
    )


def _on(targets: tuple[str, ...]) -> str:
    return f" on {', '.join(targets)}" if targets else ""


def _inference(estimate: InferenceEstimate, console: Console) -> Iterator[RenderableType]:
    """The plan, totals, both phases."""
    from llmplan_report.kept_words import kept_facts

    plan = estimate.plan
    yield heading("Plan")
    yield facts(
        {
            "layout": layout(estimate),
            "batch": f"{counted(plan.batch, 'sequence')} a replica, {plan.prompt_tokens:,} prompt and "
            f"{plan.output_tokens:,} output tokens each",
            "engine": plan.engine.name + _graphs(plan),
            "KV cache": f"{plan.kv_bits:g} bits",
            "priced by": priced_by(estimate),
            **asked_by(estimate),
        }
    )
    yield heading("Figures")
    spreads = {
        "the first token": estimate.first_token_spread,
        "each token": estimate.next_token_spread,
        "memory": estimate.memory_spread,
    }
    yield facts({**figure_facts(estimate), "fits": _fits(estimate), **resting(spreads)})
    yield facts(kept_facts(estimate))
    yield from phase("Prefill", estimate, "prefill", console)
    yield from phase("Decode", estimate, "decode", console)


def _graphs(plan: InferencePlan) -> str:
    """Where the engine does not launch the steps of decoding as it usually does."""
    captured = plan.setting("cuda_graphs", plan.engine.captures_launches)
    if captured == plan.engine.captures_launches:
        return ""
    return ", with graphs" if captured else ", without graphs"


def _fits(estimate: InferenceEstimate) -> str:
    """How many sequences of these lengths, and how long ones at this batch."""
    most, plan = estimate.max_batch_size, estimate.plan
    found = f"{counted(most, 'sequence')} of {plan.prompt_tokens + plan.output_tokens:,} tokens a replica"
    longest = estimate.max_context
    return f"{found}, or {counted(plan.batch, 'sequence')} of {longest:,} tokens" if longest else found
