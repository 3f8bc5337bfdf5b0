"""Falcon: attention and MLP side by side, queries in few groups, no biases but those of the norms."""

from __future__ import annotations

from llmplan_models_open.shapes import models

MODELS = models(
    "name hub_id layers hidden heads kv_heads norms_per_layer training_tokens",
    ("falcon-7b", "tiiuae/falcon-7b", 32, 4544, 71, 1, 1, 1.5e12),
    ("falcon-40b", "tiiuae/falcon-40b", 60, 8192, 128, 8, 2, 1e12),
    ("falcon-180b", "tiiuae/falcon-180B", 80, 14_848, 232, 8, 2, 3.5e12),
    family="falcon",
    paper="Almazrouei et al. 2023, arXiv:2311.16867",
    vocab=65_024,
    max_seq_len=2048,
    gated_mlp=False,
    tied_embeddings=True,
    parallel_attn_mlp=True,
    norm="layer",
    training_seq_len=2048,
    note="the output head is the embedding; the stored copy of it is not counted",
)
