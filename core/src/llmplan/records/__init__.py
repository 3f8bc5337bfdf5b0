"""The nouns: frozen attrs records that plugins contribute and that cost models compute with. SI units inside."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmplan.records.attention import AttentionLayer as AttentionLayer
    from llmplan.records.attention import Mask as Mask
    from llmplan.records.attention import Seen as Seen
    from llmplan.records.delta_attention import DeltaAttention as DeltaAttention
    from llmplan.records.dtype import DTypeFamily as DTypeFamily
    from llmplan.records.dtype import DTypeRule as DTypeRule
    from llmplan.records.dtype import NumberFormat as NumberFormat
    from llmplan.records.efficiency import (
        CalibratedEfficiency as CalibratedEfficiency,
    )
    from llmplan.records.efficiency import (
        Efficiency as Efficiency,
    )
    from llmplan.records.efficiency import (
        WholeRunEfficiency as WholeRunEfficiency,
    )
    from llmplan.records.engine import EngineProfile as EngineProfile
    from llmplan.records.framework import FrameworkProfile as FrameworkProfile
    from llmplan.records.grouped_attention import GroupedAttention as GroupedAttention
    from llmplan.records.hardware import HardwareProfile as HardwareProfile
    from llmplan.records.kernels import (
        AttentionCurve as AttentionCurve,
    )
    from llmplan.records.kernels import (
        AttentionKernel as AttentionKernel,
    )
    from llmplan.records.kernels import (
        CollectiveCurve as CollectiveCurve,
    )
    from llmplan.records.kernels import (
        DecodeCurve as DecodeCurve,
    )
    from llmplan.records.kernels import (
        GemmCurve as GemmCurve,
    )
    from llmplan.records.kernels import (
        KernelCurves as KernelCurves,
    )
    from llmplan.records.kernels import (
        NetworkCurve as NetworkCurve,
    )
    from llmplan.records.kernels import (
        ServingCurves as ServingCurves,
    )
    from llmplan.records.kernels import (
        gemm_bytes as gemm_bytes,
    )
    from llmplan.records.latent_attention import (
        LatentAttention as LatentAttention,
    )
    from llmplan.records.latent_attention import (
        LatentAttentionLayer as LatentAttentionLayer,
    )
    from llmplan.records.layered_model import Layer as Layer
    from llmplan.records.layered_model import LayeredModel as LayeredModel
    from llmplan.records.mixture_of_experts import MixtureOfExperts as MixtureOfExperts
    from llmplan.records.mixture_of_experts import SparseMlp as SparseMlp
    from llmplan.records.mlp import DenseMlp as DenseMlp
    from llmplan.records.mlp import MlpLayer as MlpLayer
    from llmplan.records.model import (
        Block as Block,
    )
    from llmplan.records.model import (
        Cache as Cache,
    )
    from llmplan.records.model import (
        Gemm as Gemm,
    )
    from llmplan.records.model import (
        LoweredModel as LoweredModel,
    )
    from llmplan.records.model import (
        ModelArchitecture as ModelArchitecture,
    )
    from llmplan.records.model import (
        Operator as Operator,
    )
    from llmplan.records.model import (
        Recompute as Recompute,
    )
    from llmplan.records.model import (
        Scores as Scores,
    )
    from llmplan.records.model import (
        Split as Split,
    )
    from llmplan.records.model import (
        State as State,
    )
    from llmplan.records.model import (
        Tensor as Tensor,
    )
    from llmplan.records.model_reader import ModelReader as ModelReader
    from llmplan.records.optimizer import Optimizer as Optimizer
    from llmplan.records.plan import (
        InferencePlan as InferencePlan,
    )
    from llmplan.records.plan import (
        Layout as Layout,
    )
    from llmplan.records.plan import (
        Schedule as Schedule,
    )
    from llmplan.records.plan import (
        TrainingPlan as TrainingPlan,
    )
    from llmplan.records.plan import (
        Tuning as Tuning,
    )
    from llmplan.records.server import ServerPlan as ServerPlan
    from llmplan.records.server import Speculation as Speculation
    from llmplan.records.serving import ServingSteps as ServingSteps
    from llmplan.records.serving import Step as Step
    from llmplan.records.sparse_index import SparseIndex as SparseIndex
    from llmplan.records.state_space import Mamba1 as Mamba1
    from llmplan.records.state_space import Mamba2 as Mamba2
    from llmplan.records.stored_weights import StoredWeights as StoredWeights
    from llmplan.records.transformer import Transformer as Transformer
    from llmplan.records.validation import ValidationRow as ValidationRow
    from llmplan.records.validation import ValidationSet as ValidationSet
    from llmplan.records.workload import (
        FAMILIES as FAMILIES,
    )
    from llmplan.records.workload import (
        Family as Family,
    )
    from llmplan.records.workload import (
        Lengths as Lengths,
    )
    from llmplan.records.workload import (
        Request as Request,
    )
    from llmplan.records.workload import (
        Variation as Variation,
    )
    from llmplan.records.workload import (
        Workload as Workload,
    )

_HOMES = {
    "attention": "AttentionLayer Mask Seen",
    "delta_attention": "DeltaAttention",
    "dtype": "DTypeFamily DTypeRule NumberFormat",
    "efficiency": "CalibratedEfficiency Efficiency WholeRunEfficiency",
    "engine": "EngineProfile",
    "framework": "FrameworkProfile",
    "grouped_attention": "GroupedAttention",
    "hardware": "HardwareProfile",
    "kernels": "AttentionCurve AttentionKernel CollectiveCurve DecodeCurve GemmCurve KernelCurves NetworkCurve ServingCurves gemm_bytes",
    "latent_attention": "LatentAttention LatentAttentionLayer",
    "layered_model": "Layer LayeredModel",
    "mixture_of_experts": "MixtureOfExperts SparseMlp",
    "mlp": "DenseMlp MlpLayer",
    "model": "Block Cache Gemm LoweredModel ModelArchitecture Operator Recompute Scores Split State Tensor",
    "model_reader": "ModelReader",
    "optimizer": "Optimizer",
    "plan": "InferencePlan Layout Schedule TrainingPlan Tuning",
    "server": "ServerPlan Speculation",
    "serving": "ServingSteps Step",
    "sparse_index": "SparseIndex",
    "state_space": "Mamba1 Mamba2",
    "stored_weights": "StoredWeights",
    "transformer": "Transformer",
    "validation": "ValidationRow ValidationSet",
    "workload": "FAMILIES Family Lengths Request Variation Workload",
}
"""The names of each module: a command builds only the classes that it needs."""
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}
__all__ = list(_HOME_OF)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
