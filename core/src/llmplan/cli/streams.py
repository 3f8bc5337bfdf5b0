"""stdout and stderr that are full, closed, or nobody's: the right exit code, one line where it can be said."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any

from llmplan.cli.said import say

FAILED, PIPE_CLOSED = 1, 141
"""141 is what a shell shows of a program that a closed pipe ended."""
_UNWRITABLE = {errno.ENOSPC, errno.EPIPE, errno.EBADF, errno.EIO, errno.EDQUOT, errno.EFBIG}


class _Closed(io.StringIO):
    """Stands in for a stdout that is closed; what is written tells that somebody misses it."""


def open_streams() -> None:
    """Streams that take whatever is printed: a terminal without UTF-8 shows ? for a bar."""
    streams: Any = sys
    if streams.stdout is None:
        streams.stdout = _Closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def is_unwritable(error: BaseException) -> bool:
    """Whether a stream of the process, not a file, took no more."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE


def flushed(code: int) -> int:
    """The exit code, once all is written that can be."""
    if isinstance(sys.stdout, _Closed):
        missed = sys.stdout.getvalue()
        return refused(OSError(errno.EBADF, "is closed")) if missed and code == 0 else code
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        refusal = refused(error)
        code = refusal if code == 0 else code
    try:
        sys.stderr.flush()
    except OSError:  # the interpreter would try once more as it ends, and exit with 120
        _send_nowhere(sys.stderr)
    except (ValueError, AttributeError):
        pass
    return code


def refused(error: BaseException) -> int:
    """Says that stdout took no more, but for a pipe whose reader has seen enough; nothing is written to it again."""
    _send_nowhere(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED
    say(f"llmplan: stdout: {getattr(error, 'strerror', None) or error}")
    return FAILED


def _send_nowhere(stream: Any) -> None:
    """What a stream still holds, and whatever is written to it."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
