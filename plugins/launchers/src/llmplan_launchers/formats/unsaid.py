"""What a plan says of its loss and of frozen weights, and a program has no words for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

INT8_BITS = 8
"""Of frozen weights that bitsandbytes holds in INT8."""


def unsaid(
    program: str, settings: Mapping[str, Any], losses: Collection[str] = (), *, int8: bool = False, fills: bool = False
) -> Iterator[str]:
    """One line each; `losses` are the words of `--cross-entropy` that are written, `int8` where those bits may be."""
    loss, bits = settings["cross_entropy"], settings["frozen_bits"]
    if fills and settings["packing"] is False:
        yield f"samples that are not packed: {program} fills its sequences; packing is priced as it does"
    if loss is not None and loss not in losses:
        has = f"writes {', '.join(losses)}" if losses else "has no key for it: the training script makes its loss"
        yield f"cross-entropy {loss}: {program} {has}"
    if bits is None:
        return
    if int8 and bits == INT8_BITS:
        yield f"frozen-bits 8: {program} holds frozen weights in INT8 of bitsandbytes, not in FP8"
    else:
        yield f"frozen-bits {bits:g}: {program} has no key for it"
