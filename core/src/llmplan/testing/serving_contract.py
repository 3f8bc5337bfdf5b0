"""The contract of a cost model's steps of a server; `llmplan.testing` is the door to it."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite

from llmplan.estimate.line import BYTES
from llmplan.records import ServingSteps, Step
from llmplan.testing.contracts import check_lines, require

_ROUNDING = 1e-9
_GROWING = {
    "sequences": (
        Step(sequences=1, context=100),
        Step(sequences=8, context=100),
        Step(sequences=8.5, context=100),
        Step(sequences=64, context=100),
    ),
    "context": (Step(sequences=8, context=100), Step(sequences=8, context=1000)),
    "tokens_per_sequence": (
        Step(sequences=8, context=100, tokens_per_sequence=1),
        Step(sequences=8, context=100, tokens_per_sequence=5),
    ),
    "prompt_tokens": (
        Step(prompt_tokens=1, prompt_context=1, prompts=1),
        Step(prompt_tokens=64, prompt_context=32.5, prompts=1),
        Step(prompt_tokens=512, prompt_context=256.5, prompts=2),
    ),
    "prompt_context": (
        Step(prompt_tokens=64, prompt_context=32.5, prompts=1),
        Step(prompt_tokens=64, prompt_context=2000, prompts=1),
    ),
    "prompts beside sequences": (
        Step(sequences=8, context=100),
        Step(sequences=8, context=100, prompt_tokens=64, prompt_context=32.5, prompts=1),
    ),
}
"""Steps each of which holds more than the one before it."""
_TOKENS = (1, 16, 17, 1000)
_FASTER = 0.7
"""Of the time of less work, which a kernel for larger shapes may take."""


def check_serving_steps(name: str, steps: ServingSteps) -> None:
    """Steps take finite time, longer the more they hold; caches and workspaces grow with their tokens."""
    batches = steps.batches_in_flight
    require(isinstance(batches, int) and batches >= 1, f"{name}: serving: batches_in_flight: {batches!r} is no count")
    for more, ordered in _GROWING.items():
        _check_growth(f"{name}: serving: step_seconds: more {more}", [steps.step_seconds(step) for step in ordered])
        for step in ordered:
            whole, stage = steps.step_seconds(step), steps.step_interval_seconds(step)
            fits = 0 < stage <= whole * (1 + _ROUNDING)
            require(fits, f"{name}: serving: step_interval_seconds: {stage} of a step that takes {whole}: {step}")
    for what in ("kv_bytes", "kv_transfer_seconds"):
        _check_growth(f"{name}: serving: {what}: more tokens", [getattr(steps, what)(tokens) for tokens in _TOKENS])
    check_lines(f"{name}: serving: fixed_memory", steps.fixed_memory(1000), BYTES)
    for line, size in steps.fixed_memory(1000).items():
        require(isfinite(size) and size >= 0, f"{name}: serving: fixed_memory: {line}: {size}")


def _check_growth(what: str, values: list[float]) -> None:
    require(all(isfinite(value) and value >= 0 for value in values), f"{what}: {values} are not all finite")
    require(values[-1] > 0, f"{what}: {values} are all nothing")
    grows = all(after >= _FASTER * before for before, after in pairwise(values))
    require(grows and values[-1] >= values[0] * (1 - _ROUNDING), f"{what} takes less: {values}")
