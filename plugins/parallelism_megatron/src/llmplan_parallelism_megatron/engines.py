"""Inference engines: kernels, host time, memory, batching."""

from __future__ import annotations

from llmplan.records import EngineProfile
from llmplan.units import GIGA

VLLM = EngineProfile(
    name="vllm",
    default=True,
    aliases=("vllm",),
    description="vLLM: paged attention, continuous batching, CUDA graphs",
    context_bytes=0.6 * GIGA,
    workspace_bytes=1.0 * GIGA,
    source="first guess",
)
ENGINES = (VLLM,)
