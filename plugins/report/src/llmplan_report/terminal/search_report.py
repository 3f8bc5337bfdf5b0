"""The report of a search for people: the best plans, why the first is first, the frontier, what the others failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from llmplan.catalogues.figures import figures_of
from llmplan.estimate.figure import LOW, Figure
from llmplan.estimate.figures import (
    SERVER,
    TRAIN,
    limits,
    objectives,
)  # fmt: skip
from llmplan.estimate.spread import EVEN
from llmplan.output.console import rendered
from llmplan.output.document import document
from llmplan.output.words import count, seconds
from llmplan.search.infeasible import Verdict
from llmplan.search.result import SearchResult
from llmplan.space.dimensions import SERVED
from llmplan_report.columns import escaped, extrapolated
from llmplan_report.search_words import change_words, says_why_not
from llmplan_report.terminal.console import console_of, heading
from llmplan_report.terminal.headline import headline
from llmplan_report.terminal.next_steps import next_steps
from llmplan_report.terminal.otherwise import otherwise
from llmplan_report.terminal.search_table import in_markdown, is_sure, points_of, said_rows, table_of, table_of_rows
from llmplan_report.terminal.sections import behind, bullets, facts, layout, plus_minus, said
from llmplan_report.words import percent, value_words

_TITLES = {TRAIN: "search of training plans", "infer": "search of servers"}
_PLANS = {TRAIN: ("legal plan", "legal plans"), "infer": ("layout under its load", "layouts under their loads")}
_MANY = 1_000
"""Plans, from which on their rate says something."""
_KINDS = {TRAIN: TRAIN, "infer": SERVER}
_HOLDING_BACK = {
    **{option: f"--{option}" for option in ("concurrency", *limits(SERVER))},
    "kv": "room for caches",
    "max-sequences": "--max-sequences",
    "steps": "the time of its steps",
    "prefill-pool": "the replicas that read prompts",
    "decode-pool": "the replicas that decode",
}
_MOST_TERMS, _MOST_POINTS = 4, 10
_LEAST = 0.0005
"""A share that one digit of a percent shows."""


def search_report(result: SearchResult, width: int | None = None, *, sources: bool = False) -> str:
    """As wide as the terminal, or of the given width and plain, for a file; with the sources of what was assumed."""
    console = console_of(width)
    return rendered(console, _sections(result, console, sources=sources))


def search_markdown(result: SearchResult) -> str:
    """The facts, the best plans and the frontier as tables, why the first is first, what was assumed."""
    title = _title(result).plain.partition("  ")
    lines = [f"# {title[0]}", "", f"{title[2].strip()}", "", "| | |", "| --- | --- |"]
    facts = {**_totals(result), **({**_ranges(result), **_by_estimate(result)} if result.best else {})}
    lines += [f"| {name} | {escaped(fact)} |" for name, fact in facts.items()]
    if result.best:
        lines += ["", f"## Best plans{_by_what(result)}", "", *in_markdown(said_rows(result.best, result), result)]
    if result.why:
        lines += ["", "## Why the first", "", *(f"- {_reason(reason, result)}" for reason in result.why)]
    if result.best and result.pareto:
        rows = said_rows(result.pareto, result) if result.command == TRAIN else points_of(result, result.pareto)
        lines += ["", f"## Frontier of {' and '.join(result.pareto_of)}", "", *in_markdown(rows, result)]
    if result.verdict is not None:
        would = [f"- {change_words(change)} would do" for change in result.verdict.changes]
        lines += ["", "## No plan is feasible", "", says_why_not(result.verdict), *(["", *would] if would else [])]
    if result.best:
        assumptions = (*result.best[0].plan.assumptions, *_looked_at(result))
        lines += ["", "## Assumed", "", *(f"- {line}" for line in assumptions)]
        warnings = (*result.warnings, *result.best[0].warnings)
        lines += ["", "## Warnings", "", *(f"- {line}" for line in warnings)] if warnings else []
    return "\n".join(lines) + "\n"


def _sections(result: SearchResult, console: Console, *, sources: bool) -> Iterator[RenderableType]:
    if result.best:
        yield from headline(result.best[0], console, _best_of(result))
        yield heading(f"Best plans{_by_what(result)}")
        yield from table_of(result.best, result, console)
        yield facts({**_ranges(result), **_by_estimate(result)})
    if result.why:
        yield heading("Why the first")
        yield bullets(_reason(reason, result) for reason in result.why)
    if result.best and result.pareto:
        yield from _frontier(result, console)
    if not result.best:
        yield _title(result)
    if result.verdict is not None:
        yield heading("No plan is feasible", "bold red")
        yield from _why_not(result.verdict, result, console)
    yield heading("Search")
    yield facts(_totals(result))
    first = result.best[0] if result.best else None
    assumptions = (*first.plan.assumptions, *_looked_at(result)) if first else ()
    yield from said(assumptions, (*result.warnings, *(first.warnings if first else ())), console, sources=sources)
    yield from next_steps(result, console)


def _best_of(result: SearchResult) -> str:
    """How many plans the first was chosen from, and its layout."""
    best = result.best[0]
    sharing = () if result.command != TRAIN else (f"ZeRO {best.plan.layout.zero}",)
    some = "" if result.complete else ", INTERRUPTED"
    return f"{result.counts.legal:,} {'plans' if result.counts.legal != 1 else 'plan'}{some}: {layout(best, *sharing)}"


def _looked_at(result: SearchResult) -> tuple[str, ...]:
    """Of a server: which values were looked at where nothing was said."""
    if result.command == TRAIN:
        return ()
    return tuple(f"{name} where left open: {one.left_open}" for name, one in SERVED.items() if one.left_open)


def _title(result: SearchResult) -> Text:
    of = {name: ", ".join(result.space.get(name, ())) for name in ("model", "gpu", "dtype")}
    gpus = result.space.get("gpus", ())
    many = f"{gpus[0]:,} x " if len(gpus) == 1 else f"{min(gpus):,} to {max(gpus):,} x " if gpus else ""
    title = Text(f"{of['model']} on {many}{of['gpu']}", style="bold")
    return title.append(f"  {_TITLES[result.command]}, {of['dtype']}", style="not bold dim")


def _totals(result: SearchResult) -> dict[str, str]:
    counts = result.counts
    interrupted = "" if result.complete else "; INTERRUPTED: the best so far"
    rate = f", {count(result.plans_per_second)} a second" if counts.legal >= _MANY else ""
    plans = f"{counts.legal:,} {_PLANS[result.command][counts.legal != 1]} in {seconds(result.seconds)}"
    both = sum(counts.pruned_by.get(name, 0) for name in counts.infeasible_by)
    of_them = f"; {both:,} of them pruned" if both else ""
    return {
        **_asked(result),
        "plans": f"{plans}{rate}{interrupted}",
        "priced": f"{counts.priced:,}",
        "pruned": _by(counts.pruned, counts.pruned_by),
        "infeasible": _by(counts.infeasible, counts.infeasible_by) + of_them,
    }


def _asked(result: SearchResult) -> dict[str, str]:
    """Of a server: the load, and the latencies that it has to keep to."""
    if result.command == TRAIN:
        return {}
    given = [f"{name} {seconds(result.constraints[name])}" for name in limits(SERVER) if name in result.constraints]
    part = result.constraints.get("percentile")
    held = f"{', '.join(given)}, {'on average' if part is None else f'for {part} % of requests'}"
    by = f", with {result.confidence:.0%} confidence" if is_sure(result) else ""
    asked = {"limits": f"{held}{by}" if given else "none but memory"}
    if result.best:
        load = result.best[0].server.workload
        rate = "" if load.rate is None else f"{load.rate:.4g} requests/s, "
        lengths = f"{load.prompt.label} prompt and {load.output.label} output tokens each"
        return {"load": load.trace_name or f"{rate}{lengths}", **asked, **_simulated(result)}
    return asked


def _simulated(result: SearchResult) -> dict[str, str]:
    """Of how many requests the figures of the best plans are, where `infer` would simulate more."""
    from llmplan.space.server import usual_requests

    numbers = sorted({estimate.simulated.requests for estimate in result.best if estimate.simulated is not None})
    if not numbers or result.asked.get("requests") is not None or result.best[0].server.workload.trace:
        return {}
    usual = usual_requests(result.best[0].server.workload.concurrency)
    some = f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"
    return {"simulated": f"{some} requests of each plan shown; infer simulates {usual:,}"}


def _by(whole: int, parts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{name} {many:,}" for name, many in parts.items() if many)
    return f"{whole:,}" + (f": {listed}" if listed else "")


def _by_what(result: SearchResult) -> str:
    return f" by {result.objective}" + (f", with {result.confidence:.0%} confidence" if is_sure(result) else "")


def _ranges(result: SearchResult) -> dict[str, str]:
    """How far off the first may be, and what that rests on."""
    best = result.best[0]
    names = dict.fromkeys(figure.range for figure in figures_of(_KINDS[result.command]) if figure.range)
    spreads = {name: spread for name in names if (spread := getattr(best, name, None)) is not None}
    if not spreads:
        return {}
    behind_them: dict[str, list[str]] = {}
    for name, spread in spreads.items():
        range_ = f"{name.removesuffix('_spread').replace('_', ' ')}{plus_minus(spread)}"
        behind_them.setdefault(behind(spread)["ranges"], []).append(range_)
    first = "of the first: " + "; ".join(f"{', '.join(of)} {why}" for why, of in behind_them.items())
    return {"ranges": first, **extrapolated([document(one) for one in result.best])}


def _by_estimate(result: SearchResult) -> dict[str, str]:
    """What the estimates alone would have chosen."""
    return {} if result.by_estimate is None else otherwise(result.best[0], result.by_estimate)


def _value(estimate: Any, figure: Figure, result: SearchResult) -> float:
    """What plans are ranked by."""
    value: float | None = figure.value(estimate)
    if value is None:  # a run that never ends has none
        return inf
    spread = figure.spread(estimate) if result.confidence is not None else None
    return value if spread is None else value * spread.upper(result.confidence or EVEN)


def _reason(reason: Any, result: SearchResult) -> str:
    """By how much it is better, what it does otherwise, which terms changed, what keeps the other from more."""
    if not reason.changed:
        return f"it is {reason.against}"
    figure = objectives(_KINDS[result.command])[result.objective]
    own, its = (_value(estimate, figure, result) for estimate in (result.best[0], reason.estimate))
    if inf in (own, its):
        return f"{reason.against} makes no progress either" if own == its else f"{reason.against} makes no progress"
    better = (its - own if figure.better == LOW else own - its) / its
    what = f"{'less' if figure.better == LOW else 'more'} {result.objective}"
    changed = ", ".join(
        f"{name} {value_words(mine)} for {value_words(other)}" for name, (other, mine) in reason.changed.items()
    )
    moved = ", ".join(
        f"{line} {'-' if value < 0 else '+'}{_amount(abs(value), reason.unit)}"
        for line, value in list(reason.terms.items())[:_MOST_TERMS]
    )
    of = "GPU time of a token: " if moved and result.command != TRAIN else ""
    by = getattr(reason, "held_back", None)
    back = f"what keeps the other from a heavier load: {_HOLDING_BACK.get(by, by)}" if by else ""
    said = f"{_share(better)} {what} than" if better > 0 else "as good as"
    return f"{said} {reason.against}: {'; '.join(filter(None, (changed, of + moved, back)))}"


def _share(value: float) -> str:
    """In percent, never 0 of what is more than nothing."""
    return percent(value) if value >= _LEAST else f"{max(100 * value, 0.01):.2f} %"


def _amount(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if unit == "GPU-hours" else seconds(value)


def _frontier(result: SearchResult, console: Console) -> Iterator[RenderableType]:
    """Some points of it, evenly by their place, the first and the last among them."""
    points, of = result.pareto, " and ".join(result.pareto_of)
    if result.command == TRAIN:
        yield heading(f"Frontier of {of}")
        yield from table_of(points, result, console)
    elif len(points) > 1:
        step = max(1.0, (len(points) - 1) / (_MOST_POINTS - 1))
        shown = [points[round(place * step)] for place in range(min(len(points), _MOST_POINTS))]
        some = f", {len(shown)} of its {len(points)} points" if len(points) > len(shown) else ""
        yield heading(f"Frontier of {of} in closed form{some}")
        yield from table_of_rows(points_of(result, shown), result, console)


def _why_not(verdict: Verdict, result: SearchResult, console: Console) -> Iterator[RenderableType]:
    changes = [f"{change_words(change)} would do" for change in verdict.changes]
    yield bullets([says_why_not(verdict), *(changes or ["no single option that changes would do"])])
    if verdict.nearest is not None:
        yield heading("The plan that comes nearest")
        yield from table_of([verdict.nearest], result, console)
