"""A plan of a static batch: everything that a cost model needs to price it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from llmplan.arrays.quantities import Number
from llmplan.records.plan import Plan

if TYPE_CHECKING:
    from llmplan.records.engine import EngineProfile


def _ideal_engine() -> EngineProfile:
    from llmplan.records.engine import EngineProfile

    return EngineProfile(name="ideal")


@frozen(kw_only=True, eq=False, repr=False)
class InferencePlan(Plan):
    """A static batch of prompts of equal length, answered in full."""

    batch: Number
    """Sequences of one replica; `layout.dp` replicas work side by side."""
    prompt_tokens: Number
    output_tokens: Number
    kv_bits: float
    engine: EngineProfile = field(factory=_ideal_engine)
    offload: str = ""
    """What waits in host memory, and is read over the host link in every pass: ``weights``, ``experts``, ``kv``."""
    max_model_len: int | None = None
    """Tokens of the longest sequence that the engine is told to take; None for the model's context."""
