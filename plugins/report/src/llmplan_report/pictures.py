"""Which picture is drawn of what: a plan, a comparison, what a search found, a validation set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan.estimate import Comparison, Estimate
from llmplan.output.document import rows
from llmplan.search.result import SearchResult
from llmplan_report import accuracy, frontier, gantt, lines, load, plan, roofline, stacked, subject, tornado
from llmplan_report.subject import Subject

_OF_PLANS: Mapping[str, Callable[[Subject, str], bytes]] = {
    "stacked": stacked.draw,
    "memory": stacked.draw_memory,
    "phases": stacked.draw_phases,
    "roofline": roofline.draw,
    "gantt": gantt.draw,
    "load": load.draw,
    "tornado": tornado.draw,
}


def of_plan(estimate: Estimate, kind: str, suffix: str) -> bytes:
    """Draw the picture of one plan."""
    if kind == "figures":
        raise BadInputError("picture: figures are of several plans; give --compare or an option several values")
    return _OF_PLANS[kind](subject.of_plan(estimate), suffix) if kind else plan.draw(estimate, suffix)


def of_comparison(comparison: Comparison, kind: str, suffix: str) -> bytes:
    """Of several plans: lines where there is an option to draw them over, else stacked bars."""
    if kind == "figures" or (not kind and lines.axis_of(comparison, rows(comparison))):
        return lines.draw(comparison, suffix)
    return _OF_PLANS[kind or "stacked"](subject.of_comparison(comparison), suffix)


def of_search(result: SearchResult, kind: str, suffix: str) -> bytes:
    """Of a search for servers its frontier, of one for training plans the best ones; another kind of the best."""
    if not kind and result.command == "infer":
        return frontier.draw(result, suffix)
    if not result.best:
        raise BadInputError("picture: no plan is feasible, so there is none to draw")
    if kind == "figures":
        raise BadInputError("picture: figures are of a comparison, not of what a search found")
    best = subject.of_search(result)
    one = Subject(best.plans[:1], f"{best.title}, the best") if kind in _OF_ONE else best
    return _OF_PLANS[kind or "stacked"](one, suffix)


def of_validation(result: Mapping[str, Any], _kind: str, suffix: str) -> bytes:
    """Draw the picture of a validation set."""
    return accuracy.draw(result, suffix)


_OF_ONE = ("roofline", "gantt", "load", "tornado")
"""Kinds that show one plan: of a search the best."""
