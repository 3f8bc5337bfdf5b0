"""The hooks that this package implements: folders of accelerators and of clusters, one a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues import TomlRecords


@hookimpl
def llmplan_hardware_profiles() -> TomlRecords:
    """Contribute NVIDIA's accelerators, from V100 to B300."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(Path(__file__).parent / "accelerators")


@hookimpl
def llmplan_clusters() -> TomlRecords:
    """Contribute clusters such as DGX-1 and NVL72."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(Path(__file__).parent / "clusters")
