"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from llmplan.errors import BadInputError


def write_whole(path: str, contents: bytes, option: str = "output") -> None:
    """Write beside, then rename: a reader never sees half a file, and a failure leaves the old one."""
    target = Path(path)
    beside = target.with_name(f".{os.getpid()}.{target.name[:64]}.tmp")
    try:
        beside.write_bytes(contents)
        beside.replace(target)
    except OSError as error:
        raise BadInputError(f"{option}: {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            beside.unlink()
