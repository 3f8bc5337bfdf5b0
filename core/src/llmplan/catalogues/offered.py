"""The registry: everything that the installed plugins offer, by kind; plugins come and go while a program runs."""

from __future__ import annotations

from _thread import RLock
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from llmplan.catalogues import kinds
from llmplan.catalogues.catalogue import Catalogue
from llmplan.catalogues.kinds import KINDS, Kind
from llmplan.catalogues.plugins import Plugins, load_plugins
from llmplan.catalogues.selection import PluginFile, Selection, of_environment

if TYPE_CHECKING:
    from llmplan.catalogues.forms import ModelForm
    from llmplan.estimate import (
        Adviser,
        CommandOption,
        CostModel,
        Exporter,
        Launcher,
        PlanOptions,
        Reporter,
        ServerModel,
    )
    from llmplan.records import (
        Cluster,
        DTypeRule,
        EngineProfile,
        FrameworkProfile,
        HardwareProfile,
        LayerKind,
        ModelArchitecture,
        ModelReader,
        Optimizer,
        RunReader,
        Schedule,
        SearchExecutor,
        Site,
        ValidationSet,
    )

T = TypeVar("T")
_LOCK = RLock()


class _Collected(Generic[T]):
    """The catalogue of one kind, made when it is first asked for and kept: by one thread, while others wait."""

    def __init__(self, kind: kinds.Kind) -> None:
        self._kind = kind

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, registry: Registry, _owner: type) -> Catalogue[T]:
        with _LOCK:
            found: Catalogue[T] | None = vars(registry).get(self._name)
            if found is None:
                found = Catalogue(self._kind, registry.plugins)
                vars(registry)[self._name] = found
            return found


class Registry:
    """Everything that plugins offer, each kind collected when it is first asked for."""

    models: _Collected[ModelArchitecture] = _Collected(kinds.MODELS)
    model_readers: _Collected[ModelReader] = _Collected(kinds.MODEL_READERS)
    model_forms: _Collected[ModelForm] = _Collected(kinds.MODEL_FORMS)
    layer_kinds: _Collected[LayerKind] = _Collected(kinds.LAYER_KINDS)
    gpus: _Collected[HardwareProfile] = _Collected(kinds.GPUS)
    clusters: _Collected[Cluster] = _Collected(kinds.CLUSTERS)
    dtypes: _Collected[DTypeRule] = _Collected(kinds.DTYPES)
    """Names that follow a family's pattern are found without being listed."""
    cost_models: _Collected[CostModel] = _Collected(kinds.COST_MODELS)
    server_models: _Collected[ServerModel] = _Collected(kinds.SERVER_MODELS)
    frameworks: _Collected[FrameworkProfile] = _Collected(kinds.FRAMEWORKS)
    engines: _Collected[EngineProfile] = _Collected(kinds.ENGINES)
    optimizers: _Collected[Optimizer] = _Collected(kinds.OPTIMIZERS)
    schedules: _Collected[Schedule] = _Collected(kinds.SCHEDULES)
    executors: _Collected[SearchExecutor] = _Collected(kinds.EXECUTORS)
    plan_options: _Collected[PlanOptions] = _Collected(kinds.PLAN_OPTIONS)
    run_readers: _Collected[RunReader] = _Collected(kinds.RUN_READERS)
    sites: _Collected[Site] = _Collected(kinds.SITES)
    validation_sets: _Collected[ValidationSet] = _Collected(kinds.VALIDATION_SETS)
    exporters: _Collected[Exporter] = _Collected(kinds.EXPORTERS)
    reporters: _Collected[Reporter] = _Collected(kinds.REPORTERS)
    advisers: _Collected[Adviser] = _Collected(kinds.ADVISERS)
    launchers: _Collected[Launcher] = _Collected(kinds.LAUNCHERS)
    command_options: _Collected[CommandOption] = _Collected(kinds.COMMAND_OPTIONS)

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of record that there are, those that plugins bring among them."""
        return (*KINDS, *self.plugins.kinds)

    def catalogue(self, kind: Kind | str) -> Catalogue[Any]:
        """The catalogue that holds records of this kind."""
        plural = kind if isinstance(kind, str) else kind.plural
        found: Catalogue[Any] = getattr(self, plural.replace("-", "_"))
        return found

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Catalogue[Any]:
            """The catalogue of a kind that a plugin brings."""
            for kind in self.plugins.kinds:
                if kind.plural.replace("-", "_") == name:
                    with _LOCK:
                        return vars(self).setdefault(name, Catalogue(kind, self.plugins))
            raise AttributeError(f"no plugin that offers {name.replace('_', '-')} is installed")


_present: list[Registry] = []
"""The last one counts; none before the first question."""


def registry() -> Registry:
    """The registry of this process: plugins are found once, their records when asked for."""
    if not _present:
        with _LOCK:
            if not _present:
                _present.append(Registry(load_plugins(of_environment())))
    return _present[-1]


def register(plugin: Any, distribution: str = "") -> None:
    """Have one more plugin from now on: a module, or any object with hooks, or the path of a Python file."""
    with _LOCK:
        plugins = registry().plugins
        _add(plugins, plugin, distribution)
        _present[-1] = Registry(plugins)


def unregister(distribution: str) -> None:
    """Have the plugins of a distribution no longer; those that were registered are called after their module."""
    with _LOCK:
        plugins = registry().plugins
        plugins.remove(distribution)
        _present[-1] = Registry(plugins)


def reload() -> None:
    """Look for plugins afresh when they are next asked for: one was installed, or a file of records changed."""
    with _LOCK:
        _present.clear()


@contextmanager
def plugged(*added: Any, without: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> Iterator[Registry]:
    """Within it these plugins are there too, and those of some distributions are not; then all is as before."""
    with _LOCK:
        plugins = load_plugins(Selection(only, without))
        for plugin in added:
            _add(plugins, plugin, "")
        found = Registry(plugins)
        _present.append(found)
    try:
        yield found
    finally:
        with _LOCK:
            if found in _present:
                _present.remove(found)


@contextmanager
def selected(selection: Selection | None) -> Iterator[None]:
    """Within it these plugins are loaded and no others; where it is None, those of the environment."""
    if selection is None:
        yield
        return
    found = Registry(load_plugins(selection))
    _present.append(found)
    try:
        yield
    finally:
        _present.remove(found)


def _add(plugins: Plugins, plugin: Any, distribution: str) -> None:
    if isinstance(plugin, str):
        file = PluginFile(plugin)
        file.check()
        plugins.add(distribution or file.name, "", "file", file.load)
        return
    if plugins.manager.is_registered(plugin):  # what is installed is tested with itself
        return
    name = getattr(plugin, "__name__", type(plugin).__name__)
    plugins.add(distribution or name.partition(".")[0].replace("_", "-"), "", "registered", lambda: plugin)
