"""The boundary around plugins: what their code raises, prints or answers by mistake costs one line that names them."""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from llmplan.catalogues.surroundings import Surroundings
from llmplan.errors import LlmplanError, PluginFailedError

if TYPE_CHECKING:
    from llmplan.catalogues.kinds import Kind

_STDOUT, _STDERR = 1, 2


class WrongAnswerError(Exception):
    """A plugin's code answers, but not with what it has to."""


class Guard:
    """Around one call of what a plugin offers under a name, a cost model's `train` for one.

    Whatever it raises but Ctrl-C, `sys.exit` included, becomes a PluginFailedError that names the plugin, the file and
    the line; what llmplan refuses on purpose stays what it is. What it prints goes to stderr.
    """

    __slots__ = ("_kind", "_name", "_provider", "_suspects")

    def __init__(self, kind: Kind, name: str, provider: str = "", suspects: Callable[[], None] = lambda: None) -> None:
        self._kind = kind
        self._name = name
        self._provider = provider
        self._suspects = suspects
        """Looks at what it was given, where it fails: PluginFailedError of a record that is at fault instead."""

    def __enter__(self) -> None:
        _HUSH.__enter__()

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        _HUSH.__exit__(_type, error, _traceback)
        if error is None or isinstance(error, (LlmplanError, KeyboardInterrupt)):
            return
        self._suspects()
        raise self._failed(error) from error

    def _failed(self, error: BaseException) -> PluginFailedError:
        from llmplan.catalogues.offered import registry

        guilty, place = blame(error)
        offering = [self._provider] if self._provider else registry().catalogue(self._kind).providers(self._name)
        if guilty is not None and guilty not in (*offering, *registry().plugins.own):
            return _counted(f"plugin {guilty} failed: {words_of(error)} ({place})")
        offering = [guilty] if guilty in offering else offering
        whose = f"{self._name} of {' and '.join(offering)}" if offering else self._name
        what = f"{self._kind.singular}: {whose}"
        if isinstance(error, WrongAnswerError):
            return _counted(f"{what} {error}")
        return _counted(f"{what} failed: {words_of(error)} ({place})")


class Hush:
    """While it is entered, by any number of threads, stdout is stderr, for Python and for what is written below it.

    What else belongs to the whole process is as it was when the last one leaves it.
    """

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._inside = 0
        self._stdout: Any = None
        self._replacement: Any = None
        self._descriptor: int | None = None
        self._surroundings: Surroundings | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._surroundings = Surroundings()
                self._stdout, self._replacement = sys.stdout, sys.stderr
                with suppress(OSError, ValueError, AttributeError):  # a stream that is closed, or none at all
                    self._stdout.flush()
                with suppress(OSError):
                    self._descriptor = os.dup(_STDOUT)
                    os.dup2(_STDERR, _STDOUT)
                sys.stdout = self._replacement

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                if self._surroundings is not None:
                    self._surroundings.restore()
                sys.stdout = self._stdout
                if self._descriptor is not None:
                    os.dup2(self._descriptor, _STDOUT)
                    os.close(self._descriptor)
                    self._descriptor = None

    @property
    def stdout(self) -> tuple[Any, int | None]:
        """The one that is hidden meanwhile, and its file; None where it has none, as in a notebook."""
        stdout = self._stdout if self._inside else sys.stdout
        try:
            descriptor: int = stdout.fileno()
        except (OSError, ValueError, AttributeError):
            return stdout, None
        return stdout, self._descriptor if descriptor == _STDOUT and self._descriptor is not None else descriptor


_HUSH = Hush()


def hushed() -> Hush:
    """What keeps a plugin from writing between the lines of a command's own output."""
    return _HUSH


def words_of(error: BaseException) -> str:
    """An error in one line; its class is named unless llmplan raises it on purpose."""
    try:
        text = " ".join(str(error).split()) or "no message"
    except Exception:  # noqa: BLE001 - an error may fail to say what it is
        text = "no message"
    return text if isinstance(error, LlmplanError) else f"{type(error).__name__}: {text}"


def blame(error: BaseException) -> tuple[str | None, str]:
    """The distribution of the plugin whose code raised it, None where none had a part in it, and the place.

    Where the code of others calls this project's, which fails, it is theirs that called it wrongly.
    """
    from traceback import walk_tb

    from llmplan.catalogues.offered import registry

    known, own = homes(), registry().plugins.own
    frames = [(frame, line) for frame, line in walk_tb(error.__traceback__)]
    ours = [one for one in frames if _package(one[0]) in known]
    theirs = [one for one in ours if known[_package(one[0])] not in own] or ours
    if not frames:
        return None, "no traceback"
    frame, line = (theirs or frames)[-1]
    guilty = known[_package(frame)] if theirs else None
    return guilty, f"{os.path.basename(frame.f_code.co_filename)}, line {line}"  # noqa: PTH119


def failure_of_plugin(error: BaseException) -> PluginFailedError | None:
    """What escaped every guard, as the failure of the plugin whose code it passed through; None where it did not."""
    guilty, place = blame(error)
    return None if guilty is None else _counted(f"plugin {guilty} failed: {words_of(error)} ({place})")


def _counted(line: str) -> PluginFailedError:
    """Strict mode counts it, whatever becomes of the error."""
    from llmplan.catalogues.offered import registry

    registry().plugins.failures[line] = None
    return PluginFailedError(line)


def _package(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def homes() -> dict[str, str]:
    """By top-level package, the distribution of the plugin that is in it; the core's own parts are no plugin here."""
    from llmplan.catalogues.offered import registry

    plugins = registry().plugins
    found: dict[str, str] = {}
    for plugin in plugins.loaded:
        module = plugins.manager.get_plugin(plugin.id)
        name = getattr(module, "__name__", type(module).__module__)
        found.setdefault(str(name).partition(".")[0], plugin.distribution)
    found.pop(__name__.partition(".")[0], None)
    return found
