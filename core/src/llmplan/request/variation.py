"""How lengths vary around their mean, as people type it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmplan.request.values import as_positive, refuse

if TYPE_CHECKING:
    from llmplan.records import Variation

FAMILY_WORDS = "fixed, uniform:CV, lognormal:CV, geometric"
"""What `llmplan.records.FAMILIES` are called, which only who gives one has to import."""


def as_variation(value: Any, name: str) -> Variation:
    """``uniform:0.3``: a family of distributions and its coefficient of variation."""
    from llmplan.records import FAMILIES, Variation

    if isinstance(value, Variation):
        return value
    word, colon, cv = value.partition(":") if isinstance(value, str) else ("", "", "")
    family = FAMILIES.get(word.strip())
    if family is None or bool(colon) != (family.most_cv > 0):
        raise refuse(name, value, f"one of {FAMILY_WORDS}")
    number = as_positive(cv, name) if colon else 0.0
    if number > family.most_cv:
        raise refuse(name, value, f"a {family.name} distribution: its cv is at most {family.most_cv:.3g}")
    return Variation(family, number)
