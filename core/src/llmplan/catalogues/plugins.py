"""Finding plugins through entry points, and keeping a broken one from taking anything else down.

pluggy's own loader stops at the first plugin that fails, and drops one of two that share an entry-point name; so each
plugin is imported, checked, registered and asked on its own here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from types import FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import pluggy
from attrs import Factory, define

from llmplan import hookspecs
from llmplan.catalogues.entry_points import entry_points_of
from llmplan.catalogues.folder import TomlRecords
from llmplan.catalogues.guard import hushed, words_of
from llmplan.catalogues.selection import ALL, Selection
from llmplan.errors import LlmplanError, PluginFailedError, PluginWarning

CORE = "llmplan-core"
GROUP, OWN = "llmplan.plugins", "llmplan.own"
_KINDS = "llmplan_kinds"
_MOST = 100_000
"""Records that a plugin may offer of one kind."""


class Plugin(NamedTuple):
    """A plugin that is loaded: its distribution and the hooks that it implements."""

    distribution: str
    version: str
    entry_point: str
    hooks: tuple[str, ...]
    seconds: float = 0.0
    """That it took to import."""

    @property
    def id(self) -> str:
        """The name that a plugin is registered under."""
        return f"{self.distribution}:{self.entry_point}"


class PluginProblem(NamedTuple):
    """Why a plugin, or one of its hooks, is ignored."""

    distribution: str
    version: str
    entry_point: str
    reason: str
    traceback: str
    record: str = ""
    """The one record that is ignored, where the others of the plugin are fine: ``gpu acme-1``."""

    @property
    def line(self) -> str:
        """The one line that it costs the user."""
        ignored = f"{self.record} of plugin" if self.record else "plugin"
        whose = " ".join(filter(None, (ignored, self.distribution, self.version)))
        return f"{whose} ignored: {self.reason} (llmplan plugins shows the traceback)"


class PluginError(LlmplanError):
    """A plugin breaks the contract of the hooks."""


class UnknownHookError(PluginError):
    """A plugin implements a hook that nobody has brought so far."""


@define(eq=False, repr=False)
class Plugins:
    """The plugins of this process, and what went wrong with the others."""

    manager: pluggy.PluginManager
    loaded: list[Plugin] = Factory(list)
    problems: list[PluginProblem] = Factory(list)
    failures: dict[str, None] = Factory(dict)
    """What failed when it was used, one line each: it was said where it happened, and strict mode counts it."""
    kinds: list[Any] = Factory(list)
    """Of records, which plugins bring: `Kind`."""
    clashes: dict[str, None] = Factory(dict)
    """Names and defaults that were asked for and that several distributions claim, one line each."""
    own: frozenset[str] = frozenset({CORE})
    """The distributions of this project."""
    notice: Callable[[str], None] = lambda _line: None
    """Told of each problem and clash once, as it comes up."""
    options: tuple[str, ...] = ()
    """What a command line says to have the same plugins."""
    _being_asked: set[tuple[str, str]] = Factory(set)

    def rank(self, distribution: str) -> tuple[bool, str]:
        """Of those that claim a name or a default the least has it: what is installed later changes nothing."""
        return distribution not in self.own, distribution

    def add(
        self, distribution: str, version: str, entry_point: str, load: Callable[[], Any], *, may_wait: bool = False
    ) -> bool:
        """Load one plugin; a failure becomes a problem. False where it waits for another, with a hook of its own."""
        began = perf_counter()
        try:
            with hushed():  # stdout belongs to the command's own output
                module = load()
                _check_api(module)
                if self.manager.parse_hookimpl_opts(module, _KINDS) is not None:
                    self.learn(module.llmplan_kinds())
                hooks = self._hooks_of(module)
                plugin = Plugin(distribution, version, entry_point, hooks, perf_counter() - began)
                self._register(module, plugin.id)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises stays with that plugin
            if may_wait and isinstance(error, UnknownHookError):
                return False
            self._note(distribution, version, entry_point, error)
        else:
            self.loaded.append(plugin)
        return True

    def learn(self, kinds: Iterable[Any]) -> None:
        """Let plugins offer records of these kinds from now on."""
        from llmplan.catalogues.kinds import KINDS

        for kind in kinds:
            if not hasattr(self.manager.hook, kind.hook):
                if kind.plural in [one.plural for one in (*KINDS, *self.kinds)]:
                    raise PluginError(f"brings the kind {kind.plural}, which there is already")
                self.kinds.append(kind)
                self.manager.add_hookspecs(type("Hooks", (), {kind.hook: hookspecs.hookspec(lambda: None)}))

    def remove(self, distribution: str) -> None:
        """Forget the plugins of a distribution, and what was wrong with them."""
        for plugin in [plugin for plugin in self.loaded if plugin.distribution == distribution]:
            self.loaded.remove(plugin)
            self.manager.unregister(name=plugin.id)
        self.problems[:] = [problem for problem in self.problems if problem.distribution != distribution]

    def clash(self, line: str) -> None:
        """Several claim what was asked for."""
        if line not in self.clashes:
            self.clashes[line] = None
            self.notice(f"llmplan: {line}")

    def ask(self, hook: str, check: Callable[[Any], None]) -> Iterator[tuple[Plugin, Any]]:
        """Every record, and folder of records, that plugins offer for a hook; all that one returns or nothing.

        A plugin whose hook looks others' records up, to derive its own, finds those of all plugins that are not being
        asked themselves.
        """
        for plugin, implementation in self.implementations(hook):
            asked = (plugin.id, hook)
            if asked in self._being_asked:
                continue
            self._being_asked.add(asked)
            try:
                with hushed():
                    offered = _records(implementation(), check)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - as above
                self.note(plugin, error, f"{hook}: ")
            else:
                yield from ((plugin, record) for record in offered)
            finally:
                self._being_asked.discard(asked)

    def implementations(self, hook: str) -> Iterator[tuple[Plugin, Callable[..., Any]]]:
        """The functions behind a hook, in the order of loading."""
        by_id = {plugin.id: plugin for plugin in self.loaded}
        found = {implementation.plugin_name: implementation for implementation in self._caller(hook).get_hookimpls()}
        yield from ((plugin, found[name].function) for name, plugin in by_id.items() if name in found)

    def run(self, plugin: Plugin, hook: str, action: Callable[[], None]) -> None:
        """Do what a plugin asks for; a failure becomes a problem."""
        try:
            with hushed():
                action()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            self.note(plugin, error, f"{hook}: ")

    def note(self, plugin: Plugin, error: BaseException, where: str = "", record: str = "") -> None:
        """Keep what is wrong with a plugin that is loaded, or with one record of it."""
        self._note(plugin.distribution, plugin.version, plugin.entry_point, error, where, record)

    def _caller(self, hook: str) -> pluggy.HookCaller:
        caller: pluggy.HookCaller = getattr(self.manager.hook, hook)
        return caller

    def _hooks_of(self, module: Any) -> tuple[str, ...]:
        hooks = tuple(name for name in dir(module) if self.manager.parse_hookimpl_opts(module, name) is not None)
        for name in hooks:
            if not hasattr(self.manager.hook, name):
                raise UnknownHookError(f"{name} is not a hook of llmplan{_did_you_mean(name, vars(self.manager.hook))}")
        return hooks

    def _register(self, module: Any, plugin_id: str) -> None:
        if self.manager.has_plugin(plugin_id):
            raise PluginError(f"the entry point {plugin_id} is there twice")
        try:
            self.manager.register(module, name=plugin_id)
        except Exception:
            self.manager.unregister(name=plugin_id)
            raise

    def _note(
        self,
        distribution: str,
        version: str,
        entry_point: str,
        error: BaseException,
        where: str = "",
        record: str = "",
    ) -> None:
        import traceback

        details = "".join(traceback.format_exception(error))
        reason = f"{where}{words_of(error)}"
        problem = PluginProblem(distribution, version, entry_point, reason, details, record)
        if problem.line not in {known.line for known in self.problems}:
            self.problems.append(problem)
            self.notice(problem.line)


class _Manager(pluggy.PluginManager):
    """One that looks at the marks of a module's own functions alone: pluggy looks at every name in every way, twice."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """Of a function, what `hookimpl` has noted on it; None where it is no hook."""
        if not isinstance(plugin, ModuleType):
            return super().parse_hookimpl_opts(plugin, name)
        function = vars(plugin).get(name)
        return getattr(function, "llmplan_impl", None) if isinstance(function, (FunctionType, MethodType)) else None

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> Any:
        """The same of what `hookspec` has noted."""
        return getattr(vars(module_or_class).get(name), "llmplan_spec", None)


