"""The iso-parameter stand-ins that the published LLaMA tables were computed with."""

from __future__ import annotations

from attrs import evolve

from llmplan.records import Transformer
from llmplan_models_llama.models import MODELS

SOURCE = "LLaMA example analysis of llm-analysis (Li 2023)"


def iso_parameter(model: Transformer) -> Transformer:
    """The model described by its width alone: two MLP matrices of 4h instead of a gated MLP, one shared embedding.

    8h^2 MLP parameters a layer are close to the 3hf = 8.06h^2 of the real one, so counts and times come out alike.
    """
    return evolve(
        model,
        name=f"{model.name}-iso",
        family="llama-iso",
        ffn_hidden=4 * model.hidden,
        gated_mlp=False,
        tied_embeddings=True,
        sources={**model.sources, **dict.fromkeys(("ffn_hidden", "gated_mlp", "tied_embeddings"), SOURCE)},
        note=f"iso-parameter stand-in for {model.name}: two MLP matrices of 4 x hidden, input and output embedding "
        "shared; the published tables were computed with it",
    )


ISO_MODELS = tuple(iso_parameter(model) for model in MODELS if model.family == "llama")
