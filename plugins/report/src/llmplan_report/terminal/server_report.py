"""The report of a server under load: latencies, throughput, what is in the way of more, price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table

from llmplan.catalogues.figures import figures_of
from llmplan.estimate import Capacity, Means, ServerEstimate
from llmplan.estimate.figures import INFER
from llmplan.output.words import digits, seconds
from llmplan_report.kept_words import kept_facts
from llmplan_report.terminal.console import INDENT, heading
from llmplan_report.terminal.limit_words import limit_words
from llmplan_report.terminal.phases import phase
from llmplan_report.terminal.sections import asked_by, counted, facts, figure_facts, layout, priced_by
from llmplan_report.words import percent

_LATENCIES = [(figure.fact, figure.key) for figure in figures_of(INFER) if figure.unit == "s" and figure.fact]
_ROWS = (_LATENCIES[0], ("- of it waiting", "queueing_seconds"), *_LATENCIES[1:])
"""What latencies are called, and where means have them; percentiles go without the unit."""


def server_sections(estimate: ServerEstimate, console: Console) -> Iterator[RenderableType]:
    """What was asked, what is answered, latencies, the phases that they are made of."""
    yield heading("Plan")
    yield facts({**_plan(estimate), "priced by": priced_by(estimate), **asked_by(estimate)})
    if estimate.capacity is not None:
        yield heading("Load" if not estimate.overloaded else "Load: more than can be answered", _style(estimate))
        yield facts({**_throughput(estimate, estimate.capacity), **figure_facts(estimate)})
    if estimate.means is not None:
        yield heading("Latency")
        yield _latencies(estimate)
        yield facts(kept_facts(estimate))
    beside = counted(estimate.decode.plan.batch, "sequence") + (" a stage" if estimate.plan.layout.pp > 1 else "")
    yield from phase("Prefill of one prompt", estimate.prefill, "prefill", console, under_load=True)
    yield from phase(f"Decode step of {beside}", estimate.decode, "decode", console, under_load=True)


def _style(estimate: ServerEstimate) -> str:
    return "bold red" if estimate.overloaded else "bold"


def _plan(estimate: ServerEstimate) -> dict[str, str]:
    server = estimate.server
    sequences = counted(server.max_sequences, "sequence")
    cut = "prompts cut to fill them" if server.chunked else "prompts first, whole"
    found = {
        "layout": layout(estimate),
        "load": _load(estimate),
        "batching": f"steps of {server.step_tokens:,} tokens, {cut}; {sequences} a replica",
    }
    pool = server.prefill_pool
    if pool is not None:
        found["layout"] += f" that decode, tp {pool.layout.tp} · pp {pool.layout.pp} · dp {pool.layout.dp} that prefill"
    if server.prefix_hit_rate:
        found["prefix cache"] = f"holds {percent(server.prefix_hit_rate)} of prompt tokens"
    speculation = server.speculation
    if speculation is not None:
        by = "" if speculation.draft is None else f" by {speculation.draft.model.name}"
        found["speculation"] = (
            f"{speculation.draft_tokens} tokens proposed{by}, {percent(speculation.acceptance_rate)} accepted: "
            f"{speculation.tokens_per_step:.3g} tokens a step"
        )
    return {**found, "KV cache": f"{estimate.plan.kv_bits:g} bits"}


def _load(estimate: ServerEstimate) -> str:
    load = estimate.server.workload
    if load.trace:
        prompt, output = estimate.mean_lengths
        rate = "all at once" if estimate.offered_rate is None else f"{estimate.offered_rate:.3g}/s"
        return (
            f"{counted(len(load.trace), 'request')} of {load.trace_name}, {rate}; on average "
            f"{prompt:,.0f} prompt and {output:,.0f} output tokens"
        )
    lengths = f"{load.prompt.label} prompt and {load.output.label} output tokens each"
    if load.concurrency is None:
        mean = "" if load.peak == 1.0 or not load.rate else f" at the peak, {load.rate / load.peak:.4g} on average"
        return f"{load.rate:.4g} requests/s{mean}, {lengths}"
    return f"{load.concurrency:,} users at once, {lengths}"


def _throughput(estimate: ServerEstimate, capacity: Capacity) -> dict[str, str]:
    server, means, rate = estimate.server, estimate.means, estimate.requests_per_second or 0.0
    load = "" if estimate.load is None else f", {percent(estimate.load)} of capacity"
    most = capacity.requests_per_second * estimate.mean_lengths[1]
    found = {
        "answered": f"{digits(rate)} requests/s{load}",
        "capacity": f"{digits(capacity.requests_per_second)} requests/s, {digits(most)} output tokens/s",
        "limited by": limit_words(estimate, capacity),
    }
    if means is not None:
        found["at once"] = (
            f"{digits(means.concurrency)} requests; {digits(means.decoding)} sequences decode on a replica, "
            f"{capacity.sequences:,} have room"
        )
        prompts = "" if server.prefill_pool else f", {percent(means.prefill_share)} of it for prompts"
        found["GPUs work"] = f"{percent(means.busy_share)} of the time{prompts}"
        found["caches"] = f"{percent(means.kv_share)} of their room set aside{_peak(estimate)}"
    return found


def _peak(estimate: ServerEstimate) -> str:
    simulated = estimate.simulated
    return "" if simulated is None else f" on average, {percent(simulated.kv_peak_share)} at most"


def _latencies(estimate: ServerEstimate) -> Padding:
    """Closed form and simulation side by side, and the percentiles of the simulation."""
    simulated = estimate.simulated
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("", style="dim", no_wrap=True)
    heads = ["closed form"] if simulated is None else ["closed form", "simulated", *simulated.first_token]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for name, mean in _ROWS:
        cells = [_mean(estimate.closed_form, mean)]
        if simulated is not None:
            cells.append(_mean(simulated.means, mean))
            of: Mapping[str, float] | None = getattr(simulated, mean.removesuffix("_seconds"), None)
            cells += [] if of is None else [seconds(value) for value in of.values()]
        table.add_row(name, *cells)
    return Padding(table, (0, 0, 0, INDENT))


def _mean(means: Means | None, name: str) -> str:
    value = None if means is None else getattr(means, name)
    return "" if value is None else seconds(value)
