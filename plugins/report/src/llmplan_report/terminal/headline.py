"""The answer before the details: how many of what take how long, what it costs, whether it fits, what limits it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text

from llmplan.estimate import TrainingEstimate
from llmplan.estimate.figure import Figure
from llmplan.estimate.figures import FIGURES, MEMORY, TRAIN, TRAINING, is_server, kind_of_estimate, limits, objectives
from llmplan.estimate.line import Kind, kind_of
from llmplan.output.words import count, digits, gib, three_digits
from llmplan_report.terminal.console import INDENT
from llmplan_report.terminal.sections import GAP, SEQUENCE_PARALLEL, between, counted, facts, memory_words
from llmplan_report.words import money, seconds_like

if TYPE_CHECKING:
    from llmplan.estimate import Estimate, InferenceEstimate, ServerEstimate

_LIMITED_BY: Mapping[Kind, str] = {
    Kind.COMPUTE: "computation",
    Kind.MEMORY: "memory traffic",
    Kind.COMMUNICATION: "exposed communication",
    Kind.WAITING: "waiting",
}
_PRICE = "in money with --price median"
_WORTH_A_WORD = 0.01
"""Share of an iteration, below which a kind of line limits nothing."""
_BETWEEN_PARTS = re.compile(r"(?: ·|;|,) (?![^(]*\))")
"""Not between what stands in parentheses."""
_SHORTER = ((SEQUENCE_PARALLEL, "sp"), ("first token", "first"))
_SHORTEST_NAME = 12
"""Letters of a model's name that are always said."""
_LARGE = 100_000.0
"""Sums and hours from here on are said in thousands and millions."""
_RANGES = tuple(dict.fromkeys(figure.range for figure in FIGURES if figure.range and figure.range != MEMORY.range))


def headline(estimate: Estimate, console: Console, best_of: str = "") -> Iterator[RenderableType]:
    """Five lines at most on 80 columns, with `best_of` for the words of a search that chose the plan."""
    said = answer(estimate, best_of)
    room = console.width - INDENT - max(map(len, said)) - GAP
    yield sentence(estimate, console.width)
    yield facts({name: on_a_line(fact, room) for name, fact in said.items()})


def on_a_line(fact: str, room: int) -> str:
    """A fact without the last of its parts, where all of them would take a second line; the first is never cut."""
    if len(fact) > room:
        for long, short in _SHORTER:
            fact = fact.replace(long, short)
    ends = [found.start() for found in _BETWEEN_PARTS.finditer(fact)]
    while len(fact) > room and ends:
        fact = fact[: ends.pop()]
    return fact


def answer(estimate: Estimate, best_of: str = "") -> dict[str, str]:
    """What stands under the sentence: cost, latencies, whether it fits and what limits it."""
    found = {"best of": best_of} if best_of else {}
    if isinstance(estimate, TrainingEstimate):
        found |= {"cost": _cost_of_training(estimate), "fits": memory_words(estimate, mark=True)}
        return {**found, "bound by": _time_by_kind(estimate)}
    found |= {**_latencies(estimate), "cost": _cost_of_serving(estimate), "fits": _fits(estimate)}
    limit = _limit_of_server(estimate) if is_server(estimate) else _limit_of_batch(estimate)
    if best_of and limit:
        of = f"{gib(estimate.memory_bytes_per_gpu)} of {gib(estimate.memory_capacity_bytes)}"
        return {**found, "fits": f"{of}; bound by {limit.partition('; at most ')[0]}"}
    return {**found, **({"bound by": limit} if limit else {})}


def sentence(estimate: Estimate, width: int | None = None) -> Text:
    """What a reader would repeat to somebody else, with a mark where nobody has measured such a plan; where it would
    be wider than `width`, less of the model's name.
    """
    said = _sentence(estimate, estimate.plan.model.name)
    if width is not None and len(said) > width:
        name = estimate.plan.model.name
        kept = max(_SHORTEST_NAME, len(name) - len(said) + width)
        said = _sentence(estimate, name if len(name) <= kept else f"{name[: kept - 1]}…")
    return said


def _sentence(estimate: Estimate, name: str) -> Text:
    on = f"{name} on {_gpus(estimate):,} x {estimate.plan.hardware.name}"
    if not estimate.fits:
        return Text(f"{on}: does not fit", style="bold red")
    if is_server(estimate):
        if estimate.overloaded:
            return Text(f"{on}: overloaded, more comes than can be answered", style="bold red")
        what, inside = f"{digits(estimate.requests_per_second or 0.0)} requests/s", ""
    elif not isinstance(estimate, TrainingEstimate):
        what, inside = f"{three_digits(estimate.tokens_per_second)} tokens/s", ""
    else:
        if estimate.goodput == 0:
            return Text(f"{on}: never done, failures leave no progress", style="bold red")
        value = estimate.run_seconds
        words = seconds_like(value)
        inside = between(TRAINING.ends(value, TRAINING.spread(estimate)), words, value)
        what = words(value)
    said = Text(f"{on}: {what}", style="bold")
    mark = any(spread.extrapolated for name in _RANGES if (spread := getattr(estimate, name, None)) is not None)
    if inside:
        said.append(f" ({inside}{', ' if mark else ''}")
    elif mark:
        said.append(", ranges ")
    if mark:
        said.append("extrapolated", style="yellow")
    return said.append(")" if inside else "")


