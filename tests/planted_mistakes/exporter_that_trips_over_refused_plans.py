"""A comparison whose plans are all taken to be priced."""

from __future__ import annotations

from llmplan import hookimpl


def several(comparison):
    return "".join(f"{variant.estimate.feasible}" for variant in comparison.variants).encode()


@hookimpl
def llmplan_exporters():
    from llmplan.estimate import Exporter

    return [Exporter(name="planted", suffix=".planted", export=lambda _: b"", export_comparison=several)]
