"""What a dimension of a plan is, and what decides on its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import field, frozen

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Truth
    from llmplan.records import ModelArchitecture, ServerPlan

Row = Mapping[str, Any]
"""Fields of a plan by name: of one plan, or arrays of many."""


class Scope(NamedTuple):
    """What decides on the values that a dimension may have."""

    model: ModelArchitecture
    domain: int
    """Accelerators of a scale-up domain."""
    experts: int
    seq_len: int = 1
    offloads: Sequence[str] = ()
    """What the framework can keep in host memory."""
    judged_in_arrays: bool = True
    """Whether the cost model judges arrays of plans; else it is asked about one after the other, so about few."""


class Served(NamedTuple):
    """What servers make of a dimension: other values than training, and where a plan of a server has it."""

    decides: str
    """Whether it divides a ``replica``, says how replicas share experts as a ``group``, follows from these as a
    ``total``, is a ``load``, divides the ``pool`` that reads prompts, or makes a ``case``. Of the last two each
    combination is looked at apart, and where none is given there is one value.
    """
    read: Callable[[ServerPlan], Any]
    """The value that a plan has, as options write it."""
    values: Callable[[Scope], Sequence[int]] = lambda _: (1,)
    """All that is looked at where it is left open, the plainest first."""
    further: Callable[[Scope], Sequence[int]] | None = None
    """What is looked at where none of those can be had."""
    left_open: str = ""
    """What these are, for people."""
    unsaid: Any = None
    """The value that needs no mention; None where a report states any."""


@frozen(eq=False, kw_only=True, repr=False)
class Dimension:
    """One thing that a plan decides on."""

    name: str
    """The option, and the field of the layout or the plan."""
    step: str = ""
    """Where the enumerator of training adds it, none where training has no such thing: with the ``sizes`` that make the
    GPUs, as these are ``shared``, in ``chunks``, with the ``batch``, or last, as the run ``goes``. Plans that differ in
    the last alone lie side by side, which is how cost models price them fastest.
    """
    plainest: Any = None
    """What no cost model refuses where it takes anything else; in words and without arrays what needs no mention."""
    values: Callable[[Scope], Sequence[Any]] = lambda _: ()
    """All that could be legal where nothing is given, the plainest first; none where they follow from other sizes."""
    few: Callable[[Scope], Sequence[Any]] | None = None
    """The same for a cost model that judges plans one by one."""
    usual: Callable[[], Sequence[Any]] | None = None
    """What most runs do about it, which is looked at first; None where that is no matter of custom."""
    idle: Callable[[Row], Truth] | None = None
    """Where it changes nothing, so that its first value stands for all."""
    tie: int | None = None
    """Its place among those by which equal plans are told apart, the smaller value first; None where others tell."""
    fields: Mapping[str, Callable[[Any], Any]] = field(factory=dict)
    """The fields that a value stands for, where they are not the value itself."""
    read: Callable[[Row], Any] | None = None
    """The value that fields of numbers stand for, the way back."""
    places: Callable[[], Sequence[Any]] | None = None
    """What the numbers of a column stand for, by place, where these are no numbers."""
    word: Callable[[Any], Any] = lambda value: value
    """A value as options write it."""
    heading: str = ""
    """In tables, where the name is too long."""
    always_said: bool = False
    """Whether a report states it at its plainest too."""
    served: Served | None = None
    """How servers have it; None where they do not."""

    @property
    def is_flag(self) -> bool:
        """Whether it is on or off."""
        return self.plainest is False

    @property
    def modes(self) -> Sequence[Any]:
        """Of a dimension that is a mode of the core's, all of them by number; none of others."""
        return tuple(type(self.plainest)) if isinstance(self.plainest, IntEnum) else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields of a row that hold it."""
        return tuple(self.fields) or (self.name,)

    def of(self, row: Row) -> Any:
        """The value that a row of numbers has, as options have it."""
        return row[self.name] if self.read is None else self.read(row)

    @property
    def unsaid(self) -> Any:
        """The value that needs no mention, as options have it."""
        return self.usual()[0] if self.plainest is None and self.usual is not None else self.word(self.plainest)
