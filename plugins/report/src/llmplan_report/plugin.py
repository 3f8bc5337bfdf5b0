"""The hooks that this package implements; matplotlib is imported only when something is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer

    from llmplan.estimate import Advice, Adviser, Exporter, Reporter

LLMPLAN_API = 1
_SUFFIXES = (".svg", ".png", ".pdf")
KINDS: Mapping[str, str] = {
    "": "where time and memory go; of a comparison the figures that people decide by over the option with the most "
    "numbers, of a search for servers the frontier",
    "stacked": "time and memory against capacity as stacked bars, a bar a plan",
    "memory": "memory against capacity alone",
    "phases": "the forward pass of training, or prefill and a decode step, as stacked bars",
    "figures": "of a comparison, a panel for each figure that people decide by",
    "roofline": "the operators of a plan on the roofline of its accelerator",
    "gantt": "a training plan's pipeline schedule: forward, backward, recompute, bubble, exposed communication",
    "load": "latency of a server over its load",
    "tornado": "what moves the answer most: each rate and size a tenth up and down",
}
"""What ``--picture KIND:FILE`` draws, by kind."""


@hookimpl
def llmplan_reporters() -> Iterable[Reporter]:
    """Contribute ``table``, the report that people read."""
    from llmplan.estimate import Reporter

    yield Reporter(
        name="table",
        render=_written("report", "report"),
        render_comparison=_written("comparison_report", "comparison_report"),
        render_search=_written("search_report", "search_report"),
        render_parts=_written("report", "forward_pass"),
        line=_written("formats", "line"),
        html=_written("formats", "html"),
        description="a report for people",
    )


@hookimpl
def llmplan_exporters() -> Iterable[Exporter]:
    """``.md`` and ``.txt``; ``.svg``, ``.png`` and ``.pdf``, each of every kind of picture; and ``.html``."""
    from llmplan.estimate import Exporter

    yield Exporter(
        name="markdown",
        suffix=".md",
        export=_written("formats", "to_markdown"),
        export_comparison=_written("formats", "comparison_to_markdown"),
        export_search=_written("formats", "search_to_markdown"),
        description="a table of the figures, of a comparison, or of the best plans of a search",
    )
    yield Exporter(
        name="text",
        suffix=".txt",
        export=_written("formats", "to_text"),
        export_comparison=_written("formats", "comparison_to_text"),
        export_search=_written("formats", "search_to_text"),
        description="the report",
    )
    yield from _pictures()
    yield Exporter(
        name="page",
        suffix=".html",
        export=_paged("of_plan"),
        export_comparison=_paged("of_several"),
        export_search=_paged("of_found"),
        check=_check,
        description="the report as one self-contained page with its pictures",
    )


def _pictures() -> Iterator[Exporter]:
    """One for each kind of picture in each format."""
    from llmplan.estimate import Exporter

    for suffix in _SUFFIXES:
        for kind, description in KINDS.items():
            yield Exporter(
                name=f"{kind or 'picture'}-{suffix[1:]}",
                kind=kind,
                suffix=suffix,
                export=_drawn("of_plan", kind, suffix),
                export_comparison=_drawn("of_comparison", kind, suffix),
                export_search=_drawn("of_search", kind, suffix),
                export_validation=None if kind else _drawn("of_validation", kind, suffix),
                check=_check,
                description=description,
            )


@hookimpl
def llmplan_advisers() -> Iterable[Adviser]:
    """Contribute ``hints``: what would do, and a command that works."""
    from llmplan.estimate import Adviser

    yield Adviser(
        name="hints", refused=_refused, infeasible=_infeasible, description="what would do, and a command that works"
    )


def _refused(error: Exception, given: Sequence[str]) -> Advice:
    from llmplan_report.advice.hints import refused

    return refused(error, given)


def _infeasible(found: Any) -> Advice:
    from llmplan_report.advice.infeasible import infeasible

    return infeasible(found)


@hookimpl
def llmplan_commands(app: typer.Typer) -> None:
    """Contribute ``llmplan report`` and ``llmplan serve``."""
    from llmplan_report.command import add_report, add_serve

    add_report(app)
    add_serve(app)


def _written(module: str, name: str) -> Callable[[Any], Any]:
    def write(found: Any) -> Any:
        return getattr(import_module(f"llmplan_report.terminal.{module}"), name)(found)

    return write


def _paged(of_what: str) -> Callable[[Any], bytes]:
    def write(found: Any) -> bytes:
        contents: bytes = getattr(import_module("llmplan_report.page"), of_what)(found)
        return contents

    return write


def _drawn(of_what: str, kind: str, suffix: str) -> Callable[[Any], bytes]:
    def draw(found: Any) -> bytes:
        pictures = import_module("llmplan_report.pictures")
        contents: bytes = getattr(pictures, of_what)(found, kind, suffix)
        return contents

    return draw


def _check() -> None:
    from llmplan_report.drawing import check

    check()
