"""Lines of a breakdown: what the core has to know of a cost model's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from llmplan.arrays.quantities import Number, total


class Kind(Enum):
    """What a line counts. The first four are kinds of seconds, the others kinds of bytes."""

    COMPUTE = "compute"
    """The accelerator works on its operators."""
    MEMORY = "memory"
    """It moves data to and from its own memory, or the host's."""
    COMMUNICATION = "communication"
    """It exchanges data with other accelerators."""
    WAITING = "waiting"
    """It has nothing to do: other stages or the host are not ready yet."""
    TENSORS = "tensors"
    """Bytes of the program's tensors: weights, states, activations, caches."""
    SLACK = "slack"
    """Bytes that an allocator holds beyond them."""
    SYSTEM = "system"
    """Bytes of the driver and its libraries, once a device however many models run on it; no allocator counts them."""
    RESERVE = "reserve"
    """Bytes that the program leaves alone on purpose, once a device: headroom."""


SECONDS = (Kind.COMPUTE, Kind.MEMORY, Kind.COMMUNICATION, Kind.WAITING)
BYTES = (Kind.TENSORS, Kind.SLACK, Kind.SYSTEM, Kind.RESERVE)
ONCE_A_DEVICE = (Kind.SYSTEM, Kind.RESERVE)
"""Lines that a second model on the same device does not add to."""


class Line(str):
    """The name of a line, as the JSON has it, which knows its kind; cost models key their breakdowns with it."""

    __slots__ = ("advice", "idle", "kind", "words")
    kind: Kind
    words: str
    """What it is, for a reader: ``reading weights``."""
    advice: str
    """What would shorten it, in options; empty where nothing is known."""
    idle: bool
    """Whether the accelerator draws little power meanwhile: it waits, or for traffic that it has no part in."""

    def __new__(  # noqa: PYI034 - Self is younger than Python 3.10
        cls, name: str, kind: Kind, words: str = "", advice: str = "", *, idle: bool | None = None
    ) -> Line:
        """Words are the name's own where none are given, and waiting is idle."""
        line = super().__new__(cls, name)
        line.kind, line.words, line.advice = kind, words or name.replace("_", " "), advice
        line.idle = kind is Kind.WAITING if idle is None else idle
        return line

    def __getnewargs__(self) -> Any:
        """For workers of a search, which are sent estimates."""
        return str(self), self.kind, self.words, self.advice

    def renamed(self, prefix: str, words: str) -> Line:
        """The same of something else: ``draft_weights``."""
        return Line(f"{prefix}_{self}", self.kind, f"{words} {self.words}", self.advice, idle=self.idle)


def kind_of(line: str) -> Kind | None:
    """None of a mere string, whose cost model does not say."""
    return line.kind if isinstance(line, Line) else None


def of_kinds(breakdown: Mapping[str, Number], kinds: Iterable[Kind]) -> Number:
    """What the lines of these kinds come to."""
    wanted = tuple(kinds)
    return total(value for line, value in breakdown.items() if kind_of(line) in wanted)


def keyed(breakdown: Mapping[str, Number], lines: Mapping[str, Line]) -> dict[str, Number]:
    """A breakdown with lines for its names; KeyError where one was not declared."""
    return {lines[name]: value for name, value in breakdown.items()}


class Bottleneck(NamedTuple):
    """The resource that takes most of a phase."""

    resource: str
    """As the cost model calls it."""
    share: float
    """Of the seconds of the phase."""

    @property
    def words(self) -> str:
        """The resource in words, like ``reading weights``."""
        return self.resource.words if isinstance(self.resource, Line) else self.resource

    @property
    def advice(self) -> str:
        """Options that would shorten it; empty where none is known."""
        return self.resource.advice if isinstance(self.resource, Line) else ""


def bottleneck(bounds: Mapping[str, float] | None) -> Bottleneck | None:
    """Of seconds by what was waited for; None where the cost model does not say."""
    if not bounds or sum(bounds.values()) <= 0:
        return None
    resource = max(bounds, key=lambda name: bounds[name])
    return Bottleneck(resource, float(bounds[resource] / sum(bounds.values())))
