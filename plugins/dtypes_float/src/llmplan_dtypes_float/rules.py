"""Floating-point dtypes by the names that papers and frameworks use.

An accelerator without units for a format is refused, with one exception: what asks for TF32 runs in FP32 elsewhere, as
cuBLAS does it, since both store 32 bits. Nothing else has an honest substitute of the same widths. FP16 has not the
range of BF16. Training libraries refuse FP8 before Ada; serving engines then dequantise the weights and keep
activations in 16 bits (FP8 and FP4 Marlin in vLLM): another dtype, which w8a16e16 or w4a16e16 prices.

`fp8` and `fp8-inference` are two because their tensors differ. FP8 recipes quantise what a GEMM reads; its output, the
residual stream, attention, norms, all-reduces and the KV cache stay in BF16. Serving with an FP8 KV cache is the other
one. Like the integer dtypes, it and the FP4 dtypes give every activation the width of the GEMM operands, all-reduces
and KV cache included, which is the most that they can save.

Weights in training: quantised operands are derived from weights that the optimizer updates in FP32, and what is held
beside these is 16 bits wide even for FP8, either as BF16 weights that are quantised when used (torchao) or as two FP8
copies, by row and by column (Transformer Engine with FP8 parameters, on Hopper). Transformer Engine without FP8
parameters may hold both. Measured: Llama 3.1 8B takes 77.0 GiB in BF16 and 76.8 GiB with FP8 GEMMs (torchtitan,
benchmarks/llama3_h100_202412_torchtitan.md, table 1).

Training in FP8 follows published recipes, which keep 16 bits between GEMMs (Micikevicius et al. 2022,
arXiv:2209.05433; DeepSeek-V3 2024, arXiv:2412.19437, section 3.3); of FP4 first experiments are published (NVIDIA 2025,
arXiv:2509.25149), of the others nothing.

FP32 and TF32 train without a master copy; cost models that add one (12 bytes a parameter) overstate their memory.
"""

from __future__ import annotations

from attrs import evolve

from llmplan.records import DTypeRule
from llmplan_dtypes_float.names import ALIASES

SCALE_BITS = 8
"""Of the scale that a block of FP4 elements shares: FP8 (E4M3) in NVFP4, a power of two (E8M0) in MXFP4."""


def four_bit_blocks(elements: int) -> float:
    """Bits of an FP4 (E2M1) element with its share of the block's scale; a scale of the whole tensor weighs nothing."""
    return 4 + SCALE_BITS / elements


