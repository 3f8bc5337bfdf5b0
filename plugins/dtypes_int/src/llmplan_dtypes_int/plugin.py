"""What this package contributes."""

from collections.abc import Iterable

from llmplan.hookspecs import hookimpl
from llmplan.records import DTypeFamily

LLMPLAN_API = 1


@hookimpl
def llmplan_dtype_rules() -> Iterable[DTypeFamily]:
    """Every wXaYeZ."""
    from llmplan_dtypes_int.rules import INTEGER_DTYPES

    return [INTEGER_DTYPES]
