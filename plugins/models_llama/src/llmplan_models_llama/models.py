"""The LLaMA family: RMSNorm, rotary positions, SwiGLU, no biases.

Shapes are those of each model's config.json, training tokens and sequence lengths those of its paper or model card.
"""

from __future__ import annotations

from llmplan.records import Transformer

_LLAMA_1 = "Touvron et al. 2023, arXiv:2302.13971, table 2"
_ARCHITECTURE = "Touvron et al. 2023, arXiv:2302.13971, section 2.2: SwiGLU, RMSNorm, rotary positions"
_LLAMA_2 = "Touvron et al. 2023, arXiv:2307.09288, table 1"
_CODE_LLAMA = "Roziere et al. 2023, arXiv:2308.12950, section 2"
_TRAINED_ON = 8192
"""Tokens of a sequence in the pre-training of Llama 3."""
_LLAMA_3 = "Grattafiori et al. 2024, arXiv:2407.21783, table 3 and section 3.4"


def _llama(  # noqa: PLR0913 - a model is its numbers
    name: str,
    hub_id: str,
    *,
    layers: int,
    hidden: int,
    heads: int,
    ffn_hidden: int,
    context: int,
    tokens: float,
    paper: str,
    kv_heads: int | None = None,
    vocab: int = 32_000,
    tied: bool = False,
    training_seq_len: int | None = None,
    family: str = "llama",
    note: str = "",
) -> Transformer:
    """A model of the family; `kv_heads` is `heads` where attention is not grouped."""
    config = f"config.json of {hub_id}"
    shape = ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn_hidden", "vocab", "tied_embeddings")
    architecture = ("gated_mlp", "norm", "position")
    return Transformer(
        name=name,
        family=family,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads or heads,
        head_dim=hidden // heads,
        ffn_hidden=ffn_hidden,
        gated_mlp=True,
        vocab=vocab,
        tied_embeddings=tied,
        max_seq_len=context,
        training_seq_len=training_seq_len or context,
        training_tokens=tokens,
        sources={
            **dict.fromkeys((*shape, "max_seq_len"), config),
            **dict.fromkeys(architecture, _ARCHITECTURE),
            "training_tokens": paper,
            "training_seq_len": paper,
        },
        note=note,
    )


_LLAMA_1_MODELS = tuple(
    _llama(
        name,
        f"huggyllama/{name.replace('33b', '30b')}",
        layers=layers,
        hidden=hidden,
        heads=heads,
        ffn_hidden=ffn_hidden,
        context=2048,
        tokens=tokens,
        paper=_LLAMA_1,
    )
    for name, layers, hidden, heads, ffn_hidden, tokens in (
        ("llama-7b", 32, 4096, 32, 11_008, 1.0e12),
        ("llama-13b", 40, 5120, 40, 13_824, 1.0e12),
        ("llama-33b", 60, 6656, 52, 17_920, 1.4e12),
        ("llama-65b", 80, 8192, 64, 22_016, 1.4e12),
    )
)

_LLAMA_2_MODELS = tuple(
    _llama(
        name,
        f"meta-llama/{name.capitalize()}-hf",
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        ffn_hidden=ffn_hidden,
        context=4096,
        tokens=2.0e12,
        paper=_LLAMA_2,
        family="llama2",
    )
    for name, layers, hidden, heads, kv_heads, ffn_hidden in (
        ("llama-2-7b", 32, 4096, 32, 32, 11_008),
        ("llama-2-13b", 40, 5120, 40, 40, 13_824),
        ("llama-2-70b", 80, 8192, 64, 8, 28_672),
    )
)

_CODE_LLAMA_34B = _llama(
    "codellama-34b",
    "codellama/CodeLlama-34b-hf",
    layers=48,
    hidden=8192,
    heads=64,
    kv_heads=8,
    ffn_hidden=22_016,
    context=16_384,
    training_seq_len=4096,
    tokens=5.0e11,
    paper=_CODE_LLAMA,
    family="codellama",
    note="training tokens are those of code training, on top of the 2T of its Llama 2 base",
)

_LLAMA_3_MODELS = tuple(
    _llama(
        name,
        f"meta-llama/{hub_name}",
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=8,
        ffn_hidden=ffn_hidden,
        vocab=128_256,
        tied=tied,
        context=context,
        training_seq_len=_TRAINED_ON,
        tokens=tokens,
        paper=paper,
        family="llama3",
        note="pre-trained on 8,192 tokens; longer contexts are a short stage at the end"
        if context > _TRAINED_ON
        else "",
    )
    for name, hub_name, layers, hidden, heads, ffn_hidden, tied, context, tokens, paper in (
        ("llama-3-8b", "Meta-Llama-3-8B", 32, 4096, 32, 14_336, False, 8192, 15e12, "Llama 3 model card (15T+)"),
        ("llama-3-70b", "Meta-Llama-3-70B", 80, 8192, 64, 28_672, False, 8192, 15e12, "Llama 3 model card (15T+)"),
        ("llama-3.1-8b", "Llama-3.1-8B", 32, 4096, 32, 14_336, False, 131_072, 15e12, "Llama 3.1 model card (15T+)"),
        ("llama-3.1-70b", "Llama-3.1-70B", 80, 8192, 64, 28_672, False, 131_072, 15e12, "Llama 3.1 model card (15T+)"),
        ("llama-3.1-405b", "Llama-3.1-405B", 126, 16_384, 128, 53_248, False, 131_072, 15.6e12, _LLAMA_3),
        ("llama-3.2-1b", "Llama-3.2-1B", 16, 2048, 32, 8192, True, 131_072, 9e12, "Llama 3.2 model card (up to 9T)"),
        ("llama-3.2-3b", "Llama-3.2-3B", 28, 3072, 24, 8192, True, 131_072, 9e12, "Llama 3.2 model card (up to 9T)"),
        (
            "llama-3.3-70b",
            "Llama-3.3-70B-Instruct",
            80,
            8192,
            64,
            28_672,
            False,
            131_072,
            15e12,
            "Llama 3.3 model card (15T+)",
        ),
    )
)

MODELS = (*_LLAMA_1_MODELS, *_LLAMA_2_MODELS, _CODE_LLAMA_34B, *_LLAMA_3_MODELS)
