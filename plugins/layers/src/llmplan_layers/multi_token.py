"""Layers that predict further tokens: trained beside a model, and a draft for speculation once it serves.

DeepSeek-AI 2024, arXiv:2412.19437, section 2.2: each joins the states of a token with the embedding of the next one,
runs a layer, and guesses with the model's own head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.arrays.quantities import Number
from llmplan.records.model import NEVER_KEPT, Block, Gemm, Operator, Split, Tensor
from llmplan_layers.norms import norm_operator

if TYPE_CHECKING:
    from llmplan_layers.layer import Layer
    from llmplan_layers.layered_model import LayeredModel

_NORMS = 3
"""Of the states, of the embedding, and before the head."""


def joining_parameters(hidden: int, norm: int) -> int:
    """A matrix of 2h x h, and a norm of each of what it joins."""
    return 2 * hidden * hidden + 2 * norm


def joining(tokens: Number, hidden: int, part: str) -> tuple[Operator, ...]:
    """Both norms, and the matrix over what they leave."""
    width, held = tokens * hidden, 2.0 * hidden * hidden
    both = Tensor(2.0 * width, Split.SEQUENCE)
    matrix = Operator(
        "joining projection",
        part,
        2.0 * tokens * held,
        held,
        (both,),
        max_ways=1,
        gemm=Gemm(tokens, hidden, 2 * hidden),
    )
    return (norm_operator("norm of states", width), norm_operator("norm of the next embedding", width), matrix)


def predicting_block(model: LayeredModel, layer: Layer, operators: tuple[Operator, ...], tokens: Number) -> Block:
    """So many layers like the model's last, whose operators these are; the head reads its table once more for each."""
    table, h, norm = model.vocab * model.hidden, model.hidden, model.norm_parameters
    # logits of one micro-batch are counted with the head; no other is kept
    logits = Tensor(tokens * model.vocab, width="loss", dropped_from=NEVER_KEPT)
    head = (
        norm_operator("norm before the head", tokens * h),
        Operator(
            "output embedding",
            "output_embedding_loss",
            2.0 * tokens * table,
            float(table),
            (Tensor(tokens * h, Split.SEQUENCE),),
            gemm=Gemm(tokens, model.vocab, h),
        ),
        Operator("loss", "output_embedding_loss", inputs=(logits,), moved=2.0 * logits.elements),
    )
    return Block(
        (*joining(tokens, h, "mlp"), *operators, *head),
        layer.parameters(norm) + 2 * h * h + _NORMS * norm,
        model.mtp_layers,
        shared_parameters=table,
        expert_parameters=layer.routed_parameters,
    )
