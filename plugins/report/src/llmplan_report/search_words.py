"""What a search says in words: why no plan is feasible, and which options would do."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log10

from llmplan.estimate.figures import SERVER, limits
from llmplan.output.words import digits, gib, seconds
from llmplan.search.infeasible import Change, Verdict

_DIGITS = 3
"""Of a limit that would do."""
_NOTHING_LEFT = {"rate": "rate: more comes than any of the layouts can answer"}
_TENTH_OF_A_DAY = 8640


def says_why_not(verdict: Verdict) -> str:
    """What rules out the last plans."""
    if verdict.least is None or verdict.limit is None:
        left = f"{verdict.constraint}: not one legal plan is left; {verdict.plans:,} combinations break this"
        return _NOTHING_LEFT.get(verdict.constraint, left)
    words = _amount(verdict.constraint)
    return (
        f"{verdict.constraint} rules out {_last(verdict.plans)}: the least that one takes is "
        f"{words(verdict.least)}, and {words(verdict.limit)} are allowed"
    )


def _last(plans: int) -> str:
    return "the last plan" if plans == 1 else f"the last {plans:,} plans"


def _amount(name: str) -> Callable[[float], str]:
    if name.startswith("memory"):
        return gib
    return seconds if name == "finish-within" or name in limits(SERVER) else digits


def change_words(change: Change) -> str:
    """A change in the words of options, with limits rounded up."""
    if change.option == "memory of the accelerator":
        return f"an accelerator with {gib(change.value)}"
    if isinstance(change.value, list):
        parts = zip(change.option.split("+"), change.value, strict=True)
        return " ".join(change_words(Change(name, value)) for name, value in parts)
    if change.option == "finish-within":
        return f"--finish-within {-int(-change.value // _TENTH_OF_A_DAY) / 10:g}d"
    if change.option == "budget":
        return f"--budget {-int(-change.value // 1)}"
    if change.option in limits(SERVER):
        return f"--{change.option} {_rounded_up(change.value * 1e3):g}ms"
    value = str(change.value).lower() if isinstance(change.value, bool) else change.value
    return f"--{change.option} {value}"


def _rounded_up(value: float) -> float:
    unit = 10.0 ** (ceil(log10(value)) - _DIGITS)
    return float(f"{ceil(value / unit) * unit:.{_DIGITS}g}")
