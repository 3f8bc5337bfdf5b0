"""Ways in and out: reporters write for the terminal, options of plugins read and write what else there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

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


class Asking(NamedTuple):
    """What stands beside an option of a plugin on the command line."""

    command: str
    """``train`` or ``infer``, of a search for such plans too."""
    given: Mapping[str, Any]
    """The options of the request, as far as they are known."""
    searching: bool = False
    """Whether a search is asked for."""
    as_json: bool = False
    """Whether JSON is printed, beside which nothing else may be."""
    several: bool = False
    """Whether plans are compared."""


@frozen(kw_only=True, eq=False, repr=False)
class CommandOption:
    """An option of ``llmplan train``, ``infer`` and both searches that is none of a request: it says where options come
    from, or what becomes of the plan beside the report.
    """

    name: str = field(validator=lookup_name)
    """Behind the two dashes."""
    help: str
    """One line of ``--help``."""
    metavar: str
    """What ``--help`` calls its value: ``FILE``."""
    heading: str = "In and out"
    """Under which ``--help`` shows it."""
    repeated: bool = False
    """Whether it may be given several times; its value is a list then."""
    names: str | Callable[[], list[str]] | None = None
    """The kind of record, or the words, that completion offers."""
    read: Callable[[Any, Asking], Mapping[str, Any]] | None = None
    """The options that its value stands for; those that are given beside it win."""
    begin: Callable[[Any, Asking], Callable[[Estimate | None], Callable[[], str]]] | None = None
    """Called before anything is priced. What it returns is called with the plan, None where a search found none, before
    anything is printed; what that returns is called to write files, and returns what is printed in place of the report.
    """

    @property
    def parameter(self) -> str:
        """Its name among values; ``from`` alone is a word of Python."""
        return f"{self.name.replace('-', '_')}_"
