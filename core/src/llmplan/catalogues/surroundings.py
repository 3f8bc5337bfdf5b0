"""What belongs to the whole process, and is as it was for everybody else once a plugin's code has run."""

from __future__ import annotations

import os
import sys
from _signal import SIGINT, SIGTERM, getsignal, signal  # type: ignore[import-not-found]
from contextlib import suppress

_VARIABLES = ("LLMPLAN_STRICT", "LLMPLAN_PLUGINS", "COLUMNS", "NO_COLOR")
"""Of the environment, that answers or what they look like depend on; others are the plugin's own business."""
_SIGNALS = (SIGINT, SIGTERM)


class Surroundings:
    """The folder, the path of modules, variables, signals and depth of this process, at the time that it is made."""

    __slots__ = ("_depth", "_folder", "_path", "_paths", "_process", "_signals", "_variables")

    def __init__(self) -> None:
        self._process, self._folder = os.getpid(), _folder()
        self._path, self._paths = sys.path, tuple(sys.path)
        self._variables = {name: os.environ.get(name) for name in _VARIABLES}
        self._signals = {number: getsignal(number) for number in _SIGNALS}
        self._depth = sys.getrecursionlimit()

    def restore(self) -> None:
        """A process that split off meanwhile ends: two would answer in the place of one."""
        if os.getpid() != self._process:
            os._exit(0)
        if self._folder is not None and _folder() != self._folder:
            with suppress(OSError):
                os.chdir(self._folder)
        sys.path = self._path
        if tuple(sys.path) != self._paths:
            sys.path[:] = [*self._paths, *(place for place in sys.path if place not in self._paths)]
        for name, value in self._variables.items():
            if os.environ.get(name) != value:
                os.environ.pop(name, None)
                os.environ.update({} if value is None else {name: value})
        for number, handler in self._signals.items():
            if handler is not None and getsignal(number) is not handler:
                with suppress(ValueError):  # a thread that is not the main one may not
                    signal(number, handler)
        if sys.getrecursionlimit() < self._depth:
            sys.setrecursionlimit(self._depth)


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - asked at every call of a plugin
    except OSError:  # somebody removed it
        return None
