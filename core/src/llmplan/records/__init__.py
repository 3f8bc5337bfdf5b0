"""The nouns: frozen attrs records that plugins contribute and that cost models compute with. SI units inside."""

from llmplan.records.comparison import Comparison, Variant
from llmplan.records.cost_model import CostModel, Phase, SearchableCostModel
from llmplan.records.dtype import DTypeFamily, DTypeRule, NumberFormat
from llmplan.records.efficiency import CalibratedEfficiency, Efficiency, WholeRunEfficiency
from llmplan.records.engine import EngineProfile
from llmplan.records.explained import Explained
from llmplan.records.framework import FrameworkProfile
from llmplan.records.hardware import HardwareProfile
from llmplan.records.inference_estimate import InferenceEstimate
from llmplan.records.kernels import (
    AttentionCurve,
    AttentionKernel,
    CollectiveCurve,
    DecodeCurve,
    GemmCurve,
    KernelCurves,
    NetworkCurve,
    ServingCurves,
)
from llmplan.records.latent_attention import LatentAttention
from llmplan.records.load import Capacity, Means, Simulated
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
from llmplan.records.output import Exporter, Reporter
from llmplan.records.plan import InferencePlan, Layout, Schedule, TrainingPlan, Tuning
from llmplan.records.server import ServerPlan, Speculation
from llmplan.records.server_estimate import Estimate, ServerEstimate
from llmplan.records.serving import ServingSteps, Step
from llmplan.records.spread import Spread
from llmplan.records.training_estimate import TrainingEstimate
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
    "Capacity",
    "CollectiveCurve",
    "Comparison",
    "CostModel",
    "DTypeFamily",
    "DTypeRule",
    "DecodeCurve",
    "Efficiency",
    "EngineProfile",
    "Estimate",
    "Explained",
    "Exporter",
    "Family",
    "FrameworkProfile",
    "Gemm",
    "GemmCurve",
    "HardwareProfile",
    "InferenceEstimate",
    "InferencePlan",
    "KernelCurves",
    "LatentAttention",
    "Layout",
    "Lengths",
    "LoweredModel",
    "Means",
    "MixtureOfExperts",
    "ModelArchitecture",
    "NetworkCurve",
    "NumberFormat",
    "Operator",
    "Optimizer",
    "Phase",
    "Recompute",
    "Reporter",
    "Request",
    "Schedule",
    "Scores",
    "SearchableCostModel",
    "ServerEstimate",
    "ServerPlan",
    "ServingCurves",
    "ServingSteps",
    "Simulated",
    "Speculation",
    "Split",
    "Spread",
    "Step",
    "Tensor",
    "TrainingEstimate",
    "TrainingPlan",
    "Transformer",
    "Tuning",
    "ValidationRow",
    "ValidationSet",
    "Variant",
    "Variation",
    "WholeRunEfficiency",
    "Workload",
]
