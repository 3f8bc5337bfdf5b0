"""What this package contributes."""

from collections.abc import Iterable

from llmplan.hookspecs import hookimpl
from llmplan.records import CostModel

LLMPLAN_API = 1


@hookimpl
def llmplan_parallelism_models() -> Iterable[CostModel]:
    """The cost model ``roofline``."""
    from llmplan_parallelism_megatron.roofline import Roofline

    return [Roofline()]
