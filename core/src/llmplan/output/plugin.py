"""The core's own reporters and exporters, contributed like everybody else's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.estimate import Exporter, Reporter

LLMPLAN_API = 1


@hookimpl
def llmplan_reporters() -> Iterable[Reporter]:
    """``table`` for people, ``json`` for programs."""
    from llmplan.estimate import Reporter
    from llmplan.output import render

    yield Reporter(
        name="table",
        render=render.as_table,
        render_comparison=render.comparison_as_table,
        description="a report for people",
    )
    yield Reporter(
        name="json",
        render=render.as_json,
        render_comparison=render.comparison_as_json,
        description="one JSON object",
    )


@hookimpl
def llmplan_exporters() -> Iterable[Exporter]:
    """``.json``, ``.csv``, ``.md`` and ``.txt`` files."""
    from llmplan.estimate import Exporter
    from llmplan.output import export

    yield Exporter(
        name="json",
        suffix=".json",
        export=export.to_json,
        export_comparison=export.comparison_to_json,
        description="what --json prints",
    )
    yield Exporter(
        name="csv",
        suffix=".csv",
        export=export.to_csv,
        export_comparison=export.comparison_to_csv,
        description="one line a figure; of a comparison one line a plan",
    )
    yield Exporter(
        name="markdown",
        suffix=".md",
        export=export.to_markdown,
        export_comparison=export.comparison_to_markdown,
        description="a table of the figures, or of a comparison",
    )
    yield Exporter(
        name="text",
        suffix=".txt",
        export=export.to_text,
        export_comparison=export.comparison_to_text,
        description="the report",
    )
