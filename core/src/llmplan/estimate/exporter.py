"""What writes an answer to a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from llmplan.records.checks import lookup_name

if TYPE_CHECKING:
    from llmplan.estimate.comparison import Comparison
    from llmplan.estimate.server import Estimate


@frozen(kw_only=True, eq=False, repr=False)
class Exporter:
    """Turns an estimate into the contents of a file, chosen by the ending of ``--output FILE``."""

    name: str = field(validator=lookup_name)
    suffix: str
    """With its dot: ``.csv``."""
    kind: str = ""
    """Which of several files of this ending it writes, for ``KIND:FILE``; empty where it is meant by the ending alone.
    """
    export: Callable[[Estimate], bytes]
    export_comparison: Callable[[Comparison], bytes] | None = None
    """The same for several plans; None where the format has no place for these."""
    export_search: Callable[[Any], bytes] | None = None
    """The same for what a search found, a `SearchResult`."""
    export_validation: Callable[[Any], bytes] | None = None
    """The same for a set of published figures beside what llmplan says, as ``llmplan validate --json`` prints them."""
    check: Callable[[], None] | None = None
    """Asked before anything is priced: BadInputError where something is missing that it needs."""
    description: str = ""
