"""``llmplan plugins check``: the contracts, on what is installed, on a folder or on a file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import tomli

from llmplan.catalogues import registry
from llmplan.catalogues.guard import words_of
from llmplan.errors import BadInputError, LlmplanError
from llmplan.text_file import read_text
from llmplan_kit.plugin_contract import mistakes

_GROUP = "llmplan.plugins"


def checked(what: str | None) -> Iterator[tuple[str, str]]:
    """Each plugin that is meant with each thing that is wrong with it; with nothing, once, where nothing is."""
    for name, module in _modules(what):
        wrong = [str(mistake).partition("\n")[0] for mistake in _mistakes(module)]
        yield from ((name, line) for line in wrong or [""])


def _mistakes(module: ModuleType) -> Iterator[Exception]:
    try:
        yield from mistakes(module)
    except LlmplanError as error:
        yield error
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        yield LlmplanError(words_of(error))


def _modules(what: str | None) -> Iterator[tuple[str, ModuleType]]:
    if what is None or not Path(what).exists():
        yield from _installed(what)
    elif Path(what).is_dir():
        yield from _of_folder(Path(what))
    else:
        yield what, _of_file(Path(what))


def _installed(name: str | None) -> Iterator[tuple[str, ModuleType]]:
    plugins = registry().plugins
    loaded = [plugin for plugin in plugins.loaded if name is None or name in (plugin.distribution, plugin.entry_point)]
    if not loaded:
        known = ", ".join(dict.fromkeys(plugin.distribution for plugin in plugins.loaded))
        raise BadInputError(f"check: {name!r} is no folder, no file and none of the installed plugins, {known}")
    for plugin in loaded:
        module: Any = plugins.manager.get_plugin(plugin.id)
        if isinstance(module, ModuleType):
            yield plugin.distribution, module


def _of_folder(folder: Path) -> Iterator[tuple[str, ModuleType]]:
    """The modules of the entry points that its pyproject.toml states, as if it were installed."""
    project = folder / "pyproject.toml"
    if not project.exists():
        raise BadInputError(f"check: {folder} has no pyproject.toml")
    try:
        stated = tomli.loads(read_text(project, "check"))["project"]
        entries = dict(stated.get("entry-points", {}).get(_GROUP, {}))
    except KeyError:
        raise BadInputError(f"check: {project} has no [project]") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError(f"check: {project}: {error}") from error
    if not entries:
        raise BadInputError(f'check: {project} has no [project.entry-points."{_GROUP}"]')
    paths = [str(path) for path in (folder / "src", folder) if path.is_dir()]
    sys.path[:0] = paths
    try:
        for module in entries.values():
            yield stated.get("name", folder.name), _imported(module)
    finally:
        sys.path[: len(paths)] = []


def _imported(module: str) -> ModuleType:
    try:
        return import_module(module)
    except Exception as error:
        raise BadInputError(f"check: {module}: {type(error).__name__}: {error}") from error


def _of_file(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise BadInputError(f"check: {path} is no module of Python")
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise BadInputError(f"check: {path}: {type(error).__name__}: {error}") from error
    return module
