"""OLMo 2: norms after attention and MLP, and of all queries and keys at once."""

from __future__ import annotations

from llmplan_models_open.shapes import models

MODELS = models(
    "name hub_id layers hidden heads ffn_hidden kv_heads training_tokens",
    ("olmo-2-1b", "allenai/OLMo-2-0425-1B", 16, 2048, 16, 8192, 16, None),
    ("olmo-2-7b", "allenai/OLMo-2-1124-7B", 32, 4096, 32, 11_008, 32, 4e12),
    ("olmo-2-13b", "allenai/OLMo-2-1124-13B", 40, 5120, 40, 13_824, 40, 5e12),
    ("olmo-2-32b", "allenai/OLMo-2-0325-32B", 64, 5120, 40, 27_648, 8, None),
    family="olmo2",
    paper="OLMo Team 2024, arXiv:2501.00656, table 1",
    vocab=100_352,
    max_seq_len=4096,
    gated_mlp=True,
    qk_norm="full",
    training_seq_len=4096,
)
