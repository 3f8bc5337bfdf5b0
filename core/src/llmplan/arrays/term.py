"""Formulas that carry their own words: each is a function with one line of algebra, a unit and a source.

The algebra is written in the names of the function's parameters, and of the fields of the record that a method belongs
to, as Python would evaluate it, so that a test can hold it against the function. Whoever wants to know what formulas
were called with watches them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cached_property, wraps
from typing import Any, TypeVar, cast

from attrs import frozen

Formula = TypeVar("Formula", bound=Callable[..., Any])


@frozen(eq=False, repr=False, slots=False)
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


FUNCTIONS = ("max", "min", "sqrt", "ceil", "floor", "log2", "dot")
"""What an algebra may call."""
TERMS: dict[str, Term] = {}
"""All terms whose modules have been imported, by name."""


WATCH: ContextVar[Callable[[Term, tuple[Any, ...], Mapping[str, Any]], Any] | None] = ContextVar("watch", default=None)
"""What evaluates a formula in its place, to know what comes of it; None where nobody asks."""


def term(algebra: str, *, unit: str, source: str) -> Callable[[Formula], Formula]:
    """Decorate a formula with its algebra, the unit of what it returns, and where it is from."""

    def decorated(function: Formula) -> Formula:
        described = Term(function, algebra, unit, source)
        now = WATCH.get

        @wraps(function)
        def evaluated(*arguments: Any, **named: Any) -> Any:
            watch = now()
            return function(*arguments, **named) if watch is None else watch(described, arguments, named)

        TERMS[f"{function.__module__}.{function.__qualname__}"] = described
        return cast("Formula", evaluated)

    return decorated
