"""Inference engines: kernels, host time, memory, batching."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import EngineProfile
from llmplan.units import GIGA

_WHOLE = 1_000_000
"""Tokens of a step of engines that read all prompts of a batch at once."""

VLLM = EngineProfile(
    name="vllm",
    default=True,
    aliases=("vllm",),
    description="vLLM: paged attention, continuous batching, CUDA graphs",
    launch_seconds_per_layer=100e-6,
    host_seconds_per_step=1e-3,
    context_bytes=0.6 * GIGA,
    workspace_bytes=1.0 * GIGA,
    source="first guess",
)
TENSORRT_LLM = evolve(
    VLLM,
    name="tensorrt-llm",
    default=False,
    aliases=("TensorRT-LLM", "trtllm"),
    description="TensorRT-LLM 1.0: paged attention, in-flight batching, CUDA graphs",
)
TENSORRT_LLM_0_9 = evolve(
    TENSORRT_LLM,
    name="tensorrt-llm-0.9",
    aliases=("TensorRT-LLM 0.9",),
    description="TensorRT-LLM 0.9 of 2024",
    grouped_heads=16,
    step_tokens=_WHOLE,
)
TENSORRT_LLM_0_5 = evolve(
    TENSORRT_LLM_0_9,
    name="tensorrt-llm-0.5",
    aliases=("TensorRT-LLM 0.5",),
    description="TensorRT-LLM 0.5 of 2023: query heads read keys and values one by one",
    grouped_heads=1,
)
FASTER_TRANSFORMER = EngineProfile(
    name="faster-transformer",
    aliases=("FasterTransformer",),
    description="FasterTransformer 5",
    attention="unfused",
    grouped_heads=1,
    cuda_graphs=False,
    custom_all_reduce=False,
    fuses_residual=False,
    keeps_buffers=True,
    step_tokens=_WHOLE,
    block_tokens=1,
    memory_share=1.0,
    context_bytes=0.6 * GIGA,
    source="first guess",
)
TGI = EngineProfile(
    name="text-generation-inference",
    aliases=("text-generation-inference",),
    description="TGI of 2023",
    grouped_heads=1,
    cache_token_seconds=50e-9,
    cuda_graphs=False,
    custom_all_reduce=False,
    fuses_residual=False,
    launch_seconds_per_layer=50e-6,
    step_tokens=_WHOLE,
    context_bytes=0.6 * GIGA,
    source="first guess",
)
LMDEPLOY = EngineProfile(
    name="lmdeploy",
    aliases=("lmdeploy", "TurboMind"),
    description="lmdeploy TurboMind",
    launch_seconds_per_layer=200e-6,
    context_bytes=0.6 * GIGA,
    source="first guess",
)
GPT_FAST = EngineProfile(
    name="gpt-fast",
    aliases=("gpt-fast",),
    description="gpt-fast: PyTorch, compiled",
    launch_share=0.85,
    context_bytes=0.6 * GIGA,
    source="first guess",
)
LLAMA_CPP = EngineProfile(
    name="llama.cpp",
    aliases=("llama.cpp",),
    description="llama.cpp of May 2024: one launch after the other, prompts in parts of 512 tokens",
    attention="unfused",
    cuda_graphs=False,
    custom_all_reduce=False,
    fuses_residual=False,
    memory_rates={"ampere": 0.6},
    step_tokens=512,
    block_tokens=1,
    memory_share=1.0,
    context_bytes=0.4 * GIGA,
    source="first guess",
)
TRANSFORMERS = EngineProfile(
    name="transformers",
    aliases=("HF transformers", "transformers"),
    description="Hugging Face Transformers: eager PyTorch",
    cuda_graphs=False,
    custom_all_reduce=False,
    fuses_residual=False,
    launch_seconds_per_layer=150e-6,
    step_tokens=_WHOLE,
    block_tokens=1,
    memory_share=1.0,
    context_bytes=0.4 * GIGA,
    source="first guess",
)
ENGINES = (
    *(VLLM, TENSORRT_LLM, TENSORRT_LLM_0_9, TENSORRT_LLM_0_5),
    *(FASTER_TRANSFORMER, TGI, LMDEPLOY, GPT_FAST, LLAMA_CPP, TRANSFORMERS),
)
