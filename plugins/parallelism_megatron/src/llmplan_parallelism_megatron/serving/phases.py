"""A model for both phases of serving, which share a pass: each operator with the tokens that it works on."""

from __future__ import annotations

from llmplan.records import Block, LoweredModel, ModelArchitecture, Operator, Phase, Works


def lowered_for_serving(model: ModelArchitecture) -> LoweredModel:
    """For one token of one sequence; an operator works on all tokens where both phases have it alike."""
    prefill, decode = (model.lower(1.0, 1.0, 1.0, phase) for phase in (Phase.PREFILL, Phase.DECODE))
    return LoweredModel(
        _joined(prefill.embedding, decode.embedding),
        tuple(_joined(*blocks) for blocks in zip(prefill.layers, decode.layers, strict=True)),
        _joined(prefill.head, decode.head),
    )


def _joined(prefill: Block, decode: Block) -> Block:
    """The operators of the one, then of the other, those that both have once; in the order of both."""
    left = list(decode.operators)
    joined: list[Operator] = []
    for operator in prefill.operators:
        alike = (place for place, other in enumerate(left) if _figures(other) == _figures(operator))
        place = next(alike, None)
        if place is None:
            if operator.works is Works.ALL:
                operator.works = Works.PROMPT
            joined.append(operator)
            continue
        joined += [*map(_of_answers, left[:place]), operator]
        del left[: place + 1]
    prefill.operators = (*joined, *map(_of_answers, left))
    return prefill


def _of_answers(operator: Operator) -> Operator:
    operator.works = Works.ANSWER
    return operator


def _figures(operator: Operator) -> tuple[object, ...]:
    gemm = operator.gemm
    shape = None if gemm is None else (gemm.m, gemm.n, gemm.k, gemm.groups)
    return operator.name, operator.works, operator.flops, operator.weights, operator.moved, shape
