"""What a plugin can contribute: implement any of these, marked with `hookimpl`, in the module of your entry point.

Each is called once, without pluggy's wrappers, when its kind of record is first asked for. Implementations may yield,
where records can be TOML files return a folder of them, and in place of a record one that is made when it is looked up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import typer

    from llmplan.catalogues import Kind, TomlRecords
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
        DTypeFamily,
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

API_VERSION = 1
"""A plugin module may state ``LLMPLAN_API = 1``, the version that it was written for; another one is not loaded."""

hookspec = pluggy.HookspecMarker("llmplan")
hookimpl = pluggy.HookimplMarker("llmplan")


@hookspec
def llmplan_hardware_profiles() -> Iterable[HardwareProfile | TomlRecords] | TomlRecords:  # type: ignore[empty-body]
    """Accelerators: peaks, memory, links, each number with its source."""


@hookspec
def llmplan_clusters() -> Iterable[Cluster | TomlRecords] | TomlRecords:  # type: ignore[empty-body]
    """Clusters: what joins accelerators, level by level, and the hosts they are in, for ``--cluster NAME``."""


@hookspec
def llmplan_dtype_rules() -> Iterable[DTypeRule | DTypeFamily]:  # type: ignore[empty-body]
    """Dtypes: bits of each tensor and the GEMM format; a family serves every name of a pattern."""


@hookspec
def llmplan_model_architectures() -> Iterable[ModelArchitecture | TomlRecords] | TomlRecords:  # type: ignore[empty-body]
    """Models that lower themselves to operators; those of `llmplan_layers` serve transformers and models of layers."""


@hookspec
def llmplan_model_readers() -> Iterable[ModelReader]:  # type: ignore[empty-body]
    """Readers of models that are not registered: of files, folders, names on a hub."""


@hookspec
def llmplan_model_forms() -> Iterable[ModelForm]:  # type: ignore[empty-body]
    """Ways to write models in TOML: the keys of a file, and the model that is made of them."""


@hookspec
def llmplan_layer_kinds() -> Iterable[LayerKind]:  # type: ignore[empty-body]
    """Kinds of layers, each a class that lowers itself, with the key that it has in a model of layers in TOML."""


@hookspec
def llmplan_parallelism_models() -> Iterable[CostModel]:  # type: ignore[empty-body]
    """Cost models: they price a plan's operators, collectives, schedule and memory."""


@hookspec
def llmplan_server_models() -> Iterable[ServerModel]:  # type: ignore[empty-body]
    """Models of servers under a load: they say what becomes of priced passes when requests come and wait."""


@hookspec
def llmplan_framework_profiles() -> Iterable[FrameworkProfile | TomlRecords] | TomlRecords:  # type: ignore[empty-body]
    """Training frameworks: kernels, overlap, host time and memory of a program, for ``--framework NAME``."""


@hookspec
def llmplan_engine_profiles() -> Iterable[EngineProfile | TomlRecords] | TomlRecords:  # type: ignore[empty-body]
    """Inference engines: kernels, host time, memory and batching of a program, for ``--engine NAME``."""


@hookspec
def llmplan_optimizers() -> Iterable[Optimizer | TomlRecords] | TomlRecords:  # type: ignore[empty-body]
    """Optimizers: what they keep of a parameter and what their step costs, for ``--optimizer NAME``."""


@hookspec
def llmplan_schedules() -> Iterable[Schedule]:  # type: ignore[empty-body]
    """Pipeline schedules: how long a stage waits and how much it holds, for ``--schedule NAME``."""


@hookspec
def llmplan_executors() -> Iterable[SearchExecutor]:  # type: ignore[empty-body]
    """Where the shares of a search are worked on, for ``--executor NAME``."""


@hookspec
def llmplan_plan_options() -> Iterable[PlanOptions]:  # type: ignore[empty-body]
    """Options of plans, what a plan carries of them, and figures that follow: in Python and plan files, too."""


@hookspec
def llmplan_kinds() -> Iterable[Kind]:  # type: ignore[empty-body]
    """Kinds of records that other plugins may offer to this one, each with a hook of its own."""


@hookspec
def llmplan_validation_sets() -> Iterable[ValidationSet]:  # type: ignore[empty-body]
    """Published figures, each with the plan it belongs to, for ``llmplan validate NAME``."""


@hookspec
def llmplan_run_readers() -> Iterable[RunReader]:  # type: ignore[empty-body]
    """Readers of measured runs, for ``llmplan calibrate FILE``: tables, logs of programs, results of benchmarks."""


@hookspec
def llmplan_sites() -> Iterable[Site | TomlRecords] | TomlRecords:  # type: ignore[empty-body]
    """Sites: how the rates of a place differ from the published ones, for ``--site NAME``."""


@hookspec
def llmplan_exporters() -> Iterable[Exporter]:  # type: ignore[empty-body]
    """File formats of ``--output FILE``, chosen by the file's ending."""


@hookspec
def llmplan_reporters() -> Iterable[Reporter]:  # type: ignore[empty-body]
    """Renderings of an estimate on the terminal, chosen by ``--reporter NAME``."""


@hookspec
def llmplan_advisers() -> Iterable[Adviser]:  # type: ignore[empty-body]
    """What is said beside a refusal, and of plans that are not feasible: what would do, and a command that works."""


@hookspec
def llmplan_launchers() -> Iterable[Launcher]:  # type: ignore[empty-body]
    """Programs that train or serve: their launch files, for ``--export NAME[:FILE]`` and ``--from FILE``."""


@hookspec
def llmplan_command_options() -> Iterable[CommandOption]:  # type: ignore[empty-body]
    """Options of ``llmplan train``, ``infer`` and their searches: where options come from, what becomes of a plan."""


@hookspec
def llmplan_commands(app: typer.Typer) -> None:
    """Commands of your own: add them to `app`, an empty Typer app that llmplan mounts beside its own commands."""
