"""Whether a plan fits into memory: what every estimate says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from llmplan.arrays.quantities import total
from llmplan.estimate.line import Kind, kind_of, of_kinds
from llmplan.estimate.shown import Shown
from llmplan.records.plan import HEADROOM

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.records.inference_plan import InferencePlan
    from llmplan.records.plan import TrainingPlan

_NOT_COUNTED = "the driver's context and the allocator's slack, 0.5 to 3.5 GB, may not fit"


class Fit(Shown):
    """What memory_breakdown says about the device; shared by both estimates."""

    __slots__ = ()
    plan: TrainingPlan | InferencePlan
    memory_breakdown: Mapping[str, Number]

    @property
    def memory_bytes_per_gpu(self) -> Number:
        """Bytes that the fullest device holds."""
        return total(self.memory_breakdown.values())

    @property
    def memory_capacity_bytes(self) -> float:
        """The memory of one device, in bytes."""
        return self.plan.hardware.memory_bytes

    @property
    def fits(self) -> bool:
        """Whether the memory is enough by the estimate."""
        return self.memory_bytes_per_gpu <= self.memory_capacity_bytes

    @property
    def feasible(self) -> bool:
        """Whether one can count on the plan to fit into memory."""
        return self.fits

    @property
    def has_headroom(self) -> bool:
        """Whether it fits with room for what the cost model does not count, or may be off by."""
        used = self.memory_bytes_per_gpu - of_kinds(self.memory_breakdown, (Kind.RESERVE,))
        return self.fits & (used <= (1.0 - HEADROOM) * self.memory_capacity_bytes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader has to know before trusting the figures."""
        return (*self.plan.warnings, *self.plan.layout_warnings, *self._concerns())

    def _concerns(self) -> Iterator[str]:
        yield from self.plan.concerns(self)
        if self.fits and not self.has_headroom:
            share = self.memory_bytes_per_gpu / self.memory_capacity_bytes
            counted = any(kind_of(line) is Kind.SYSTEM for line in self.memory_breakdown)
            why = "predictions may be off by more than that" if counted else _NOT_COUNTED
            yield f"memory is {share:.1%} full: {why}"
