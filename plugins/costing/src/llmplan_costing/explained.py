"""Lines of a breakdown as arithmetic that a reader can check by hand, made from the formulas that they come from."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmplan.arrays.quantities import dot
from llmplan.arrays.term import FUNCTIONS
from llmplan.estimate import Explained, Line
from llmplan_costing.recording import Evaluated
from llmplan_costing.traced import Arithmetic, addends, origin_of

_DIGITS = (5, 7, 10, 17)
"""Of the numbers put in: as few as give the value, more where nearly equal ones are subtracted."""
_CLOSE = 1e-3
_MOST_TERMS = 3
"""Of an expression that stands for a symbol; of more, its value does."""
_NONE = "none in this plan"
_CONSTANT = "a constant of the accelerator, the framework or the engine"


def explained_lines(breakdown: Mapping[str, float], unit: str, phase: str = "") -> Iterator[Explained]:
    """Every line of a breakdown by the formulas that made it; what none made is a constant, or nothing."""
    for line, value in breakdown.items():
        words = line.words if isinstance(line, Line) else line.replace("_", " ")
        yield explained(f"{phase} {line}".lstrip(), value, unit, words)


def explained_kernel(name: str, seconds: float) -> Iterator[Explained]:
    """What a kernel takes, each formula that it adds up for itself."""
    parts = list(addends(seconds))
    for place, part in enumerate(parts):
        label = name if len(parts) == 1 else f"{name} ({place + 1} of {len(parts)})"
        yield explained(label, part, "s", name)


def explained(line: str, value: float, unit: str, words: str) -> Explained:
    """A number by its origin; in words where it has none."""
    origin = origin_of(value)
    if not value or origin is None:
        source = _CONSTANT if value else _NONE
        return Explained(
            line=line, formula=words, numbers=_digits(value, 5), value=float(value), unit=unit, source=source
        )
    whole = _Expression(value, symbols=True)
    return Explained(
        line=line,
        formula=", ".join([whole.formula, *whole.where]),
        numbers=next(put_in for digits in _DIGITS if _gives(put_in := whole.numbers(digits), value, digits)),
        value=float(value),
        unit=unit,
        source="; ".join(dict.fromkeys(one for source in whole.sources for one in source.split("; "))),
    )


def _gives(numbers: str, value: float, digits: int) -> bool:
    """Whether the arithmetic gives the value; the numbers are our own."""
    computed = eval(numbers, {**_FUNCTIONS, "__builtins__": {}})  # noqa: S307
    return digits == _DIGITS[-1] or math.isclose(computed, value, rel_tol=_CLOSE)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "max": max,
    "min": min,
    "sqrt": math.sqrt,
    "ceil": math.ceil,
    "floor": math.floor,
    "log2": math.log2,
    "dot": dot,
}


class _Expression:
    """A number as the formulas that made it; with `symbols`, also those that made a formula's own numbers."""

    def __init__(self, value: float, *, symbols: bool) -> None:
        self.value, self.origin = value, origin_of(value)
        self.where: list[str] = []
        self.sources: list[str] = []
        self.formula = ""
        if isinstance(self.origin, Arithmetic):
            self._of_arithmetic(self.origin, symbols)
        elif self.origin is not None:
            self._of_call(self.origin, symbols)
        else:
            self.formula = _digits(value, 5)

    def _of_arithmetic(self, origin: Arithmetic, symbols: bool) -> None:
        self.sides = [_Expression(side, symbols=symbols) for side in (origin.left, origin.right)]
        left, right = (_bracketed(side.formula, origin.sign, right=place) for place, side in enumerate(self.sides))
        self.formula = f"{left} {origin.sign} {right}"
        for side in self.sides:
            self.where += [one for one in side.where if one not in self.where]
            self.sources += side.sources

    def _of_call(self, call: Evaluated, symbols: bool) -> None:
        self.formula, self.sources = call.term.algebra, [call.term.source]
        self.inner: dict[str, _Expression] = {}
        for name, number in call.numbers.items() if symbols else ():
            if number and origin_of(number) is not None and terms_of(number) <= _MOST_TERMS:
                inner = self.inner[name] = _Expression(number, symbols=False)
                self.where.append(f"{name} = {inner.formula}")
                self.sources += inner.sources

    def numbers(self, digits: int) -> str:
        """The formula with its numbers in place of names."""
        if isinstance(self.origin, Arithmetic):
            sides = (side.numbers(digits) for side in self.sides)
            left, right = (_bracketed(side, self.origin.sign, right=place) for place, side in enumerate(sides))
            return f"{left} {self.origin.sign} {right}"
        if self.origin is None:
            return _digits(self.value, digits)
        whole = ast.parse(self.origin.term.algebra, mode="eval").body
        inner = {name: f"({one.numbers(digits)})" for name, one in self.inner.items()}
        return ast.unparse(_Numbers(self.origin, inner, whole, digits).visit(whole))


def terms_of(value: Any) -> int:
    """Formulas that a number was computed from, by arithmetic alone."""
    origin = origin_of(value)
    if isinstance(origin, Arithmetic):
        return terms_of(origin.left) + terms_of(origin.right)
    return 0 if origin is None else 1


def _bracketed(text: str, sign: str, *, right: int) -> str:
    """A side of an expression, in brackets where it would fall apart."""
    body = ast.parse(text, mode="eval").body
    if not isinstance(body, ast.BinOp) or (sign == "+") or (sign == "-" and not right):
        return text
    loose = isinstance(body.op, (ast.Add, ast.Sub))
    return f"({text})" if loose or (right and sign == "/") else text


def _digits(value: float, digits: int) -> str:
    return f"{float(value):.{digits}g}"


class _Numbers(ast.NodeTransformer):
    """Symbols become numbers, calls of other formulas what they return, lists the sums of their products."""

    def __init__(self, call: Evaluated, inner: Mapping[str, str], whole: ast.expr, digits: int) -> None:
        self.call, self.inner, self.whole, self.digits = call, inner, whole, digits

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(self.inner.get(node.id) or _digits(self.call.numbers[node.id], self.digits))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)  # noqa: S101 - the tests parse every algebra
        name, digits = node.func.id, self.digits
        if name == "dot":
            numbers, values = (self.call.numbers[of.id] for of in node.args if isinstance(of, ast.Name))
            pairs = [(number, value) for number, value in zip(numbers, values, strict=True) if number and value]
            products = " + ".join(f"{_digits(number, digits)} * {_digits(value, digits)}" for number, value in pairs)
            return ast.Name((products or "0") if node is self.whole else f"({products or 0})")
        if name not in FUNCTIONS:
            value = next(one.value for one in self.call.inner if one.term.function.__name__ == name)
            return ast.Name(_digits(value, digits))
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])
