"""Run the command line: ``python -m llmplan`` is ``llmplan``."""

import gc
import os
import sys
from _signal import SIG_DFL, SIG_IGN, SIGINT, SIGTERM, default_int_handler, getsignal, signal  # type: ignore[import-not-found]
from contextlib import suppress
from typing import Any

_OBJECTS = 200_000
"""Between two looks for garbage: a command that prices one plan makes none worth a look, a search gets its share."""
_INTERRUPTED, _TERMINATED = 130, 143


def run() -> int:
    """Entry point. Imports make no garbage, so the collector is kept out of them: 7 ms of some 230."""
    _fill_descriptors()
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # numpy's: no matrix here is large enough, and they take 16 of its 78 ms
    interrupted = getsignal(SIGINT) is not SIG_IGN
    if interrupted:
        signal(SIGINT, _leave)
    gc.disable()
    from llmplan.cli.main import main

    gc.freeze()
    gc.set_threshold(_OBJECTS)
    gc.enable()
    ended: list[int] = []

    def end(number: int, frame: Any) -> None:
        """As Ctrl-C ends it, which leaves no unfinished file; a second time at once."""
        ended.append(number)
        signal(SIGTERM, SIG_DFL)
        default_int_handler(number, frame)

    if interrupted:
        signal(SIGINT, default_int_handler)
    signal(SIGTERM, end)
    try:
        code = main()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    finally:
        signal(SIGTERM, SIG_DFL)
        if interrupted:
            signal(SIGINT, SIG_DFL)
        gc.freeze()  # the interpreter would look through everything once more before it ends
        sys.stdout = sys.stderr  # what plugins print as it ends is no part of the answer
    return _TERMINATED if ended else code


def _leave(_number: int, _frame: Any) -> None:
    """Before there is anything to tidy up."""
    with suppress(OSError):
        os.write(2, b"llmplan: interrupted\n")
    os._exit(_INTERRUPTED)


def _fill_descriptors() -> None:
    """A stream that is closed leaves its number to the next file, which would get what is meant for the stream."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    sys.exit(run())
