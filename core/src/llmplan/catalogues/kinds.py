"""The kinds of record that plugins offer, one a hook."""

from __future__ import annotations

from functools import cache
from typing import Any

from attrs import frozen

from llmplan.catalogues.folder import TomlRecords
from llmplan.catalogues.plugins import PluginError
from llmplan.estimate import CostModel, Exporter, Reporter
from llmplan.records import (
    DTypeFamily,
    DTypeRule,
    EngineProfile,
    FrameworkProfile,
    HardwareProfile,
    ModelArchitecture,
    ModelReader,
    Optimizer,
    ValidationSet,
)
from llmplan.records.checks import check_name


@frozen(eq=False)
class Kind:
    """A kind of record: how people call it, the hook behind it and the classes that the hook may return."""

    plural: str
    singular: str
    hook: str
    classes: tuple[type, ...]
    in_files: bool = False
    """Whether such a record can be a TOML file: ``--gpu FILE.toml``, a folder of a plugin."""

    def check(self, record: Any) -> None:
        """PluginError where the record is not of this kind, or cannot be looked up by its name."""
        if isinstance(record, TomlRecords):
            if not self.in_files:
                raise PluginError(f"returned a folder of files; {self.plural} are records in Python")
            record.check()
        elif not any(conforms(record, cls) for cls in self.classes):
            wanted = " or ".join(cls.__name__ for cls in self.classes)
            raise PluginError(f"returned a {type(record).__name__}, not a {wanted}")
        elif not isinstance(record, DTypeFamily):
            check_name(record.name)
        else:
            _check_family(record)


def _check_family(family: DTypeFamily) -> None:
    """That every listed name follows the pattern; rules are made when they are looked up."""
    for name in family.listed:
        check_name(name)
        if family.pattern.fullmatch(name) is None:
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


MODELS = Kind("models", "model", "llmplan_model_architectures", (ModelArchitecture,), in_files=True)
MODEL_READERS = Kind("model-readers", "model-reader", "llmplan_model_readers", (ModelReader,))
GPUS = Kind("gpus", "gpu", "llmplan_hardware_profiles", (HardwareProfile,), in_files=True)
DTYPES = Kind("dtypes", "dtype", "llmplan_dtype_rules", (DTypeRule, DTypeFamily))
COST_MODELS = Kind("cost-models", "cost-model", "llmplan_parallelism_models", (CostModel,))
FRAMEWORKS = Kind("frameworks", "framework", "llmplan_framework_profiles", (FrameworkProfile,), in_files=True)
ENGINES = Kind("engines", "engine", "llmplan_engine_profiles", (EngineProfile,), in_files=True)
OPTIMIZERS = Kind("optimizers", "optimizer", "llmplan_optimizers", (Optimizer,), in_files=True)
VALIDATION_SETS = Kind("validation-sets", "validation set", "llmplan_validation_sets", (ValidationSet,))
EXPORTERS = Kind("exporters", "exporter", "llmplan_exporters", (Exporter,))
REPORTERS = Kind("reporters", "reporter", "llmplan_reporters", (Reporter,))
KINDS = (
    *(MODELS, GPUS, DTYPES, COST_MODELS, FRAMEWORKS, ENGINES, OPTIMIZERS, MODEL_READERS, VALIDATION_SETS),
    *(EXPORTERS, REPORTERS),
)
