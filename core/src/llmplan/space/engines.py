"""The engine of a request: as named or the default, with its defaults on the accelerator, and what is given."""

from __future__ import annotations

from functools import lru_cache

from attrs import evolve

from llmplan.catalogues import ENGINES, registry
from llmplan.records import EngineProfile, HardwareProfile
from llmplan.request import InferRequest
from llmplan.space.choice import default_record, find_record


def engine_of(request: InferRequest, hardware: HardwareProfile, said: list[str]) -> EngineProfile:
    """As named, else the default; one without costs of its own where no plugin offers any."""
    engine = _named(request, hardware.architecture, said)
    large = engine.large_memory_bytes and hardware.architecture not in engine.not_large
    return _sized(
        engine,
        bool(large and hardware.memory_bytes >= engine.large_memory_bytes),
        request.max_sequences,
        request.step_tokens,
        request.memory_utilization,
    )


def _named(request: InferRequest, architecture: str, said: list[str]) -> EngineProfile:
    if request.engine is not None:
        named: EngineProfile = find_record(request.engine, "engine", ENGINES)
        return named
    if not registry().engines:
        return _ideal()
    engine: EngineProfile = default_record(registry().engines, "engine", architecture)
    said.append(f"engine {engine.name}: {engine.description}")
    return engine


@lru_cache(maxsize=1)
def _ideal() -> EngineProfile:
    return EngineProfile(name="ideal")


@lru_cache(maxsize=256)
def _sized(
    engine: EngineProfile, large: bool, max_sequences: int | None, step_tokens: int | None, share: float | None
) -> EngineProfile:
    """The same object for the same settings, since kernels are looked up by it."""
    sizes = (
        (engine.large_max_sequences, engine.large_step_tokens) if large else (engine.max_sequences, engine.step_tokens)
    )
    most, tokens = max_sequences or sizes[0], step_tokens or sizes[1]
    if (most, tokens, share) == (engine.max_sequences, engine.step_tokens, None):
        return engine
    taken = engine.memory_share if share is None else share
    return evolve(engine, max_sequences=most, step_tokens=tokens, memory_share=taken)
