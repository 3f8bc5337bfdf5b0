"""The modules of Hugging Face models that words of `--lora-targets` mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_ATTENTION: Mapping[str, tuple[str, ...]] = {"q": ("q_proj",), "k": ("k_proj",), "v": ("v_proj",), "o": ("o_proj",)}
_MLP: Mapping[str, tuple[str, ...]] = {"up": ("gate_proj", "up_proj"), "down": ("down_proj",)}


def modules_of(targets: Sequence[str]) -> list[str]:
    """By the names that Llama has given them; none where all linear layers are meant."""
    parts = {
        part: tuple(module for modules in words.values() for module in modules)
        for part, words in (("attention", _ATTENTION), ("mlp", _MLP))
    }
    by_word = {**_ATTENTION, **_MLP, **parts}
    return list(dict.fromkeys(module for word in targets for module in by_word.get(word, (word,))))
