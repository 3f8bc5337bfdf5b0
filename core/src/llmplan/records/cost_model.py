"""Cost models: what turns a plan into an estimate."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from llmplan.records.dtype import NumberFormat
from llmplan.records.efficiency import Efficiency
from llmplan.records.estimate import InferenceEstimate, TrainingEstimate
from llmplan.records.hardware import HardwareProfile
from llmplan.records.plan import InferencePlan, TrainingPlan

Phase: TypeAlias = Literal["train", "infer"]


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

    def efficiency(self, hardware: HardwareProfile, gemm: NumberFormat, phase: Phase) -> Efficiency:
        """The efficiencies that apply where the user gives none, with their source."""

    def check(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """Words against the layout of a plan of numbers; BadInputError where it cannot be priced."""

    def remarks(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """What the reader has to know of a plan of numbers, whatever its layout."""

    def train(self, plan: TrainingPlan) -> TrainingEstimate:
        """Price a training run."""

    def infer(self, plan: InferencePlan) -> InferenceEstimate:
        """Price a batch of prompts."""
