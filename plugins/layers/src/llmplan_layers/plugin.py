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

    yield LayerKind(name="attention", cls=ours.GroupedAttention)
    yield LayerKind(name="latent-attention", cls=ours.LatentAttentionLayer)
    yield LayerKind(name="cross-attention", cls=ours.CrossAttention)
    yield LayerKind(name="delta", cls=ours.DeltaAttention)
    yield LayerKind(name="mamba", cls=ours.Mamba1)
    yield LayerKind(name="mamba2", cls=ours.Mamba2)
    yield LayerKind(name="mlp", cls=ours.DenseMlp, role="mlp")


@hookimpl
def llmplan_model_forms() -> Iterable[ModelForm]:
    """Transformers, and models of layers, which have a table of kinds."""
    from llmplan.catalogues.forms import ModelForm

    yield ModelForm(name="transformer", make=_of_transformers)
    yield ModelForm(name="layers", make=_of_layers, key="kinds")


def _of_transformers() -> Form:
    from llmplan_layers.transformer_file import form

    return form()


def _of_layers() -> Form:
    from llmplan_layers.layered_file import form

    return form()
