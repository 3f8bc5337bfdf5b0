"""Kinds of layers, and the models that are made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.lazily import lazily

if TYPE_CHECKING:
    from llmplan_layers.attention import (
        AttentionLayer as AttentionLayer,
        Mask as Mask,
        Seen as Seen,
        output_projection as output_projection,
        projection as projection,
    )
    from llmplan_layers.compressed_attention import (
        CompressedAttention as CompressedAttention,
        CompressedIndex as CompressedIndex,
    )
    from llmplan_layers.cross_attention import CrossAttention as CrossAttention
    from llmplan_layers.delta_attention import DeltaAttention as DeltaAttention
    from llmplan_layers.grouped_attention import GroupedAttention as GroupedAttention
    from llmplan_layers.latent_attention import (
        LatentAttention as LatentAttention,
        LatentAttentionLayer as LatentAttentionLayer,
    )
    from llmplan_layers.layer import Layer as Layer
    from llmplan_layers.layered_model import LayeredModel as LayeredModel
    from llmplan_layers.mixture_of_experts import MixtureOfExperts as MixtureOfExperts, SparseMlp as SparseMlp
    from llmplan_layers.mlp import DenseMlp as DenseMlp, MlpLayer as MlpLayer
    from llmplan_layers.residual import BlockResidual as BlockResidual, HyperConnections as HyperConnections
    from llmplan_layers.sparse_index import SparseIndex as SparseIndex
    from llmplan_layers.state_space import Mamba1 as Mamba1, Mamba2 as Mamba2
    from llmplan_layers.transformer import Transformer as Transformer

__getattr__, __all__ = lazily(
    __name__,
    {
        "attention": "AttentionLayer Mask Seen output_projection projection",
        "compressed_attention": "CompressedAttention CompressedIndex",
        "cross_attention": "CrossAttention",
        "delta_attention": "DeltaAttention",
        "grouped_attention": "GroupedAttention",
        "latent_attention": "LatentAttention LatentAttentionLayer",
        "layer": "Layer",
        "layered_model": "LayeredModel",
        "mixture_of_experts": "MixtureOfExperts SparseMlp",
        "mlp": "DenseMlp MlpLayer",
        "residual": "BlockResidual HyperConnections",
        "sparse_index": "SparseIndex",
        "state_space": "Mamba1 Mamba2",
        "transformer": "Transformer",
    },
)
