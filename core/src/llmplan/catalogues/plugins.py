"""Finding plugins through entry points, and keeping a broken one from taking anything else down.

pluggy's own loader stops at the first plugin that fails, and drops one of two that share an entry-point name; so each
plugin is imported, checked, registered and asked on its own here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pluggy
from attrs import Factory, define, frozen

from llmplan import hookspecs
from llmplan.catalogues.entry_points import entry_points_of
from llmplan.catalogues.folder import TomlRecords
from llmplan.catalogues.guard import hushed, words_of
from llmplan.errors import LlmplanError

CORE = "llmplan-core"
GROUP, OWN = "llmplan.plugins", "llmplan.own"


@frozen(eq=False, repr=False)
class Plugin:
    """A plugin that is loaded: its distribution and the hooks that it implements."""

    distribution: str
    version: str
    entry_point: str
    hooks: tuple[str, ...]

    @property
    def id(self) -> str:
        """What it is registered under."""
        return f"{self.distribution}:{self.entry_point}"


@frozen(eq=False, repr=False)
class PluginProblem:
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
        whose = f"{ignored} {self.distribution} {self.version}"
        return f"{whose} ignored: {self.reason} (llmplan plugins shows the traceback)"


class PluginError(LlmplanError):
    """A plugin breaks the contract of the hooks."""


@define(eq=False, repr=False)
class Plugins:
    """The plugins of this process, and what went wrong with the others."""

    manager: pluggy.PluginManager
    loaded: list[Plugin] = Factory(list)
    problems: list[PluginProblem] = Factory(list)
    failures: dict[str, None] = Factory(dict)
    """What failed when it was used, one line each: it was said where it happened, and strict mode counts it."""
    clashes: dict[str, None] = Factory(dict)
    """Names and defaults that were asked for and that several distributions claim, one line each."""
    own: frozenset[str] = frozenset({CORE})
    """The distributions of this project."""

    def rank(self, distribution: str) -> tuple[bool, str]:
        """Of those that claim a name or a default the least has it: what is installed later changes nothing."""
        return distribution not in self.own, distribution

    def add(self, distribution: str, version: str, entry_point: str, load: Callable[[], Any]) -> None:
        """Load one plugin; a failure becomes a problem."""
        try:
            with hushed():  # stdout belongs to the command's own output
                module = load()
                _check_api(module)
                hooks = self._hooks_of(module)
                plugin = Plugin(distribution, version, entry_point, hooks)
                self._register(module, plugin.id)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises stays with that plugin
            self._note(distribution, version, entry_point, error)
        else:
            self.loaded.append(plugin)

    def ask(self, hook: str, check: Callable[[Any], None]) -> Iterator[tuple[Plugin, Any]]:
        """Every record, and folder of records, that plugins offer for a hook; all that one returns or nothing."""
        for plugin, implementation in self.implementations(hook):
            try:
                with hushed():
                    offered = _records(implementation(), check)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - as above
                self.note(plugin, error, f"{hook}: ")
            else:
                yield from ((plugin, record) for record in offered)

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
                raise PluginError(f"{name} is not a hook of llmplan{_did_you_mean(name, vars(self.manager.hook))}")
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
        self.problems.append(PluginProblem(distribution, version, entry_point, reason, details, record))


def load_plugins() -> Plugins:
    """Load every plugin that is installed, in the order of distribution and entry-point names."""
    manager = pluggy.PluginManager("llmplan")
    manager.add_hookspecs(hookspecs)
    points = sorted(entry_points_of(GROUP, OWN))
    own = (point.name for point in points if point.group == OWN and point.distribution == CORE)
    plugins = Plugins(manager, own=frozenset((CORE, *own)))
    for found in (point for point in points if point.group == GROUP):
        plugins.add(found.distribution, found.version, found.name, found.load)
    return plugins


def _check_api(module: Any) -> None:
    wanted = getattr(module, "LLMPLAN_API", hookspecs.API_VERSION)
    if wanted != hookspecs.API_VERSION:
        raise PluginError(f"built for plugin API {wanted}, this llmplan offers {hookspecs.API_VERSION}")


def _records(offered: Any, check: Callable[[Any], None]) -> list[Any]:
    if isinstance(offered, TomlRecords):
        offered = [offered]
    if not isinstance(offered, Iterable):
        raise PluginError(f"returned {type(offered).__name__}, not records")
    records = list(offered)
    for record in records:
        check(record)
    names: set[str] = set()
    for record in records:
        for name in _names_of(record):
            if name in names:
                raise PluginError(f"offers {name} twice")
            names.add(name)
    return records


def _names_of(record: Any) -> tuple[str, ...]:
    if isinstance(record, TomlRecords):
        return record.names
    return (record.name,) if hasattr(record, "name") else ()


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