def _gpus(estimate: Estimate) -> int:
    return int(estimate.server.gpus if is_server(estimate) else estimate.plan.layout.gpus)


def _large(value: float) -> str:
    """Millions in three digits: nobody decides by the seventh."""
    return count(value) if value >= _LARGE else f"{value:,.0f}" if value >= _LARGE / 100 else money(value)


def _ranged(value: float, figure: Figure, estimate: Estimate, words: Callable[[float], str]) -> str:
    """``26.4 days (21.9 to 29.6)``."""
    off = between(figure.ends(value, figure.spread(estimate)), words, value)
    return f"{words(value)}{off and f' ({off})'}"


def _cost_of_training(estimate: TrainingEstimate) -> str:
    figures = objectives(TRAIN)
    hours, cost = figures["gpu-hours"], figures["cost"]
    if estimate.goodput == 0:
        return "without end"
    if estimate.cost is None:
        return f"{_ranged(estimate.run_gpu_hours, hours, estimate, _large)} GPU-hours; {_PRICE}"
    price = f"{estimate.plan.price_per_gpu_hour:g} a GPU-hour, {_large(estimate.run_gpu_hours)} GPU-hours"
    return f"{_ranged(estimate.cost, cost, estimate, _large)} at {price}"


def _cost_of_serving(estimate: InferenceEstimate | ServerEstimate) -> str:
    cost = objectives(kind_of_estimate(estimate))["cost"]
    speed, value = estimate.tokens_per_second, cost.value(estimate)
    each = "" if speed is None else f"{three_digits(speed / _gpus(estimate))} tokens/s a GPU"
    if value is not None:
        return f"{_ranged(value, cost, estimate, _large)} per million output tokens, {each}"
    return f"{each}{each and '; '}{_PRICE}"


def _latencies(estimate: InferenceEstimate | ServerEstimate) -> dict[str, str]:
    """The first token and further ones on one line, since people weigh one against the other."""
    found, first, each = limits(kind_of_estimate(estimate)), estimate.first_token_seconds, estimate.next_token_seconds
    if first is None or each is None:
        return {}
    figures = (found["ttft"], found["tpot"])
    said = [_ranged(value, of, estimate, seconds_like(value)) for value, of in zip((first, each), figures, strict=True)]
    return {"takes": f"first token {said[0]}, each {said[1]}"}


def _fits(estimate: InferenceEstimate | ServerEstimate) -> str:
    """Whether it does, whether latencies are kept to, instead of a range, and how many sequences would."""
    from llmplan_report.kept_words import kept_briefly

    kept = kept_briefly(estimate)
    said = [memory_words(estimate, mark=True, ranged=not kept), kept]
    if not is_server(estimate) and estimate.fits:
        said.append(f"{counted(estimate.max_batch_size, 'sequence')} at most")
    return "; ".join(filter(None, said))


def _time_by_kind(estimate: TrainingEstimate) -> str:
    """What the time of an iteration is spent on, most first."""
    shares: dict[str, float] = {}
    for line, value in estimate.time_breakdown.items():
        kind = kind_of(line)
        name = str(line).replace("_", " ") if kind is None else _LIMITED_BY[kind]
        shares[name] = shares.get(name, 0.0) + float(value / estimate.iteration_seconds)
    largest = sorted(shares.items(), key=lambda share: -share[1])[:3]
    return ", ".join(f"{name} {share:.0%}" for name, share in largest if share >= _WORTH_A_WORD)


def _limit_of_batch(estimate: InferenceEstimate) -> str:
    phases = (("decode", estimate.decode_bottleneck), ("prefill", estimate.prefill_bottleneck))
    return ", ".join(f"{name}: {of.words} {of.share:.0%}" for name, of in phases if of is not None)


def _limit_of_server(estimate: ServerEstimate) -> str:
    if estimate.capacity is None:
        return ""
    from llmplan_report.terminal.limit_words import limit_words

    limit = limit_words(estimate, estimate.capacity).partition(":")[0].partition(",")[0]
    return f"{limit}; at most {digits(estimate.capacity.requests_per_second)} requests/s"
