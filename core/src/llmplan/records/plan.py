"""Plans: everything that a cost model needs to price a run, checked before they are made.

Numbers of a plan may be arrays of equal length, one element a plan: formulas price them all at once.
"""

from __future__ import annotations

from attrs import frozen

from llmplan.quantities import Number
from llmplan.records.dtype import DTypeRule, NumberFormat
from llmplan.records.efficiency import Efficiency
from llmplan.records.hardware import HardwareProfile
from llmplan.records.model import ModelArchitecture


@frozen(kw_only=True, eq=False, repr=False)
class Layout:
    """How the work is divided over the accelerators: gpus = tp x pp x dp."""

    gpus: Number
    tp: Number = 1
    pp: Number = 1
    dp: Number = 1
    sequence_parallel: bool = False
    zero: Number = 0
    """ZeRO stage: 1 shards optimizer states over dp, 2 gradients too, 3 weights too."""


@frozen(kw_only=True, eq=False, repr=False)
class _Plan:
    """What every plan has."""

    model: ModelArchitecture
    hardware: HardwareProfile
    dtype: DTypeRule
    gemm: NumberFormat
    layout: Layout
    efficiency: Efficiency
    cost_model: str
    price_per_gpu_hour: float | None = None
    assumptions: tuple[str, ...] = ()
    """What the planner filled in, in words."""
    warnings: tuple[str, ...] = ()
    layout_warnings: tuple[str, ...] = ()
    """What the cost model says against the layout."""


@frozen(kw_only=True, eq=False, repr=False)
class TrainingPlan(_Plan):
    """A training run."""

    micro_batch: Number
    """Sequences that one pipeline takes in at once."""
    gradient_accumulation: Number
    """Micro-batches of one pipeline in one iteration."""
    seq_len: Number
    tokens: float
    recompute: int
    """A `Recompute` mode."""

    @property
    def global_batch(self) -> Number:
        """Sequences of one iteration: micro-batch x gradient accumulation x dp."""
        return self.micro_batch * self.gradient_accumulation * self.layout.dp


@frozen(kw_only=True, eq=False, repr=False)
class InferencePlan(_Plan):
    """A static batch of prompts of equal length, answered in full."""

    batch: Number
    """Sequences of one replica; `layout.dp` replicas work side by side."""
    prompt_tokens: Number
    output_tokens: Number
    kv_bits: float
