"""Ranges from residuals: quantiles of kinds, widened by what is known above them, and the cost of each leap.

A row counts with the error that it has where its source was left out of the fit of constants. A source's rows resemble
each other, so a row weighs 1 / sqrt(rows of its source). The next source of a kind may be off as those were, and as
far again as few sources say little: with S of them a share of the range above is added, to a program on an architecture
of the program's, to that of all runs', and to an unknown program of its own:

    h^2 = q^2 + h_above^2 / (S + 1)

A leap is what widens the quantiles of all runs to those of runs that took it: of rows priced without what is known of
their program, of their accelerator, and of rows with a trait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import log, log2, sqrt
from statistics import fmean

from attrs import frozen

from llmplan_parallelism_megatron.ranges.kind import ARCHITECTURE, DATASHEET, OTHER
from llmplan_parallelism_megatron.ranges.residuals import Residual
from llmplan_parallelism_megatron.ranges.table import ANY, FEWEST, SCALE, Halves, Program, Published, Ranges

TAIL = 0.09
"""Of the rows of a kind lie below its quantiles, and as many above, so that of sources left out it is one in ten: the
tails of few sources fall short of those of many.
"""
FEWEST_SOURCES = 2
"""Sources that a leap is measured by."""
_ALWAYS = 0.9
"""Share of a program's rows with a trait from which on it is not known without."""
_NEXT_SCALE = 4.0
BEYOND = "-beyond-domain"
"""The end of the name of a trait that includes the trait without that end."""
Ratio = Callable[[Residual], "float | None"]


@frozen(repr=False)
class Measured:
    """A leap, and the rows that took it."""

    halves: Halves
    rows: int
    sources: int

    @property
    def is_sure(self) -> bool:
        """Whether there are enough of them; else the typical leap is taken where it is wider."""
        return self.rows >= FEWEST and self.sources >= FEWEST_SOURCES


def fitted_by_figure(residuals: Sequence[Residual]) -> dict[str, Ranges]:
    """The ranges of each figure. A program that only another figure is published of is known, if not in this one."""
    programs = {one.program for one in residuals}
    figures = dict.fromkeys(one.figure for one in residuals)
    return {figure: fitted([one for one in residuals if one.figure == figure], programs) for figure in figures}


def fitted(residuals: Sequence[Residual], programs: Iterable[str] = ()) -> Ranges:
    """The ranges of one figure; `programs` are known, whether or not it is published of them."""
    known = [one for one in residuals if one.program != OTHER]
    everything = _halves(known)
    leaps, typical = _leaps(residuals, known, everything)
    kinds, shown = _kinds(residuals, known, everything), _programs(residuals)
    for program in programs:
        kinds.setdefault((program, ANY), Published(everything, 0, 0))
        shown.setdefault(program, _program(known))
    return Ranges(kinds, shown, leaps, typical)


def _kinds(
    residuals: Sequence[Residual], known: Sequence[Residual], everything: Halves
) -> dict[tuple[str, str], Published]:
    """All; any other program; architectures; programs; programs on architectures."""
    others = _others(residuals).or_wider(everything)
    kinds = {(ANY, ANY): _published(known, everything), (OTHER, ANY): Published(others, 0, 0)}
    for architecture in _different(one.architecture for one in known):
        rows = [one for one in known if one.architecture == architecture]
        kinds[ANY, architecture] = _published(rows, _drawn(rows, everything))
    for program in _different(one.program for one in known):
        rows = [one for one in known if one.program == program]
        above = _drawn(rows, everything)
        kinds[program, ANY] = _published(rows, above)
        for architecture in _different(one.architecture for one in rows):
            here = [one for one in rows if one.architecture == architecture]
            kinds[program, architecture] = _published(here, _drawn(here, above))
    return kinds


def _programs(residuals: Sequence[Residual]) -> dict[str, Program]:
    """What each was published with; any other program with what all were."""
    by_program = {
        program: [one for one in residuals if program in (one.program, OTHER)]
        for program in _different([OTHER, *(one.program for one in residuals)])
    }
    return {program: _program(rows) for program, rows in by_program.items()}


