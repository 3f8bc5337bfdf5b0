"""The frameworks and engines whose plans each launcher starts first of all, by name."""

from collections.abc import Mapping

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "megatron": (
        "megatron-core",
        "megatron-core-no-overlap",
        "megatron-core-deterministic",
        "megatron-lm-2022",
        "primus",
    ),
    "megatron-bridge": (),
    "torchtitan": ("torchtitan", "torchtitan-rocm"),
    "deepspeed": ("megatron-deepspeed", "deepspeed-zero3", "hugging-face-deepspeed"),
    "accelerate": ("fsdp", "hugging-face-trainer"),
    "axolotl": ("axolotl",),
    "trl": ("trl",),
    "vllm": ("vllm", "vllm-rocm", "vllm-tpu", "vllm-gaudi"),
    "sglang": ("sglang", "sglang-rocm"),
    "tensorrt-llm": ("tensorrt-llm", "tensorrt-llm-0.9", "tensorrt-llm-0.5"),
    "llama-cpp": ("llama.cpp", "llama.cpp-metal"),
    "kubernetes": (),
}
