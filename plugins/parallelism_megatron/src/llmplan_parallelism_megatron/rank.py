"""One rank of a training plan: its share of the model, what its kernels reach, and the groups that it belongs to."""

from __future__ import annotations

from functools import lru_cache

from attrs import define

from llmplan.arrays.quantities import Number, where
from llmplan.records import LoweredModel, ModelArchitecture, TrainingPlan
from llmplan_costing.sharding import rank_of, state_elements
from llmplan_parallelism_megatron.kernels.reached import Kernels, training_kernels
from llmplan_parallelism_megatron.network.groups import Groups, groups_of


def expert_tp(plan: TrainingPlan) -> Number | None:
    """Tensor parallel ranks that share an expert's matrices, as it was asked for; None where all of them do."""
    asked: int | None = plan.setting("expert_tp", None)
    return asked


@lru_cache(maxsize=256)
def copies_of(model: ModelArchitecture) -> float:
    """Experts that a token goes to, in one layer; 1 where there are none."""
    gemms = (operator.gemm for block in model.lower(1, 1).layers for operator in block.operators)
    return max((float(gemm.m * gemm.groups) for gemm in gemms if gemm is not None and gemm.routed), default=1.0)


@define(eq=False, repr=False)
class Rank:
    """What all formulas of a plan work on. The model is lowered and divided once, here."""

    plan: TrainingPlan
    whole: LoweredModel
    """One micro-batch, the share of a context parallel rank."""
    model: LoweredModel
    """The same on one tensor and expert parallel rank."""
    kernels: Kernels
    groups: Groups

    @classmethod
    def of(cls, plan: TrainingPlan) -> Rank:
        """The rank of a plan of numbers or of columns."""
        whole = plan.model.lower(plan.micro_batch, plan.seq_len / plan.layout.cp, plan.seq_len)
        within = expert_tp(plan)
        model = rank_of(whole, plan.layout, within)
        return cls(plan, whole, model, training_kernels(plan), groups_of(plan.layout, within))

    @property
    def activation_bytes(self) -> float:
        """Of an element of an activation."""
        return self.plan.dtype.activation_bits / 8

    @property
    def held_bytes(self) -> float:
        """Of an element of a weight."""
        return self.plan.dtype.held_bits / 8

    @property
    def states(self) -> Number:
        """Elements of the residual stream, for the whole tensor parallel group."""
        return state_elements(self.model)

    @property
    def width(self) -> Number:
        """The width of the residual stream."""
        return self.states / (self.plan.micro_batch * (self.plan.seq_len / self.plan.layout.cp))

    @property
    def sequence_ways(self) -> Number:
        """q: tensor parallel ranks that the sequence is divided over."""
        return where(self.plan.layout.sequence_parallel, self.plan.layout.tp, 1.0)

    @property
    def host_bytes_per_second(self) -> float:
        """One direction of the host link; `check` refuses a plan that needs it where none is known."""
        return self.plan.hardware.host_bytes_per_second or float("inf")
