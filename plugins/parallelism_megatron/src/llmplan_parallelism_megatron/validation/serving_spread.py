"""How far predicted latencies and speeds may be off: what was measured of the published rows nearest in kind.

As `megatron.spread` says, over residuals.py, generated from ``llmplan validate inference``.
"""

from __future__ import annotations

from math import log2, log10
from typing import NamedTuple

from llmplan.records import InferencePlan
from llmplan_parallelism_megatron.rules.common import routed_experts

_WIDE = 16


class ServingKind(NamedTuple):
    """What makes two measurements alike, as far as prediction errors go."""

    architecture: str
    accelerator: str
    engine: str
    ranks: float
    """Tensor and pipeline parallel ones."""
    narrow: bool
    """Weights of fewer than 16 bits."""
    experts: bool
    sequences: float
    tokens: float
    """Of a prompt."""
    parameters: float

    def distance(self, other: ServingKind) -> float:
        """In steps: another engine counts 3, experts 2, another accelerator, width or doubled size 1 or less."""
        return (
            3.0 * (self.engine != other.engine)
            + 2.0 * (self.experts != other.experts)
            + 1.0 * (self.accelerator != other.accelerator)
            + 1.0 * (self.narrow != other.narrow)
            + 0.5 * abs(log2(self.ranks / other.ranks))
            + 0.25 * abs(log2(self.sequences / other.sequences))
            + 0.25 * abs(log2(self.tokens / other.tokens))
            + 1.5 * abs(log10(self.parameters / other.parameters))
        )


def kind_of(plan: InferencePlan) -> ServingKind:
    """Of a plan of numbers."""
    return ServingKind(
        architecture=plan.hardware.architecture,
        accelerator=plan.hardware.name,
        engine=plan.engine.name,
        ranks=float(plan.layout.tp * plan.layout.pp),
        narrow=plan.dtype.weight_bits < _WIDE,
        experts=routed_experts(plan.model) > 0,
        sequences=float(plan.batch),
        tokens=float(plan.prompt_tokens),
        parameters=float(sum(plan.model.parameters_by_part().values())),
    )
