"""BLOOM: ALiBi, biases everywhere, a norm after the embedding."""

from __future__ import annotations

from llmplan_models_open.shapes import models

MODELS = models(
    "name hub_id layers hidden heads training_tokens",
    ("bloom-560m", "bigscience/bloom-560m", 24, 1024, 16, 341e9),
    ("bloom-1b1", "bigscience/bloom-1b1", 24, 1536, 16, 341e9),
    ("bloom-1b7", "bigscience/bloom-1b7", 24, 2048, 16, 341e9),
    ("bloom-3b", "bigscience/bloom-3b", 30, 2560, 32, 341e9),
    ("bloom-7b1", "bigscience/bloom-7b1", 30, 4096, 32, 341e9),
    ("bloom-176b", "bigscience/bloom", 70, 14_336, 112, 366e9),
    family="bloom",
    paper="BigScience 2022, arXiv:2211.05100, table 3",
    vocab=250_880,
    max_seq_len=2048,
    gated_mlp=False,
    tied_embeddings=True,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    embedding_norm=True,
    norm="layer",
    position="alibi",
    training_seq_len=2048,
)
