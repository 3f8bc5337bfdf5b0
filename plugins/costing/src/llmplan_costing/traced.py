"""Numbers that know where they come from: what a formula returned, or arithmetic on such numbers.

They are floats, so that formulas work on them as on any others; `where`, `maximum` and `minimum` hand on the number
that they choose, so that only what makes a value is in its origin.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from llmplan_costing.recording import Evaluated


class Traced(float):
    """A number that knows which formulas it was computed with."""

    __slots__ = ("origin",)
    origin: Evaluated | Arithmetic


@frozen(eq=False, repr=False)
class Arithmetic:
    """Two numbers and the sign between them."""

    sign: str
    left: float
    right: float


def traced(value: float, origin: Evaluated | Arithmetic) -> Traced:
    """The same number, with the call that it came from."""
    number = Traced(value)
    number.origin = origin
    return number


def origin_of(value: Any) -> Evaluated | Arithmetic | None:
    """None of a number that no formula had a part in."""
    return value.origin if isinstance(value, Traced) else None


def addends(value: float) -> Iterator[float]:
    """The numbers that were added up to this one, but those that are 0."""
    origin = origin_of(value)
    if isinstance(origin, Arithmetic) and origin.sign == "+":
        yield from addends(origin.left)
        yield from addends(origin.right)
    elif value != 0:
        yield value


_SIGNS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_IDLE = {"+": 0.0, "-": 0.0, "*": 1.0, "/": 1.0}
"""To the right of a sign; of ``+`` and ``*`` to its left as well."""


def _computed(sign: str, left: float, right: float) -> float:
    if right == _IDLE[sign]:
        return left
    if left == _IDLE[sign] and sign in "+*":
        return right
    return traced(_SIGNS[sign](float(left), float(right)), Arithmetic(sign, left, right))


def _operators(sign: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    def with_right(self: Traced, other: Any) -> Any:
        return _computed(sign, self, other) if isinstance(other, (int, float)) else NotImplemented

    def with_left(self: Traced, other: Any) -> Any:
        return _computed(sign, other, self) if isinstance(other, (int, float)) else NotImplemented

    return with_right, with_left


for _sign, _name in (("+", "add"), ("-", "sub"), ("*", "mul"), ("/", "truediv")):
    for _prefix, _method in zip(("__", "__r"), _operators(_sign), strict=True):
        setattr(Traced, f"{_prefix}{_name}__", _method)
