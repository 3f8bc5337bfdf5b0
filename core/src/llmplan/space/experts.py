"""Over how many ranks experts can be shared."""

from __future__ import annotations

from functools import lru_cache
from math import gcd

from llmplan.records import ModelArchitecture
from llmplan.space.choice import Choice
from llmplan.space.layout import Sizes


def widest_expert_parallel(choice: Choice, sizes: Sizes) -> int:
    """The most data and context parallel ranks of a scale-up domain that divide the experts; 1 without experts."""
    experts = experts_of(choice.model)
    if experts == 1:
        return 1
    inside = max(1, choice.hardware.scale_up_domain // sizes.tp)
    shared = gcd(experts, sizes.dp * sizes.cp)
    return max(size for size in range(1, inside + 1) if shared % size == 0)


@lru_cache(maxsize=256)
def experts_of(model: ModelArchitecture) -> int:
    """Routed experts of a layer, 1 where there are none."""
    gemms = (operator.gemm for block in model.lower(1, 1).layers for operator in block.operators)
    return max((int(gemm.groups) for gemm in gemms if gemm is not None and gemm.routed), default=1)
