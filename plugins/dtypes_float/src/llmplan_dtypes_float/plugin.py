"""The hook that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues import LazyRecord
    from llmplan.records import DTypeRule

LLMPLAN_API = 1


@hookimpl
def llmplan_dtype_rules() -> Iterable[LazyRecord]:
    """Those of FP32 to FP4, whole models or parts of them."""
    from llmplan.catalogues import LazyRecord
    from llmplan_dtypes_float.names import ALIASES

    for name, aliases in ALIASES.items():
        yield LazyRecord(name, partial(_rule, name), aliases)


def _rule(name: str) -> DTypeRule:
    from llmplan_dtypes_float.rules import FLOAT_DTYPES

    return next(rule for rule in FLOAT_DTYPES if rule.name == name)
