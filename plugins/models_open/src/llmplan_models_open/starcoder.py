"""StarCoder2: code models with biases everywhere and a sliding window."""

from __future__ import annotations

from llmplan_models_open.shapes import models

MODELS = models(
    "name hub_id layers hidden heads kv_heads tied_embeddings",
    ("starcoder2-3b", "bigcode/starcoder2-3b", 30, 3072, 24, 2, True),
    ("starcoder2-7b", "bigcode/starcoder2-7b", 32, 4608, 36, 4, True),
    ("starcoder2-15b", "bigcode/starcoder2-15b", 40, 6144, 48, 4, False),
    family="starcoder2",
    paper="Lozhkov et al. 2024, arXiv:2402.19173",
    vocab=49_152,
    max_seq_len=16_384,
    sliding_window=4096,
    gated_mlp=False,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    norm="layer",
)
