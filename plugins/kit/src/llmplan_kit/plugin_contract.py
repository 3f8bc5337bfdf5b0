"""Contract checks that plugin authors run on their own plugins, with any test runner.

``check_plugin(module)`` checks all that a plugin offers, the others one record each. The first rule that is broken is
raised as a `ContractError`. Where numpy is installed, arrays are checked too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from inspect import isfunction
from types import ModuleType
from typing import Any

import pluggy

from llmplan import hookspecs, records
from llmplan.catalogues import (
    ADVISERS,
    CLUSTERS,
    COMMAND_OPTIONS,
    COST_MODELS,
    DTYPES,
    ENGINES,
    EXECUTORS,
    EXPORTERS,
    FRAMEWORKS,
    GPUS,
    KINDS,
    LAUNCHERS,
    LAYER_KINDS,
    MODEL_READERS,
    MODELS,
    OPTIMIZERS,
    PLAN_OPTIONS,
    REPORTERS,
    RUN_READERS,
    SCHEDULES,
    SERVER_MODELS,
    SITES,
    VALIDATION_SETS,
    Catalogue,
    Kind,
    LazyRecord,
    registry,
)
from llmplan.catalogues.guard import homes, words_of
from llmplan.catalogues.plugins import Plugins
from llmplan_kit.cluster_contract import check_cluster
from llmplan_kit.contracts import ContractError, require
from llmplan_kit.cost_contract import SAMPLE_DTYPE, SAMPLE_HARDWARE, SAMPLE_MODEL, check_cost_model
from llmplan_kit.dtype_contract import check_dtype
from llmplan_kit.hardware_contract import check_hardware
from llmplan_kit.launcher_contract import check_launcher, sample_estimates
from llmplan_kit.model_contract import check_model
from llmplan_kit.output_contract import check_exporter, check_reporter, too_large
from llmplan_kit.program_contract import check_engine, check_framework, check_optimizer, check_schedule
from llmplan_kit.record_contract import (
    check_adviser,
    check_command_option,
    check_executor,
    check_layer_kind,
    check_model_reader,
    check_plan_options,
)
from llmplan_kit.serving_contract import check_server_model
from llmplan_kit.set_contract import check_validation_set
from llmplan_kit.site_contract import check_run_reader, check_site
from llmplan_kit.sizes_contract import check_named_model

__all__ = [
    "SAMPLE_DTYPE",
    "SAMPLE_HARDWARE",
    "SAMPLE_MODEL",
    "ContractError",
    "check_adviser",
    "check_cluster",
    "check_command_option",
    "check_cost_model",
    "check_dtype",
    "check_engine",
    "check_executor",
    "check_exporter",
    "check_framework",
    "check_hardware",
    "check_launcher",
    "check_layer_kind",
    "check_model",
    "check_model_reader",
    "check_optimizer",
    "check_plan_options",
    "check_plugin",
    "check_reporter",
    "check_run_reader",
    "check_schedule",
    "check_server_model",
    "check_site",
    "check_validation_set",
    "mistakes",
]


def check_plugin(module: ModuleType) -> None:
    """The module of an entry point: its hooks exist, and what they return passes the check of its kind."""
    for mistake in mistakes(module):
        raise mistake


def mistakes(module: ModuleType) -> Iterator[ContractError]:
    """All that is wrong with a plugin: of each record the first rule that it breaks."""
    manager = pluggy.PluginManager("llmplan")
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    plugins.learn(registry().plugins.kinds)
    plugins.add(module.__name__, "", "", lambda: module)
    if not plugins.loaded:
        yield from _problems(plugins)
        return
    hooks = plugins.loaded[0].hooks
    for name, value in vars(module).items():
        if name.startswith("llmplan_") and name not in hooks and isfunction(value):
            yield ContractError(f"{name} is named like a hook and lacks @hookimpl")
    if not hooks:
        yield ContractError(f"{module.__name__} implements no hook")
    offered = {kind: _offered(kind, plugins) for kind in (*KINDS, *plugins.kinds)}
    yield from _problems(plugins)
    rules = (rule for rule in offered[DTYPES] if isinstance(rule, records.DTypeRule))
    beside = {
        GPUS: {"formats": {one for rule in rules for tier in rule.gemm_formats for one in tier}},
        DTYPES: {"formats": {one for gpu in offered[GPUS] for one in gpu.peak_flops}},
    }
    for kind, found in offered.items():
        check = _CHECKS.get(kind, kind.contract or (lambda _record: None))
        for record in found:
            try:
                _check_free(kind, record, module)
                _run(check, record, **beside.get(kind, {}))
            except ContractError as mistake:
                yield mistake


def _offered(kind: Kind, plugins: Plugins) -> list[Any]:
    """The records of a kind; families of dtypes are records here."""
    if kind is DTYPES:
        asked = [record for _, record in plugins.ask(kind.hook, kind.check)]
        return [record.make() if isinstance(record, LazyRecord) else record for record in asked]
    catalogue: Catalogue[Any] = Catalogue(kind, plugins)
    return [record for _, _, record in catalogue.entries()]


def _check_free(kind: Kind, record: Any, module: ModuleType) -> None:
    """A plugin of others takes no name of this project's: users would go on to get that record."""
    plugins, package = registry().plugins, module.__name__.partition(".")[0]
    ours = {name for name, home in homes().items() if home in plugins.own} | {"llmplan"}
    name = getattr(record, "name", None)
    if package in ours or name is None:
        return
    owner = next((by for by in registry().catalogue(kind).providers(name) if by in plugins.own), None)
    require(owner is None, f"{name}: is the {kind.singular} of {owner}, which stays the one of that name")


