"""A command run in this process, and what every command keeps to: an exit code, a line or an answer, and bounds."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command

from llmplan.cli import main as cli
from llmplan.cli.app import build_app

SECONDS, BYTES = 20, 2 << 30
"""Within which every answer comes."""
_LINES = 20_000
"""Letters that a complaint may have."""


@cache
def _command(named: str, helps: bool) -> Any:
    words = [named, "--help" if helps else "--all"]  # no option of any: all of them are made
    app = build_app(cli.registry(), words)
    return get_command(app), app.registered_commands


class _Kept:
    """An app that was made before: Typer takes longer to make one than most answers take."""

    def __init__(self, given: Any) -> None:
        named = next((word for word in given if not word.startswith("-")), "")
        helps = not {"-h", "--help"}.isdisjoint(given)
        self.command, self.registered_commands = _command(named if named.isascii() and len(named) < 20 else "?", helps)

    def __call__(self, **options: Any) -> Any:
        return self.command(**options)


@contextlib.contextmanager
def kept_apps() -> Iterator[None]:
    """Commands of one registry are made once; those with plugins of their own each time."""
    made, of = cli.build_app, cli.registry()
    cli.build_app = lambda registry, given: _Kept(given) if registry is of else made(registry, given)
    try:
        yield
    finally:
        cli.build_app = made


def _too_long(*_: object) -> None:
    raise KeyboardInterrupt  # the one thing that no guard takes for a plugin's fault


def answered(words: list[str]) -> int:
    """Run a command; AssertionError where it does not keep to what every command keeps to."""
    out, err, begin = io.StringIO(), io.StringIO(), time.process_time()
    before = signal.signal(signal.SIGVTALRM, _too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS * 1.5)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(words)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    said = err.getvalue()
    assert time.process_time() - begin < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 < BYTES
    assert code in (0, 2, 3), said
    assert len(said) < _LINES
    assert "\x1b" not in said + out.getvalue()
    if code == 2:
        assert said.startswith("llmplan: ")
        assert len([line for line in said.splitlines() if not line.startswith("hint: ")]) == 1 or "left out" in said, (
            said
        )
        assert out.getvalue() == ""
    elif "--json" in words and out.getvalue().startswith("{"):
        json.loads(out.getvalue(), parse_constant=_refuse)
    return code


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} in JSON")


class Folder:
    """Where commands run: files are there again as they were, whatever a command has written."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = {name: text.encode("utf-8", "surrogateescape") for name, text in files.items()}
        self.stamps = {name: self._stamp(name) for name in self.files}

    @staticmethod
    def _stamp(name: str) -> tuple[int, int, int]:
        found = Path(name).stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def tidied(self) -> None:
        """AssertionError where an unfinished file was left."""
        for found in list(os.scandir()):
            assert not found.name.endswith(".tmp"), found.name
            if found.name not in self.files and found.is_file():
                Path(found.path).unlink()
        for name, text in self.files.items():
            if not Path(name).exists() or self._stamp(name) != self.stamps[name]:
                Path(name).write_bytes(text)
                self.stamps[name] = self._stamp(name)
