"""A site: how the rates of accelerators differ from the published ones where somebody measured, and how surely."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from llmplan.errors import BadInputError
from llmplan.records.checks import count, fraction_or_none, lookup_name, not_negative, positive

if TYPE_CHECKING:
    from llmplan.records import HardwareProfile

RATES = ("compute", "memory", "scale_up", "scale_out", "host")
"""What a site has factors of, in the order of its correlations."""
WORDS = {
    "compute": "compute",
    "memory": "memory bandwidth",
    "scale_up": "scale-up link",
    "scale_out": "scale-out link",
    "host": "host",
}
_PHASES = {"train": "training", "infer": "serving"}
_NOTEWORTHY = 0.005
"""A factor nearer to 1 is not worth a word."""


@frozen(kw_only=True, repr=False)
class Factor:
    """A rate of a site over the published one."""

    factor: float = field(default=1.0, validator=positive)
    uncertainty: float = field(default=0.0, validator=not_negative)
    """The standard deviation of its logarithm."""
    prior: float = field(default=0.0, validator=not_negative)
    """The same before anything was measured."""

    @property
    def ends(self) -> tuple[float, float]:
        """Between which it lies in four cases of five."""
        return self.factor * exp(-NORMAL * self.uncertainty), self.factor * exp(NORMAL * self.uncertainty)


NORMAL = 1.2816
"""Standard deviations from the median, beyond which one case in ten lies."""


@frozen(kw_only=True, eq=False, repr=False)
class Fitted:
    """What runs of one accelerator in one phase have shown."""

    runs: int = field(validator=count)
    """Different plans that were measured."""
    kernels: int = field(default=0, validator=count)
    """Kernels and links that were timed alone: they tell of rates, and not of what else a run may differ in."""
    shared: float = field(validator=fraction_or_none)
    """Of the variance of published runs, the part that all runs of one place have in common."""
    scatter: float = field(default=1.0, validator=positive)
    """Of these runs around the factors, against that of published ones: a ratio of variances."""
    compute: Factor = Factor()
    memory: Factor = Factor()
    scale_up: Factor = Factor()
    scale_out: Factor = Factor()
    host: Factor = Factor()
    correlations: tuple[tuple[float, ...], ...] = ()
    """Of what is known of the five; none where empty."""

    def __attrs_post_init__(self) -> None:
        size = len(RATES)
        if self.correlations and (len(self.correlations) != size or any(len(row) != size for row in self.correlations)):
            raise BadInputError(f"correlations: are not {size} lists of {size} numbers")

    @property
    def counted(self) -> str:
        """On what it rests: ``4 runs, 12 kernels``."""
        of = (("run", self.runs), ("kernel", self.kernels))
        return ", ".join(f"{many:,} {word}{'s' if many != 1 else ''}" for word, many in of if many) or "no runs"

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The factors on the rates, in the order of the rates."""
        return tuple(getattr(self, name) for name in RATES)

    @property
    def prior_variances(self) -> tuple[float, ...]:
        """Of the factors' logarithms, before anything was measured."""
        return tuple(one.prior**2 for one in self.factors)

    @property
    def covariance(self) -> tuple[tuple[float, ...], ...]:
        """The covariance of the logarithms of the factors."""
        off = [one.uncertainty for one in self.factors]
        size = range(len(RATES))
        return tuple(tuple(self._correlation(i, j) * off[i] * off[j] for j in size) for i in size)

    def _correlation(self, i: int, j: int) -> float:
        return 1.0 if i == j else self.correlations[i][j] if self.correlations else 0.0


@frozen(kw_only=True, eq=False, repr=False)
class Phases:
    """What is known of one accelerator; None where nothing was measured."""

    train: Fitted | None = None
    infer: Fitted | None = None


@frozen(kw_only=True, eq=False, repr=False)
class MeasuredSite:
    """The record that ``llmplan calibrate`` writes and ``--site`` reads."""

    name: str = field(validator=lookup_name)
    description: str = ""
    gpus: Mapping[str, Phases]
    """By the name of the accelerator."""
    source: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.gpus:
            raise BadInputError("gpus: is empty")

    def fitted(self, hardware: HardwareProfile, phase: str) -> Fitted | None:
        """What is known of this accelerator in this phase, by its name."""
        known = self.gpus.get(hardware.name)
        found: Fitted | None = None if known is None else getattr(known, phase)
        return found

    def at(self, cost_model: Any) -> Any:
        """The cost model at the rates of the site."""
        from llmplan_calibration.at_site import AtSite

        return AtSite(cost_model, self)

    def said(self, hardware: HardwareProfile, phase: str) -> str:
        """On how many runs it rests, and what it changes."""
        found, doing = self.fitted(hardware, phase), _PHASES[phase]
        if found is None:
            return f"site {self.name}: no {doing} of {hardware.name} was measured; published rates"
        changed = [
            f"{WORDS[name]} x {one.factor:.2f} (±{100 * NORMAL * one.uncertainty:.0f} %)"
            for name, one in zip(RATES, found.factors, strict=True)
            if abs(one.factor - 1.0) > _NOTEWORTHY
        ]
        changes = ", ".join(changed) or "published rates"
        narrowed = "ranges narrowed by them" if found.runs else "ranges as published: no whole run was measured"
        return f"site {self.name}, {found.counted}: {changes}; measured in {doing} on {hardware.name}, {narrowed}"


def quadratic(matrix: Any, shares: Any) -> Any:
    """Of shares that are numbers or arrays: their variance by a covariance, or by a diagonal."""
    if not isinstance(matrix[0], tuple):
        return sum((one**2 * variance for one, variance in zip(shares, matrix, strict=True)), 0.0)
    size = range(len(matrix))
    return sum((shares[i] * shares[j] * matrix[i][j] for i in size for j in size), 0.0)
