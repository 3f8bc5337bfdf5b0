"""What this package contributes."""

from collections.abc import Iterable

from llmplan.estimate import CostModel
from llmplan.hookspecs import hookimpl

LLMPLAN_API = 1


@hookimpl
def llmplan_parallelism_models() -> Iterable[CostModel]:
    """The cost model ``roofline``."""
    from llmplan_parallelism_roofline.model import Roofline

    return [Roofline()]
