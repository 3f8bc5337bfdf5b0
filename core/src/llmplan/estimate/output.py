"""Ways out: reporters write for the terminal, exporters for files, advisers beside what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from llmplan.records.checks import lookup_name

if TYPE_CHECKING:
    from llmplan.estimate.comparison import Comparison
    from llmplan.estimate.server import Estimate


@frozen(kw_only=True, eq=False, repr=False)
class Reporter:
    """Turns an estimate into the text that a command prints, chosen by ``--reporter NAME``."""

    name: str = field(validator=lookup_name)
    render: Callable[[Estimate], str]
    render_comparison: Callable[[Comparison], str] | None = None
    """The same for several plans; None where it has no words for these."""
    render_search: Callable[[Any], str] | None = None
    """The same for what a search found, a `SearchResult`."""
    render_parts: Callable[[Estimate], str] | None = None
    """What parts of the model take, which ``--explain`` prints too."""
    line: Callable[[Any], str] | None = None
    """The answer of any of them on one line, for a prompt."""
    html: Callable[[Any], str] | None = None
    """Any of them for a notebook."""
    description: str = ""


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


@frozen(repr=False)
class Advice:
    """What is wrong on one line and, where one is known, a command that works."""

    line: str
    command: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class Adviser:
    """Says on stderr what would do, where a command line is refused and where nothing that was found is feasible."""

    name: str = field(validator=lookup_name)
    refused: Callable[[Exception, Sequence[str]], Advice | None] | None = None
    """Of what was refused, and the words of the command line; None where it has no advice."""
    infeasible: Callable[[Any], Advice | None] | None = None
    """The same of an estimate, a comparison or a `SearchResult`."""
    description: str = ""
