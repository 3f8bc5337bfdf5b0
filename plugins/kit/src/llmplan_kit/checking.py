"""``llmplan plugins check``: the contracts, on what is installed, on a folder or on a file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
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
    yield from _not_loaded(what)
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
    if not loaded and not any(_not_loaded(name)):
        known = ", ".join(dict.fromkeys(plugin.distribution for plugin in plugins.loaded))
        raise BadInputError(f"check: {name!r} is no folder, no file and none of the installed plugins, {known}")
    for plugin in loaded:
        module: Any = plugins.manager.get_plugin(plugin.id)
        if isinstance(module, ModuleType):
            yield plugin.distribution, module


def _not_loaded(name: str | None) -> Iterator[tuple[str, str]]:
    """What is installed, and why it could not be loaded."""
    plugins = registry().plugins
    loaded = {plugin.distribution for plugin in plugins.loaded}
    for problem in plugins.problems:
        if problem.distribution not in loaded and name in (None, problem.distribution, problem.entry_point):
            yield problem.distribution, problem.reason


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
    kept: dict[str, ModuleType] = {}
    try:
        for module in entries.values():
            kept |= _set_aside(str(module).partition(".")[0], folder)
            with _loading(module):
                found = import_module(module)
            yield stated.get("name", folder.name), found
    finally:
        sys.path[:] = [path for path in sys.path if path not in paths]
        sys.modules.update(kept)


def _set_aside(package: str, folder: Path) -> dict[str, ModuleType]:
    """Modules of this package that came from elsewhere: what is installed may be older than the folder."""
    home = str(folder.resolve())
    found = {name: one for name, one in sys.modules.items() if name == package or name.startswith(f"{package}.")}
    if any(str(getattr(one, "__file__", None) or home).startswith(home) for one in found.values()):
        return {}
    for name in found:
        del sys.modules[name]
    return found


def _of_file(path: Path) -> ModuleType:
    name = path.stem if path.stem not in sys.modules else f"checked {path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise BadInputError(f"check: {path} is no module of Python")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # where dataclasses look their own module up
    with _loading(path):
        specification.loader.exec_module(module)
    return module


@contextmanager
def _loading(what: object) -> Iterator[None]:
    """Whatever the code of a module raises is said, with where it did."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        files = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith(("<", __file__))]
        place = f" ({Path(files[-1].filename).name}, line {files[-1].lineno})" if files else ""
        raise BadInputError(f"check: {what}: {words_of(error)}{place}") from error
