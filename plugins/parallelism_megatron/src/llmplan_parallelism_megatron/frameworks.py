"""Training frameworks: kernels, overlap, host time and memory, each with what it rests on."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import FrameworkProfile
from llmplan.units import GIGA

MEGATRON_CORE = FrameworkProfile(
    name="megatron-core",
    default=True,
    aliases=("Megatron-Core", "Megatron-Bridge", "NeMo", "Megatron-LM"),
    description="Megatron-Core with Transformer Engine: fused kernels, cuDNN attention, overlapped data parallelism",
    attention="flash-3",
    gradient_bits=32,
    reduction_bits=32,
    tensor_overlap=0.0,
    data_overlap=0.8,
    host_seconds_per_layer=150e-6,
    host_seconds_per_step=0.02,
    logit_bytes_moved=14.0,
    logit_bytes_kept=6.0,
    context_bytes=1.2 * GIGA,
    communication_bytes=0.4 * GIGA,
    slack=0.05,
    source="",
)
MEGATRON_NO_OVERLAP = evolve(
    MEGATRON_CORE,
    name="megatron-core-no-overlap",
    default=False,
    aliases=("Megatron-LM 0.14 + TE", "Megatron-LM + TE"),
    data_overlap=0.0,
)
MEGATRON_2022 = evolve(
    MEGATRON_CORE,
    name="megatron-lm-2022",
    default=False,
    aliases=("Megatron-LM",),
    architectures=("volta", "ampere"),
    attention="unfused",
    dropout=True,
    data_overlap=0.0,
    host_seconds_per_layer=300e-6,
)
MEGATRON_DEEPSPEED = evolve(
    MEGATRON_2022,
    name="megatron-deepspeed",
    aliases=("Megatron-DeepSpeed", "GPT-NeoX"),
    reduction_bits=16,
    gradient_bits=16,
)
DEEPSPEED = evolve(
    MEGATRON_DEEPSPEED, name="deepspeed-zero3", aliases=("DeepSpeed ZeRO-3",), data_overlap=1.0, data_bandwidth=0.1
)
FSDP = evolve(
    MEGATRON_CORE,
    name="fsdp",
    default=False,
    aliases=("FSDP",),
    attention="flash-2",
    elementwise_traffic=1.5,
    data_overlap=0.8,
    reduction_bits=16,
    gradient_bits=32,
    host_seconds_per_layer=250e-6,
)
LLM_FOUNDRY = evolve(FSDP, name="llm-foundry", aliases=("llm-foundry",), attention="flash-1")
TORCHTITAN = evolve(
    FSDP,
    name="torchtitan",
    aliases=("torchtitan",),
    elementwise_traffic=1.0,
    selective_share=0.5,
    logit_bytes_kept=12.0,
)
LIT_GPT = evolve(FSDP, name="lit-gpt", aliases=("lit-gpt",), elementwise_traffic=1.0)
LLM_C = evolve(MEGATRON_CORE, name="llm-c", default=False, aliases=("llm.c",), attention="flash-2")

FRAMEWORKS = (
    MEGATRON_CORE,
    MEGATRON_NO_OVERLAP,
    MEGATRON_2022,
    MEGATRON_DEEPSPEED,
    DEEPSPEED,
    FSDP,
    LLM_FOUNDRY,
    TORCHTITAN,
    LIT_GPT,
    LLM_C,
)
