"""What `quantization_config` says: which matrices are stored in how many bits, and what multiplies them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from llmplan.errors import shown
from llmplan_models_huggingface.config import Config

WIDE_BITS = 16.0
"""Of what is not quantised."""


@frozen
class Scheme:
    """One way of storing the matrices of a checkpoint."""

    dtype: str
    """The dtype rule that prices it."""
    bits: float
    """Of a weight, with its part of the scales and zero points of its group."""


@frozen(eq=False)
class Quantisation:
    """What a checkpoint quantises, and how."""

    said: str
    scheme: Scheme
    bits_of: Callable[[str], float]
    """Bits of a weight of a module, by its name."""
    kv_bits: float | None = None


def quantisation(config: Config, table: Mapping[str, Any]) -> Quantisation:
    """BadInputError where the method is not known."""
    method = str(table.get("quant_method") or table.get("quant_algo") or "")
    reader = _METHODS.get(method.lower())
    if reader is None:
        known = ", ".join(_METHODS)
        config.refuse(
            "quantization_config", f"quant_method: {method!r} is none of {known}; give --dtype to price another"
        )
    for name, value in table.items():
        if name in _LISTS and value is not None:
            _check_modules(config, name, value)
    return reader(config, table)


_LISTS = frozenset(
    ("modules_to_not_convert", "modules_in_block_to_skip", "llm_int8_skip_modules", "exclude_modules", "ignore")
)
"""Fields that name modules which stay wide."""


def _check_modules(config: Config, name: str, modules: Any) -> None:
    if not (isinstance(modules, list) and all(isinstance(one, str) for one in modules)):
        config.refuse("quantization_config", f"{name}: {shown(modules)} is no list of names of modules")
    for one in modules:
        try:
            _matcher(one)
        except (re.error, OverflowError, RecursionError):
            config.refuse("quantization_config", f"{shown(one)} is no regular expression")


def _but(scheme: Scheme, left_wide: Sequence[str]) -> Callable[[str], float]:
    """The bits of the scheme, except for modules that stay in 16 bits."""
    matchers = [_matcher(pattern) for pattern in left_wide]

    def bits_of(name: str) -> float:
        return WIDE_BITS if any(matches(name) for matches in matchers) else scheme.bits

    return bits_of


def _matcher(pattern: str) -> Callable[[str], bool]:
    """A regular expression after ``re:``, else components of a module's name with ``*`` for any text."""
    if pattern.startswith("re:"):
        expression = re.compile(pattern[3:])
        return lambda name: expression.match(name) is not None
    parts = re.escape(pattern.strip(".")).replace(r"\*", ".*")
    anywhere = re.compile(rf"(?:^|.*\.){parts}(?:\..*)?$")
    return lambda name: anywhere.match(name) is not None


