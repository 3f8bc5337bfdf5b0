"""Entry points of a group, as importlib.metadata finds them, without its import of the e-mail package.

A start of llmplan takes a tenth less: distributions are folders beside the packages that they hold, and two files in
each say what is needed. Where a distribution may lie elsewhere (in an archive, or behind a finder of its own),
importlib.metadata is asked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_METADATA = ("METADATA", "PKG-INFO")


class FoundEntryPoint(NamedTuple):
    """An entry point of a distribution that is installed."""

    distribution: str
    version: str
    name: str
    value: str
    """``package.module``, or ``package.module:attribute``."""
    group: str = ""

    def load(self) -> Any:
        """The module, or what it holds under the attribute."""
        module, _, attributes = self.value.partition("[")[0].strip().partition(":")
        if not module:
            raise ImportError(f"entry_points.txt: {self.name!r} names no module; NAME = PACKAGE.MODULE would")
        loaded: Any = import_module(module)
        for attribute in filter(None, attributes.split(".")):
            loaded = getattr(loaded, attribute)
        return loaded


def entry_points_of(*groups: str) -> Iterator[FoundEntryPoint]:
    """Those of these groups of all distributions on the path; of two with one name the first counts."""
    if _only_folders():
        yield from _in_folders(groups)
        return
    from importlib.metadata import distributions

    names = set()
    for distribution in distributions():
        name, version = _stated_by(distribution)
        if name and name in names:
            continue
        names.add(name)
        text = _points_of(distribution)
        for group in groups:
            for point in _section(text, f"[{group}]"):
                yield FoundEntryPoint(name or "unknown distribution", version, *point, group)


def _stated_by(distribution: Distribution) -> tuple[str, str]:
    """Its name and version; nothing where an interrupted removal left no metadata, which some finders raise at."""
    try:
        metadata: Any = distribution.metadata or {}
    except OSError:
        metadata = {}
    name, version = (metadata[key] if key in metadata else "" for key in ("Name", "Version"))  # noqa: SIM401 - 3.10 has no get
    return name, version


def _points_of(distribution: Distribution) -> str:
    """Its entry points; letters that are none are marked as such, as `_text` does."""
    try:
        return distribution.read_text("entry_points.txt") or ""
    except UnicodeDecodeError as error:
        return error.object.decode(errors="replace")


def _only_folders() -> bool:
    """Whether distributions can only lie in folders of the path."""
    finders = (finder for finder in sys.meta_path if finder is not PathFinder)
    return not any(hasattr(finder, "find_distributions") for finder in finders) and not any(
        map(os.path.isfile, sys.path)
    )


def _in_folders(groups: Iterable[str]) -> Iterator[FoundEntryPoint]:
    seen = set()
    for folder in sys.path:
        for info in _infos(folder or "."):
            key = info.rpartition("/")[2].split("-")[0].replace(".", "_").lower()
            if key in seen:
                continue
            seen.add(key)
            points = _text(f"{info}/entry_points.txt")
            for group in groups:
                header = f"[{group}]"
                if header in points:
                    name, version = _name_and_version(info)
                    yield from (FoundEntryPoint(name, version, *point, group) for point in _section(points, header))


def _infos(folder: str) -> list[str]:
    """The folders of distributions; paths stay text, which takes a third of the time that objects take."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []
    return [f"{folder}/{name}" for name in names if name.endswith((".dist-info", ".egg-info"))]


def _section(text: str, header: str) -> Iterator[tuple[str, str]]:
    """The names and values below a header."""
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == header
        elif inside and line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def _name_and_version(info: str) -> tuple[str, str]:
    """As the metadata state them in their first lines."""
    text = next(filter(None, (_text(f"{info}/{file}") for file in _METADATA)), "")
    stated = dict(line.split(": ", 1) for line in text.partition("\n\n")[0].splitlines() if ": " in line)
    return stated.get("Name", "unknown distribution"), stated.get("Version", "")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - its plugin fails, and is named
            return file.read()
    except OSError:
        return ""
