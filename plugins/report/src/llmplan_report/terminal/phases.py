"""Prefill and decoding: the sections of a static batch, and of a server that is made of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType

from llmplan.arrays.quantities import total
from llmplan.output.words import seconds
from llmplan_report.terminal.console import heading
from llmplan_report.terminal.sections import bars, bound_by, plus_minus

if TYPE_CHECKING:
    from llmplan.estimate import InferenceEstimate


def phase(
    name: str, estimate: InferenceEstimate, of: str, console: Console, *, under_load: bool = False
) -> Iterator[RenderableType]:
    """``prefill`` or ``decode``: its time, how far that may be off under a load, what it is bound by, its lines."""
    breakdown, bottleneck = getattr(estimate, f"{of}_breakdown"), getattr(estimate, f"{of}_bottleneck")
    spread = estimate.first_token_spread if of == "prefill" else estimate.next_token_spread
    stage = "" if under_load or estimate.plan.layout.pp == 1 else " on a pipeline stage"
    whole = total(breakdown.values())
    yield heading(f"{name}{stage}: {seconds(whole)}{plus_minus(spread) if under_load else ''}")
    yield from bound_by(bottleneck, _under_load(bottleneck.advice) if bottleneck and under_load else None)
    yield bars(breakdown, whole, seconds, console)


def _under_load(advice: str) -> str:
    """A server makes its own batches: the load and its limit decide on them."""
    return advice.replace("a larger --batch", "more requests at once").replace("--batch", "--max-sequences")
