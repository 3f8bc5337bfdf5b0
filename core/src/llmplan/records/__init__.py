"""The nouns: frozen attrs records that plugins contribute and that cost models compute with. SI units inside."""

from llmplan.records.dtype import DTypeFamily, DTypeRule, NumberFormat
from llmplan.records.efficiency import CalibratedEfficiency, Efficiency, WholeRunEfficiency
from llmplan.records.engine import EngineProfile
from llmplan.records.framework import FrameworkProfile
from llmplan.records.hardware import HardwareProfile
from llmplan.records.kernels import (
    AttentionCurve,
    AttentionKernel,
    CollectiveCurve,
    DecodeCurve,
    GemmCurve,
    KernelCurves,
    NetworkCurve,
    ServingCurves,
    gemm_bytes,
)
from llmplan.records.latent_attention import LatentAttention
from llmplan.records.mixture_of_experts import MixtureOfExperts
from llmplan.records.model import (
    Block,
    Cache,
    Gemm,
    LoweredModel,
    ModelArchitecture,
    Operator,
    Recompute,
    Scores,
    Split,
    Tensor,
)
from llmplan.records.optimizer import Optimizer
from llmplan.records.plan import InferencePlan, Layout, Schedule, TrainingPlan, Tuning
from llmplan.records.schedule import PipelineSchedule, PipelineTimes
from llmplan.records.server import ServerPlan, Speculation
from llmplan.records.serving import ServingSteps, Step
from llmplan.records.transformer import Transformer
from llmplan.records.validation import ValidationRow, ValidationSet
from llmplan.records.workload import FAMILIES, Family, Lengths, Request, Variation, Workload

__all__ = [
    "FAMILIES",
    "AttentionCurve",
    "AttentionKernel",
    "Block",
    "Cache",
    "CalibratedEfficiency",
    "CollectiveCurve",
    "DTypeFamily",
    "DTypeRule",
    "DecodeCurve",
    "Efficiency",
    "EngineProfile",
    "Family",
    "FrameworkProfile",
    "Gemm",
    "GemmCurve",
    "HardwareProfile",
    "InferencePlan",
    "KernelCurves",
    "LatentAttention",
    "Layout",
    "Lengths",
    "LoweredModel",
    "MixtureOfExperts",
    "ModelArchitecture",
    "NetworkCurve",
    "NumberFormat",
    "Operator",
    "Optimizer",
    "PipelineSchedule",
    "PipelineTimes",
    "Recompute",
    "Request",
    "Schedule",
    "Scores",
    "ServerPlan",
    "ServingCurves",
    "ServingSteps",
    "Speculation",
    "Split",
    "Step",
    "Tensor",
    "TrainingPlan",
    "Transformer",
    "Tuning",
    "ValidationRow",
    "ValidationSet",
    "Variation",
    "WholeRunEfficiency",
    "Workload",
    "gemm_bytes",
]
