"""A folder of records that is not there."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.catalogues import TomlRecords

ASKS = ()
CODE = 0
SAID = "plugin folder-that-is-gone 1.0 ignored: llmplan_hardware_profiles: "


@hookimpl
def llmplan_hardware_profiles():
    return TomlRecords("/no/such/folder")
