"""The hooks that this package implements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues import TomlRecords

LLMPLAN_API = 1
_HERE = Path(__file__).parent


@hookimpl
def llmplan_hardware_profiles() -> TomlRecords:
    """Contribute AMD's accelerators, a TOML file for each."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(_HERE / "accelerators")


@hookimpl
def llmplan_framework_profiles() -> TomlRecords:
    """Contribute the programs that train on them."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(_HERE / "frameworks")


@hookimpl
def llmplan_engine_profiles() -> TomlRecords:
    """Contribute the programs that serve on them."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(_HERE / "engines")
