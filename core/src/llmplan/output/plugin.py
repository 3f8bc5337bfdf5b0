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
    """Contribute ``json``, the reporter that programs read."""
    from llmplan.estimate import Reporter
    from llmplan.output import formats

    yield Reporter(
        name="json",
        render=formats.as_json,
        render_comparison=formats.as_json,
        render_search=formats.as_json,
        description="one JSON object",
    )


@hookimpl
def llmplan_exporters() -> Iterable[Exporter]:
    """Contribute the exporters that write ``.json`` and ``.csv`` files."""
    from llmplan.estimate import Exporter
    from llmplan.output import formats

    yield Exporter(
        name="json",
        suffix=".json",
        export=formats.to_json,
        export_comparison=formats.to_json,
        description="what --json prints",
    )
    yield Exporter(
        name="csv",
        suffix=".csv",
        export=formats.to_csv,
        export_comparison=formats.comparison_to_csv,
        description="one line a figure; of a comparison one line a plan",
    )
