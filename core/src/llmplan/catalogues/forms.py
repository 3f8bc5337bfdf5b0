"""How each kind of record is written in TOML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from attrs import evolve, field, fields, frozen, has

from llmplan.errors import BadInputError
from llmplan.records.checks import lookup_name

_SOURCED = ("cluster", "efficiency", "efficiency.training_run", "kernels", "kernels.serving")
"""Tables of an accelerator that have a source each."""
_IDENTITY = ("name", "vendor", "architecture", "family", "scaleup_link", "context_line", "confidence", "note", "like")
"""Words that need no source."""


def _as_it_is(value: Any) -> Any:
    return value


@frozen(eq=False, repr=False)
class Form:
    """A kind of record in TOML: the class whose fields are its keys, and the ways from it and to it."""

    cls: type[Any]
    record: Callable[[Any], Any] = _as_it_is
    """From an object of that class."""
    back: Callable[[Any], Any] = _as_it_is
    """To an object of that class."""
    completed: Callable[[dict[str, Any]], dict[str, Any]] = _as_it_is
    """The values with what follows from them where it is left out."""
    why_missing: Mapping[str, str] = field(factory=dict)
    """Of a field that most files leave out."""
    own_sources: tuple[str, ...] = ()
    """Tables that hold their own source."""
    makes: type[Any] | None = None
    """The class of the records, where it is not that of the file."""

    shortened: Callable[[dict[str, Any]], dict[str, Any]] = _as_it_is
    """The values of a record without what follows from the others."""
    displaces: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Keys that a file takes from no other record where it has this one, which says the same and more."""
    others: tuple[ModelForm, ...] = ()
    """Further ways to write such a record."""

    def for_values(self, values: Mapping[str, Any]) -> Form:
        """The way in which these values are written."""
        return next((other.make() for other in self.others if other.key in values), self)

    def for_record(self, record: Any) -> Form:
        """The way in which this record is written."""
        return next((other.make() for other in self.others if hasattr(record, other.key)), self)

    @property
    def made(self) -> type[Any]:
        """The class of the records that are made of such files."""
        return self.makes or self.cls

    def keys(self) -> set[str]:
        """The keys that such a file may have."""
        return {of.name for of in fields(self.cls)}

    @property
    def has_sources(self) -> bool:
        """Whether every value has a source of its own."""
        return any(of.name == "sources" for of in fields(self.cls))

    @property
    def worded(self) -> frozenset[str]:
        """The fields that hold a word of a few, which may be ``none``."""
        texts = (of for of in fields(self.cls) if of.type in (str, "str"))
        return frozenset(of.name for of in texts if isinstance(of.default, str) and of.default)

    def sourced(self, values: Mapping[str, Any]) -> Iterator[str]:
        """The keys that a source stands behind, those of tables with a dot."""
        for key, value in values.items():
            if isinstance(value, Mapping):
                yield from () if key in self.own_sources else (f"{key}.{inner}" for inner in value)
            elif key not in _IDENTITY and not isinstance(value, list):
                yield key

    def values(self, record: Any) -> dict[str, Any]:
        """A record as its file would say it, without what is left at its default."""
        form = self.for_record(record)
        return form.shortened(plain(form.back(record)))


@frozen(kw_only=True, eq=False, repr=False)
class ModelForm:
    """A way to write models in TOML, or other records whose class is a plugin's."""

    name: str = field(validator=lookup_name)
    description: str = ""
    make: Callable[[], Form]
    """Called when a file or a model is written in this way."""
    key: str = ""
    """What only files of this way have, and the attribute that only its models have; none of the usual way."""
    of: str = "model"
    """The kind of record that is written so: ``model``, or ``site``."""


def plain(record: Any) -> dict[str, Any]:
    """The values of a record by field, nested ones too, without what is left at its default."""
    values: dict[str, Any] = {}
    for of in fields(type(record)):
        value = getattr(record, of.name)
        default = getattr(of.default, "factory", lambda of=of: of.default)()
        if value is not None and value != default:
            values[of.name] = _value(value)
    return values


def _value(value: Any) -> Any:
    if has(type(value)):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: _value(inner) for key, inner in value.items()}
    return list(map(_value, value)) if isinstance(value, tuple) else value


def _of_plugins(kind: str) -> Form:
    """As the plugins that make records of this kind write them."""
    from llmplan.catalogues.offered import registry

    offered = [form for form in registry().model_forms.values() if form.of == kind]
    usual = next((form for form in offered if not form.key), None)
    if usual is None:
        raise BadInputError(f"{kind}: no plugin that reads {kind}s in TOML is installed")
    return evolve(usual.make(), others=tuple(form for form in offered if form.key))


def _of_accelerators() -> Form:
    from llmplan.catalogues.hardware_file import LINK_KEYS, HardwareFile, with_link, without_link
    from llmplan.records.hardware import HardwareProfile

    return Form(
        HardwareFile,
        HardwareFile.record,
        HardwareFile.of,
        completed=with_link,
        own_sources=_SOURCED,
        makes=HardwareProfile,
        shortened=without_link,
        displaces={"cluster": LINK_KEYS},
    )


def _of_clusters() -> Form:
    from llmplan.catalogues.cluster_file import ClusterFile
    from llmplan.records.cluster import Cluster

    return Form(ClusterFile, ClusterFile.record, ClusterFile.of, makes=Cluster)


def _of_frameworks() -> Form:
    from llmplan.records.framework import FrameworkProfile

    return Form(FrameworkProfile)


def _of_engines() -> Form:
    from llmplan.records.engine import EngineProfile

    return Form(EngineProfile, completed=_renamed)


_FORMERLY = {"cuda_graphs": "captures_launches"}
"""Keys of engines that are called deprecated in the changelog, by what they are now."""


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in values.items() if key not in _FORMERLY}
    return found | {now: values[before] for before, now in _FORMERLY.items() if before in values}


def _of_optimizers() -> Form:
    from llmplan.records.optimizer import Optimizer

    return Form(Optimizer)


_FORMS: Mapping[str, Callable[[], Form]] = {
    "model": partial(_of_plugins, "model"),
    "gpu": _of_accelerators,
    "cluster": _of_clusters,
    "framework": _of_frameworks,
    "engine": _of_engines,
    "optimizer": _of_optimizers,
    "site": partial(_of_plugins, "site"),
}
IN_FILES = tuple(_FORMS)
"""What people call the kinds that are written in TOML."""


def form_called(kind: str) -> Form:
    """Of a kind that is written in TOML, by what people call it."""
    return _FORMS[kind]()
