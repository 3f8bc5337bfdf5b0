"""The report of a search for people: the best plans, why the first is first, what the others failed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmplan.estimate import TrainingEstimate
from llmplan.output.console import rendered
from llmplan.output.sections import behind, bullets, facts, heading, plus_minus
from llmplan.output.words import count, digits, dotted, gib, percent, seconds
from llmplan.request import option_name
from llmplan.search.figures import Judged
from llmplan.search.infeasible import Change, Verdict
from llmplan.search.result import SearchResult
from llmplan.search.why import Comparison, described
from llmplan.space.dimensions import DIMENSIONS

_TITLED = ("model", "gpu", "dtype", "gpus")
_SHOWN = tuple(one for one in DIMENSIONS if one.name != "gradient_accumulation")
_ORDER = (*_TITLED, *(option_name(one.name) for one in _SHOWN if one.name != "gpus"))
_HEADS = {option_name(one.name): one.heading for one in _SHOWN if one.heading}
_WORDS = ("model", "gpu", "dtype", "sp", "recompute", "schedule", "offload")
_MOST_TERMS = 4
_MANY_COLUMNS = 10
"""For a narrow terminal: beyond, they stand closer."""
_LEAST_SHARE = 1e-4
"""That is shown of a difference."""
_INDENT = 2
_EVEN = 0.5


def search_report(result: SearchResult, width: int | None = None) -> str:
    """As wide as the terminal, or of the given width and plain, for a file."""
    console = Console(highlight=False) if width is None else Console(file=io.StringIO(), width=width, highlight=False)
    return rendered(console, _sections(result))


def _sections(result: SearchResult) -> Iterator[RenderableType]:
    yield _title(result)
    yield facts(_totals(result))
    if result.best:
        sure = "" if result.confidence == _EVEN else f", with {result.confidence:.0%} confidence"
        yield heading(f"Best plans by {result.objective}{sure}")
        yield from _table(result.best, result)
        yield facts({**_ranges(result.best[0]), **_by_estimate(result)})
        yield heading("Why the first")
        yield bullets(_reason(comparison, result) for comparison in result.why)
    if result.pareto:
        yield heading(f"Frontier of {' and '.join(result.pareto_of)}")
        yield from _table(result.pareto, result)
    if result.verdict is not None:
        yield heading("No plan is feasible", "bold red")
        yield from _why_not(result.verdict, result)
    said = result.best[0].plan.assumptions if result.best else ()
    if said:
        yield heading("Assumed")
        yield bullets(said)
    warned = (*result.warnings, *(result.best[0].warnings if result.best else ()))
    if warned:
        yield heading("Warnings", "bold yellow")
        yield bullets(warned)


def _title(result: SearchResult) -> Text:
    of = {name: ", ".join(result.space.get(name, ())) for name in ("model", "gpu", "dtype")}
    gpus = result.space.get("gpus", ())
    many = f"{gpus[0]:,}" if len(gpus) == 1 else f"{min(gpus):,} to {max(gpus):,}" if gpus else "no"
    title = Text(f"{of['model']} on {many} x {of['gpu']}", style="bold")
    return title.append(f"  search of training plans, {of['dtype']}", style="not bold dim")


def _totals(result: SearchResult) -> dict[str, str]:
    counts = result.counts
    interrupted = "" if result.complete else "; INTERRUPTED: the best so far"
    speed = f"in {seconds(result.seconds)}, {count(result.plans_per_second)} a second"
    return {
        "plans": f"{counts.legal:,} legal {speed}{interrupted}",
        "priced": f"{counts.priced:,}",
        "pruned": _by(counts.pruned, counts.pruned_by),
        "infeasible": _by(counts.infeasible, counts.infeasible_by),
    }


def _by(whole: int, parts: Mapping[str, int]) -> str:
    listed_ = ", ".join(f"{name} {many:,}" for name, many in parts.items())
    return f"{whole:,}" + (f": {listed_}" if listed_ else "")


def _table(estimates: Sequence[TrainingEstimate], result: SearchResult) -> Iterator[RenderableType]:
    """What all plans have in common on a line, what differs in columns, then their figures."""
    plans = [_cells(estimate) for estimate in estimates]
    differing = [name for name in _ORDER if len({plan[name] for plan in plans}) > 1]
    usual = {option_name(one.name): _word(one.unsaid) for one in _SHOWN if not one.always_said}
    same = [name for name in _ORDER if name not in (*differing, *_TITLED) and plans[0][name] != usual.get(name)]
    if same:
        yield Padding(Text(dotted(_in_words(name, plans[0][name]) for name in same)), (0, 0, 0, _INDENT))
    figures = _shown(estimates, result)
    heads = ("#", *(_HEADS.get(name, name) for name in differing), *figures)
    table = Table(box=None, padding=(0, 1 if len(heads) > _MANY_COLUMNS else 2, 0, 0))
    for head in heads:
        words = head in _WORDS
        table.add_column(
            head, justify="left" if words else "right", overflow="fold", no_wrap=not words, min_width=len(head)
        )
    for number, (plan, estimate) in enumerate(zip(plans, estimates, strict=True), 1):
        cells = (plan[name] for name in differing)
        table.add_row(str(number), *cells, *(_FIGURES[head](estimate) for head in figures))
    yield Padding(table, (0, 0, 0, _INDENT))


def _ranges(best: TrainingEstimate) -> dict[str, str]:
    """How far off the first may be, and what that rests on."""
    if best.time_spread is None:
        return {}
    said = behind(best.time_spread)["ranges"]
    memory = f", memory{plus_minus(best.memory_spread)}" if best.memory_spread is not None else ""
    return {"ranges": f"of the first: time{plus_minus(best.time_spread)}{memory}; they {said}"}


def _by_estimate(result: SearchResult) -> dict[str, str]:
    """What the estimates alone would have chosen."""
    other = result.by_estimate
    if other is None:
        return {}
    mine, its = described(result.best[0].plan), described(other.plan)
    changed = ", ".join(f"{name} {_word(value)}" for name, value in its.items() if value != mine[name])
    took = f"{seconds(other.training_seconds)}{plus_minus(other.time_spread)}"
    return {"without": f"their ranges, the estimates alone would choose {changed}: {took}"}


def _shown(estimates: Sequence[TrainingEstimate], result: SearchResult) -> list[str]:
    """Figures that are known; those that follow from the time only where they are asked for, or differ for the GPUs."""
    asked = {result.objective.replace("gpu", "GPU"), *result.pareto_of}
    if len({estimate.plan.layout.gpus for estimate in estimates}) > 1:
        asked.add("GPU-hours")
    known = (head for head, of in _FIGURES.items() if any(of(estimate) for estimate in estimates))
    return [head for head in known if head in asked or head not in ("energy", "GPU-hours")]


def _cells(estimate: TrainingEstimate) -> dict[str, str]:
    plan = described(estimate.plan)
    return {**{name: _word(plan[name]) for name in _ORDER}, "micro-batch": _batch(plan)}


def _batch(plan: Mapping[str, Any]) -> str:
    return f"{plan['micro-batch']}x{plan['gradient-accumulation']}"


def _in_words(name: str, cell: str) -> str:
    if name == "sequence-parallel":
        return "sequence parallel"
    return f"{_HEADS.get(name, name)} {cell}"


def _at_most(estimate: TrainingEstimate) -> str:
    """The time that plans are ranked by, where that is another."""
    sure = estimate.training_seconds_at_confidence
    return "" if sure is None or estimate.plan.confidence == _EVEN else seconds(sure)


_FIGURES: Mapping[str, Callable[[TrainingEstimate], str]] = {
    "training": lambda estimate: seconds(estimate.training_seconds),
    "at most": _at_most,
    "MFU": lambda estimate: percent(estimate.mfu),
    "free": lambda estimate: gib(estimate.memory_capacity_bytes - estimate.memory_bytes_per_gpu),
    "GPU-hours": lambda estimate: f"{estimate.gpu_hours:,.0f}",
    "cost": lambda estimate: "" if estimate.cost is None else f"{estimate.cost:,.0f}",
    "energy": lambda estimate: "" if estimate.energy_kwh is None else f"{estimate.energy_kwh:,.0f} kWh",
}


def _reason(comparison: Comparison, result: SearchResult) -> str:
    """What the winner does otherwise, and which terms of its time changed for that."""
    if not comparison.changed:
        return f"it is {comparison.against}"
    both = (result.best[0], comparison.estimate)
    mine, other = (Judged.at(estimate, result.confidence).figure(result.objective) for estimate in both)
    less = f"{max((other - mine) / other, _LEAST_SHARE):.2%} less {result.objective} than" if other > mine else "like"
    changed = ", ".join(f"{name} {_word(own)} for {_word(its)}" for name, (its, own) in comparison.changed.items())
    terms = list(comparison.terms.items())[:_MOST_TERMS]
    moved = ", ".join(f"{line} {'-' if value < 0 else '+'}{_amount_of(comparison, value)}" for line, value in terms)
    return f"{less} {comparison.against}: {'; '.join(filter(None, (changed, moved)))}"


def _amount_of(comparison: Comparison, value: float) -> str:
    return seconds(abs(value)) if comparison.unit == "seconds" else f"{abs(value):,.0f} GPU-hours"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,}" if isinstance(value, int) else "all" if value is None else str(value)


def says_why_not(verdict: Verdict) -> str:
    """What kills the last plans."""
    if verdict.least is None or verdict.limit is None:
        return f"{verdict.constraint}: not one legal plan is left; {verdict.plans:,} combinations break this"
    words = _amount(verdict.constraint)
    return (
        f"{verdict.constraint} kills the last {verdict.plans:,} plans: the least that one takes is "
        f"{words(verdict.least)}, and {words(verdict.limit)} are allowed"
    )


def _why_not(verdict: Verdict, result: SearchResult) -> Iterator[RenderableType]:
    changes = [f"{change_words(change)} would do" for change in verdict.changes]
    yield bullets([says_why_not(verdict), *(changes or ["no single option that changes would do"])])
    if verdict.nearest is not None:
        yield heading("The plan that comes nearest")
        yield from _table([verdict.nearest], result)


def _amount(name: str) -> Callable[[float], str]:
    if name.startswith("memory"):
        return gib
    return seconds if name == "finish-within" else digits


def change_words(change: Change) -> str:
    """As an option, limits rounded up."""
    if change.option == "memory of the accelerator":
        return f"an accelerator with {gib(change.value)}"
    if change.option == "finish-within":
        return f"--finish-within {-int(-change.value // 8640) / 10:g}d"
    if change.option == "budget":
        return f"--budget {-int(-change.value // 1)}"
    value = str(change.value).lower() if isinstance(change.value, bool) else change.value
    return f"--{change.option} {value}"