def _left_wide(table: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(str(one) for name in names for one in table.get(name) or ())


def _fp8(config: Config, table: Mapping[str, Any]) -> Quantisation:
    """Blocks of 128 x 128 with a scale in FP32 each, or a scale a row or a matrix, which weighs nothing."""
    block = table.get("weight_block_size")
    if block and not _is_a_block(block):
        config.refuse("quantization_config", f"weight_block_size: {shown(block)} is no block, like [128, 128]")
    scheme = Scheme("fp8", 8.0 + (32.0 / (block[0] * block[1]) if block else 0.0))
    words = f"FP8 in blocks of {block[0]} x {block[1]}" if block else "FP8"
    return Quantisation(words, scheme, _but(scheme, _left_wide(table, "modules_to_not_convert")))


def _grouped(config: Config, method: str, bits: Any, group: Any) -> Scheme:
    """A scale in 16 bits and a zero point for each group of a column (arXiv:2306.00978, arXiv:2210.17323)."""
    if not (_is_a_size(bits) and bits in (4, 8)):
        config.refuse("quantization_config", f"bits: {bits!r}: {method} of other than 4 or 8 bits is not priced")
    overhead = (16.0 + bits) / group if isinstance(group, int) and group > 0 else 0.0
    return Scheme(f"w{bits}a16e16", bits + overhead)


def _awq(config: Config, table: Mapping[str, Any]) -> Quantisation:
    bits, group = table.get("bits", table.get("w_bit")), table.get("group_size", table.get("q_group_size"))
    scheme = _grouped(config, "AWQ", bits, group)
    left = _left_wide(table, "modules_to_not_convert")
    return Quantisation(f"AWQ, {bits} bits in groups of {group}", scheme, _but(scheme, left))


def _gptq(config: Config, table: Mapping[str, Any]) -> Quantisation:
    bits, group = table.get("bits"), table.get("group_size")
    scheme = _grouped(config, "GPTQ", bits, group)
    left = _left_wide(table, "modules_in_block_to_skip", "modules_to_not_convert")
    return Quantisation(f"GPTQ, {bits} bits in groups of {group}", scheme, _but(scheme, left))


def _mxfp4(_config: Config, table: Mapping[str, Any]) -> Quantisation:
    """Blocks of 32 with a scale in 8 bits (OCP Microscaling Formats v1.0), widened to multiply."""
    scheme = Scheme("fp4-weights", 4.0 + 8.0 / 32)
    return Quantisation("MXFP4", scheme, _but(scheme, _left_wide(table, "modules_to_not_convert")))


def _bitsandbytes(config: Config, table: Mapping[str, Any]) -> Quantisation:
    """NF4 in blocks of 64 with a scale in 32 bits, or in 8 of a second quantisation; LLM.int8() with one a row."""
    left = _left_wide(table, "llm_int8_skip_modules") or ("lm_head",)
    if table.get("load_in_4bit"):
        twice = bool(table.get("bnb_4bit_use_double_quant"))
        scheme = Scheme("w4a16e16", 4.0 + (8.0 / 64 + 32.0 / (64 * 256) if twice else 32.0 / 64))
        return Quantisation("bitsandbytes, 4 bits", scheme, _but(scheme, left))
    if not table.get("load_in_8bit"):
        config.refuse("quantization_config", "load_in_4bit, load_in_8bit: neither is true")
    scheme = Scheme("w8a16e16", 8.0)
    return Quantisation("bitsandbytes, 8 bits", scheme, _but(scheme, left))


def _compressed_tensors(config: Config, table: Mapping[str, Any]) -> Quantisation:
    """Groups of modules, each with the bits of weights and of activations; one group is priced."""
    groups = list(_table(table.get("config_groups")).values())
    if len(groups) != 1:
        config.refuse("quantization_config", f"config_groups: {len(groups)} groups; one is priced")
    weights, inputs = _table(_table(groups[0]).get("weights")), _table(groups[0]).get("input_activations")
    number, kind = weights.get("num_bits"), weights.get("type", "int")
    if not _is_a_size(number):
        config.refuse("quantization_config", f"config_groups: num_bits: {shown(number)} is no number of bits")
    bits = _stored_bits(weights)
    activations = inputs.get("num_bits", 16) if isinstance(inputs, Mapping) else 16
    dtype = _DTYPES.get((str(kind), number, activations if _is_a_size(activations) else None))
    if dtype is None:
        words = f"weights of {number} bits ({kind}) with activations of {activations} are not priced"
        config.refuse("quantization_config", words)
    scheme = Scheme(dtype, bits)
    kept = table.get("kv_cache_scheme")
    kv_bits = float(kept["num_bits"]) if isinstance(kept, Mapping) and _is_a_size(kept.get("num_bits")) else None
    said = f"compressed-tensors, weights {number} bits ({kind}), activations {activations}"
    return Quantisation(said, scheme, _but(scheme, _left_wide(table, "ignore")), kv_bits)


_DTYPES: Mapping[tuple[Any, Any, Any], str] = {
    ("float", 8, 8): "fp8",
    ("float", 8, 16): "fp8-weights",
    ("int", 8, 8): "w8a8e16",
    ("int", 8, 16): "w8a16e16",
    ("int", 4, 16): "w4a16e16",
    ("int", 4, 8): "w4a8e16",
    ("float", 4, 16): "fp4-weights",
    ("float", 4, 4): "nvfp4",
}
"""By kind and bits of weights and bits of activations."""


def _stored_bits(weights: Mapping[str, Any]) -> float:
    """With a scale for each group, or block; symmetric weights have no zero point."""
    bits, group = float(weights.get("num_bits") or 0), weights.get("group_size")
    if weights.get("strategy") in ("group", "tensor_group") and isinstance(group, int) and group > 0:
        narrow = weights.get("type") == "float" and bits == _FP4_BITS
        scale = 8.0 if narrow else 16.0
        return bits + (scale + (0.0 if weights.get("symmetric", True) else bits)) / group
    block = weights.get("block_structure")
    if block is not None and _is_a_block(block):
        return bits + 32.0 / float(block[0] * block[1])
    return bits


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_a_block(value: Any) -> bool:
    """Of a matrix: its height and its width."""
    return isinstance(value, list) and len(value) == len("hw") and all(map(_is_a_size, value))


def _is_a_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


_FP4_BITS = 4


def _modelopt(config: Config, table: Mapping[str, Any]) -> Quantisation:
    """NVIDIA's: one algorithm, or one for each module."""
    algorithm = str(table.get("quant_algo", "")).upper()
    kv_bits = {"FP8": 8.0, "NVFP4": 4.5}.get(str(table.get("kv_cache_quant_algo")).upper())
    left = _left_wide(table, "exclude_modules", "ignore")
    if algorithm == "MIXED_PRECISION":
        return _mixed(config, table, kv_bits)
    scheme = _ALGORITHMS.get(algorithm)
    if scheme is None:
        config.refuse("quantization_config", f"quant_algo: {algorithm!r} is none of {', '.join(_ALGORITHMS)}")
    return Quantisation(f"ModelOpt {algorithm}", scheme, _but(scheme, left), kv_bits)


_ALGORITHMS = {
    "FP8": Scheme("fp8", 8.0),
    "FP8_PB_WO": Scheme("fp8-weights", 8.0 + 32.0 / 128**2),
    "MXFP8": Scheme("fp8", 8.0 + 8.0 / 32),
    "NVFP4": Scheme("nvfp4", 4.0 + 8.0 / 16),
    "W4A16_AWQ": Scheme("w4a16e16", 4.0 + 16.0 / 128),
    "W8A8_SQ_PER_CHANNEL": Scheme("w8a8e16", 8.0),
}


def _mixed(config: Config, table: Mapping[str, Any], kv_bits: float | None) -> Quantisation:
    """The dtype is that of the narrowest modules, most of the weights; the others keep their bits."""
    kinds: dict[str, Scheme] = {}
    for name, of in _table(table.get("quantized_layers")).items():
        algorithm = str(_table(of).get("quant_algo", "")).upper()
        if algorithm not in _ALGORITHMS:
            config.refuse("quantization_config", f"quantized_layers: {algorithm!r} is none of {', '.join(_ALGORITHMS)}")
        kinds[_kind(name)] = _ALGORITHMS[algorithm]
    if not kinds:
        config.refuse("quantization_config", "quantized_layers: missing, and quant_algo is MIXED_PRECISION")

    def bits_of(name: str) -> float:
        scheme = kinds.get(_kind(name))
        return WIDE_BITS if scheme is None else scheme.bits

    narrowest = min(kinds.values(), key=lambda scheme: scheme.bits)
    return Quantisation("ModelOpt, mixed", narrowest, bits_of, kv_bits)


def _kind(name: str) -> str:
    """Attention, routed or shared experts, or the MLP."""
    for word, kind in (("shared_expert", "shared"), ("experts.", "experts"), ("attn", "attention")):
        if word in name:
            return kind
    return "mlp"


_METHODS: Mapping[str, Callable[[Config, Mapping[str, Any]], Quantisation]] = {
    "fp8": _fp8,
    "fbgemm_fp8": _fp8,
    "awq": _awq,
    "gptq": _gptq,
    "mxfp4": _mxfp4,
    "compressed-tensors": _compressed_tensors,
    "bitsandbytes": _bitsandbytes,
    "modelopt": _modelopt,
}
