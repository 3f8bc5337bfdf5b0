"""Files for what was found: who writes one of this ending, and how it is written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import ELOOP
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from llmplan.catalogues import EXPORTERS, REPORTERS, registry
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.errors import BadInputError

if TYPE_CHECKING:
    from llmplan.estimate import Exporter

T = TypeVar("T")
_PICTURES = (".png", ".svg", ".pdf")
_PREFIX = r"([a-z][a-z0-9-]+):"
"""Of a file, what is to write it; a file of such a name is written as ``./NAME``."""


def exporter_of(path: str, option: str = "output", others: Iterable[str] = ()) -> Exporter:
    """The one for the file's ending, of the kind or of the distribution that is written before it, else of the one that
    has the ending; BadInputError where there is none. Others are no exporters'.
    """
    plugins, entries = registry().plugins, registry().exporters.entries()
    wanted, file = _wanted_and_file(path)
    suffix = Path(file).suffix
    of_ending = [(by, of) for _, by, of in entries if of.suffix == suffix]
    fitting = {by: of for by, of in of_ending if wanted == of.kind or (wanted == by and not of.kind)}
    if not fitting:
        if re.match(_PREFIX, path) and of_ending:
            kinds = ", ".join(sorted({of.kind for _, of in of_ending} - {""})) or "none"
            raise BadInputError(f"{option}: {path!r} names no kind of {suffix} that there is ({kinds})")
        suffixes = ", ".join(dict.fromkeys((*others, *(exporter.suffix for _, _, exporter in entries))))
        raise BadInputError(f"{option}: {path!r} does not end in {suffixes}")
    owner, *rest = sorted(fitting, key=plugins.rank)
    for other in rest:
        plugins.clash(f"{option}: {suffix} is written by {owner}; {other}:{file} has {other} write it")
    exporter = fitting[owner]
    if exporter.check is not None:
        with Guard(EXPORTERS, exporter.name, owner):
            exporter.check()
    return exporter


def _wanted_and_file(path: str) -> tuple[str, str]:
    """``gantt:FILE`` or ``distribution:FILE`` in its parts, the first empty where none is named."""
    match = re.match(_PREFIX, path)
    return (match[1], path[match.end() :]) if match else ("", path)


def contents_of(exporter: Exporter, export: Callable[[T], bytes], found: T) -> bytes:
    """What an exporter makes of an estimate, a comparison or what a search found."""
    with Guard(EXPORTERS, exporter.name):
        contents = export(found)
        if not isinstance(contents, bytes):
            raise WrongAnswerError(f"returned a {type(contents).__name__}, not bytes")
    return contents


def text_of(reporter: str, render: Callable[[T], str], found: T) -> str:
    """What a reporter makes of it."""
    with Guard(REPORTERS, reporter.rpartition(":")[2]):
        text = render(found)
        if not isinstance(text, str):
            raise WrongAnswerError(f"returned a {type(text).__name__}, not text")
    return text


def painter_of(path: str) -> Exporter:
    """The exporter of a picture; where there is none, what has to be installed."""
    suffix = Path(path).suffix
    if suffix not in _PICTURES:
        raise BadInputError(f"picture: {path!r} does not end in {', '.join(_PICTURES)}")
    if not any(exporter.suffix == suffix for _, _, exporter in registry().exporters.entries()):
        raise BadInputError("picture: no plugin draws any; python3 -m pip install llmplan-report matplotlib brings one")
    return exporter_of(path, "picture")


def write_whole(path: str, contents: bytes, option: str = "output") -> None:
    """Write beside, then rename: a reader never sees half a file, and a failure leaves the old one."""
    with beside(_wanted_and_file(path)[1], option) as file, said_of(path, option):
        file.write_bytes(contents)
        file.replace(target_of(path))


@contextmanager
def said_of(path: str, option: str) -> Iterator[None]:
    """What the file system refuses, as one line."""
    try:
        yield
    except BadInputError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise BadInputError(f"{option}: {path}: {reason or error}") from error


def target_of(path: str) -> Path:
    """The file that a path, or a link, leads to; OSError where what is there is no file, or links lead in a circle."""
    target = Path(os.path.realpath(_wanted_and_file(path)[1]))
    if target.is_symlink():
        raise OSError(ELOOP, os.strerror(ELOOP))
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise FileExistsError(0, "is no file that could be replaced")
    return target


@contextmanager
def beside(path: str, option: str) -> Iterator[Path]:
    """A file or folder of its own beside the one that is wanted, gone in the end, however that comes."""
    with said_of(path, option):
        target = target_of(path)
        found = target.with_name(f".{target.name[:64]}.{os.urandom(8).hex()}.tmp")
    try:
        yield found
    finally:
        _remove(found)


def _remove(found: Path) -> None:
    if found.is_dir():
        from shutil import rmtree

        rmtree(found, ignore_errors=True)
    else:
        with suppress(OSError):
            found.unlink()
