"""An exporter that takes what it has written out of the estimate."""

from __future__ import annotations

from llmplan import hookimpl


def export(estimate):
    parts = estimate.memory_breakdown
    return b"".join(f"{part} {parts.pop(part):g}\n".encode() for part in list(parts)) or b"nothing\n"


@hookimpl
def llmplan_exporters():
    from llmplan.estimate import Exporter

    return [Exporter(name="planted", suffix=".planted", export=export)]
