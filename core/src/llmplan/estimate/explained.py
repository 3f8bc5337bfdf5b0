"""Explanations: a figure as arithmetic that a reader can check by hand."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True, repr=False)
class Explained:
    """One line of a breakdown as arithmetic."""

    line: str
    """As the breakdown names it, or an operator of a layer."""
    formula: str
    """In the letters of the paper."""
    numbers: str
    """The same with the numbers put in: arithmetic that gives `value`, but for rounding."""
    value: float
    unit: str
    """``s`` or ``bytes``."""
    source: str
