"""The registry: every record that plugins offer, looked up by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

from attrs import frozen

from llmplan.errors import BadInputError, NameConflictError, UnknownNameError
from llmplan.estimate import CostModel, Exporter, Launcher, Reporter
from llmplan.plugins import PluginError, Plugins, load_plugins
from llmplan.records import (
    DTypeFamily,
    DTypeRule,
    EngineProfile,
    FrameworkProfile,
    HardwareProfile,
    ModelArchitecture,
    Optimizer,
    ValidationSet,
)
from llmplan.records.checks import check_name

T = TypeVar("T")
_MOST_NEAR = 5


@frozen(eq=False)
class Kind:
    """A kind of record: how people call it, the hook behind it and the classes that the hook may return."""

    plural: str
    singular: str
    hook: str
    classes: tuple[type, ...]

    def check(self, record: Any) -> None:
        """PluginError where the record is not of this kind, or cannot be looked up by its name."""
        if not any(conforms(record, cls) for cls in self.classes):
            wanted = " or ".join(cls.__name__ for cls in self.classes)
            raise PluginError(f"returned a {type(record).__name__}, not a {wanted}")
        if not isinstance(record, DTypeFamily):
            check_name(record.name)
            return
        for name in record.listed:
            if getattr(record.rule(name), "name", None) != name:
                raise PluginError(f"lists {name} and makes no such rule")


@cache
def _members(protocol: type) -> tuple[str, ...]:
    return tuple(name for name in vars(protocol) if not name.startswith("_"))


def conforms(record: Any, cls: type) -> bool:
    """Whether a record is of this class, or has every member where the class is a protocol.

    isinstance would do the same for a runtime-checkable protocol, but takes as long as a fifth of an estimate.
    """
    if not getattr(cls, "_is_protocol", False):
        return isinstance(record, cls)
    return all(hasattr(record, name) for name in _members(cls))


MODELS = Kind("models", "model", "llmplan_model_architectures", (ModelArchitecture,))
GPUS = Kind("gpus", "gpu", "llmplan_hardware_profiles", (HardwareProfile,))
DTYPES = Kind("dtypes", "dtype", "llmplan_dtype_rules", (DTypeRule, DTypeFamily))
COST_MODELS = Kind("cost-models", "cost-model", "llmplan_parallelism_models", (CostModel,))
FRAMEWORKS = Kind("frameworks", "framework", "llmplan_framework_profiles", (FrameworkProfile,))
ENGINES = Kind("engines", "engine", "llmplan_engine_profiles", (EngineProfile,))
OPTIMIZERS = Kind("optimizers", "optimizer", "llmplan_optimizers", (Optimizer,))
VALIDATION_SETS = Kind("validation-sets", "validation set", "llmplan_validation_sets", (ValidationSet,))
EXPORTERS = Kind("exporters", "exporter", "llmplan_exporters", (Exporter,))
REPORTERS = Kind("reporters", "reporter", "llmplan_reporters", (Reporter,))
LAUNCHERS = Kind("launchers", "launcher", "llmplan_launchers", (Launcher,))
KINDS = (
    MODELS, GPUS, DTYPES, COST_MODELS, FRAMEWORKS, ENGINES, OPTIMIZERS, VALIDATION_SETS, EXPORTERS, REPORTERS,
    LAUNCHERS,
)  # fmt: skip


class Catalogue(Mapping[str, T], Generic[T]):
    """The records of one kind. ``catalogue[name]`` finds a record, ``catalogue["distribution:name"]`` the one of that
    distribution where two offer the same name.
    """

    def __init__(self, kind: Kind, plugins: Plugins) -> None:
        self.kind = kind
        self._plugins = plugins
        self._entries: dict[str, dict[str, T]] = {}
        self._families: list[tuple[str, DTypeFamily]] = []
        for distribution, record in plugins.ask(kind.hook, kind.check):
            if isinstance(record, DTypeFamily):
                self._families.append((distribution, record))
                for name in record.listed:
                    self._entries.setdefault(name, {})[distribution] = record.rule(name)  # type: ignore[assignment]
            else:
                self._entries.setdefault(record.name, {})[distribution] = record

    def __getitem__(self, name: str) -> T:
        if not isinstance(name, str):
            raise UnknownNameError(f"{self.kind.singular}: {name!r} is not a name")
        distribution, _, plain = name.rpartition(":")
        offers = self._offers(plain)
        if distribution:
            offers = {key: record for key, record in offers.items() if key == distribution}
        if not offers:
            raise UnknownNameError(self._unknown(name))
        if len(offers) > 1:
            ways = " or ".join(f"{provider}:{plain}" for provider in offers)
            raise NameConflictError(f"{self.kind.singular}: {plain} comes from {len(offers)} plugins; write {ways}")
        return next(iter(offers.values()))

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]
        except NameConflictError:
            return True
        except BadInputError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def names(self) -> list[str]:
        """Every name that is listed, in the order in which plugins offer them."""
        return list(self._entries)

    def near(self, name: str) -> list[str]:
        """The names most like this one: those that hold it, then those that are spelt alike."""
        from difflib import get_close_matches

        wanted = name.lower()
        holding = [known for known in self._entries if wanted and wanted in known]
        return (holding or get_close_matches(wanted, self._entries, cutoff=0.6))[:_MOST_NEAR]

    def providers(self, name: str) -> list[str]:
        """The distributions that offer this name: one, unless plugins disagree."""
        return list(self._offers(name))

    def entries(self) -> list[tuple[str, str, T]]:
        """Name, distribution and record of everything, both records where two plugins offer the same name."""
        return [(name, by, record) for name, offers in self._entries.items() for by, record in offers.items()]

    def _offers(self, name: str) -> dict[str, T]:
        offers: dict[str, Any] = dict(self._entries.get(name, {}))
        refusals: list[Exception] = []
        for distribution, family in self._families:
            try:
                rule = None if distribution in offers else family.rule(name)
            except Exception as error:  # noqa: BLE001 - one family's refusal is no answer for the others
                refusals.append(error)
            else:
                offers |= {} if rule is None else {distribution: rule}
        if refusals and not offers:
            raise refusals[0]
        return offers

    def _unknown(self, name: str) -> str:
        kind = self.kind
        if not self._entries:
            message = f"{kind.singular}: no plugin that offers {kind.plural} is installed"
        elif near := self.near(name):
            message = f"{kind.singular}: {name!r} is unknown; did you mean {', '.join(near)}?"
        else:
            message = f"{kind.singular}: {name!r} is unknown; llmplan list {kind.plural} shows what there is"
        failed = len({problem.distribution for problem in self._plugins.problems})
        return f"{message} ({failed} plugin(s) failed and might have offered it)" if failed else message


class Registry:
    """Everything that the installed plugins offer, each kind collected when it is first asked for."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    @cached_property
    def models(self) -> Catalogue[ModelArchitecture]:
        """Model architectures."""
        return Catalogue(MODELS, self.plugins)

    @cached_property
    def gpus(self) -> Catalogue[HardwareProfile]:
        """Hardware profiles."""
        return Catalogue(GPUS, self.plugins)

    @cached_property
    def dtypes(self) -> Catalogue[DTypeRule]:
        """Dtype rules; names that follow a family's pattern are found without being listed."""
        return Catalogue(DTYPES, self.plugins)

    @cached_property
    def cost_models(self) -> Catalogue[CostModel]:
        """Parallelism cost models."""
        return Catalogue(COST_MODELS, self.plugins)

    @cached_property
    def frameworks(self) -> Catalogue[FrameworkProfile]:
        """Training frameworks."""
        return Catalogue(FRAMEWORKS, self.plugins)

    @cached_property
    def engines(self) -> Catalogue[EngineProfile]:
        """Inference engines."""
        return Catalogue(ENGINES, self.plugins)

    @cached_property
    def optimizers(self) -> Catalogue[Optimizer]:
        """Optimizers."""
        return Catalogue(OPTIMIZERS, self.plugins)

    @cached_property
    def validation_sets(self) -> Catalogue[ValidationSet]:
        """Sets of published figures."""
        return Catalogue(VALIDATION_SETS, self.plugins)

    @cached_property
    def exporters(self) -> Catalogue[Exporter]:
        """File formats."""
        return Catalogue(EXPORTERS, self.plugins)

    @cached_property
    def reporters(self) -> Catalogue[Reporter]:
        """Renderings for the terminal."""
        return Catalogue(REPORTERS, self.plugins)

    @cached_property
    def launchers(self) -> Catalogue[Launcher]:
        """Launch files."""
        return Catalogue(LAUNCHERS, self.plugins)

    def catalogue(self, kind: Kind) -> Catalogue[Any]:
        """The catalogue of a kind."""
        found: Catalogue[Any] = getattr(self, kind.plural.replace("-", "_"))
        return found


@cache
def registry() -> Registry:
    """The registry of this process: plugins are found once, their records when asked for."""
    return Registry(load_plugins())
