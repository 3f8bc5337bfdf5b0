"""The core's own reporters and exporters, contributed like everybody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.estimate import Exporter, Reporter

LLMPLAN_API = 1


@hookimpl
def llmplan_reporters() -> Iterable[Reporter]:
    """Contribute ``json``, the reporter that programs read."""
    from llmplan.estimate import Reporter

    yield Reporter(
        name="json",
        render=_written("as_json"),
        render_comparison=_written("as_json"),
        render_search=_written("as_json"),
        description="one JSON object",
    )


@hookimpl
def llmplan_exporters() -> Iterable[Exporter]:
    """Contribute the exporters that write ``.json`` and ``.csv`` files."""
    from llmplan.estimate import Exporter

    yield Exporter(
        name="json",
        suffix=".json",
        export=_written("to_json"),
        export_comparison=_written("to_json"),
        description="what --json prints",
    )
    yield Exporter(
        name="csv",
        suffix=".csv",
        export=_written("to_csv"),
        export_comparison=_written("comparison_to_csv"),
        description="one line a figure; of a comparison one line a plan",
    )


def _written(name: str) -> Callable[[Any], Any]:
    def write(found: Any) -> Any:
        return getattr(import_module("llmplan.output.formats"), name)(found)

    return write
