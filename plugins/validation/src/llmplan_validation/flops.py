"""FLOPs of an iteration as publications count them: utilisations can be compared only by the same count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmplan.estimate import TrainingEstimate

Count = Callable[[TrainingEstimate], float]


def korthikanti_flops(estimate: TrainingEstimate) -> float:
    """72BLsh^2 (1 + s/6h + V/12hL): the whole square of attention (Korthikanti et al. 2022, arXiv:2205.05198)."""
    b, s, layers, h, v = _sizes(estimate)
    return 72.0 * b * layers * s * h**2 * (1 + s / (6 * h) + v / (12 * h * layers))


def narayanan_flops(estimate: TrainingEstimate) -> float:
    """96BsLh^2 (1 + s/6h + V/16Lh): with full recomputation (Narayanan et al. 2021, arXiv:2104.04473, section 5.1)."""
    b, s, layers, h, v = _sizes(estimate)
    return 96.0 * b * s * layers * h**2 * (1 + s / (6 * h) + v / (16 * layers * h))


def full_square_flops(estimate: TrainingEstimate) -> float:
    """Three times the forward pass, with what the mask hides."""
    return float(estimate.model_flops)


def causal_flops(estimate: TrainingEstimate) -> float:
    """The same without half of attention over the sequence, which a causal mask hides."""
    return float(estimate.causal_flops)


def _sizes(estimate: TrainingEstimate) -> tuple[float, float, float, float, float]:
    """B, s, L, h and V."""
    plan = estimate.plan
    model: Any = plan.model
    return float(plan.global_batch), float(plan.seq_len), float(model.layers), float(model.hidden), float(model.vocab)


_CONVENTIONS: tuple[tuple[str, Count], ...] = (
    ("96bslh", narayanan_flops),
    ("factor 4", narayanan_flops),
    ("72blsh", korthikanti_flops),
    ("non-causal", full_square_flops),
    ("causal", causal_flops),
    ("accounting not stated", causal_flops),
    ("bf16 model flops", causal_flops),
    ("bf16 mfu", causal_flops),
)
"""Words of the column, the first that occur win; Llama 3 (arXiv:2407.21783) counts causally, and so do we if unsure."""


def flops_of(convention: str) -> Count:
    """The count that a row's ``flops_convention`` asks for; the whole square where it says nothing else."""
    convention = convention.lower()
    return next((count for words, count in _CONVENTIONS if words in convention), full_square_flops)
