"""Training frameworks: kernels, overlap, host time and memory.

What a profile says of kernels and overlap comes from the papers and programs named; `kernel_rate`,
`elementwise_traffic`, the overlaps and host seconds are calibrated over all rows of the framework in
``llmplan validate training`` (calibration/frameworks.py beside src), never over one. What memory is held beside the
model (`context_bytes`, `communication_bytes`, `slack`) and what the logits move and keep are assumptions, round figures
of the order that profilers report; how far they are off is in the memory errors of docs/accuracy.md, and in the margin.
"""

from __future__ import annotations

from attrs import evolve

from llmplan.records import FrameworkProfile
from llmplan.units import GIGA

_CALIBRATED = "rates, overlaps and host time calibrated over"

MEGATRON_CORE = FrameworkProfile(
    name="megatron-core",
    offloads=("optimizer", "activations"),
    default=True,
    aliases=("Megatron-Core", "Megatron-Bridge", "NeMo", "Megatron-LM", "Meta internal (4D, FSDP)"),
    description="Megatron-Core with Transformer Engine, tuned: cuDNN attention, tensor and data parallel overlap",
    attention="flash-3",
    keeps_operands=True,
    elementwise_traffic=1.89,
    logit_bytes_moved=14.0,
    logit_bytes_kept=6.0,
    gradient_bits=32,
    reduction_bits=32,
    tensor_overlap=0.5,
    data_overlap=1.0,
    expert_overlap=0.5,
    host_seconds_per_layer=200e-6,
    host_seconds_per_routed_layer=4.6e-3,
    host_seconds_per_step=0.02,
    context_bytes=1.2 * GIGA,
    communication_bytes=0.4 * GIGA,
    slack=0.05,
    source=f"gradients in FP32, overlapped with backward: Megatron-Core user guide; {_CALIBRATED} "
    "Megatron-LM README (H100), NeMo, Megatron-Bridge",
)
MEGATRON_NO_OVERLAP = evolve(
    MEGATRON_CORE,
    name="megatron-core-no-overlap",
    default=False,
    aliases=("Megatron-LM 0.14 + TE",),
    description="Megatron-Core with Transformer Engine as it comes: nothing overlapped",
    kernel_rate=0.9,
    elementwise_traffic=2.8,
    tensor_overlap=0.0,
    regather_overlap=0.0,
    expert_overlap=0.0,
    data_overlap=0.0,
    host_seconds_per_routed_layer=3e-3,
    source=f"SimuMax b200_release_v1.2: no overlap, FP32 gradients, fused cross-entropy; {_CALIBRATED} its rows",
)
MEGATRON_DETERMINISTIC = evolve(
    MEGATRON_CORE,
    name="megatron-core-deterministic",
    default=False,
    aliases=("Megatron-LM + TE",),
    description="Megatron-Core in deterministic mode, gradients added by kernels of their own: its functional tests",
    kernel_rate=0.8,
    elementwise_traffic=1.63,
    tensor_overlap=0.0,
    data_overlap=0.8,
    fused_accumulation=False,
    logit_bytes_kept=14.0,
    logit_bytes_moved=30.0,
    source=f"Megatron-LM functional tests, gpt3_7b_tp4_pp1_memory_speed; {_CALIBRATED} its three rows, which is few",
)
MEGATRON_2022 = evolve(
    MEGATRON_CORE,
    name="megatron-lm-2022",
    offloads=(),
    default=False,
    aliases=("Megatron-LM",),
    architectures=("volta", "ampere"),
    description="Megatron-LM before FlashAttention: unfused attention, dropout, nothing overlapped",
    attention="unfused",
    dropout=True,
    keeps_operands=False,
    elementwise_traffic=1.3,
    tensor_overlap=0.0,
    expert_overlap=0.0,
    data_overlap=0.05,
    host_seconds_per_layer=300e-6,
    source=f"Korthikanti et al. 2022, arXiv:2205.05198; Narayanan et al. 2021, arXiv:2104.04473; {_CALIBRATED} both",
)
MEGATRON_DEEPSPEED = evolve(
    MEGATRON_2022,
    name="megatron-deepspeed",
    offloads=("optimizer", "activations"),
    aliases=("Megatron-DeepSpeed", "GPT-NeoX"),
    architectures=(),
    description="Megatron-DeepSpeed: unfused attention, gradients added by kernels of their own, 16-bit gradients",
    kernel_rate=0.85,
    elementwise_traffic=1.87,
    host_seconds_per_layer=890e-6,
    host_seconds_per_step=0.03,
    reduction_bits=16,
    gradient_bits=16,
    gradient_bits_by_dtype={"bf16": 48},
    fused_accumulation=False,
    optimizer_extra_bytes=4.0,
    communication_bytes=3.0 * GIGA,
    context_bytes=2.0 * GIGA,
    slack=0.28,
    source="BF16 gradients beside their sum in FP32, FP16 ones copied to FP32 for the step: DeepSpeed's BF16_Optimizer "
    f"and ZeRO 1; reduce and gather buckets of 5e8 elements; {_CALIBRATED} vTrain, BLOOM, MT-NLG, tr3m",
)
DEEPSPEED = evolve(
    MEGATRON_DEEPSPEED,
    name="deepspeed-zero3",
    aliases=("DeepSpeed ZeRO-3",),
    description="DeepSpeed ZeRO 3 of 2021: weights gathered a parameter at a time",
    kernel_rate=1.0,
    data_overlap=1.0,
    data_bandwidth=0.1,
    source="Narayanan et al. 2021, arXiv:2104.04473, table 2: three runs whose time is that of the gathering",
)
FSDP = evolve(
    MEGATRON_CORE,
    name="fsdp",
    offloads=("optimizer", "activations"),
    default=False,
    aliases=("FSDP", "Meta internal"),
    description="PyTorch FSDP with FlashAttention-2, eager",
    attention="flash-2",
    keeps_operands=False,
    kernel_rate=0.84,
    elementwise_traffic=2.0,
    tensor_overlap=0.0,
    expert_overlap=0.0,
    data_overlap=0.8,
    reduction_bits=16,
    host_seconds_per_layer=250e-6,
    source=f"Zhao et al. 2023, arXiv:2304.11277; {_CALIBRATED} LLaMA-1",
)
LLM_FOUNDRY = evolve(
    FSDP,
    name="llm-foundry",
    offloads=("activations",),
    aliases=("llm-foundry",),
    description="llm-foundry (Composer): PyTorch FSDP with Triton's FlashAttention",
    attention="flash-1",
    kernel_rate=0.95,
    elementwise_traffic=1.1,
    host_seconds_per_layer=300e-6,
    host_seconds_per_step=0.03,
    source=f"mosaicml/llm-foundry, scripts/train/benchmarking; {_CALIBRATED} its rows",
)
TORCHTITAN = evolve(
    FSDP,
    name="torchtitan",
    offloads=("optimizer",),
    aliases=("torchtitan",),
    description="torchtitan: FSDP2, torch.compile, every second multiplication recomputed in selective mode",
    kernel_rate=0.85,
    elementwise_traffic=1.72,
    selective_share=0.5,
    balanced_context=False,
    logit_bytes_kept=12.0,
    source="pytorch/torchtitan, benchmarks/llama3_h100_202412_torchtitan.md; logits in 16 and 32 bits and their "
    f"gradients; {_CALIBRATED} its rows",
)
LIT_GPT = evolve(
    FSDP,
    name="lit-gpt",
    offloads=(),
    aliases=("lit-gpt",),
    description="lit-gpt: FSDP with FlashAttention-2 and fused kernels",
    kernel_rate=1.0,
    elementwise_traffic=1.0,
    source="jzhang38/TinyLlama: fused norms, loss and rotation; nothing calibrated, since one run is published",
)
LLM_C = evolve(
    MEGATRON_CORE,
    name="llm-c",
    offloads=(),
    default=False,
    aliases=("llm.c",),
    description="llm.c: CUDA without a host language in the way",
    attention="flash-2",
    elementwise_traffic=1.0,
    tensor_overlap=0.0,
    host_seconds_per_layer=50e-6,
    host_seconds_per_step=0.0,
    source="karpathy/llm.c: fused kernels, launched from C; nothing calibrated",
)

FRAMEWORKS = (
    MEGATRON_CORE,
    MEGATRON_NO_OVERLAP,
    MEGATRON_DETERMINISTIC,
    MEGATRON_2022,
    MEGATRON_DEEPSPEED,
    DEEPSPEED,
    FSDP,
    LLM_FOUNDRY,
    TORCHTITAN,
    LIT_GPT,
    LLM_C,
)
