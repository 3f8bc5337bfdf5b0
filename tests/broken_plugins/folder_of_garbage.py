"""A folder of records that hold no TOML."""

from __future__ import annotations

import tempfile
from pathlib import Path

from llmplan import hookimpl
from llmplan.catalogues import TomlRecords

ASKS = ("--gpu", "broken")
CODE = 2
SAID = "broken"


@hookimpl
def llmplan_hardware_profiles():
    folder = Path(tempfile.mkdtemp())
    (folder / "broken.toml").write_bytes(b"\xff\xfe = [[[")
    return TomlRecords(folder)
