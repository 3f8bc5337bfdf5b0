"""Which of the installed plugins are loaded, and plugins of one file: for a test, or to find the one that breaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from llmplan.errors import BadInputError

_FILE, _WITHOUT = "--plugin", "--without-plugin"


class PluginFile(NamedTuple):
    """A plugin that is not installed: a module in a file."""

    path: str

    @property
    def name(self) -> str:
        """What stands where an installed plugin has its distribution."""
        return os.path.basename(self.path).removesuffix(".py").replace("_", "-")  # noqa: PTH119

    def check(self) -> None:
        """BadInputError where it is no such file."""
        module = self.name.replace("-", "_")
        if not (self.path.endswith(".py") and module.isidentifier()):
            raise BadInputError(f"plugin: {self.path!r} is no Python file that can be imported: acme.py")
        if not os.path.isfile(self.path):  # noqa: PTH113
            raise BadInputError(f"plugin: {self.path}: is no file")

    def load(self) -> Any:
        """The module, by its own name, so that other processes know its classes."""
        from importlib.util import module_from_spec, spec_from_file_location

        name = self.name.replace("-", "_")
        spec = spec_from_file_location(name, self.path)
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) != getattr(spec, "origin", ""):
            raise ImportError(f"{name} is the name of another module")
        if spec is None or spec.loader is None:
            raise ImportError(f"{self.path} is no module")
        module = module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


class Selection(NamedTuple):
    """Which plugins are loaded: distributions by name, and files."""

    only: tuple[str, ...] = ()
    """All that is installed where it is empty."""
    without: tuple[str, ...] = ()
    files: tuple[PluginFile, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """What a command line says to choose the same, from the folder that it is in."""
        if not (self.files or self.without):
            return ()
        import shlex

        files = (f"{_FILE} {shlex.quote(os.path.relpath(file.path))}" for file in self.files)
        return (*files, *(f"{_WITHOUT} {name}" for name in self.without))

    def has(self, distribution: str) -> bool:
        """Whether the plugins of a distribution are loaded."""
        return distribution not in self.without and (not self.only or distribution in self.only)

    def check(self, installed: Collection[str]) -> None:
        """BadInputError where a name is none of them, or a file none."""
        for option, names in (("LLMPLAN_PLUGINS", self.only), ("without-plugin", self.without)):
            for name in names:
                if name not in installed:
                    raise BadInputError(f"{option}: {name!r} has no plugin; there are {', '.join(sorted(installed))}")
        for file in self.files:
            file.check()


ALL = Selection()
"""Every plugin that is installed."""


def of_environment() -> Selection:
    """What `LLMPLAN_PLUGINS` names: distributions, comma between them."""
    names = os.environ.get("LLMPLAN_PLUGINS", "").split(",")
    return Selection(tuple(filter(None, map(str.strip, names))))


def of_arguments(arguments: Sequence[str]) -> tuple[list[str], Selection | None]:
    """What a command line says of plugins, wherever, and the rest of it; None where it says nothing."""
    rest: list[str] = []
    given: dict[str, list[str]] = {_FILE: [], _WITHOUT: []}
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if word == "--":
            return [*rest, word, *words], _made(given)
        if option not in given:
            rest.append(word)
            continue
        value = value if equals else next(words, "")
        if not value:
            raise BadInputError(f"{option.lstrip('-')}: needs a value")
        given[option].append(value)
    return rest, _made(given)


def _made(given: dict[str, list[str]]) -> Selection | None:
    if not any(given.values()):
        return None
    files = tuple(PluginFile(os.path.abspath(path)) for path in given[_FILE])  # noqa: PTH100
    return Selection(of_environment().only, tuple(given[_WITHOUT]), files)
