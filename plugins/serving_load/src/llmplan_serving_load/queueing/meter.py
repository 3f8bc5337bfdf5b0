"""What a simulation counts: areas under curves over time, and latencies of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, fsum

PERCENTILES = (50, 90, 95, 99)


class Meter:
    """Integrals over time of quantities that change in steps, from when it is started until it is stopped."""

    def __init__(self) -> None:
        self.level: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._area: dict[str, float] = {}
        self._changed: dict[str, float] = {}
        self._begun: float | None = None
        self._ended: float | None = None
        self._counting = False

    def change(self, name: str, by: float, now: float) -> None:
        """Note that the quantity rises or falls now."""
        level = self.level.get(name, 0.0)
        if level and self._counting:
            self._area[name] = self._area.get(name, 0.0) + level * (now - self._changed[name])
        self._changed[name] = now
        self.level[name] = level + by

    def count(self, name: str) -> None:
        """Note that it has happened once more."""
        if self._counting:
            self._counts[name] = self._counts.get(name, 0) + 1

    def counted(self, name: str) -> int:
        """How often it happened in the time that is counted."""
        return self._counts.get(name, 0)

    def begin(self, now: float) -> None:
        """Begin to count at this time."""
        self._begun, self._counting = now, True
        self._area = {}
        self._changed = dict.fromkeys(self.level, now)

    def end(self, now: float) -> None:
        """Count no further than this time."""
        if self._ended is None:
            for name in self.level:
                self.change(name, 0.0, now)
            self._ended, self._counting = now, False

    @property
    def seconds(self) -> float:
        """How long it has been counting."""
        return 0.0 if self._begun is None or self._ended is None else self._ended - self._begun

    def mean(self, name: str) -> float:
        """Over the time that is counted."""
        return self._area.get(name, 0.0) / self.seconds if self.seconds else self.level.get(name, 0.0)


def percentiles(values: Sequence[float]) -> Mapping[str, float]:
    """``p50`` to ``p99``, linear between the values next to them."""
    ordered = sorted(values)
    return {f"p{percent}": _at(ordered, percent / 100.0 * (len(ordered) - 1)) for percent in PERCENTILES}


def mean(values: Sequence[float]) -> float:
    """Their arithmetic mean, which no rounding puts above the largest of them."""
    return min(fsum(values) / len(values), max(values))


def _at(ordered: Sequence[float], position: float) -> float:
    low, high = floor(position), ceil(position)
    return ordered[low] + (position - low) * (ordered[high] - ordered[low])
