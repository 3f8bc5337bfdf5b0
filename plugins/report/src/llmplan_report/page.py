"""The report as one self-contained page: no file beside it, no network, right on a phone, in the dark and printed."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from attrs import frozen

from llmplan.catalogues import registry
from llmplan.errors import LlmplanError
from llmplan.estimate import Comparison, Estimate, InferenceEstimate, ServerEstimate, TrainingEstimate
from llmplan.output.document import rows
from llmplan.output.words import gib, seconds
from llmplan.request import given_options, option_name
from llmplan.search.result import SearchResult
from llmplan_report import pictures
from llmplan_report.columns import figure_columns, fits
from llmplan_report.drawing import words_of
from llmplan_report.subject import layout_words, of_comparison, of_search
from llmplan_report.terminal.headline import answer, sentence
from llmplan_report.terminal.sections import figure_facts, layout
from llmplan_report.words import percent

_OF_TRAINING = ("", "gantt", "roofline", "tornado")
_OF_A_BATCH = ("", "phases", "roofline", "tornado")
_OF_A_SERVER = ("", "load", "roofline")
_WORDS = {
    "": "Where time and memory go.",
    "stacked": "Time and memory against capacity, a bar a plan.",
    "phases": "Prefill and a decode step, part by part.",
    "gantt": "The pipeline schedule: each stage's passes; what is white is bubble.",
    "roofline": "The operators of the plan on the roofline of its accelerator.",
    "tornado": "What moves the answer most: each rate and size a tenth up and down.",
    "load": "Latency over load, from an empty server to where the queue grows for ever.",
    "frontier": "The frontier of throughput and latency.",
    "figures": "The figures that people decide by.",
}
_SVG, _HERE = ".svg", ("--output", "report.html")


@frozen
class Facts:
    """Names beside what they are, under a title."""

    title: str
    rows: Sequence[tuple[str, str]]


@frozen
class Head:
    """The head of a column of a table of the page."""

    words: str
    right: bool = False


@frozen
class Rows:
    """A table of the page with its title."""

    title: str
    heads: Sequence[Head]
    rows: Sequence[Sequence[str]]
    words: str = ""
    folded: bool = False
    """Closed until somebody opens it."""


@frozen
class Picture:
    """One drawing of the page with what it shows."""

    data: str
    """An SVG in base64."""
    words: str


def of_plan(estimate: Estimate) -> bytes:
    """One plan: the answer, the plan, pictures, what moves it, what else there is, formulas, assumptions."""
    plan = estimate.plan
    name = "train" if isinstance(estimate, TrainingEstimate) else "infer"
    return _page(
        title=sentence(estimate).plain,
        feasible=estimate.feasible,
        answer=list(answer(estimate).items()),
        warnings=estimate.warnings,
        facts=[Facts("The plan", _plan_facts(estimate)), Facts("Figures", list(figure_facts(estimate).items()))],
        pictures=_drawn(lambda kind: pictures.of_plan(estimate, kind, _SVG), _kinds(estimate)),
        tables=[*_breakdowns(estimate), *_sensitivity(estimate), *_alternatives(estimate), *_formulas(estimate)],
        assumptions=[*plan.assumptions, f"efficiencies: {plan.efficiency.source}"],
        command=command_line((name,), given_options(estimate.request), *_HERE) if estimate.request is not None else "",
    )


def of_several(comparison: Comparison) -> bytes:
    """A comparison: its table and its pictures."""
    from llmplan_report.terminal.comparison_report import columns, common

    plans = rows(comparison)
    subject = of_comparison(comparison)
    shown = columns(comparison.varied, plans)
    warnings = dict.fromkeys(line for one in comparison.priced for line in _estimate(one).warnings)
    assumed = dict.fromkeys(line for one in comparison.priced for line in _estimate(one).plan.assumptions)
    refused = [f"{one.label}: {one.refused}" for one in comparison.variants if one.refused]
    return _page(
        title=subject.title,
        feasible=comparison.feasible,
        answer=list(common(comparison.varied, plans).items()),
        warnings=[*refused, *warnings],
        facts=[],
        pictures=_drawn(lambda kind: pictures.of_comparison(comparison, kind, _SVG), ("figures", "stacked")),
        tables=[
            Rows(
                "Plans",
                [Head(column.heading, column.right) for column in shown],
                [[column.text(row) for column in shown] for row in plans],
            )
        ],
        assumptions=list(assumed),
        command="",
    )


def _estimate(variant: Any) -> Any:
    return variant.estimate


def of_found(result: SearchResult) -> bytes:
    """A search: its best plans, and the best one as a page of one plan has it."""
    subject = of_search(result)
    kinds = ("frontier", "stacked") if result.command == "infer" else ("stacked",)
    best = result.best[0] if result.best else None
    return _page(
        title=subject.title if best is None else sentence(best).plain,
        feasible=best is not None,
        answer=[] if best is None else list(answer(best).items()),
        warnings=result.warnings,
        facts=[]
        if best is None
        else [Facts("The best plan", _plan_facts(best)), Facts("Figures", list(figure_facts(best).items()))],
        pictures=_drawn(lambda kind: pictures.of_search(result, "" if kind == "frontier" else kind, _SVG), kinds)
        if best is not None
        else [],
        tables=[_best_plans(result.best)] if result.best else [],
        assumptions=[] if best is None else list(best.plan.assumptions),
        command=command_line(("search", result.command), result.asked, *_HERE),
    )


def _page(**parts: Any) -> bytes:
    from jinja2 import Environment, PackageLoader

    pages = Environment(loader=PackageLoader("llmplan_report"), autoescape=True, trim_blocks=True)
    text = pages.get_template("report.html").render(version=version("llmplan-core"), **parts)
    return text.encode()


def _plan_facts(estimate: Estimate) -> list[tuple[str, str]]:
    plan: Any = estimate.plan
    program = plan.framework.name if isinstance(estimate, TrainingEstimate) else plan.engine.name
    return [
        ("model", plan.model.name),
        ("GPU", plan.hardware.name),
        ("dtype", f"{plan.dtype.name}, multiplications in {plan.gemm.name}"),
        ("layout", layout(estimate)),
        ("chosen", layout_words(estimate)),
        ("program", program),
        ("cost model", plan.cost_model),
    ]


def _kinds(estimate: Estimate) -> tuple[str, ...]:
    if isinstance(estimate, TrainingEstimate):
        return _OF_TRAINING if estimate.plan.layout.pp > 1 else tuple(kind for kind in _OF_TRAINING if kind != "gantt")
    return _OF_A_SERVER if isinstance(estimate, ServerEstimate) else _OF_A_BATCH


def _drawn(draw: Callable[[str], bytes], kinds: Iterable[str]) -> list[Picture]:
    """Those of the kinds that there is something to draw for."""
    found = []
    for kind in kinds:
        try:
            contents = draw(kind)
        except LlmplanError:
            continue
        found.append(Picture(base64.b64encode(contents).decode(), _WORDS[kind]))
    return found


_BREAKDOWNS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "time_breakdown": ("An iteration, line by line", seconds),
    "prefill_breakdown": ("Prefill, line by line", seconds),
    "decode_breakdown": ("A decode step, line by line", seconds),
    "memory_breakdown": ("Memory of the fullest GPU, line by line", gib),
}


def _breakdowns(estimate: Estimate) -> list[Rows]:
    heads = (Head("line"), Head("what it is"), Head("takes", right=True), Head("share", right=True))
    found = []
    for name, (title, words) in _BREAKDOWNS.items():
        parts: Mapping[str, float] = getattr(estimate, name, None) or {}
        whole = sum(parts.values())
        lines = [
            (str(line), words_of(line), words(size), percent(size / whole)) for line, size in parts.items() if size
        ]
        if lines:
            found.append(Rows(title, heads, lines))
    return found


def _sensitivity(estimate: Estimate) -> list[Rows]:
    """What a tenth of each number does."""
    if not isinstance(estimate, (TrainingEstimate, InferenceEstimate)):
        return []
    from llmplan_report.tornado import answer_of, swings

    base = answer_of(estimate)
    lines = [(one.name, f"{one.lower / base - 1:+.1%}", f"{one.higher / base - 1:+.1%}") for one in swings(estimate)]
    heads = (Head("number"), Head("a tenth lower", right=True), Head("a tenth higher", right=True))
    return [Rows("What moves the answer", heads, lines, "Change of the whole run's time, or of a whole answer's.")]


def _alternatives(estimate: Estimate) -> list[Rows]:
    """The best plans of the same question with the layout left open; of a server `llmplan search infer` has them."""
    if not isinstance(estimate, TrainingEstimate) or estimate.request is None:
        return []
    from llmplan.api import search
    from llmplan.search import TrainingSpace
    from llmplan.space.dimensions import NAMES

    left_open = (*NAMES, "gradient_accumulation", "max_micro_batch", "gpus")
    kept = {name: value for name, value in given_options(estimate.request).items() if name not in left_open}
    try:
        found = search(TrainingSpace(**kept, gpus=int(estimate.plan.layout.gpus)), top=5, keep=False)
    except LlmplanError:
        return []
    return [_best_plans(found.best, "The best plans with the layout left open")] if found.best else []


def _best_plans(best: Sequence[Any], title: str = "The best plans") -> Rows:
    from llmplan.output.document import document

    plans = [document(estimate) for estimate in best]
    shown = [column for column in figure_columns(plans) if column.said(plans)]
    heads = [Head("plan"), *(Head(column.heading, column.right) for column in shown), Head("fits")]
    lines = [
        [layout_words(estimate), *(column.text(row) for column in shown), fits(row)]
        for estimate, row in zip(best, plans, strict=True)
    ]
    return Rows(title, heads, lines)


def _formulas(estimate: Estimate) -> list[Rows]:
    """Each line as arithmetic with its numbers, where the cost model explains them."""
    from llmplan.cli.explain import explained

    try:
        lines = explained(estimate)
    except LlmplanError:
        return []
    heads = (Head("line"), Head("formula"), Head("with its numbers"), Head("gives", right=True), Head("source"))
    said = [
        (one.line, one.formula, one.numbers, f"{one.value:.5g} {one.unit}", one.source) for one in lines if one.value
    ]
    return [Rows("Formulas, with the numbers of this plan", heads, said, folded=True)]


def command_line(command: Sequence[str], options: Mapping[str, Any], *more: str) -> str:
    """The command line that asks for the same; empty where an option has no words of a command line."""
    words = ["llmplan", *command]
    for name, value in options.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            return ""
        if isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{option_name(name)}")
        else:
            listed = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            words += [f"--{option_name(name)}", listed]
    return " ".join((shlex.join([*words, *more]), *registry().plugins.options))
