"""Units at the edge: multipliers for data files, and numbers as people write them (``1.4T``)."""

from __future__ import annotations

KILO, MEGA, GIGA, TERA = 1e3, 1e6, 1e9, 1e12
GIB = 2.0**30
"""Bytes in a GiB. Memory is counted in GiB, bandwidth in GB/s; the two never mix."""
MIB = 2.0**20
"""Bytes in a MiB, in which caches are counted."""
GBIT = 1e9 / 8
"""Bytes in a gigabit, the unit of network cards."""

_EXPONENTS = {"K": "e3", "M": "e6", "G": "e9", "B": "e9", "T": "e12", "P": "e15"}
_TIMES = {
    "thousand": 1e3,
    "million": 1e6,
    "mn": 1e6,
    "billion": 1e9,
    "bn": 1e9,
    "trillion": 1e12,
    "quadrillion": 1e15,
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("kmgtp", 1)},
}
"""In lower case: words, and powers of 1024."""


def parse_number(text: str) -> float:
    """Read ``2048``, ``1.4e12``, ``1_000``, ``1.4T`` (K, M, G or B, T, P: powers of 1000), ``2 trillion`` or ``32Ki``
    (Ki, Mi, Gi: powers of 1024); ValueError otherwise.
    """
    text = text.strip()
    exponent = _EXPONENTS.get(text[-1:].upper())
    try:
        return float(text if exponent is None else text[:-1].rstrip() + exponent)
    except ValueError:
        plain = text.lower().removesuffix("tokens")
        word = next((word for word in _TIMES if plain.rstrip().endswith(word)), None)
        if word is None and plain == text.lower():
            raise
        return parse_number(plain) if word is None else float(plain.rstrip().removesuffix(word)) * _TIMES[word]


def rate(per_second: float, number_format: str) -> str:
    """Of arithmetic in a number format: ``989 TFLOP/s``, of integers ``1,979 TOP/s``."""
    operations = "OP" if number_format.startswith("int") else "FLOP"
    return f"{per_second / TERA:,.5g} T{operations}/s"
