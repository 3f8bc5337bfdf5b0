"""One figure of an estimate: its key, unit and words, how it is had, and what it is compared and ranged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from attrs import frozen

from llmplan.estimate.spread import Spread
from llmplan.records.plan import CONFIDENCE

LOW, HIGH = "low", "high"
WHOLE = ("iterations", "replicas", "sequences", "tokens", "GPUs")
"""Units of what is counted."""


@frozen(eq=False, repr=False)
class Figure:
    """One figure of an estimate, with its key, unit and words."""

    key: str
    """In the JSON contract; with a dot, inside another key."""
    unit: str
    """``s``, ``bytes``, ``share`` of 1, ``money``, ``W``, ``kWh``, ``J``, or what is counted."""
    words: str
    """What it is, for the reference page."""
    on: tuple[str, ...]
    """Estimates that have it: of training, of a static batch, of a server under load."""
    of: Callable[[Any], Any] | None = None
    """What computes it, where it is no attribute of the estimate."""
    after: str = ""
    """The key of the figure that it stands behind, where another table than the core's has it."""
    path: str = ""
    """The attribute of the estimate, where it is not called like the key."""
    better: str = ""
    """``low`` or ``high``; nothing where neither is."""
    range: str = ""
    """The attribute of the estimate that says how far off it may be; turned round for what is better high."""
    fact: str = ""
    """The line of the report that it stands in; figures with the same fact share one. Nothing where in none."""
    say: str = "{value}"
    """What that line says of it, where the `Words` of the report stand in braces."""
    needs: str = ""
    """Without which it is not known."""
    heading: str = ""
    """Of its column in a table, with the unit of the column; nothing where it has none."""
    scale: float = 1.0
    """Of the heading's unit, in SI."""
    drawn: bool = False
    """People decide by it: in pictures too."""
    essential: bool = False
    """No table goes without it, however narrow."""
    if_ranked: bool = False
    """Its column stands only where plans are ranked by it."""
    objective: str = ""
    """The word of ``--objective`` that asks for the best of it."""
    limit: str = ""
    """The option that it has to keep to."""
    breakdown: str = ""
    """The breakdown that sums to it."""
    measured: Mapping[str, float] = {}
    """What published tables call it, each with its unit in SI."""

    def value(self, estimate: Any) -> Any:
        """None where the estimate has no such figure; JSON has no word for infinity either."""
        if self.of is not None:
            return self.of(estimate)
        found: Any = estimate
        for name in (self.path or self.key).split("."):
            found = None if found is None else found[name] if isinstance(found, dict) else getattr(found, name)
        if found is None or (isinstance(found, float) and found == inf):
            return None
        return int(found) if self.unit in WHOLE and not getattr(found, "ndim", 0) else found

    def spread(self, estimate: Any) -> Spread | None:
        """How far off it may be; None where nothing was measured of its kind."""
        return self.own(getattr(estimate, self.range, None) if self.range else None)

    def counted_on(self, estimate: Any) -> Any:
        """What it stays on the good side of, with the confidence that was asked for: what plans are ranked by."""
        value, spread = self.value(estimate), getattr(estimate, self.range, None) if self.range else None
        if value is None or spread is None:
            return value
        asked = getattr(estimate.plan, "confidence", None) or getattr(estimate.request, "confidence", None)
        doubt = spread.upper(asked or CONFIDENCE)
        return value / doubt if self.better == HIGH else value * doubt

    def own(self, spread: Spread | None) -> Spread | None:
        """The spread that it names, turned round for what falls as times rise."""
        return spread.inverted() if spread is not None and self.better == HIGH else spread

    def ends(self, value: float | None, spread: Spread | None) -> tuple[float, float] | None:
        """The range of a figure that is this far off."""
        return None if value is None or spread is None else (value * spread.low, value * spread.high)
