"""The nouns: frozen attrs records that plugins contribute and that cost models compute with. SI units inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.lazily import lazily

if TYPE_CHECKING:
    from llmplan.records.cluster import Cluster as Cluster, Level as Level
    from llmplan.records.dtype import DTypeFamily as DTypeFamily, DTypeRule as DTypeRule, NumberFormat as NumberFormat
    from llmplan.records.efficiency import (
        CalibratedEfficiency as CalibratedEfficiency,
        Efficiency as Efficiency,
        WholeRunEfficiency as WholeRunEfficiency,
    )
    from llmplan.records.engine import EngineProfile as EngineProfile
    from llmplan.records.framework import FrameworkProfile as FrameworkProfile
    from llmplan.records.hardware import HardwareProfile as HardwareProfile
    from llmplan.records.inference_plan import InferencePlan as InferencePlan
    from llmplan.records.kernels import (
        AttentionCurve as AttentionCurve,
        AttentionKernel as AttentionKernel,
        CollectiveCurve as CollectiveCurve,
        DecodeCurve as DecodeCurve,
        GemmCurve as GemmCurve,
        KernelCurves as KernelCurves,
        NetworkCurve as NetworkCurve,
        ServingCurves as ServingCurves,
        gemm_bytes as gemm_bytes,
    )
    from llmplan.records.layer_kind import LayerKind as LayerKind
    from llmplan.records.model import (
        Block as Block,
        Cache as Cache,
        Gemm as Gemm,
        LoweredModel as LoweredModel,
        ModelArchitecture as ModelArchitecture,
        Operator as Operator,
        Phase as Phase,
        Recompute as Recompute,
        Scores as Scores,
        Split as Split,
        State as State,
        Tensor as Tensor,
        Works as Works,
    )
    from llmplan.records.model_reader import ModelReader as ModelReader
    from llmplan.records.optimizer import Optimizer as Optimizer
    from llmplan.records.plan import (
        OFFLOADS as OFFLOADS,
        Layout as Layout,
        TrainingPlan as TrainingPlan,
        Tuning as Tuning,
    )
    from llmplan.records.run_reader import RunReader as RunReader
    from llmplan.records.samples import Samples as Samples
    from llmplan.records.schedule import PipelineTimes as PipelineTimes, Schedule as Schedule, Schedules as Schedules
    from llmplan.records.search_executor import SearchExecutor as SearchExecutor
    from llmplan.records.server import ServerPlan as ServerPlan, Speculation as Speculation
    from llmplan.records.serving import ServingSteps as ServingSteps, Step as Step
    from llmplan.records.site import Site as Site
    from llmplan.records.stored_weights import StoredWeights as StoredWeights
    from llmplan.records.validation import ValidationRow as ValidationRow, ValidationSet as ValidationSet
    from llmplan.records.workload import (
        FAMILIES as FAMILIES,
        USUAL as USUAL,
        Family as Family,
        Lengths as Lengths,
        Request as Request,
        Variation as Variation,
        Workload as Workload,
    )

__getattr__, __all__ = lazily(
    __name__,
    {
        "cluster": "Cluster Level",
        "dtype": "DTypeFamily DTypeRule NumberFormat",
        "efficiency": "CalibratedEfficiency Efficiency WholeRunEfficiency",
        "engine": "EngineProfile",
        "framework": "FrameworkProfile",
        "hardware": "HardwareProfile",
        "kernels": (
            "AttentionCurve AttentionKernel CollectiveCurve DecodeCurve GemmCurve KernelCurves NetworkCurve "
            "ServingCurves gemm_bytes"
        ),
        "layer_kind": "LayerKind",
        "model": (
            "Block Cache Gemm LoweredModel ModelArchitecture Operator Phase Recompute Scores Split State Tensor Works"
        ),
        "model_reader": "ModelReader",
        "optimizer": "Optimizer",
        "inference_plan": "InferencePlan",
        "plan": "OFFLOADS Layout TrainingPlan Tuning",
        "run_reader": "RunReader",
        "samples": "Samples",
        "schedule": "PipelineTimes Schedule Schedules",
        "search_executor": "SearchExecutor",
        "server": "ServerPlan Speculation",
        "serving": "ServingSteps Step",
        "site": "Site",
        "stored_weights": "StoredWeights",
        "validation": "ValidationRow ValidationSet",
        "workload": "FAMILIES USUAL Family Lengths Request Variation Workload",
    },
)