def _program(rows: Sequence[Residual]) -> Program:
    counted = Counter(trait for one in rows for trait in _with_included(one.traits))
    whole = max(one.scale for one in rows)
    sharded = max((one.scale for one in rows if one.sharded), default=whole)
    return Program(frozenset(trait for trait, number in counted.items() if number >= FEWEST), whole, sharded)


def _leaps(
    residuals: Sequence[Residual], known: Sequence[Residual], everything: Halves
) -> tuple[dict[str, Halves], Halves]:
    """Of each trait, of architectures and of scale, and the root mean square of those of traits."""
    leaps = {
        ARCHITECTURE: _excess(known, everything, lambda one: one.other_curves),
        DATASHEET: _excess(known, everything, lambda one: one.datasheet),
        SCALE: _of_scale(residuals),
    }
    traits = _different(trait for one in residuals for trait in _with_included(one.traits))
    measured = {trait: _of_trait(trait, residuals) for trait in traits}
    sure = [one.halves for one in measured.values() if one.is_sure]
    typical = Halves(*(sqrt(fmean([side(one) ** 2 for one in sure] or [0.0])) for side in (_low, _high)))
    for trait, one in measured.items():
        leaps[trait] = one.halves if one.is_sure else one.halves.or_wider(typical)
    for trait in traits:
        if trait.endswith(BEYOND):
            leaps[trait] = leaps[trait].or_wider(leaps[trait.removesuffix(BEYOND)])
    return leaps, typical


def _of_trait(trait: str, residuals: Sequence[Residual]) -> Measured:
    """Rows with a trait against rows without it that are priced alike: those of known programs, as they are; those of
    unknown programs; and those of programs that never do without the trait, priced as another program's.

    Each program of the last sort differs in more than the trait, so one alone tells nothing of it.
    """
    stem = trait.removesuffix(BEYOND)
    always = _programs_with(stem, residuals)
    fitted_with_it = [one for one in residuals if one.program in always]
    priced_alike: list[tuple[list[Residual], Sequence[Residual], Ratio]] = []
    for unknown in (False, True):
        alike = [one for one in residuals if (one.program == OTHER) is unknown and one.program not in always]
        priced_alike.append((alike, alike, _as_priced))
    if len({one.program for one in fitted_with_it}) > 1:
        priced_alike.append((fitted_with_it, residuals, _as_other))
    squares, rows, sources = [], 0, set[str]()
    for some, all_, ratio in priced_alike:
        with_it = [one for one in some if trait in one.traits and ratio(one) is not None]
        without = [one for one in all_ if stem not in _with_included(one.traits)]
        if with_it and without:
            found = {one.source for one in with_it}
            squares.append((len(found), _squares(with_it, without, ratio)))
            rows, sources = rows + len(with_it), sources | found
    return Measured(_mean(squares), rows, len(sources))


def _programs_with(stem: str, residuals: Sequence[Residual]) -> set[str]:
    """Those that never do without a trait, or hardly."""
    known = [one for one in residuals if one.program != OTHER]
    rows_of = Counter(one.program for one in known)
    with_it = Counter(one.program for one in known if stem in _with_included(one.traits))
    return {program for program, rows in rows_of.items() if with_it[program] > _ALWAYS * rows}


def _squares(rows: Sequence[Residual], others: Sequence[Residual], ratio: Ratio) -> tuple[float, float]:
    """By how much the squared half-widths of some rows exceed those of others, low and high."""
    own, their = _halves(rows, ratio), _halves(others, ratio)
    return own.low**2 - their.low**2, own.high**2 - their.high**2


def _mean(squares: Sequence[tuple[int, tuple[float, float]]]) -> Halves:
    """By number of sources; none of less than nothing."""
    whole = sum(sources for sources, _ in squares)
    means = (sum(sources * pair[side] for sources, pair in squares) / max(whole, 1) for side in (0, 1))
    return Halves(*(sqrt(max(0.0, mean)) for mean in means))


def _as_priced(one: Residual) -> float | None:
    return one.unseen


