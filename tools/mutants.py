"""Mutants of a module: its text with one slip in a formula, made by the operators of cosmic-ray.

Annotations and decorators are left alone, since they compute nothing; so are shifts and other operators that would end
in an error wherever the line is run, since any test at all would find those.
"""

from __future__ import annotations

import ast
import difflib
import itertools
import re
from collections.abc import Iterable, Iterator

import parso
from attrs import frozen
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

_SWAPPED = {"minimum": "maximum", "maximum": "minimum", "min": "max", "max": "min", "floor": "ceil", "ceil": "floor"}


class SwapBound(Operator):  # type: ignore[misc]
    """The larger for the smaller, and rounding up for rounding down."""

    def mutation_positions(self, node: parso.tree.NodeOrLeaf) -> Iterator[tuple[object, object]]:
        """Where one of them is called."""
        called = node.get_next_leaf() if node.type == "name" else None
        before = node.get_previous_leaf()
        dotted = before is not None and before.value in (".", "def", "import", ",")
        if called is not None and called.value == "(" and node.value in _SWAPPED and not dotted:
            yield node.start_pos, node.end_pos

    def mutate(self, node: parso.tree.NodeOrLeaf, index: int) -> parso.tree.NodeOrLeaf:  # noqa: ARG002
        """Call the other one, which every module of formulas can reach."""
        other = _SWAPPED[node.value]
        far = other if other in ("min", "max") else f"__import__('llmplan.arrays.quantities', fromlist=['x']).{other}"
        called = parso.parse(far).children[0]
        called.get_first_leaf().prefix = node.prefix  # parsed with it, this would be an indented line
        return called

    @classmethod
    def examples(cls) -> tuple[()]:
        """Nothing that cosmic-ray would test."""
        return ()


_CORE = (
    *(
        f"ReplaceBinaryOperator_{one}"
        for one in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Pow_Mul")
    ),
    *(f"ReplaceBinaryOperator_{one}" for one in ("Add_Mul", "Mul_Add", "Mod_FloorDiv")),
    *(f"ReplaceComparisonOperator_{one}" for one in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Eq_NotEq", "NotEq_Eq")),
    *(f"ReplaceComparisonOperator_{one}" for one in ("Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt", "Is_IsNot", "IsNot_Is")),
    *("ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "AddNot", "NumberReplacer"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ZeroIterationForLoop"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak"),
)


@frozen
class Mutant:
    """One slip."""

    line: int
    before: str
    after: str
    text: str
    """Of the whole module."""
    in_function: bool
    """Whether it is run whenever a function is called, not while the module is imported."""

    @property
    def words(self) -> str:
        """The line, and what it has become: the same wherever the line stands."""
        return f"{self.before}  ->  {self.after}"


def mutants(text: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines, each text once."""
    operators = [*(get_operator(f"core/{name}")() for name in _CORE), SwapBound()]
    skipped, functions = set(_without_arithmetic(text)), _bodies(text)
    found: dict[str, Mutant] = {}
    for begin, end in _pieces(text):
        for changed in _changed(text[begin:end], operators):
            whole = text[:begin] + changed + text[end:]
            (line, column), before, after = _difference(text[begin:end], changed)
            line += text.count("\n", 0, begin)
            if whole not in found and (line, column) not in skipped and _compiles(whole):
                found[whole] = Mutant(line, before, after, whole, any(line in lines for lines in functions))
    return sorted(found.values(), key=lambda one: (one.line, one.after))


def _changed(text: str, operators: Iterable[Operator]) -> Iterator[str]:
    for operator in operators:
        occurrence = 0
        while (changed := mutate_code(text, operator, occurrence)) is not None:
            occurrence += 1
            yield changed


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where each statement of the module begins and ends: what is small is parsed soon."""
    lines = list(itertools.accumulate((len(line) for line in text.splitlines(keepends=True)), initial=0))
    first = [min(one.lineno, *(of.lineno for of in getattr(one, "decorator_list", []) or [one])) for one in _body(text)]
    return itertools.pairwise([*(lines[line - 1] for line in first), len(text)])


def _body(text: str) -> list[ast.stmt]:
    return ast.parse(text).body


def _difference(text: str, changed: str) -> tuple[tuple[int, int], str, str]:
    """Line and column where they first differ, and that line in both."""
    at = next(number for number, (a, b) in enumerate(zip(text, changed + "\0", strict=False)) if a != b)
    line, column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1)
    old, new = text.split("\n"), changed.split("\n")
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    after = " ".join(one.strip() for kind, *_, a, b in blocks if kind != "equal" for one in new[a:b])
    return (line, column), old[line - 1].strip(), after


def _without_arithmetic(text: str) -> Iterable[tuple[int, int]]:
    """Every place inside an annotation or a decorator, of imports for these, the star before arguments by name."""
    lines = text.split("\n")
    yield from ((row, column) for row, line in enumerate(lines, 1) for column in _no_arithmetic(line))
    for node in ast.walk(ast.parse(text)):
        inside = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        inside += getattr(node, "decorator_list", [])
        for one in inside:
            if isinstance(one, ast.expr) and one.end_lineno is not None and one.end_col_offset is not None:
                for line in range(one.lineno, one.end_lineno + 1):
                    begin = one.col_offset if line == one.lineno else 0
                    end = one.end_col_offset if line == one.end_lineno else len(lines[line - 1])
                    yield from ((line, column) for column in range(begin, end + 1))


def _bodies(text: str) -> list[range]:
    """The lines of each function, without its arguments and their defaults."""
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return [range(one.body[0].lineno, (one.end_lineno or 0) + 1) for one in found]


def _no_arithmetic(line: str) -> Iterable[int]:
    return (found.start() for found in re.finditer(r"\*(?=, )|(?<=^if )TYPE_CHECKING", line))


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True
