"""Explanations: a figure as arithmetic that a reader can check by hand, made from the formulas that were called."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from attrs import evolve, frozen

from llmplan.arrays.term import FUNCTIONS, Evaluated, Record
from llmplan.estimate.line import Line

_DIGITS = 5
"""Of the numbers put in, so that the arithmetic gives the value to about one in a thousand."""


@frozen(kw_only=True, repr=False)
class Explained:
    """One line."""

    line: str
    """As the breakdown names it, or an operator of a layer."""
    formula: str
    """In the letters of the paper."""
    numbers: str
    """The same with the numbers put in: arithmetic that gives `value`, but for rounding."""
    value: float
    unit: str
    """``s`` or ``bytes``."""
    source: str


def explained(line: str, call: Evaluated, record: Record) -> Explained:
    """A call of a formula; where one of its numbers comes from another formula, with that one's numbers put in."""
    inner = {name: record.maker(number) for name, number in call.numbers.items()}
    made = {name: maker for name, maker in inner.items() if maker is not None}
    return Explained(
        line=line,
        formula=", ".join([call.term.algebra, *(f"{name} = {maker.term.algebra}" for name, maker in made.items())]),
        numbers=_put_in(call, {name: f"({_put_in(maker, {})})" for name, maker in made.items()}),
        value=call.value,
        unit=call.term.unit,
        source=call.term.source,
    )


def explained_lines(breakdown: Mapping[str, float], record: Record, unit: str, phase: str = "") -> Iterator[Explained]:
    """Every line of a breakdown by the formula that returned it; what none returned is a constant, or nothing."""
    for line, value in breakdown.items():
        call, name = record.maker(value), f"{phase} {line}".lstrip()
        if call is not None:
            yield evolve(explained(name, call, record), unit=unit)
            continue
        words = line.words if isinstance(line, Line) else line.replace("_", " ")
        source = "a constant of the program or the accelerator" if value else "none in this plan"
        yield Explained(line=name, formula=words, numbers=_digits(value), value=value, unit=unit, source=source)


def _digits(value: float) -> str:
    return f"{value:.{_DIGITS}g}"


def _put_in(call: Evaluated, inner: Mapping[str, str]) -> str:
    whole = ast.parse(call.term.algebra, mode="eval").body
    return ast.unparse(_Numbers(call, inner, whole).visit(whole))


class _Numbers(ast.NodeTransformer):
    """Symbols become numbers, calls of other formulas what they return, lists the sums of their products."""

    def __init__(self, call: Evaluated, inner: Mapping[str, str], whole: ast.expr) -> None:
        self.call, self.inner, self.whole = call, inner, whole

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(self.inner.get(node.id) or _digits(self.call.numbers[node.id]))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)  # noqa: S101 - the tests parse every algebra
        name = node.func.id
        if name == "dot":
            numbers, values = (self.call.numbers[of.id] for of in node.args if isinstance(of, ast.Name))
            pairs = zip(numbers, values, strict=True)
            products = " + ".join(f"{_digits(number)} * {_digits(value)}" for number, value in pairs)
            return ast.Name(products if node is self.whole else f"({products})")
        if name not in FUNCTIONS:
            return ast.Name(_digits(next(one.value for one in self.call.inner if one.term.function.__name__ == name)))
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])
