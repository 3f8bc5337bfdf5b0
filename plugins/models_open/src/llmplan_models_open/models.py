"""All families."""

from __future__ import annotations

from llmplan_models_open import (
    bloom,
    deepseek,
    falcon,
    gemma,
    glm,
    gpt,
    gpt_oss,
    mistral,
    mpt,
    olmo,
    opt,
    phi,
    qwen,
    starcoder,
)

_FAMILIES = (gpt, opt, bloom, falcon, mpt, mistral, qwen, deepseek, glm, gemma, phi, gpt_oss, starcoder, olmo)

MODELS = tuple(model for family in _FAMILIES for model in family.MODELS)