def load_plugins(selection: Selection = ALL) -> Plugins:
    """Load the plugins that are installed, in the order of distribution and entry-point names, then those in files."""
    manager = _Manager("llmplan")
    manager.add_hookspecs(hookspecs)
    points = sorted(entry_points_of(GROUP, OWN))
    own = (point.name for point in points if point.group == OWN and point.distribution == CORE)
    plugins = Plugins(manager, own=frozenset((CORE, *own)), notice=_tell, options=selection.options)
    points = [point for point in points if point.group == GROUP]
    selection.check({point.distribution for point in points} - {CORE})
    points = [point for point in points if point.distribution == CORE or selection.has(point.distribution)]
    if waiting := [point for point in points if not plugins.add(*point[:3], point.load, may_wait=True)]:
        for point in waiting:
            plugins.add(*point[:3], point.load)
        plugins.loaded.sort(key=lambda plugin: (plugin.distribution, plugin.entry_point))
    for file in selection.files:
        plugins.add(file.name, "", "file", file.load)
    return plugins


_PRINTED: list[bool] = []


@contextmanager
def printing_problems() -> Iterator[None]:
    """Within it whoever runs tells of problems, as the command line does behind all else."""
    _PRINTED.append(True)
    try:
        yield
    finally:
        _PRINTED.pop()


def _tell(line: str) -> None:
    """A script is warned; where `LLMPLAN_STRICT` is 1 it stops."""
    if _PRINTED:
        return
    if is_strict():
        raise PluginFailedError(line)
    import warnings

    warnings.warn(line, PluginWarning, stacklevel=2)


def is_strict() -> bool:
    """Whether a problem is a failure."""
    return os.environ.get("LLMPLAN_STRICT") == "1"


def _check_api(module: Any) -> None:
    wanted = getattr(module, "LLMPLAN_API", hookspecs.API_VERSION)
    if wanted != hookspecs.API_VERSION:
        raise PluginError(f"built for plugin API {wanted}, this llmplan offers {hookspecs.API_VERSION}")


def _records(offered: Any, check: Callable[[Any], None]) -> list[Any]:
    if isinstance(offered, TomlRecords):
        offered = [offered]
    if not isinstance(offered, Iterable):
        raise PluginError(f"returned {type(offered).__name__}, not records")
    records: list[Any] = []
    names: set[str] = set()
    for record in offered:
        check(record)
        for name in _names_of(record):
            if name in names:
                raise PluginError(f"offers {name} twice")
            names.add(name)
        records.append(record)
        if max(len(names), len(records)) > _MOST:
            raise PluginError(f"offers more than {_MOST:,} records")
    return records


def _names_of(record: Any) -> tuple[str, ...]:
    if isinstance(record, TomlRecords):
        return record.names
    return (record.name,) if hasattr(record, "name") else tuple(record.listed)


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