def _as_other(one: Residual) -> float | None:
    return one.other_program


def _of_scale(residuals: Sequence[Residual]) -> Halves:
    """Of a doubling: how far rows at larger scale are from the mean of those at a quarter of it or less, by source."""
    squares: list[tuple[float, float]] = []
    for source in _different(one.source for one in residuals):
        rows = [one for one in residuals if one.source == source]
        small = [one for one in rows if one.scale <= max(other.scale for other in rows) / _NEXT_SCALE]
        if not small:
            continue
        start, middle = max(one.scale for one in small), fmean(log(one.unseen) for one in small)
        moved = [(log(one.unseen) - middle, log2(one.scale / start)) for one in rows if one.scale >= 2.0 * start]
        squares.append(
            (
                fmean(max(0.0, -error) ** 2 / doublings for error, doublings in moved),
                fmean(max(0.0, error) ** 2 / doublings for error, doublings in moved),
            )
        )
    return Halves(*(sqrt(fmean(side)) for side in zip(*squares, strict=True))) if squares else Halves(0.0, 0.0)


def as_other_program(one: Residual) -> float | None:
    """The ratio of a row whose program nobody knows; None where it is the default's own."""
    return one.unseen if one.program == OTHER else one.other_program


def _published(rows: Sequence[Residual], halves: Halves) -> Published:
    return Published(halves, len(rows), len({one.source for one in rows}))


def _others(residuals: Sequence[Residual]) -> Halves:
    """Of a program that nobody knows; no kind is above it, so that the share is of its own quantiles."""
    rows = [one for one in residuals if as_other_program(one) is not None]
    own = _halves(rows, as_other_program)
    return _of_next(own, own, rows)


def _of_next(own: Halves, above: Halves, rows: Sequence[Residual]) -> Halves:
    """Of the next source, where so many say what `own` is."""
    sources = len({one.source for one in rows})
    return Halves(*(sqrt(side(own) ** 2 + side(above) ** 2 / (sources + 1.0)) for side in (_low, _high)))


def _drawn(rows: Sequence[Residual], above: Halves) -> Halves:
    """Quantiles of a kind, and the share of the kind above that its sources leave open."""
    drawn = _of_next(_halves(rows), above, rows)
    return drawn if len(rows) >= FEWEST else drawn.or_wider(above)


def _excess(rows: Iterable[Residual], everything: Halves, ratio: Ratio) -> Halves:
    """What widens the range of all runs to that of these."""
    own = _halves(rows, ratio)
    return Halves(*(sqrt(max(0.0, side(own) ** 2 - side(everything) ** 2)) for side in (_low, _high)))


def _halves(rows: Iterable[Residual], ratio: Ratio = lambda one: one.unseen) -> Halves:
    """The quantiles of the tails; no width where there are no rows."""
    found = [(one.source, log(value)) for one in rows if (value := ratio(one)) is not None]
    of_source = Counter(source for source, _ in found)
    weighed = sorted((value, 1.0 / sqrt(of_source[source])) for source, value in found)
    if not weighed:
        return Halves(0.0, 0.0)
    return Halves(max(0.0, -quantile(weighed, TAIL)), max(0.0, quantile(weighed, 1.0 - TAIL)))


def quantile(weighed: Sequence[tuple[float, float]], fraction: float) -> float:
    """Of sorted values with weights: linear between the middles of their weights."""
    whole, below = sum(weight for _, weight in weighed), 0.0
    before: tuple[float, float] | None = None
    for value, weight in weighed:
        place = (below + weight / 2.0) / whole
        if fraction <= place:
            if before is None:
                return value
            share = (fraction - before[0]) / (place - before[0])
            return before[1] + (value - before[1]) * share
        before, below = (place, value), below + weight
    return weighed[-1][0]


def _with_included(traits: Iterable[str]) -> set[str]:
    return {name for trait in traits for name in (trait, trait.removesuffix(BEYOND))}


def _different(names: Iterable[str]) -> list[str]:
    return sorted(set(names))


def _low(halves: Halves) -> float:
    return halves.low


def _high(halves: Halves) -> float:
    return halves.high
