"""The hooks that this package implements."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues import TomlRecords
    from llmplan.estimate import CostModel, PlanOptions
    from llmplan.records import Schedule, ValidationSet

LLMPLAN_API = 1
_HERE = Path(__file__).parent


@hookimpl
def llmplan_parallelism_models() -> Iterable[CostModel]:
    """Contribute the cost model ``megatron``, the default one."""
    from llmplan_parallelism_megatron.model import Megatron

    return [Megatron()]


@hookimpl
def llmplan_plan_options() -> Iterable[PlanOptions]:
    """Contribute the options that formulas of this cost model read."""
    from llmplan_parallelism_megatron.options import OPTIONS

    return [OPTIONS]


@hookimpl
def llmplan_framework_profiles() -> TomlRecords:
    """Megatron-Core, Megatron-LM of 2022, Megatron-DeepSpeed, FSDP and its users."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(_HERE / "frameworks")


@hookimpl
def llmplan_engine_profiles() -> TomlRecords:
    """Contribute vLLM, TensorRT-LLM and other engines."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(_HERE / "engines")


@hookimpl
def llmplan_optimizers() -> TomlRecords:
    """Adam, SGD, Adafactor, Lion, 8-bit Adam, Muon."""
    from llmplan.catalogues import TomlRecords

    return TomlRecords(_HERE / "optimizers")


@hookimpl
def llmplan_schedules() -> Iterable[Schedule]:
    """1F1B, interleaved or not, and zero-bubble."""
    from llmplan_parallelism_megatron.training.schedules import SCHEDULES

    return SCHEDULES


@hookimpl
def llmplan_validation_sets() -> Iterable[ValidationSet]:
    """Published training runs and measurements of inference engines."""
    from llmplan_parallelism_megatron.validation.inference import INFERENCE, UNFITTED_INFERENCE
    from llmplan_parallelism_megatron.validation.training import TRAINING, UNFITTED_TRAINING

    return [TRAINING, INFERENCE, UNFITTED_TRAINING, UNFITTED_INFERENCE]
