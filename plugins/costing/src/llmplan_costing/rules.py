"""Rules for plans: a message about a plan of numbers that breaks one, the answer alone for plans of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from llmplan.arrays.quantities import Truth
from llmplan.errors import BadInputError


class Rule(NamedTuple):
    """Something that plans have to keep."""

    words: str
    """What it asks for: ``ep divides the experts``."""
    broken: Callable[[Any], Truth]
    """Whether a plan breaks it, of numbers and of arrays alike."""
    said: Callable[[Any], str]
    """About a plan of numbers that does, with what would do."""


def refuse(plan: Any, rules: Iterable[Rule]) -> None:
    """BadInputError about the first that a plan of numbers breaks."""
    for rule in rules:
        if rule.broken(plan):
            raise BadInputError(rule.said(plan))


def said(plan: Any, rules: Iterable[Rule]) -> tuple[str, ...]:
    """About all that a plan of numbers breaks."""
    return tuple([rule.said(plan) for rule in rules if rule.broken(plan)])


def broken(plan: Any, rules: Iterable[Rule]) -> dict[str, Truth]:
    """Which plans break which of the rules."""
    return {rule.words: rule.broken(plan) for rule in rules}


def any_broken(plan: Any, rules: Iterable[Rule]) -> Truth:
    """Which plans break any of the rules."""
    found: Truth = False
    for rule in rules:
        found = found | rule.broken(plan)
    return found


TOO_LONG_A_PIPELINE = Rule(
    "pp is at most the layers",
    lambda plan: plan.layout.pp > plan.model.layers,
    lambda plan: f"pp: {int(plan.layout.pp)} is more than the {plan.model.layers} layers of {plan.model.name}",
)
