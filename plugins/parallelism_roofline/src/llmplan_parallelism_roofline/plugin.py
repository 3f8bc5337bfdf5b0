"""The hook that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.estimate import CostModel

LLMPLAN_API = 1


@hookimpl
def llmplan_parallelism_models() -> Iterable[CostModel]:
    """Contribute the cost model ``roofline``, that of the published LLaMA tables."""
    from llmplan_parallelism_roofline.model import Roofline

    return [Roofline()]
