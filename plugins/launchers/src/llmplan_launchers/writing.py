"""``--export NAME[:FILE]``: launch files of the programs that run a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import frozen

from llmplan.catalogues import registry
from llmplan.cli.said import say
from llmplan.errors import BadInputError
from llmplan.estimate import Asking, Estimate, Launcher, LaunchFile
from llmplan_launchers.asked import guarded, name_and_path


@frozen
class Export:
    """A launcher by the name that was given, and where its file goes: None is standard output."""

    name: str
    launcher: Launcher
    path: str | None


def exporting(value: Iterable[str], asking: Asking) -> Callable[[Estimate | None], Callable[[], str]]:
    """What makes the launch files that are asked for of the plan."""
    exports = exports_of(value, asking.command, as_json=asking.as_json)
    if asking.several:
        raise BadInputError(f"export: {exports[0].name} writes one plan, and these are several")
    return lambda estimate: launch(exports, estimate)


def exports_of(asked: Iterable[str], command: str, *, as_json: bool) -> tuple[Export, ...]:
    """What ``--export`` asks for, checked before anything is computed."""
    exports = tuple(_export(text, command) for text in asked)
    printed = [export.name for export in exports if export.path is None]
    if printed and as_json:
        raise BadInputError(f"export: {printed[0]} would be printed beside --json; write {printed[0]}:FILE")
    if len(printed) > 1:
        raise BadInputError(f"export: {' and '.join(printed)} would both be printed; write {printed[1]}:FILE")
    return exports


def _export(text: str, command: str) -> Export:
    name, path = name_and_path(text)
    if not name or path == "":
        raise BadInputError(f"export: {text!r} is not NAME or NAME:FILE")
    launcher = registry().launchers[name]
    if launcher.command != command:
        raise BadInputError(f"export: {name} takes the plans of llmplan {launcher.command}; {_others(command)}")
    return Export(name, launcher, path)


def _others(command: str) -> str:
    names = [name for name, _, launcher in registry().launchers.entries() if launcher.command == command]
    return f"those of {command} are {', '.join(dict.fromkeys(names))}" if names else f"none takes those of {command}"


def launch(exports: Sequence[Export], estimate: Estimate | None) -> Callable[[], str]:
    """Make the launch files of a plan. Called, the result writes them and returns the one that is to be printed.

    A plan that cannot be launched is refused here, before anything is printed or written.
    """
    if estimate is None or not estimate.fits or getattr(estimate, "overloaded", False):
        return lambda: _say_nothing_is_launched(exports)
    made = [(export, guarded(export.name, LaunchFile, export.launcher.write, estimate)) for export in exports]
    return lambda: "".join(_written(export, file) for export, file in made)


def _written(export: Export, file: LaunchFile) -> str:
    """What is to be printed of it; the file is written where a path was given."""
    text = export.launcher.text(file)
    if export.path is not None:
        from llmplan.output.files import write_whole

        write_whole(export.path, text.encode(), "export")
        text = ""
    for remark in file.remarks:
        say(f"llmplan: {export.name}: {remark}")
    return text


def _say_nothing_is_launched(exports: Sequence[Export]) -> str:
    """Of a plan that does not even fit by the estimate, of a server that is overloaded, of a search without any."""
    for export in exports:
        say(f"llmplan: {export.name}: no launch file for a plan that is not feasible")
    return ""
