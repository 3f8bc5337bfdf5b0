"""GPT: learned positions, LayerNorm and biases everywhere; GPT-J and GPT-NeoX with rotary positions."""

from __future__ import annotations

from llmplan_models_open.shapes import models

_GPT_2 = models(
    "name hub_id layers hidden heads",
    ("gpt2", "openai-community/gpt2", 12, 768, 12),
    ("gpt2-medium", "openai-community/gpt2-medium", 24, 1024, 16),
    ("gpt2-large", "openai-community/gpt2-large", 36, 1280, 20),
    ("gpt2-xl", "openai-community/gpt2-xl", 48, 1600, 25),
    family="gpt2",
    paper="Radford et al. 2019, Language Models are Unsupervised Multitask Learners, table 2",
    vocab=50_257,
    max_seq_len=1024,
    gated_mlp=False,
    tied_embeddings=True,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    norm="layer",
    position="learned",
)

_GPT_3 = models(
    "name layers hidden heads",
    ("gpt3-175b", 96, 12_288, 96),
    family="gpt3",
    shape="Brown et al. 2020, arXiv:2005.14165, table 2.1",
    paper="Brown et al. 2020, arXiv:2005.14165, table 2.1",
    vocab=50_257,
    max_seq_len=2048,
    gated_mlp=False,
    tied_embeddings=True,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    norm="layer",
    position="learned",
    training_tokens=300e9,
    training_seq_len=2048,
)

_MT_NLG = models(
    "name layers hidden heads",
    ("mt-nlg-530b", 105, 20_480, 128),
    family="mt-nlg",
    shape="Smith et al. 2022, arXiv:2201.11990, section 3",
    paper="Smith et al. 2022, arXiv:2201.11990, section 3",
    vocab=50_257,
    max_seq_len=2048,
    gated_mlp=False,
    tied_embeddings=True,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    norm="layer",
    position="learned",
    training_tokens=270e9,
    training_seq_len=2048,
    note="the vocabulary of its tokenizer; the padded one depends on the tensor parallel size",
)

_MEGATRON = models(
    "name layers hidden heads",
    ("megatron-22b", 48, 6144, 64),
    ("megatron-175b", 96, 12_288, 96),
    ("megatron-530b", 105, 20_480, 128),
    ("megatron-1t", 128, 25_600, 160),
    family="megatron-gpt",
    shape="Korthikanti et al. 2022, arXiv:2205.05198, table 3",
    paper="Korthikanti et al. 2022, arXiv:2205.05198, table 3",
    vocab=51_200,
    max_seq_len=2048,
    gated_mlp=False,
    tied_embeddings=True,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    norm="layer",
    position="learned",
    training_seq_len=2048,
)

_GPT_J = models(
    "name hub_id layers hidden heads",
    ("gpt-j-6b", "EleutherAI/gpt-j-6b", 28, 4096, 16),
    family="gptj",
    paper="model card of EleutherAI/gpt-j-6b",
    vocab=50_400,
    max_seq_len=2048,
    norms_per_layer=1,
    gated_mlp=False,
    mlp_bias=True,
    lm_head_bias=True,
    parallel_attn_mlp=True,
    norm="layer",
    training_tokens=402e9,
    training_seq_len=2048,
    note="its model card prints 6,053,381,344 parameters, 2,498,560 more than its shapes have",
)

_GPT_NEOX = models(
    "name hub_id layers hidden heads",
    ("gpt-neox-20b", "EleutherAI/gpt-neox-20b", 44, 6144, 64),
    family="gptneox",
    paper="Black et al. 2022, arXiv:2204.06745, section 2",
    vocab=50_432,
    max_seq_len=2048,
    gated_mlp=False,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    parallel_attn_mlp=True,
    norm="layer",
    training_seq_len=2048,
)

MODELS = (*_GPT_2, *_GPT_3, *_MT_NLG, *_MEGATRON, *_GPT_J, *_GPT_NEOX)
