"""Of what is not feasible, a plan, all plans of a comparison or of a search: why, and what would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.estimate import Advice, Comparison, TrainingEstimate
from llmplan.output.words import gib
from llmplan_report.commands import command_line
from llmplan_report.doubt import doubted
from llmplan_report.search_words import change_words, says_why_not
from llmplan_report.terminal.sections import memory_words


def infeasible(found: Any) -> Advice:
    """On one line, and a command that works where one is known."""
    if isinstance(found, Comparison):
        return Advice(_of_comparison(found))
    if hasattr(found, "verdict"):
        return _of_search(found)
    from llmplan_report.advice.plans import of_plan

    return of_plan(found)


def _of_comparison(comparison: Comparison) -> str:
    """By how much the plan that comes nearest does not fit, or is too slow."""
    estimates = [(variant.label, variant.estimate) for variant in comparison.variants if variant.estimate is not None]
    label, nearest = min(estimates, key=lambda one: one[1].memory_bytes_per_gpu - one[1].memory_capacity_bytes)
    over = nearest.memory_bytes_per_gpu - nearest.memory_capacity_bytes
    plans = f"none of {len(comparison.variants):,} plans"
    if doubted(nearest):
        return f"may not fit: {plans} can be counted on; {label} comes nearest: {memory_words(nearest)}"
    if slow := [(max(each.at_confidence / each.limit for each in one.kept), name) for name, one in estimates
                if one.fits and not isinstance(one, TrainingEstimate) and one.kept]:  # fmt: skip
        return f"too slow: {plans} keeps to what was asked for; {min(slow)[1]} comes nearest"
    if over <= 0:
        return f"overloaded: {plans} fits and answers all that comes"
    return (
        f"does not fit: {plans}; {label} comes nearest, {over:,.0f} bytes ({gib(over)}) more than the "
        f"{gib(nearest.memory_capacity_bytes)} of {nearest.plan.hardware.name}"
    )


def _of_search(result: Any) -> Advice:
    """What rules out the last plans, and what would do."""
    would = " or ".join(map(change_words, result.verdict.changes))
    return Advice(
        f"no plan is feasible: {says_why_not(result.verdict)}{would and f'; {would} would do'}", _would_do(result)
    )


def _would_do(result: Any) -> str:
    """The same search with the first change of options that would do."""
    if any(isinstance(value, Mapping) for value in result.asked.values()):
        return ""
    for words in (change_words(change).split() for change in result.verdict.changes):
        if words[0].startswith("--"):
            names = (word.removeprefix("--").replace("-", "_") for word in words[::2])
            changed = dict(zip(names, words[1::2], strict=True))
            return " ".join(command_line(("search", result.command), {**result.asked, **changed}))
    return ""
