"""Writes docs/explanation/cost-model.md: every formula of the cost model with its words, units and source.

    python tools/cost_model.py

The page is printed from the formulas themselves (`llmplan.arrays.term`), which a test holds against their algebra.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import fill

from llmplan.arrays.term import TERMS, Term
from llmplan_parallelism_megatron.notation import GROUPS, NOTATION

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "cost-model.md"
HEAD = """\
# The cost model, formula by formula

This page is printed from the code: `python tools/cost_model.py` writes it, and a test fails when it is stale. Each
formula is a function of the same name; `llmplan train --explain` and `llmplan infer --explain` print them with the
numbers of a plan. All quantities are SI: seconds, bytes, operations.

An iteration of training takes

$$T = m\\, t + \\text{bubble} + \\text{exposed data parallel traffic} + \\text{optimizer} + \\text{host},$$

where the slowest pipeline stage works on *m* micro-batches, each of which takes *t*: its layers' kernels and the
collectives that nothing hides. A server's step is one such pass without gradients, over the prompts and the sequences
that it works on, with attention over their caches. Most formulas are the smaller of two rates, computation against
memory or latency against bandwidth; the words below each say which of them binds when.

## Notation
"""
SECTIONS: Mapping[str, tuple[str, str]] = {
    "llmplan.records.kernels": (
        "Kernels and links",
        (
            "What an accelerator reaches is a curve in each size of a shape, fitted to timings: *x / (x + h)* of its "
            "plateau, so that half of it is left at *x = h*. Calibrations fit these very functions."
        ),
    ),
    "llmplan_parallelism_megatron.kernels.elementwise": ("Kernels that only move data", ""),
    "llmplan_parallelism_megatron.kernels.attention": ("Attention without fused kernels", ""),
    "llmplan_parallelism_megatron.training.layer": ("A layer", ""),
    "llmplan_parallelism_megatron.training.pipeline": ("The pipeline", ""),
    "llmplan_parallelism_megatron.training.schedules": ("Schedules of the pipeline", ""),
    "llmplan_parallelism_megatron.training.data_parallel": ("Data parallelism", ""),
    "llmplan_parallelism_megatron.training.optimizer_step": ("The optimizer", ""),
    "llmplan_parallelism_megatron.training.iteration": ("An iteration", ""),
    "llmplan_parallelism_megatron.training.memory": ("Memory of training", ""),
}
_LOOSE, _PRODUCT, _TIGHT = range(3)
"""How strongly an expression holds together."""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_notation(), *_formulas()]).rstrip() + "\n"


def _notation() -> Iterator[str]:
    for heading, symbols in GROUPS.items():
        yield f"**{heading}**\n\n| | | unit |\n|---|---|---|"
        for name, symbol in symbols.items():
            yield f"| $`{_name(name)}`$ | {symbol.words} | {symbol.unit} |"
        yield ""


def _formulas() -> Iterator[str]:
    for module in SECTIONS:
        importlib.import_module(module)
    homes = {term.function.__module__ for term in TERMS.values()}
    if homes != set(SECTIONS):
        raise ValueError(f"tools/cost_model.py and the modules with formulas differ in {homes ^ set(SECTIONS)}")
    for module, (heading, words) in SECTIONS.items():
        yield f"## {heading}\n"
        if words:
            yield f"{_wrapped(words)}\n"
        for term in TERMS.values():
            if term.function.__module__ == module:
                yield _formula(term)


def _formula(term: Term) -> str:
    algebra = _latex(ast.parse(term.algebra, mode="eval").body)[0]
    words = "\n\n".join(_wrapped(paragraph) for paragraph in term.words.split("\n\n"))
    source = _wrapped(f"*{term.unit}; {term.source}.*")
    return f"### `{term.name}`\n\n```math\n{algebra}\n```\n\n{words}\n\n{source}\n"


def _wrapped(text: str) -> str:
    return fill(text.replace("\n", " "), 120, break_on_hyphens=False)


def _name(name: str) -> str:
    symbol = NOTATION.get(name)
    if symbol is not None and symbol.latex:
        return symbol.latex
    letter, _, index = name.partition("_")
    if len(letter) == 1:
        return f"{letter}_{{{index}}}" if index else letter
    return rf"\text{{{name.replace('_', ' ')}}}"


def _latex(node: ast.expr) -> tuple[str, int]:
    """An expression, and how strongly it holds together."""
    if isinstance(node, ast.Name):
        return _name(node.id), _TIGHT
    if isinstance(node, ast.Constant):
        return str(node.value), _TIGHT
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)  # noqa: S101 - algebras call functions by name
        return _call(node.func.id, [_latex(argument)[0] for argument in node.args]), _TIGHT
    assert isinstance(node, ast.BinOp)  # noqa: S101 - algebras have no other expressions
    (left, left_holds), (right, right_holds) = _latex(node.left), _latex(node.right)
    if isinstance(node.op, ast.Div):
        return rf"\frac{{{left}}}{{{right}}}", _TIGHT
    if isinstance(node.op, ast.Mult):
        sides = ((left, left_holds), (right, right_holds))
        return r" \cdot ".join(_bracketed(text) if holds == _LOOSE else text for text, holds in sides), _PRODUCT
    sign = "+" if isinstance(node.op, ast.Add) else "-"
    if sign == "-" and right_holds == _LOOSE:
        right = _bracketed(right)
    return f"{left} {sign} {right}", _LOOSE


def _bracketed(text: str) -> str:
    return rf"\left({text}\right)"


def _call(name: str, arguments: list[str]) -> str:
    if name == "sqrt":
        return rf"\sqrt{{{arguments[0]}}}"
    if name == "ceil":
        return rf"\lceil {arguments[0]} \rceil"
    if name == "log2":
        return rf"\log_2 {arguments[0]}"
    if name == "dot":
        return rf"\sum_i {arguments[0]}_i\, {arguments[1]}_i"
    inside = ",\\; ".join(arguments)
    if name in ("max", "min"):
        return rf"\{name}\left({inside}\right)"
    return rf"\text{{{name.replace('_', ' ')}}}({inside})"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
