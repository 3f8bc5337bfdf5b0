"""The table of ranges: what published runs of a kind were off, and what a leap from them costs.

Both are half-widths, the logarithms of measured over predicted that one run in ten lies below or above. A plan has
those of the runs of its program on its architecture, and independent leaps add up as variances do:

    high(plan) = exp(sqrt(h^2 + sum of leap^2 + doublings x scale^2))

over the traits that no runs of its program have, and the doublings of scale beyond twice their largest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from math import log
from pathlib import Path
from typing import NamedTuple

from llmplan.arrays.quantities import Number, Truth, exp, log2, maximum, sqrt, where
from llmplan.estimate import Spread
from llmplan_parallelism_megatron.ranges.csv_files import read_rows
from llmplan_parallelism_megatron.ranges.kind import ARCHITECTURE, OTHER, Kind

ANY = ""
"""In the place of a program or an architecture: all of them together."""
FEWEST = 5
"""Rows that make a kind, or a trait of a program; with fewer, it is not narrower than the kind above."""
SCALE = "doubling"
"""The leap of each doubling of scale."""
TYPICAL = "typical"
"""The leap of any trait that no published run has."""
_FREE_DOUBLINGS = 1.0
"""Runs of twice the largest published scale are of its kind still."""


class Halves(NamedTuple):
    """How far below and above the prediction one run in ten lies, as logarithms that are not negative."""

    low: float
    high: float

    def or_wider(self, other: Halves) -> Halves:
        """The wider of the two on each side."""
        return Halves(max(self.low, other.low), max(self.high, other.high))


class Published(NamedTuple):
    """The published runs of a program on an architecture."""

    halves: Halves
    rows: int
    sources: int


class Program(NamedTuple):
    """What a program was published with, on any architecture."""

    traits: frozenset[str]
    largest: float
    """Accelerators."""
    largest_sharded: float


class Ranges(NamedTuple):
    """Of one figure: time or memory, the first token or the following."""

    kinds: Mapping[tuple[str, str], Published]
    """By program and architecture."""
    programs: Mapping[str, Program]
    leaps: Mapping[str, Halves]
    """By trait."""
    typical: Halves = Halves(0.0, 0.0)
    """The leap of a trait that no published run has."""

    def spread(self, kind: Kind) -> Spread:
        """Of plans of a kind: numbers, or arrays where its traits are arrays."""
        program = kind.program if self.knows(kind) else OTHER
        published = self._published(program, kind.architecture)
        leaps = list(self._leaps(program, kind))
        low, high = (self._half(side, published, leaps) for side in (_low, _high))
        leapt: Truth = program == OTHER
        for times, _ in leaps:
            leapt = leapt | (times > 0)
        few = published.rows < FEWEST
        rows = where(leapt, 0, published.rows)
        return Spread(low=exp(0.0 - low), high=exp(high), rows=rows, extrapolated=leapt | few)

    def knows(self, kind: Kind) -> bool:
        """Whether runs of its program are published, with the traits that would make another program of it."""
        found = self.programs.get(kind.program)
        return found is not None and (kind.program, ANY) in self.kinds and kind.essential <= found.traits

    def _published(self, program: str, architecture: str) -> Published:
        """Runs of both together; else the widest that either has shown, and no rows.

        Of an architecture without runs it is the widest of the program's, and what such leaps cost is added to that.
        """
        found = self.kinds.get((program, architecture))
        if found is not None:
            return found
        if (ANY, architecture) in self.kinds:
            alike = [self.kinds[program, ANY], self.kinds[ANY, ANY], self.kinds[ANY, architecture]]
        else:
            alike = [one for (name, _), one in self.kinds.items() if name == program]
        halves = alike[0].halves
        for one in alike[1:]:
            halves = halves.or_wider(one.halves)
        return Published(halves, 0, 0)

    def _leaps(self, program: str, kind: Kind) -> Iterator[tuple[Number, Halves]]:
        """How often each leap is taken: 0 or 1, or the doublings of scale."""
        of = self.programs[program]
        for trait, has in kind.traits.items():
            leap = self.leaps.get(trait, self.typical)
            if has is not False and trait not in of.traits and leap != Halves(0.0, 0.0):
                yield 1.0 * has, leap
        if (ANY, kind.architecture) not in self.kinds:
            yield 1.0, self.leaps[ARCHITECTURE]
        largest = where(kind.sharded, of.largest_sharded, of.largest)
        yield maximum(0.0, log2(kind.scale / largest) - _FREE_DOUBLINGS), self.leaps[SCALE]

    @staticmethod
    def _half(side: Callable[[Halves], float], published: Published, leaps: Iterable[tuple[Number, Halves]]) -> Number:
        """The root of the sum of squares."""
        square: Number = side(published.halves) ** 2
        for times, leap in leaps:
            square = square + times * side(leap) ** 2
        return sqrt(square)


def _low(halves: Halves) -> float:
    return halves.low


def _high(halves: Halves) -> float:
    return halves.high


@lru_cache
def read_ranges(kinds: Path, leaps: Path) -> Mapping[str, Ranges]:
    """By figure, as `ranges.fit` wrote them."""
    published: dict[str, dict[tuple[str, str], Published]] = {}
    programs: dict[str, dict[str, Program]] = {}
    costs: dict[str, dict[str, Halves]] = {}
    for row in read_rows(kinds):
        figure, program, architecture = row["figure"], row["program"], row["architecture"]
        found = Published(_halves(row), int(row["rows"]), int(row["sources"]))
        published.setdefault(figure, {})[program, architecture] = found
        if row["largest"]:
            traits = frozenset(row["traits"].split())
            largest = Program(traits, float(row["largest"]), float(row["largest_sharded"]))
            programs.setdefault(figure, {})[program] = largest
    for row in read_rows(leaps):
        costs.setdefault(row["figure"], {})[row["leap"]] = _halves(row)
    return {
        figure: Ranges(of, programs[figure], costs[figure], costs[figure][TYPICAL]) for figure, of in published.items()
    }


def _halves(row: Mapping[str, str]) -> Halves:
    """From ratios of measured to predicted figures."""
    return Halves(-log(float(row["low"])), log(float(row["high"])))
