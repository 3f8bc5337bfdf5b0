"""Pictures as files: which endings there are, and the same bytes for the same picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from llmplan.errors import BadInputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

_SUFFIXES = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""With the metadata that would make the same picture another file each time."""


def suffix_of(path: str) -> str:
    """The ending; BadInputError where there is no such picture, or matplotlib is not installed."""
    suffix = Path(path).suffix
    if suffix not in _SUFFIXES:
        raise BadInputError(f"picture: {path!r} does not end in {', '.join(_SUFFIXES)}")
    if find_spec("matplotlib") is None:
        raise BadInputError("picture: matplotlib is not installed; pip install 'llmplan-core[picture]' brings it")
    return suffix


def as_file(suffix: str, wide: float, high: float, draw: Callable[[Sheet], None]) -> bytes:
    """A sheet of so many inches with what is drawn on it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Sheet

    contents = io.BytesIO()
    with rc_context({"svg.hashsalt": "llmplan", "svg.fonttype": "none"}):
        sheet = Sheet(figsize=(wide, high), layout="constrained")
        draw(sheet)
        sheet.savefig(contents, format=suffix[1:], metadata=_SUFFIXES[suffix])
    return contents.getvalue()
