"""What is said beside what went wrong, by the advisers of plugins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from attrs import field, frozen

from llmplan.records.checks import lookup_name


class Advice(NamedTuple):
    """What is wrong and, where one is known, a command that works."""

    line: str
    """What is said in place of the error."""
    command: str = ""
    """Of which llmplan makes a hint, apart; empty where none is known."""


@frozen(kw_only=True, eq=False, repr=False)
class Adviser:
    """Says on stderr what would do, where a command line is refused and where nothing that was found is feasible."""

    name: str = field(validator=lookup_name)
    refused: Callable[[Exception, Sequence[str]], Advice | None] | None = None
    """Of what was refused, and the words of the command line; None where it has no advice."""
    infeasible: Callable[[Any], Advice | None] | None = None
    """The same of an estimate, a comparison or a `SearchResult`."""
    description: str = ""
