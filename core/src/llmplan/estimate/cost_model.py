"""Cost models: what turns a plan into an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.estimate.inference import InferenceEstimate
    from llmplan.estimate.spread import Spread
    from llmplan.estimate.training import TrainingEstimate
    from llmplan.records.dtype import NumberFormat
    from llmplan.records.efficiency import Efficiency
    from llmplan.records.hardware import HardwareProfile
    from llmplan.records.inference_plan import InferencePlan
    from llmplan.records.plan import TrainingPlan

Command: TypeAlias = Literal["train", "infer"]
IGNORABLE: Mapping[str, tuple[Command, ...]] = {
    "activations": ("train",),
    "communication": ("train", "infer"),
    "kv cache": ("infer",),
    "memory traffic": ("train", "infer"),
    "optimizer": ("train",),
}
"""What a cost model may leave out, and say so in a tuple `ignores`, with the commands whose figures are without it."""


class CostModel(Protocol):
    """What a parallelism plugin provides. `train` and `infer` take plans of numbers and plans of arrays alike."""

    @property
    def name(self) -> str:
        """The name to look it up by."""

    @property
    def description(self) -> str:
        """One line: what it prices and what it leaves out."""

    @property
    def default(self) -> bool:
        """Whether it is meant where the user names none."""

    def efficiency(self, hardware: HardwareProfile, gemm: NumberFormat, phase: Command) -> Efficiency:
        """The efficiencies that apply where the user gives none, with their source."""

    def check(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """Words against the layout of a plan of numbers; BadInputError where it cannot be priced."""

    def remarks(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """What the reader has to know of a plan of numbers, whatever its layout."""

    def train(self, plan: TrainingPlan) -> TrainingEstimate:
        """Price a training run, or each one of an array of plans."""

    def infer(self, plan: InferencePlan) -> InferenceEstimate:
        """Price prefill and decoding of a batch, or of each one of an array of plans."""


class FittingCostModel(CostModel, Protocol):
    """A cost model that tells what a batch holds without pricing it, of the many layouts that are tried where sizes are
    open. Without it each of them is priced.
    """

    def serving_memory(self, plan: InferencePlan) -> Mapping[str, Number]:
        """The `memory_breakdown` that `infer` gives, alone."""


class SearchableCostModel(CostModel, Protocol):
    """A cost model that judges arrays of plans, too. A search asks for these four and does without what is missing.

    Plans hold numbers or arrays of equal length in the fields of the layout and the batch: sizes and modes as floats,
    flags as booleans, no ZeRO group as infinity. The answers are arrays, or numbers where all plans have the same.
    """

    def illegal(self, plan: TrainingPlan) -> Mapping[str, Number]:
        """By constraint, in words and in a fixed order: True where the plan breaks it.

        `check` raises BadInputError for exactly those plans that break one.
        """

    def worded(self, plan: TrainingPlan) -> Number:
        """True where `check` has words against the layout of a plan that it does not refuse."""

    def bounds(self, plan: TrainingPlan) -> tuple[Number, Number]:
        """Seconds of an iteration and bytes on a device that `train` never falls below, at a tenth of its price."""

    def spreads(self, plan: TrainingPlan) -> tuple[Spread, Spread]:
        """How far off time and memory of plans of this kind may be, as `TrainingEstimate.spreads` says it."""
