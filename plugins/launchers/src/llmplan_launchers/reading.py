"""``--from [NAME:]FILE``: the options that a launch file gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.catalogues import registry
from llmplan.catalogues.toml_source import TomlSource
from llmplan.cli.said import say
from llmplan.errors import BadInputError
from llmplan.estimate import Asking, Launcher, LaunchOptions
from llmplan.request import LOADS, SERVER_OPTIONS, InferRequest, TrainRequest, option_name
from llmplan.request.plan_file import plan_options
from llmplan.text_file import read_text
from llmplan_launchers.asked import guarded, name_and_path


def options_of(value: str, asking: Asking) -> Mapping[str, Any]:
    """What a launch file says, checked; a search has a load of its own, for which what the file says stands."""
    found = options_from(value, asking.command)
    return found if asking.searching else without_load(found, asking.given)


def options_from(text: str, command: str) -> dict[str, Any]:
    """The options that a launch file gives; what of it is not understood is said in one line."""
    name, path, contents = _launch_file(text, command)
    launcher = registry().launchers[name]
    found = guarded(name, LaunchOptions, launcher.read, contents)
    if found.remarks:
        say(f"llmplan: {path}: as {name} reads it: {'; '.join(found.remarks)}")
    request = TrainRequest if command == "train" else InferRequest
    return plan_options(TomlSource(path, "", dict(found.options)), request)


def without_load(read: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Of a server's launch file what means something without a load, where none is given."""
    under_load = [name for name in read if name in SERVER_OPTIONS]
    if not under_load or any(name in options for name in LOADS for options in (read, given)):
        return dict(read)
    names = ", ".join(map(option_name, under_load))
    say(f"llmplan: without --rate, --concurrency or --trace, {names} of the file mean nothing")
    return {name: value for name, value in read.items() if name not in under_load}


def _launch_file(text: str, command: str) -> tuple[str, str, str]:
    """The launcher that reads a file, its path and its contents."""
    name, path = name_and_path(text)
    if path is None or name not in registry().launchers:
        path = text
        contents = read_text(path, "from")
        return _recognised(path, contents, command), path, contents
    launcher = registry().launchers[name]
    if launcher.command != command or launcher.read is None:
        raise BadInputError(f"from: {name} reads no plan of llmplan {command}; {_readers(command)}")
    return name, path, read_text(path, "from")


def _recognised(path: str, contents: str, command: str) -> str:
    """The one launcher that takes the file for its own."""
    reading = _reading(command)
    found = [name for name, launcher in reading.items() if guarded(name, bool, launcher.recognises, contents)]
    if len(found) > 1:
        raise BadInputError(f"from: {path} may be a file of {' or '.join(found)}; write {found[0]}:{path}")
    if not found:
        raise BadInputError(f"from: {path}: no launcher knows this file; {_readers(command)}")
    return found[0]


def _reading(command: str) -> dict[str, Launcher]:
    entries = registry().launchers.entries()
    several = {name for name, _, _ in entries if len(registry().launchers.providers(name)) > 1}
    return {
        f"{provider}:{name}" if name in several else name: launcher
        for name, provider, launcher in entries
        if launcher.command == command and launcher.read is not None and launcher.recognises is not None
    }


def _readers(command: str) -> str:
    names = ", ".join(_reading(command))
    return f"files of {names} can be read" if names else "no plugin that reads such files is installed"
