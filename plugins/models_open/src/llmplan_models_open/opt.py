"""OPT: the shapes of GPT-3, and two rows more of learned positions than tokens.

OPT-350m is left out: its embedding is narrower than its layers, and it has no final norm.
"""

from __future__ import annotations

from llmplan_models_open.shapes import models

MODELS = models(
    "name hub_id layers hidden heads",
    ("opt-125m", "facebook/opt-125m", 12, 768, 12),
    ("opt-1.3b", "facebook/opt-1.3b", 24, 2048, 32),
    ("opt-2.7b", "facebook/opt-2.7b", 32, 2560, 32),
    ("opt-6.7b", "facebook/opt-6.7b", 32, 4096, 32),
    ("opt-13b", "facebook/opt-13b", 40, 5120, 40),
    ("opt-30b", "facebook/opt-30b", 48, 7168, 56),
    ("opt-66b", "facebook/opt-66b", 64, 9216, 72),
    ("opt-175b", "facebook/opt-175b", 96, 12_288, 96),
    family="opt",
    paper="Zhang et al. 2022, arXiv:2205.01068, table 1",
    vocab=50_272,
    max_seq_len=2048,
    learned_pos_rows=2050,
    gated_mlp=False,
    tied_embeddings=True,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    norm="layer",
    position="learned",
    training_seq_len=2048,
)
