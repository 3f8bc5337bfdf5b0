"""How the weights are stored: the dtype of the configuration, of its quantisation, and of the files themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llmplan.records import Block, LoweredModel, Operator, StoredWeights
from llmplan_models_huggingface.config import Config
from llmplan_models_huggingface.quantisation import WIDE_BITS, Quantisation, quantisation
from llmplan_models_huggingface.weight_files import tensor_bytes

_DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
_EXPERTS_ALONE = "mxfp4-experts"
_LEAST_WIDE_BITS = 12.0
_LEAST_EIGHT_BITS = 7.0
_FOUR_BITS = 4.25
"""With a scale of 8 bits for every 32 weights."""


def stored_weights(lowered: LoweredModel, config: Config, folder: Path) -> StoredWeights | None:
    """None where the configuration says nothing of it."""
    text = config.nested("text_config") or config
    word = next(
        (of.values.get(key) for of in (text, config) for key in ("torch_dtype", "dtype") if key in of.values), None
    )
    plain = _DTYPES.get(str(word).removeprefix("torch."))
    table = _quantisation_of(config, text, folder)
    exact = _exact_bits(lowered, tensor_bytes(folder))
    if table is None and exact and exact[0] < _LEAST_WIDE_BITS:
        return _of_llama_cpp(*exact, plain)
    if table is None:
        if plain is None:
            return None
        return StoredWeights(dtype=plain, training_dtype=plain, said="as in its config.json")
    found = quantisation(config, table)
    dense, experts = _mean_bits(lowered, found)
    said = found.said
    if exact:
        dense, experts = exact
        said = f"{said}; bytes as in its files"
    elif text.values.get("expert_dtype") == "fp4":
        experts = _FOUR_BITS
        said = f"{said}; experts in FP4"
    dtype = found.scheme.dtype
    if dtype == "fp4-weights" and experts is not None and dense == WIDE_BITS:
        dtype = _EXPERTS_ALONE
    return StoredWeights(
        dtype=dtype,
        training_dtype=plain or "bf16",
        layer_bits=dense,
        expert_bits=experts,
        kv_bits=found.kv_bits,
        said=said,
    )


def _of_llama_cpp(dense: float, experts: float | None, plain: str | None) -> StoredWeights:
    """Files of so few bits without a word of a method are llama.cpp's, which widens weights to multiply."""
    dtype = "gguf-q4-k-m" if dense < _LEAST_EIGHT_BITS else "w8a16e16"
    said = f"{dense:.3g} bits a weight by its files"
    return StoredWeights(dtype=dtype, training_dtype=plain or "bf16", layer_bits=dense, expert_bits=experts, said=said)


def _quantisation_of(config: Config, text: Config, folder: Path) -> Mapping[str, Any] | None:
    """In the configuration, in its table of the language model, or in the file that ModelOpt writes beside it."""
    for values in (config.values, text.values):
        table = values.get("quantization_config")
        if isinstance(table, Mapping):
            return table
    beside = folder / "hf_quant_config.json"
    if beside.is_file():
        table = json.loads(beside.read_text("utf-8")).get("quantization") or {}
        return {"quant_method": "modelopt", **table}
    return None


def _mean_bits(lowered: LoweredModel, found: Quantisation) -> tuple[float, float | None]:
    """Of weights outside of routed experts, and of these, over all layers."""
    bits: dict[bool, float] = {}
    weights: dict[bool, float] = {}
    layers = sum(block.count for block in lowered.layers)
    for block in lowered.layers:
        for operator in block.operators:
            routed = operator.gemm is not None and operator.gemm.routed
            held = float(block.count * operator.weights)
            bits[routed] = bits.get(routed, 0.0) + held * _bits(operator, layers, found)
            weights[routed] = weights.get(routed, 0.0) + held
    return bits[False] / weights[False], bits[True] / weights[True] if weights.get(True) else None


_PROJECTIONS: Mapping[str, tuple[str, ...]] = {
    "attention": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"),
    "mlp": ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
    "shared": ("mlp.shared_experts.gate_proj", "mlp.shared_experts.up_proj", "mlp.shared_experts.down_proj"),
    "experts": ("mlp.experts.0.gate_proj", "mlp.experts.0.up_proj", "mlp.experts.0.down_proj"),
}
"""How checkpoints call the matrices of a layer."""


def _bits(operator: Operator, layers: int, found: Quantisation) -> float:
    """The mean over the layers of what the modules of an operator are stored in; routers stay wide."""
    if operator.name in ("router", "shared experts: gate"):
        return WIDE_BITS
    if operator.name.startswith("shared experts"):
        kind = "shared"
    elif operator.gemm is not None and operator.gemm.routed:
        kind = "experts"
    else:
        kind = "mlp" if operator.part == "mlp" else "attention"
    names = [f"model.layers.{layer}.{module}" for layer in range(layers) for module in _PROJECTIONS[kind]]
    return sum(map(found.bits_of, names)) / len(names)


_ENDS = re.compile(r"(?:^|\.)(embed_tokens|lm_head|wte|word_embeddings|token_embd|output|embed_out)\.weight")
_LAYER = re.compile(r"(?:layers|h|blocks|blk)\.(\d+)\.")
_ROUTED = re.compile(r"(?<!shared_)experts\b|_exps\b")


def _exact_bits(lowered: LoweredModel, files: Mapping[str, int]) -> tuple[float, float | None] | None:
    """Bytes of the layers' tensors over the parameters that they hold; None where no files are at hand."""
    layers = sum(block.count for block in lowered.layers)
    sizes = {False: 0, True: 0}
    for name, size in files.items():
        number = _LAYER.search(name)
        # layers beyond the last predict further tokens
        if number is not None and int(number[1]) < layers and not _ENDS.search(name):
            sizes[_ROUTED.search(name) is not None] += size
    if not sizes[False]:
        return None
    routed = _sum(lowered.layers, lambda block: block.expert_parameters)
    dense = _sum(lowered.layers, lambda block: block.parameters) - routed
    return 8.0 * sizes[False] / dense, 8.0 * sizes[True] / routed if routed and sizes[True] else None


def _sum(blocks: Iterable[Block], of: Any) -> float:
    return float(sum(block.count * of(block) for block in blocks))
