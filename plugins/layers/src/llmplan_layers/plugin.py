"""What this package contributes: its kinds of layers, and the two ways to write models that are made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from llmplan.catalogues.forms import Form, ModelForm
    from llmplan.records import LayerKind

LLMPLAN_API = 1


@hookimpl
def llmplan_layer_kinds() -> Iterable[LayerKind]:
    """Mixers of tokens, and the dense MLP, which experts are like."""
    import llmplan_layers as ours
    from llmplan.records import LayerKind

    for name, (cls, words) in {
        "attention": (ours.GroupedAttention, "multi-head, grouped-query or multi-query attention"),
        "latent-attention": (ours.LatentAttentionLayer, "multi-head latent attention"),
        "compressed-attention": (ours.CompressedAttention, "attention to a window, and to older tokens compressed"),
        "cross-attention": (ours.CrossAttention, "attention to what was written, then to what an encoder has read"),
        "delta": (ours.DeltaAttention, "linear attention by the delta rule"),
        "mamba": (ours.Mamba1, "a selective state space a channel"),
        "mamba2": (ours.Mamba2, "a selective state space a head"),
    }.items():
        yield LayerKind(name=name, description=words, cls=cls)
    yield LayerKind(name="mlp", description="two matrices, or three with a gate", cls=ours.DenseMlp, role="mlp")


@hookimpl
def llmplan_model_forms() -> Iterable[ModelForm]:
    """Transformers, and models of layers, which have a table of kinds."""
    from llmplan.catalogues.forms import ModelForm

    yield ModelForm(name="transformer", description="a decoder-only transformer", make=_of_transformers)
    yield ModelForm(name="layers", description="layers of any kinds, in order", make=_of_layers, key="kinds")


def _of_transformers() -> Form:
    from llmplan_layers.transformer_file import form

    return form()


def _of_layers() -> Form:
    from llmplan_layers.layered_file import form

    return form()
