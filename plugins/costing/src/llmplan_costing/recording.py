"""Which formulas were called, and with which numbers: inside `recorded` they return numbers that know their origin."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from attrs import define, field, frozen

from llmplan.arrays.term import WATCH, Term
from llmplan_costing.traced import traced


@frozen(eq=False, repr=False)
class Evaluated:
    """One call of a formula, with the numbers that were put in."""

    term: Term
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    value: Any
    inner: tuple[Evaluated, ...] = ()
    """The formulas that it called itself."""

    @cached_property
    def numbers(self) -> Mapping[str, Any]:
        """What the symbols of the formula are in this call; of most calls nobody asks it."""
        given = inspect.signature(self.term.function).bind(*self.arguments, **self.named)
        given.apply_defaults()
        held = given.arguments
        owner = held.get("self")
        return {name: held[name] if name in held else getattr(owner, name) for name in self.term.symbols}


@define(eq=False, repr=False)
class Record:
    """The formulas that were called, in their order."""

    calls: list[Evaluated] = field(factory=list)

    def evaluate(self, term: Term, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """The value of a formula, which knows the call that it came from where it is a number."""
        before = len(self.calls)
        value = term.function(*arguments, **named)
        inner = tuple(self.calls[before:])
        call = Evaluated(term, arguments, named, value, inner)
        self.calls.append(call)
        return traced(value, call) if isinstance(value, (int, float)) else value


@contextmanager
def recorded() -> Iterator[Record]:
    """Formulas that are called inside `with`."""
    record = Record()
    token = WATCH.set(record.evaluate)
    try:
        yield record
    finally:
        WATCH.reset(token)
