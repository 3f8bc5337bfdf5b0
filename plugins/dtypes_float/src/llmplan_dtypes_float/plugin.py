"""The hook that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.records import DTypeRule

LLMPLAN_API = 1


@hookimpl
def llmplan_dtype_rules() -> Iterable[DTypeRule]:
    """Those of FP32 to FP4, whole models or parts of them."""
    from llmplan_dtypes_float.rules import FLOAT_DTYPES

    return FLOAT_DTYPES
