"""The kinds of record that plugins offer, one a hook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from importlib import import_module
from typing import Any

from llmplan.catalogues.folder import TomlRecords
from llmplan.catalogues.lazy_record import LazyRecord
from llmplan.catalogues.plugins import PluginError
from llmplan.records.checks import check_name


class Kind:
    """A kind of record: how people call it, the hook behind it and the classes that the hook may return.

    The classes are named, and built when a record is checked: a command pays for those of its own records alone.
    """

    def __init__(
        self,
        plural: str,
        hook: str,
        *classes: str,
        in_files: bool = False,
        package: str = "llmplan",
        columns: Callable[[Any], Mapping[str, str]] | None = None,
        is_shown: bool = False,
        contract: Callable[[Any], None] | None = None,
    ) -> None:
        self.plural = plural
        self.singular: str = _SINGULAR.get(plural, plural.removesuffix("s"))
        self.hook = hook
        self.in_files: bool = in_files
        """Whether such a record can be a TOML file: ``--gpu FILE.toml``, a folder of a plugin."""
        self.columns: Callable[[Any], Mapping[str, str]] | None = columns
        """What ``llmplan list`` says of a record; its description by default."""
        self.is_shown: bool = is_shown
        """Whether ``llmplan show`` takes its names, of a kind that a plugin brings."""
        self.contract: Callable[[Any], None] | None = contract
        """What ``llmplan plugins check`` asks of a record of such a kind: BadInputError says what is wrong with it."""
        self._package, self._classes = package, classes

    @cached_property
    def classes(self) -> tuple[type, ...]:
        """The classes of its records; the first is the one that a user may give."""
        homes = (name.rpartition(".")[::2] for name in self._classes)
        return tuple(getattr(import_module(f"{self._package}.{home}"), name) for home, name in homes)

    def check(self, record: Any) -> None:
        """PluginError where the record is not of this kind, or cannot be looked up by its name."""
        if isinstance(record, TomlRecords):
            if not self.in_files:
                raise PluginError(f"returned a folder of files; {self.plural} are records in Python")
            record.check()
        elif isinstance(record, LazyRecord):  # what it makes is checked when it is made
            check_name(record.name)
        elif not any(conforms(record, cls) for cls in self.classes):
            wanted = " or ".join(cls.__name__ for cls in self.classes)
            raise PluginError(f"returned a {type(record).__name__}, not a {wanted}")
        elif is_family(record):
            _check_family(record)
        else:
            check_name(record.name)


_SINGULAR = {"validation-sets": "validation set"}


def is_family(record: Any) -> bool:
    """Whether this is a family of dtypes, which has a rule for each name of a pattern, and no name itself."""
    return hasattr(record, "pattern") and hasattr(record, "listed")


def _check_family(family: Any) -> None:
    """That every listed name follows the pattern; rules are made when they are looked up."""
    if not isinstance(family.listed, (tuple, list)):
        raise PluginError(f"lists its names as a {type(family.listed).__name__}, not as a tuple")
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


MODELS = Kind("models", "llmplan_model_architectures", "records.model.ModelArchitecture", in_files=True)
GPUS = Kind("gpus", "llmplan_hardware_profiles", "records.hardware.HardwareProfile", in_files=True)
CLUSTERS = Kind("clusters", "llmplan_clusters", "records.cluster.Cluster", in_files=True)
DTYPES = Kind("dtypes", "llmplan_dtype_rules", "records.dtype.DTypeRule", "records.dtype.DTypeFamily")
COST_MODELS = Kind("cost-models", "llmplan_parallelism_models", "estimate.cost_model.CostModel")
SERVER_MODELS = Kind("server-models", "llmplan_server_models", "estimate.server_model.ServerModel")
FRAMEWORKS = Kind("frameworks", "llmplan_framework_profiles", "records.framework.FrameworkProfile", in_files=True)
ENGINES = Kind("engines", "llmplan_engine_profiles", "records.engine.EngineProfile", in_files=True)
OPTIMIZERS = Kind("optimizers", "llmplan_optimizers", "records.optimizer.Optimizer", in_files=True)
SCHEDULES = Kind("schedules", "llmplan_schedules", "records.schedule.Schedule")
MODEL_READERS = Kind("model-readers", "llmplan_model_readers", "records.model_reader.ModelReader")
MODEL_FORMS = Kind("model-forms", "llmplan_model_forms", "catalogues.forms.ModelForm")
LAYER_KINDS = Kind("layer-kinds", "llmplan_layer_kinds", "records.layer_kind.LayerKind")
PLAN_OPTIONS = Kind("plan-options", "llmplan_plan_options", "estimate.plan_options.PlanOptions")
SITES = Kind("sites", "llmplan_sites", "records.site.Site", in_files=True)
RUN_READERS = Kind("run-readers", "llmplan_run_readers", "records.run_reader.RunReader")
EXECUTORS = Kind("executors", "llmplan_executors", "records.search_executor.SearchExecutor")
VALIDATION_SETS = Kind("validation-sets", "llmplan_validation_sets", "records.validation.ValidationSet")
EXPORTERS = Kind("exporters", "llmplan_exporters", "estimate.exporter.Exporter")
REPORTERS = Kind("reporters", "llmplan_reporters", "estimate.output.Reporter")
ADVISERS = Kind("advisers", "llmplan_advisers", "estimate.advice.Adviser")
LAUNCHERS = Kind("launchers", "llmplan_launchers", "estimate.launch.Launcher")
COMMAND_OPTIONS = Kind("command-options", "llmplan_command_options", "estimate.output.CommandOption")
KINDS = tuple(one for one in [*vars().values()] if isinstance(one, Kind))
"""In the order of lists."""
