"""Text files that somebody names, read to a bound: a pipe without a writer or a device without an end is no file."""

from __future__ import annotations

import os
import stat
from errno import EISDIR

from llmplan.errors import BadInputError

MOST_BYTES = 64 << 20
"""Of a file: a trace of a million requests takes half of it."""
_PATIENCE_SECONDS = 10.0
"""For a pipe to say something."""
_PIECE = 1 << 20
_MARK = b"\xef\xbb\xbf"
"""Of the order of bytes, which some editors write in front."""


def read_text(path: str | os.PathLike[str], option: str = "") -> str:
    """The text of a file in UTF-8, its lines ended as Python does; BadInputError names option, file and reason."""
    where = f"{option}: {path}" if option else str(path)
    try:
        contents = _read(os.fspath(path))
        text = contents.removeprefix(_MARK).decode()
    except UnicodeDecodeError:
        raise BadInputError(f"{where}: is not UTF-8 text") from None
    except (OSError, ValueError) as error:  # a path may hold what no path can
        reason = error.strerror if isinstance(error, OSError) else None
        raise BadInputError(f"{where}: {reason or error}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        waits = not stat.S_ISREG(mode)
        pieces: list[bytes] = []
        while piece := _piece(descriptor, waits=waits):
            pieces.append(piece)
            if len(pieces) * _PIECE > MOST_BYTES and sum(map(len, pieces)) > MOST_BYTES:
                raise ValueError(f"holds more than {MOST_BYTES >> 20} MiB")
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _piece(descriptor: int, *, waits: bool) -> bytes:
    """What comes next, nothing at the end."""
    if waits:
        from select import select

        if not select([descriptor], [], [], _PATIENCE_SECONDS)[0]:
            raise ValueError(f"says nothing for {_PATIENCE_SECONDS:g} s: it is no file, and nobody writes to it")
    return os.read(descriptor, _PIECE)
