"""The hook that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.records import DTypeFamily

LLMPLAN_API = 1


@hookimpl
def llmplan_dtype_rules() -> Iterable[DTypeFamily]:
    """Contribute every dtype that is called wXaYeZ."""
    from llmplan_dtypes_int.rules import INTEGER_DTYPES

    return [INTEGER_DTYPES]
