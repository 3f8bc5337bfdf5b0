"""Formulas that carry their own words: each is a function with one line of algebra, a unit and a source.

The algebra is written in the names of the function's parameters, and of the fields of the record that a method belongs
to, as Python would evaluate it, so that a test can hold it against the function. While `recorded` is open, formulas
return numbers that know their origin, with which numbers they were called: explanations are printed from that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property, wraps
from typing import Any, TypeVar, cast

from attrs import define, field, frozen

from llmplan.arrays.traced import traced

Formula = TypeVar("Formula", bound=Callable[..., Any])


@frozen(eq=False, repr=False)
class Term:
    """What a formula says about itself."""

    function: Callable[..., Any]
    algebra: str
    """``(p - 1) * t / v``; ``dot(l, t)`` is the sum of the products of two lists."""
    unit: str
    source: str

    @property
    def name(self) -> str:
        """Of the function, with its class in front if it is a method."""
        return self.function.__qualname__

    @property
    def words(self) -> str:
        """What it computes, in a paragraph or more."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The names in the algebra, in its order."""
        import ast

        tree = ast.parse(self.algebra, mode="eval")
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        names.sort(key=lambda node: node.col_offset)
        called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
        return tuple(dict.fromkeys(node.id for node in names if node not in called))

    def numbers(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """What the symbols are in a call."""
        given = inspect.signature(self.function).bind(*arguments, **named)
        given.apply_defaults()
        held = given.arguments
        owner = held.get("self")
        return {name: held[name] if name in held else getattr(owner, name) for name in self.symbols}


FUNCTIONS = ("max", "min", "sqrt", "ceil", "floor", "log2", "dot")
"""What an algebra may call."""
TERMS: dict[str, Term] = {}
"""All terms whose modules have been imported, by name."""


@frozen(eq=False, repr=False)
class Evaluated:
    """One call of a formula, with the numbers that were put in."""

    term: Term
    numbers: Mapping[str, Any]
    """By symbol."""
    value: Any
    inner: tuple[Evaluated, ...] = ()
    """The formulas that it called itself."""


@define(eq=False, repr=False)
class Record:
    """The formulas that were called, in their order."""

    calls: list[Evaluated] = field(factory=list)


_RECORD: ContextVar[Record | None] = ContextVar("record", default=None)


def is_recorded() -> bool:
    """Whether formulas return such numbers now, which nobody may keep for later."""
    return _RECORD.get() is not None


@contextmanager
def recorded() -> Iterator[Record]:
    """Formulas that are called inside `with`."""
    record = Record()
    token = _RECORD.set(record)
    try:
        yield record
    finally:
        _RECORD.reset(token)


def term(algebra: str, *, unit: str, source: str) -> Callable[[Formula], Formula]:
    """Decorate a formula with its algebra, the unit of what it returns, and where it is from."""

    def decorated(function: Formula) -> Formula:
        described = Term(function, algebra, unit, source)
        now = _RECORD.get

        @wraps(function)
        def evaluated(*arguments: Any, **named: Any) -> Any:
            record = now()
            if record is None:
                return function(*arguments, **named)
            before = len(record.calls)
            value = function(*arguments, **named)
            inner = tuple(record.calls[before:])
            call = Evaluated(described, described.numbers(arguments, named), value, inner)
            record.calls.append(call)
            return traced(value, call) if isinstance(value, (int, float)) else value

        TERMS[f"{function.__module__}.{function.__qualname__}"] = described
        return cast("Formula", evaluated)

    return decorated
