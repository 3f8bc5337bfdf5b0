"""Pictures as files: the same bytes for the same picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

_UNDATED: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Metadata that would make the same picture another file each time."""


def check() -> None:
    """BadInputError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise BadInputError("picture: matplotlib is not installed; pip install 'llmplan-report[picture]' brings it")


def as_file(suffix: str, wide: float, high: float, draw: Callable[[Sheet], None]) -> bytes:
    """A sheet of so many inches with what is drawn on it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Sheet

    contents = io.BytesIO()
    with rc_context({"svg.hashsalt": "llmplan", "svg.fonttype": "none"}):
        sheet = Sheet(figsize=(wide, high), layout="constrained")
        draw(sheet)
        sheet.savefig(contents, format=suffix[1:], metadata=_UNDATED[suffix])
    return contents.getvalue()
