"""``--export NAME[:FILE]`` and ``--from FILE``: launch files of the programs that run a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import frozen

from llmplan.catalogues import LAUNCHERS, registry
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.cli.said import say
from llmplan.errors import BadInputError
from llmplan.estimate import Estimate, Launcher, LaunchFile, LaunchOptions
from llmplan.request import LOADS, SERVER_OPTIONS, option_name
from llmplan.text_file import read_text

T = TypeVar("T")


@frozen
class Export:
    """A launcher by the name that was given, and where its file goes: None is standard output."""

    name: str
    launcher: Launcher
    path: str | None


def exports_of(asked: Iterable[str] | None, command: str, *, as_json: bool) -> tuple[Export, ...]:
    """What ``--export`` asks for, checked before anything is computed."""
    exports = tuple(_export(text, command) for text in asked or ())
    printed = [export.name for export in exports if export.path is None]
    if printed and as_json:
        raise BadInputError(f"export: {printed[0]} would be printed beside --json; write {printed[0]}:FILE")
    if len(printed) > 1:
        raise BadInputError(f"export: {' and '.join(printed)} would both be printed; write {printed[1]}:FILE")
    return exports


def _export(text: str, command: str) -> Export:
    name, path = _name_and_path(text)
    if not name or path == "":
        raise BadInputError(f"export: {text!r} is not NAME or NAME:FILE")
    launcher = registry().launchers[name]
    if launcher.command != command:
        raise BadInputError(f"export: {name} takes the plans of llmplan {launcher.command}; {_others(command)}")
    return Export(name, launcher, path)


def _name_and_path(text: str) -> tuple[str, str | None]:
    """``NAME``, ``NAME:FILE``, and the same with a distribution before the name."""
    first, colon, rest = text.partition(":")
    second, further, path = rest.partition(":")
    if colon and first not in registry().launchers and f"{first}:{second}" in registry().launchers:
        return f"{first}:{second}", path if further else None
    return first, rest if colon else None


def _others(command: str) -> str:
    names = [name for name, _, launcher in registry().launchers.entries() if launcher.command == command]
    return f"those of {command} are {', '.join(dict.fromkeys(names))}" if names else f"none takes those of {command}"


def launch(exports: Sequence[Export], estimate: Estimate) -> Callable[[], bool]:
    """Make the launch files of a plan. Called, the result writes them and says whether one was printed.

    A plan that cannot be launched is refused here, before anything is printed or written.
    """
    if not estimate.feasible:
        return lambda: _say_nothing_is_launched(exports)
    made = [(export, _guarded(export.name, LaunchFile, export.launcher.write, estimate)) for export in exports]

    def write() -> bool:
        for export, file in made:
            _write(export, file)
        return any(export.path is None for export, _ in made)

    return write


def _write(export: Export, file: LaunchFile) -> None:
    text = export.launcher.text(file)
    if export.path is None:
        print(text, end="")
    else:
        from llmplan.output.files import write_whole

        write_whole(export.path, text.encode(), "export")
    for remark in file.remarks:
        say(f"llmplan: {export.name}: {remark}")


def _say_nothing_is_launched(exports: Sequence[Export]) -> bool:
    """Of a plan that does not fit, or of a search that found none."""
    for export in exports:
        say(f"llmplan: {export.name}: no launch file for a plan that is not feasible")
    return False


def launched(exports: Sequence[Export], estimates: Sequence[Estimate]) -> bool:
    """Write the launch files of the best of these plans, the first; whether one was printed."""
    return launch(exports, estimates[0])() if estimates else _say_nothing_is_launched(exports)


def options_from(text: str, command: str, *requests: type[Any]) -> dict[str, Any]:
    """The options that a launch file gives, checked; what of it is not understood is said in one line."""
    from llmplan.catalogues.toml_source import TomlSource
    from llmplan.request.plan_file import plan_options

    name, path, contents = _launch_file(text, command)
    launcher = registry().launchers[name]
    found = _guarded(name, LaunchOptions, launcher.read, contents)
    if found.remarks:
        say(f"llmplan: {path}: as {name} reads it: {'; '.join(found.remarks)}")
    return plan_options(TomlSource(path, "", dict(found.options)), *requests)


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
    name, path = _name_and_path(text)
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
    found = [name for name, launcher in reading.items() if _guarded(name, bool, launcher.recognises, contents)]
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


def _guarded(name: str, wanted: type[T], call: Callable[..., T] | None, *arguments: Any) -> T:
    """What a launcher answers; what it raises by mistake names it."""
    if call is None:
        raise BadInputError(f"launcher: {name} reads no files")
    with Guard(LAUNCHERS, name.rpartition(":")[2]):
        answer = call(*arguments)
        if not isinstance(answer, wanted):
            raise WrongAnswerError(f"returned a {type(answer).__name__}, not a {wanted.__name__}")
    return answer
