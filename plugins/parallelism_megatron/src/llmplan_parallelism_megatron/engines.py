"""Inference engines: kernels, host time, memory, batching.

What a profile says of kernels comes from the programs named. Rates, launch shares and host times are calibrated over
all rows of the engine in ``llmplan validate inference`` (calibration/engines.py beside src), never over one. What an
engine holds beside the model (`context_bytes`, `workspace_bytes`) is assumed, round figures of the order that tools
report; aiconfigurator counts 0.55 to 3.5 GB and some 0.4 GB of communication buffers.
"""

from __future__ import annotations

from attrs import evolve

from llmplan.records import EngineProfile
from llmplan.units import GIGA

_CALIBRATED = "rates, launches and host time calibrated over"
_WHOLE = 1_000_000
"""Tokens of a step of engines that read all prompts of a batch at once."""

VLLM = EngineProfile(
    name="vllm",
    default=True,
    aliases=("vllm",),
    description="vLLM: paged attention, continuous batching, prompts in parts, CUDA graphs",
    gemm_rate=0.84,
    launch_share=0.86,
    launch_seconds_per_layer=300e-6,
    host_seconds_per_step=0.54e-3,
    rank_wait_seconds=1.8e-6,
    context_bytes=0.6 * GIGA,
    workspace_bytes=1.5 * GIGA,
    source="pages of 16 tokens, 0.9 of the memory, steps of 8,192 tokens: vLLM documentation, engine arguments; "
    f"{_CALIBRATED} aiconfigurator's silicon samples of vLLM: Llama 3 70B and gpt-oss 120B on the H100",
)
TENSORRT_LLM = EngineProfile(
    name="tensorrt-llm",
    aliases=("TensorRT-LLM", "trtllm"),
    description="TensorRT-LLM 1.0: paged attention, in-flight batching, CUDA graphs",
    gemm_rate=0.97,
    launch_share=0.57,
    launch_seconds_per_layer=13e-6,
    host_seconds_per_step=0.78e-3,
    host_seconds_per_sequence=3e-6,
    rank_wait_seconds=0.6e-6,
    block_tokens=32,
    context_bytes=0.6 * GIGA,
    workspace_bytes=1.5 * GIGA,
    source="pages of 32 tokens, 0.9 of the memory, steps of 8,192 tokens: TensorRT-LLM documentation; "
    f"{_CALIBRATED} aiconfigurator's silicon samples on the H200 and the performance overview of 1.0",
)
TENSORRT_LLM_0_9 = EngineProfile(
    name="tensorrt-llm-0.9",
    aliases=("TensorRT-LLM 0.9",),
    description="TensorRT-LLM 0.9 of 2024: query heads share keys and values in groups of 16 at most",
    grouped_heads=16,
    gemm_rate=0.88,
    rereading=0.32,
    launch_share=1.89,
    launch_seconds_per_layer=27e-6,
    host_seconds_per_step=0.14e-3,
    rank_wait_seconds=4e-6,
    step_tokens=_WHOLE,
    chunked_prefill=False,
    block_tokens=64,
    context_bytes=0.6 * GIGA,
    workspace_bytes=1.5 * GIGA,
    source=f"groups of query heads: TensorRT-LLM, XQA kernels; {_CALIBRATED} its performance.md",
)
TENSORRT_LLM_0_5 = evolve(
    TENSORRT_LLM_0_9,
    name="tensorrt-llm-0.5",
    aliases=("TensorRT-LLM 0.5",),
    description="TensorRT-LLM 0.5 of 2023: query heads read keys and values one by one",
    grouped_heads=1,
    gemm_rate=0.95,
    rereading=0.74,
    launch_share=1.9,
    launch_seconds_per_layer=56e-6,
    host_seconds_per_step=0.01e-3,
    rank_wait_seconds=7.2e-6,
    source=f"query heads one by one: before XQA kernels, which 0.6 brought; {_CALIBRATED} its performance.md",
)
FASTER_TRANSFORMER = EngineProfile(
    name="faster-transformer",
    aliases=("FasterTransformer",),
    description="FasterTransformer 5: unfused attention over prompts, contiguous cache, kernels launched one by one",
    attention="unfused",
    grouped_heads=1,
    launch_share=0.76,
    elementwise_traffic=3.56,
    cuda_graphs=False,
    custom_all_reduce=False,
    fuses_residual=False,
    launch_seconds_per_layer=43e-6,
    rank_wait_seconds=5.1e-6,
    keeps_buffers=True,
    step_tokens=_WHOLE,
    chunked_prefill=False,
    block_tokens=1,
    memory_share=1.0,
    gemm_rate=0.94,
    context_bytes=0.6 * GIGA,
    workspace_bytes=0.5 * GIGA,
    source=f"kernels: FasterTransformer, gpt_guide.md; {_CALIBRATED} gpt_guide.md and kipply's figures",
)
TGI = EngineProfile(
    name="text-generation-inference",
    aliases=("text-generation-inference", "TGI"),
    description="Text Generation Inference of 2023: a block of attention for each head and sequence, no CUDA graphs",
    grouped_heads=1,
    gemm_rate=0.76,
    elementwise_traffic=1.42,
    cache_token_seconds=52e-9,
    cuda_graphs=False,
    custom_all_reduce=False,
    fuses_residual=False,
    launch_seconds_per_layer=49e-6,
    step_tokens=_WHOLE,
    chunked_prefill=False,
    context_bytes=0.6 * GIGA,
    workspace_bytes=0.5 * GIGA,
    source="attention without a split of the sequence: vLLM's paged attention v1, which it called; "
    f"{_CALIBRATED} Cursor's figures, 28 of prefill and 28 of decoding Llama 2 70B on two A100s",
)
LMDEPLOY = EngineProfile(
    name="lmdeploy",
    aliases=("lmdeploy", "TurboMind"),
    description="lmdeploy's TurboMind: paged attention, continuous batching",
    gemm_rate=0.92,
    launch_share=0.95,
    launch_seconds_per_layer=350e-6,
    block_tokens=64,
    context_bytes=0.6 * GIGA,
    workspace_bytes=1.0 * GIGA,
    source=f"lmdeploy documentation, benchmark; {_CALIBRATED} its 14 figures of Llama 2 7B on the A100",
)
GPT_FAST = EngineProfile(
    name="gpt-fast",
    aliases=("gpt-fast",),
    description="gpt-fast: compiled PyTorch, CUDA graphs, one sequence",
    memory_rate=0.95,
    launch_share=0.85,
    step_tokens=_WHOLE,
    chunked_prefill=False,
    max_sequences=1,
    block_tokens=1,
    memory_share=1.0,
    context_bytes=0.6 * GIGA,
    workspace_bytes=0.5 * GIGA,
    source=f"gpt-fast, README; {_CALIBRATED} its 13 figures of Llama 2 7B and 70B on one to eight A100s",
)
LLAMA_CPP = EngineProfile(
    name="llama.cpp",
    aliases=("llama.cpp",),
    description="llama.cpp of May 2024: unfused attention, prompts in parts of 512 tokens, no CUDA graphs",
    attention="unfused",
    gemm_rate=0.64,
    memory_rate=0.98,
    memory_rates={"ampere": 0.6},
    launch_share=0.9,
    cuda_graphs=False,
    custom_all_reduce=False,
    fuses_residual=False,
    step_tokens=512,
    block_tokens=1,
    memory_share=1.0,
    context_bytes=0.4 * GIGA,
    workspace_bytes=0.3 * GIGA,
    source=f"micro-batches of 512: llama.cpp, -ub; {_CALIBRATED} XiongjieDai's benchmarks of Llama 3 8B, 70B on four "
    "GPUs, on which matrix-vector kernels reach 0.6 of the A100's bandwidth and all of Ada's",
)
TRANSFORMERS = EngineProfile(
    name="transformers",
    aliases=("HF transformers", "transformers"),
    description="Hugging Face Transformers: eager PyTorch, kernels launched one by one",
    cuda_graphs=False,
    custom_all_reduce=False,
    fuses_residual=False,
    fuses_quantisation=False,
    launch_seconds_per_layer=150e-6,
    step_tokens=_WHOLE,
    chunked_prefill=False,
    block_tokens=1,
    memory_share=1.0,
    context_bytes=0.4 * GIGA,
    workspace_bytes=0.3 * GIGA,
    source="not calibrated, since a single speed of it is at hand: some 15 launches a layer of 10 us each, assumed",
)
ENGINES = (
    *(VLLM, TENSORRT_LLM, TENSORRT_LLM_0_9, TENSORRT_LLM_0_5),
    *(FASTER_TRANSFORMER, TGI, LMDEPLOY, GPT_FAST, LLAMA_CPP, TRANSFORMERS),
)
