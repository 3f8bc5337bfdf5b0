"""The names of floating-point dtypes, and the words that people and tables know them by."""

from collections.abc import Mapping

ALIASES: Mapping[str, tuple[str, ...]] = {
    "bf16": ("bfloat16",),
    "fp16": ("float16", "half"),
    "tf32": (),
    "fp32": ("float32",),
    "fp8": ("float8",),
    "fp8-dynamic": ("fp8/fp8-dynamic", "fp8-dynamic"),
    "fp8-inference": ("fp8/fp8",),
    "fp8-mlp": (),
    "fp8-weights": ("fp8/bf16", "fp8/fp16"),
    "nvfp4": (),
    "mxfp4": (),
    "fp4-weights": (),
    "mxfp4-experts": ("mxfp4/bf16",),
    "mxfp4-experts-mxfp8": ("mxfp4/mxfp8", "mxfp4/fp8"),
    "gguf-q4-k-m": ("gguf-q4_k_m/fp16", "q4_k_m/fp16"),
}
