"""How far a prediction may be off: what was measured of it in the published runs nearest in kind.

The ratios of measured to predicted figures are in residuals.py, generated from ``llmplan validate training``. Of the
nearest `NEAREST` rows the range goes from the 5 % to the 95 % quantile: with each row left out in turn, that holds 80 %
of all rows, while their 10 % to 90 % quantiles held 74 % (rows of one source resemble each other).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2, log10
from typing import Any, NamedTuple, Protocol

from llmplan.estimate import Spread
from llmplan.records import TrainingPlan

NEAREST = 24
TAIL = 0.05
FEWEST_OF_ARCHITECTURE = 3
"""Rows of an architecture that make a range; with fewer, those of all are taken and the range is extrapolated."""


class Kind(NamedTuple):
    """What makes two runs alike, as far as prediction errors go."""

    architecture: str
    accelerator: str
    framework: str
    gpus: float
    tensor: bool
    pipeline: bool
    context: bool
    experts: bool
    parameters: float

    def distance(self, other: Kind) -> float:
        """In steps: another framework counts 3, experts 2, another accelerator, split or doubled scale 1 or less."""
        splits = (self.tensor != other.tensor) + (self.pipeline != other.pipeline) + (self.context != other.context)
        return (
            3.0 * (self.framework != other.framework)
            + 2.0 * (self.experts != other.experts)
            + 1.0 * (self.accelerator != other.accelerator)
            + 1.0 * splits
            + 0.5 * abs(log2(self.gpus / other.gpus))
            + 1.5 * abs(log10(self.parameters / other.parameters))
        )


class Residual(NamedTuple):
    """A published row: its kind, and measured over predicted."""

    row: str
    kind: Any
    ratio: float


def kind_of(plan: TrainingPlan) -> Kind:
    """Of a plan of numbers."""
    layout, model = plan.layout, plan.model
    lowered = model.lower(1, 1)
    routed = any(
        operator.gemm is not None and operator.gemm.routed for block in lowered.layers for operator in block.operators
    )
    return Kind(
        architecture=plan.hardware.architecture,
        accelerator=plan.hardware.name,
        framework=plan.framework.name,
        gpus=float(layout.gpus),
        tensor=layout.tp > 1,
        pipeline=layout.pp > 1,
        context=layout.cp > 1,
        experts=routed,
        parameters=float(sum(model.parameters_by_part().values())),
    )


class HasDistance(Protocol):
    """A kind of plan."""

    @property
    def architecture(self) -> str:
        """Of its accelerator."""

    def distance(self, other: Any) -> float:
        """How unlike another of its sort it is."""


def spread(kind: HasDistance, residuals: Sequence[Residual]) -> Spread:
    """Of the nearest rows of the same architecture, else of any."""
    alike = [residual for residual in residuals if residual.kind.architecture == kind.architecture]
    extrapolated = len(alike) < FEWEST_OF_ARCHITECTURE
    pool = residuals if extrapolated else alike
    nearest = sorted(pool, key=lambda residual: kind.distance(residual.kind))[:NEAREST]
    ratios = sorted(residual.ratio for residual in nearest)
    return Spread(
        low=min(1.0, quantile(ratios, TAIL)),
        high=max(1.0, quantile(ratios, 1.0 - TAIL)),
        rows=len(ratios),
        extrapolated=extrapolated,
    )


def quantile(values: Sequence[float], fraction: float) -> float:
    """Linear between the sorted values."""
    place = fraction * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)