BF16 = DTypeRule(
    name="bf16",
    aliases=ALIASES["bf16"],
    weight_bits=16,
    activation_bits=16,
    embedding_bits=16,
    gemm_formats=(("bf16",),),
    description="all tensors 16; GEMM in BF16",
    source="Kalamkar et al. 2019, arXiv:1905.12322",
)
FP16 = DTypeRule(
    name="fp16",
    aliases=ALIASES["fp16"],
    weight_bits=16,
    activation_bits=16,
    embedding_bits=16,
    gemm_formats=(("fp16",),),
    description="all tensors 16; GEMM in FP16",
    source="Micikevicius et al. 2018, arXiv:1710.03740",
)
TF32 = DTypeRule(
    name="tf32",
    weight_bits=32,
    activation_bits=32,
    embedding_bits=32,
    gemm_formats=(("tf32",), ("fp32",)),
    description="all tensors 32; GEMM in TF32, or FP32 where there is none",
    source="NVIDIA A100 Tensor Core GPU Architecture whitepaper, 2020: FP32 in memory, rounded inside the tensor core",
)
FP32 = DTypeRule(
    name="fp32",
    aliases=ALIASES["fp32"],
    weight_bits=32,
    activation_bits=32,
    embedding_bits=32,
    gemm_formats=(("fp32",),),
    description="all tensors 32; GEMM in FP32, without tensor cores",
    source="IEEE 754 binary32",
)
FP8 = DTypeRule(
    name="fp8",
    aliases=ALIASES["fp8"],
    weight_bits=8,
    activation_bits=16,
    embedding_bits=16,
    training_weight_bits=16,
    gemm_formats=(("fp8",),),
    description="weights 8 (held in 16 while training), GEMM inputs made 8, all else 16; GEMM in FP8",
    source="Micikevicius et al. 2022, arXiv:2209.05433: GEMM inputs in FP8, outputs wider; DeepSeek-V3 2024, "
    "arXiv:2412.19437, section 3.3: embedding, output head, norms and attention stay wider; Transformer Engine user "
    "guide, low precision training: weights held as BF16, or as FP8 by row and by column, beside FP32 master weights",
)
FP8_DYNAMIC = evolve(
    FP8,
    name="fp8-dynamic",
    aliases=ALIASES["fp8-dynamic"],
    dynamic_scales=True,
    description="as fp8, with scales of activations found token by token while serving, by a kernel of its own",
    source="vLLM documentation, FP8 W8A8: online dynamic quantisation, and static scales of a checkpoint's own",
)
FP8_INFERENCE = DTypeRule(
    name="fp8-inference",
    weight_bits=8,
    activation_bits=8,
    embedding_bits=16,
    training_weight_bits=16,
    aliases=ALIASES["fp8-inference"],
    training="hypothetical",
    gemm_formats=(("fp8",),),
    description="weights, activations and KV cache 8, embeddings 16; GEMM in FP8",
    source="Micikevicius et al. 2022, arXiv:2209.05433: post-training quantisation; FP8 KV cache: vLLM and "
    "TensorRT-LLM documentation",
)
NVFP4 = DTypeRule(
    name="nvfp4",
    dynamic_scales=True,
    weight_bits=four_bit_blocks(16),
    activation_bits=four_bit_blocks(16),
    embedding_bits=16,
    training_weight_bits=16,
    kv_bits=8,
    training="experimental",
    gemm_formats=(("fp4",),),
    description="weights and activations 4.5: FP4, an E4M3 scale per 16; embeddings 16; GEMM in FP4",
    source="NVIDIA 2025, arXiv:2509.25149, and Introducing NVFP4, NVIDIA technical blog, 2025: E2M1 elements, an E4M3 "
    "scale per 16",
)
MXFP4 = DTypeRule(
    name="mxfp4",
    dynamic_scales=True,
    weight_bits=four_bit_blocks(32),
    activation_bits=four_bit_blocks(32),
    embedding_bits=16,
    training_weight_bits=16,
    kv_bits=8,
    training="experimental",
    gemm_formats=(("fp4",),),
    description="weights and activations 4.25: FP4, an E8M0 scale per 32; embeddings 16; GEMM in FP4",
    source="OCP Microscaling Formats (MX) Specification v1.0, 2023: E2M1 elements, an E8M0 scale per 32",
)
FP8_MLP = DTypeRule(
    name="fp8-mlp",
    weight_bits=8,
    activation_bits=16,
    embedding_bits=16,
    attention_bits=16,
    training="hypothetical",
    gemm_formats=(("fp8",),),
    description="weights of MLPs 8, of attention 16, GEMM inputs of MLPs made 8, all else 16; GEMM of MLPs in FP8",
    source="Llama Team 2024, arXiv:2407.21783, section 6.2: FP8 of the feed-forward layers, not of attention",
)
FP8_WEIGHTS = DTypeRule(
    name="fp8-weights",
    weight_bits=8,
    activation_bits=16,
    embedding_bits=16,
    aliases=ALIASES["fp8-weights"],
    training="hypothetical",
    gemm_formats=(("bf16", "fp16"),),
    description="weights 8, all else 16; widened, GEMM in BF16",
    source="vLLM documentation, quantization, FP8 W8A16: FP8 Marlin where there are no FP8 units",
)
FP4_WEIGHTS = DTypeRule(
    name="fp4-weights",
    weight_bits=four_bit_blocks(32),
    activation_bits=16,
    embedding_bits=16,
    training="hypothetical",
    gemm_formats=(("bf16", "fp16"),),
    description="weights 4.25: FP4, an E8M0 scale per 32; all else 16; widened, GEMM in BF16",
    source="OCP Microscaling Formats (MX) Specification v1.0, 2023; weight-only FP4: vLLM documentation, Marlin",
)
MXFP4_EXPERTS = DTypeRule(
    name="mxfp4-experts",
    weight_bits=16,
    activation_bits=16,
    embedding_bits=16,
    expert_bits=four_bit_blocks(32),
    aliases=ALIASES["mxfp4-experts"],
    gemm_formats=(("bf16", "fp16"),),
    description="weights of routed experts 4.25, all else 16; widened, GEMM in BF16",
    source="OpenAI 2025, arXiv:2508.10925, section 2.1: MXFP4 of the MoE weights, 4.25 bits each",
)
MXFP4_EXPERTS_MXFP8 = DTypeRule(
    name="mxfp4-experts-mxfp8",
    weight_bits=16,
    activation_bits=8,
    embedding_bits=16,
    expert_bits=four_bit_blocks(32),
    kv_bits=16,
    aliases=ALIASES["mxfp4-experts-mxfp8"],
    training="hypothetical",
    gemm_formats=(("fp8",),),
    description="weights of routed experts 4.25, GEMM inputs made 8, all else 16; GEMM at the rate of FP8",
    source="OpenAI 2025, arXiv:2508.10925, section 2.1; MXFP4 weights by MXFP8 activations, as Blackwell multiplies "
    "them: vLLM documentation, gpt-oss recipe; NVIDIA CUTLASS, mixed-precision block-scaled GEMM",
)
GGUF_Q4_K_M = DTypeRule(
    name="gguf-q4-k-m",
    weight_bits=4.80,
    activation_bits=16,
    embedding_bits=5.53,
    expert_bits=4.84,
    aliases=ALIASES["gguf-q4-k-m"],
    training="hypothetical",
    gemm_formats=(("fp16", "bf16"),),
    description="llama.cpp's Q4_K_M: weights 4.8 on average, experts 4.84, ends 5.5, all else 16; GEMM in FP16",
    source="llama.cpp, quantize: Q4_K has 4.5 bits, Q6_K 6.5625, which half of the value and down projections and the "
    "output head are; 4.89 a weight of Llama 3 8B in all; of experts one matrix in three projects down",
)

FLOAT_DTYPES = (
    *(BF16, FP16, TF32, FP32),
    *(FP8, FP8_DYNAMIC, FP8_INFERENCE, FP8_MLP, FP8_WEIGHTS),
    *(NVFP4, MXFP4, FP4_WEIGHTS, MXFP4_EXPERTS, MXFP4_EXPERTS_MXFP8, GGUF_Q4_K_M),
)
