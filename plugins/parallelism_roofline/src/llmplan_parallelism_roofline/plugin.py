"""The hook that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues import LazyRecord
    from llmplan_parallelism_roofline.model import Roofline

LLMPLAN_API = 1


@hookimpl
def llmplan_parallelism_models() -> Iterable[LazyRecord]:
    """Contribute the cost model ``roofline``, that of the published LLaMA tables."""
    from llmplan.catalogues import LazyRecord

    return [LazyRecord("roofline", _roofline)]


def _roofline() -> Roofline:
    from llmplan_parallelism_roofline.model import Roofline

    return Roofline()
