"""Number formats of weights and caches, as engines call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan.records import InferencePlan

_NARROW = 16.0
_CACHE_BITS = {32.0: "auto", 16.0: "auto", 8.0: "fp8"}


def quantised(plan: InferencePlan) -> bool:
    """Whether weights take fewer bits than 16."""
    return plan.dtype.weight_bits < _NARROW


def stored_so(plan: InferencePlan) -> bool:
    """Whether the checkpoint that the model was read from is of the plan's dtype: engines find that out themselves."""
    stored: Any = getattr(plan.model, "stored", None)
    return stored is not None and stored.dtype == plan.dtype.name


def on_the_fly(plan: InferencePlan, settings: Mapping[str, Any]) -> bool:
    """Multiplications in FP8, whose operands engines make of wider weights while they load them."""
    return bool(settings["precision"] == "fp8") and not stored_so(plan)


def checkpoint(plan: InferencePlan, settings: Mapping[str, Any]) -> list[str]:
    """What is said where the weights have to be quantised before they are loaded."""
    if not quantised(plan) or stored_so(plan) or on_the_fly(plan, settings):
        return []
    bits, activations = plan.dtype.weight_bits, plan.dtype.activation_bits
    return [f"weights of {bits:g} bits, activations of {activations:g}: MODEL has to be a checkpoint of that kind"]


def cache_word(launcher: str, kv_bits: float, words: Mapping[float, str] = _CACHE_BITS) -> str:
    """The engine's word for the cache's format; BadInputError where it has none of that width."""
    if kv_bits not in words:
        has = ", ".join(f"{bits:g}" for bits in words)
        raise BadInputError(f"{launcher}: kv-bits {kv_bits:g}: caches have {has}")
    return words[kv_bits]
