"""wXaYeZ: weights of X bits, activations of Y bits, embeddings of Z bits.

INT tensor cores need both operands in the same integer width, so the narrower one is widened first and max(X, Y)
decides: w4a4 multiplies in INT4, w4a8 and w8a8 in INT8, anything with 16 bits in 16-bit floating point, where narrow
weights only save bandwidth.
"""

from __future__ import annotations

import re

from llmplan.errors import BadInputError
from llmplan.records import DTypeFamily, DTypeRule

OPERAND_BITS = (4, 8, 16)
EMBEDDING_BITS = (4, 8, 16, 32)

WIDEST = 16
GROUPED_BITS = 4
"""Of weights so narrow that groups of them have scales of their own; wider ones have one a column."""
SCALE_BITS = (16 + 4) / 128
"""Of a weight: a scale in 16 bits and a zero point in 4 for a group of 128 (Lin et al. 2023, arXiv:2306.00978)."""
_FORMATS = {4: ("int4",), 8: ("int8",), 16: ("fp16", "bf16")}
"""Formats of a GEMM whose wider operand has so many bits."""

_TYPED = {(4, 16): ("int4", "awq", "gptq"), (8, 8): ("int8",)}
"""What people type: methods that store weights in so many bits, and one word where two widths are the same."""
_LISTED = ("w16a16", "w8a16", "w8a8", "w4a16", "w4a8", "w4a4")


def integer_rule(weight: int, activation: int, embedding: int) -> DTypeRule:
    """The rule of these widths; a device without units for the GEMM format widens both operands further."""
    widest = max(weight, activation)
    tiers = tuple(_FORMATS[bits] for bits in OPERAND_BITS if bits >= widest)
    return DTypeRule(
        name=f"w{weight}a{activation}e{embedding}",
        weight_bits=weight,
        activation_bits=activation,
        embedding_bits=embedding,
        training="hypothetical" if min(weight, activation) < WIDEST else "published",
        gemm_formats=tiers,
        scale_bits=SCALE_BITS if weight <= GROUPED_BITS else 0.0,
        aliases=_aliases(weight, activation) if embedding == WIDEST else (),
        default=(weight, activation, embedding) == (16, 16, 16),
        description=f"bits of weights {weight}, activations {activation}, embeddings {embedding}; "
        f"GEMM in {' or '.join(one.upper() for one in tiers[0])}",
        source="both operands of an INT GEMM have the same width: NVIDIA PTX ISA, mma instruction, integer types",
    )


def _aliases(weight: int, activation: int) -> tuple[str, ...]:
    """As tables say weights and activations; what is 16 bits wide throughout goes by its format."""
    if weight == WIDEST:
        return ()
    wide = (f"int{activation}",) if activation < WIDEST else ("fp16", "bf16")
    return (*(f"int{weight}/{of}" for of in wide), *_TYPED.get((weight, activation), ()))


def parse(match: re.Match[str]) -> DTypeRule:
    """The rule of a name; BadInputError with the reason where there is none."""
    name = match.group()
    weight, activation = int(match["weight"]), int(match["activation"])
    for letter, bits in (("w", weight), ("a", activation)):
        if bits not in OPERAND_BITS:
            raise BadInputError(f"dtype: {name}: {letter}{bits} is none of {_listing(letter, OPERAND_BITS)}")
    embedding = match["embedding"] or "16"
    if weight > activation:
        raise BadInputError(
            f"dtype: {name} makes no sense: the {activation}-bit activations would be widened to {weight} bits for the "
            f"GEMM, so they save nothing there; take w{weight}a{weight}e{embedding} or "
            f"w{activation}a{activation}e{embedding}"
        )
    if match["embedding"] is None:
        raise BadInputError(f"dtype: {name} lacks the width of the embeddings: {name}e16, for instance")
    if int(embedding) not in EMBEDDING_BITS:
        raise BadInputError(f"dtype: {name}: e{embedding} is none of {_listing('e', EMBEDDING_BITS)}")
    return integer_rule(weight, activation, int(embedding))


def _listing(letter: str, widths: tuple[int, ...]) -> str:
    return ", ".join(f"{letter}{bits}" for bits in widths)


INTEGER_DTYPES = DTypeFamily(
    pattern=re.compile(r"w(?P<weight>\d+)a(?P<activation>\d+)(?:e(?P<embedding>\d+))?"),
    build=parse,
    listed=tuple(f"{operands}e{embedding}" for embedding in (16, 32) for operands in _LISTED),
)
