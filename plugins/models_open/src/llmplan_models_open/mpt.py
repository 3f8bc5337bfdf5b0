"""MPT: ALiBi, LayerNorm, no biases at all."""

from __future__ import annotations

from llmplan_models_open.shapes import models

MODELS = models(
    "name hub_id layers hidden heads max_seq_len",
    ("mpt-7b", "mosaicml/mpt-7b", 32, 4096, 32, 2048),
    ("mpt-30b", "mosaicml/mpt-30b", 48, 7168, 64, 8192),
    family="mpt",
    paper="model cards of mosaicml/mpt-7b and mpt-30b",
    vocab=50_432,
    gated_mlp=False,
    tied_embeddings=True,
    norm_bias=False,
    norm="layer",
    position="alibi",
    training_tokens=1e12,
)
