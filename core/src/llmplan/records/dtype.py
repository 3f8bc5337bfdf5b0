"""Dtype rules: how wide each tensor is, and in which number format matrix multiplication runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property

from attrs import field, frozen
from attrs.validators import optional

from llmplan.errors import UnsupportedFormatError
from llmplan.records.checks import lookup_name, not_negative, one_of, positive
from llmplan.records.hardware import HardwareProfile

MIXED_PRECISION_BITS = 16
TRAINING_REMARKS = {
    "published": "",
    "experimental": " is experimental: few runs are published, and the figures follow none of them",
    "hypothetical": ": no published recipe trains so; the figures are hypothetical",
}
"""What the reader of a training estimate has to know, by how well training in a dtype is known."""


@frozen(repr=False)
class NumberFormat:
    """The format in which an accelerator multiplies matrices, and how fast."""

    name: str
    peak_flops: float
    fallback_from: str | None = None
    """The format that the dtype asked for, where the accelerator has no units for it."""


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class DTypeRule:
    """Bits of each kind of tensor, and the GEMM formats that serve them."""

    name: str = field(validator=lookup_name)
    weight_bits: float = field(validator=positive)
    activation_bits: float = field(validator=positive)
    embedding_bits: float = field(validator=positive)
    norm_bits: float = 32.0
    """Normalisation layers read their input in FP32."""
    loss_bits: float = 32.0
    """Logits are kept in FP32 for the loss."""
    scale_bits: float = field(default=0.0, validator=not_negative)
    """Of a weight: its part of the scales, and zero points, of its group; a cost model may count them."""
    kv_bits: float | None = field(default=None, validator=optional(positive))
    """Of an element of the KV cache where the user states none; those of activations where not given."""
    training_weight_bits: float | None = field(default=None, validator=optional(positive))
    """Bits of a weight that training holds beside the optimizer's master copy, where they are not `weight_bits`."""
    gemm_formats: tuple[tuple[str, ...], ...]
    """Tiers of equally good formats: the first tier is what the dtype asks for, each further one a fallback."""
    expert_bits: float | None = field(default=None, validator=optional(positive))
    """Bits of a weight of routed experts, where they are not `weight_bits`."""
    attention_bits: float | None = field(default=None, validator=optional(positive))
    """Bits of a weight of attention, where checkpoints leave it wider than `weight_bits`."""
    dynamic_scales: bool = False
    """While serving, scales of activations are found token by token, in a kernel of its own; else they are stated."""
    training: str = field(default="published", validator=one_of(*TRAINING_REMARKS))
    """How well training in it is known: ``published``, ``experimental`` or ``hypothetical``."""
    aliases: tuple[str, ...] = ()
    """Words by which tables of measurements know it, weights before activations: ``int8/fp16``."""
    default: bool = False
    """Whether it is meant where the user names none."""
    description: str = ""
    source: str = ""

    @cached_property
    def bits(self) -> Mapping[str, float]:
        """Bits of an element by the `Tensor.width` that it has."""
        return {
            "weight": self.weight_bits,
            "activation": self.activation_bits,
            "embedding": self.embedding_bits,
            "norm": self.norm_bits,
            "loss": self.loss_bits,
        }

    @property
    def held_bits(self) -> float:
        """Of a weight while it trains."""
        return self.training_weight_bits or self.weight_bits

    @property
    def is_narrow(self) -> bool:
        """Whether weights or activations have fewer bits than those of mixed precision training.

        That is 16 (Micikevicius et al. 2018, arXiv:1710.03740).
        """
        return min(self.weight_bits, self.activation_bits) < MIXED_PRECISION_BITS

    @property
    def training_remarks(self) -> tuple[str, ...]:
        """What the reader of a training estimate has to know of the dtype."""
        remark = TRAINING_REMARKS[self.training]
        return (f"{self.name} in training{remark}",) if remark else ()

    def gemm_format(self, hardware: HardwareProfile) -> NumberFormat:
        """The first format that the accelerator has; UnsupportedFormatError where it has none of them."""
        for tier, formats in enumerate(self.gemm_formats):
            for name in formats:
                if name in hardware.peak_flops:
                    wanted = None if tier == 0 else self.gemm_formats[0][0]
                    return NumberFormat(name, hardware.peak_flops[name], wanted)
        has = ", ".join(sorted(hardware.peak_flops))
        wants = " or ".join(name for formats in self.gemm_formats for name in formats)
        raise UnsupportedFormatError(f"dtype: {self.name} multiplies in {wants}; {hardware.name} has {has}")


@frozen(kw_only=True, eq=False, repr=False)
class DTypeFamily:
    """Dtype rules whose names follow a pattern, more of them than anybody wants listed."""

    pattern: re.Pattern[str]
    build: Callable[[re.Match[str]], DTypeRule]
    """Makes the rule of a name that matches, or raises BadInputError with the reason why there is none."""
    listed: tuple[str, ...]
    """The names that listings, completion and near misses show."""

    def rule(self, name: str) -> DTypeRule | None:
        """The rule of this name, None where the name does not follow the pattern."""
        match = self.pattern.fullmatch(name)
        return None if match is None else self.build(match)