def _run(check: Callable[..., None], record: Any, **beside: Any) -> None:
    """What goes wrong names the record, whoever raises it."""
    try:
        check(record, **beside)
    except ContractError:
        raise
    except Exception as error:
        words = words_of(error)
        name = str(getattr(record, "name", type(record).__name__))
        raise ContractError(words if words.startswith(f"{name}: ") else f"{name}: {words}") from error


_CHECKS: Mapping[Kind, Callable[..., None]] = {
    GPUS: check_hardware,
    CLUSTERS: check_cluster,
    DTYPES: check_dtype,
    MODELS: check_named_model,
    COST_MODELS: check_cost_model,
    ENGINES: check_engine,
    FRAMEWORKS: check_framework,
    OPTIMIZERS: check_optimizer,
    SCHEDULES: check_schedule,
    SERVER_MODELS: lambda model: check_server_model(model, _samples("infer")[0]),
    LAUNCHERS: lambda launcher: check_launcher(launcher, _samples(launcher.command)),
    REPORTERS: lambda reporter: _check_each(check_reporter, reporter),
    EXPORTERS: lambda exporter: _check_each(check_exporter, exporter),
    VALIDATION_SETS: check_validation_set,
    MODEL_READERS: check_model_reader,
    LAYER_KINDS: check_layer_kind,
    EXECUTORS: check_executor,
    ADVISERS: lambda adviser: check_adviser(adviser, [too_large(one) for one in _samples("train")]),
    COMMAND_OPTIONS: check_command_option,
    PLAN_OPTIONS: check_plan_options,
    RUN_READERS: check_run_reader,
    SITES: lambda site: _check_each(check_site, site),
}


def _check_each(check: Callable[[Any, Any], None], record: Any) -> None:
    """On estimates of training, and on those of serving."""
    for command in ("train", "infer"):
        check(record, _samples(command))


def _samples(command: str) -> list[Any]:
    return list(sample_estimates(command, SAMPLE_MODEL, SAMPLE_HARDWARE, SAMPLE_DTYPE))


def _problems(plugins: Plugins) -> Iterator[ContractError]:
    for problem in plugins.problems:
        yield ContractError(f"{problem.reason}\n{problem.traceback}")
