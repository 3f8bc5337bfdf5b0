"""The nouns: frozen attrs records that plugins contribute and that cost models compute with. SI units inside."""

from llmplan.records.attention import AttentionLayer, Mask, Seen
from llmplan.records.delta_attention import DeltaAttention
from llmplan.records.dtype import DTypeFamily, DTypeRule, NumberFormat
from llmplan.records.efficiency import CalibratedEfficiency, Efficiency, WholeRunEfficiency
from llmplan.records.engine import EngineProfile
from llmplan.records.framework import FrameworkProfile
from llmplan.records.grouped_attention import GroupedAttention
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
from llmplan.records.latent_attention import LatentAttention, LatentAttentionLayer
from llmplan.records.layered_model import Layer, LayeredModel
from llmplan.records.mixture_of_experts import MixtureOfExperts, SparseMlp
from llmplan.records.mlp import DenseMlp, MlpLayer
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
    State,
    Tensor,
)
from llmplan.records.model_reader import ModelReader
from llmplan.records.optimizer import Optimizer
from llmplan.records.plan import InferencePlan, Layout, Schedule, TrainingPlan, Tuning
from llmplan.records.schedule import PipelineSchedule, PipelineTimes
from llmplan.records.server import ServerPlan, Speculation
from llmplan.records.serving import ServingSteps, Step
from llmplan.records.sparse_index import SparseIndex
from llmplan.records.state_space import Mamba1, Mamba2
from llmplan.records.stored_weights import StoredWeights
from llmplan.records.transformer import Transformer
from llmplan.records.validation import ValidationRow, ValidationSet
from llmplan.records.workload import FAMILIES, Family, Lengths, Request, Variation, Workload

__all__ = [
    "FAMILIES",
    "AttentionCurve",
    "AttentionKernel",
    "AttentionLayer",
    "Block",
    "Cache",
    "CalibratedEfficiency",
    "CollectiveCurve",
    "DTypeFamily",
    "DTypeRule",
    "DecodeCurve",
    "DeltaAttention",
    "DenseMlp",
    "Efficiency",
    "EngineProfile",
    "Family",
    "FrameworkProfile",
    "Gemm",
    "GemmCurve",
    "GroupedAttention",
    "HardwareProfile",
    "InferencePlan",
    "KernelCurves",
    "LatentAttention",
    "LatentAttentionLayer",
    "Layer",
    "LayeredModel",
    "Layout",
    "Lengths",
    "LoweredModel",
    "Mamba1",
    "Mamba2",
    "Mask",
    "MixtureOfExperts",
    "MlpLayer",
    "ModelArchitecture",
    "ModelReader",
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
    "Seen",
    "ServerPlan",
    "ServingCurves",
    "ServingSteps",
    "SparseIndex",
    "SparseMlp",
    "Speculation",
    "Split",
    "State",
    "Step",
    "StoredWeights",
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
