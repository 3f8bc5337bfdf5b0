"""How much of a peak is reached, and where that number comes from."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import optional

from llmplan.records.checks import fraction, positive_values
from llmplan.records.kernels import KernelCurves


@frozen(kw_only=True, eq=False, repr=False)
class Efficiency:
    """The efficiencies that a plan is priced with, as fractions of the peaks.

    Each is what a kernel or a link reaches while it runs. With `mfu` the whole run takes what that model FLOPs
    utilisation says, which already holds communication, bubbles and memory-bound work; the four decide on the layout
    alone.
    """

    flops: float = field(default=1.0, validator=fraction)
    hbm: float = field(default=1.0, validator=fraction)
    scale_up: float = field(default=1.0, validator=fraction)
    scale_out: float = field(default=1.0, validator=fraction)
    mfu: float | None = field(default=None, validator=optional(fraction))
    curves: KernelCurves | None = None
    """What kernels and links reach by shape, where a cost model uses that: then the four are summaries."""
    stated: tuple[str, ...] = ()
    """Which of the four the user gives: they hold whatever the shape, and have no published error."""
    source: str = "given"
    """Who says so: ``given`` on the command line, or the calibration that stands behind the numbers."""

    @property
    def by_user(self) -> bool:
        """Whether times follow from what the user states, so that no published error is theirs."""
        return self.mfu is not None or bool(self.stated)


@frozen(kw_only=True, eq=False, repr=False)
class WholeRunEfficiency:
    """FLOPs efficiency of whole training runs: FLOPs done, recompute included / (GPUs x peak x time)."""

    median: float = field(validator=fraction)
    low: float = field(validator=fraction)
    """One run in ten reached less."""
    high: float = field(validator=fraction)
    """One run in ten reached more."""
    runs: int
    source: str


@frozen(kw_only=True, eq=False, repr=False)
class CalibratedEfficiency:
    """What measured kernels and links of an accelerator reach, as fractions of its printed peaks."""

    flops: Mapping[str, float] = field(validator=positive_values)
    """By number format: large GEMMs."""
    hbm: float = field(validator=fraction)
    scale_up: float = field(validator=fraction)
    scale_out: float = field(validator=fraction)
    scale_up_pair: float | None = field(default=None, validator=optional(fraction))
    """`scale_up` of two that no switch joins."""
    training_run: WholeRunEfficiency | None = None
    source: str
