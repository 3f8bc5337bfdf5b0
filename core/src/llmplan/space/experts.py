"""How expert parallelism divides the experts of a layer among ranks."""

from __future__ import annotations

from functools import lru_cache

from llmplan.catalogues import MODELS
from llmplan.catalogues.guard import Guard
from llmplan.records import ModelArchitecture


@lru_cache(maxsize=256)
def experts_of(model: ModelArchitecture) -> int:
    """Routed experts of a layer, 1 where there are none."""
    with Guard(MODELS, model.name):
        layers = model.lower(1, 1).layers
    gemms = (operator.gemm for block in layers for operator in block.operators)
    return max((int(gemm.groups) for gemm in gemms if gemm is not None and gemm.routed), default=1)
