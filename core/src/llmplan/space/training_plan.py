"""A training plan from a request, records and sizes: what is left open is filled in and said."""

from __future__ import annotations

from llmplan.errors import BadInputError
from llmplan.records import TrainingPlan
from llmplan.request import TrainRequest
from llmplan.space.batch import choose_batch
from llmplan.space.choice import Choice
from llmplan.space.how import how_it_trains
from llmplan.space.layout import Sizes, make_layout

_TOKENS_PER_PARAMETER = 20
"""Compute-optimal training (Hoffmann et al. 2022, arXiv:2203.15556), where a model's own tokens are not published."""


def make_plan(request: TrainRequest, choice: Choice, sizes: Sizes) -> TrainingPlan:
    """The plan of these sizes, each default said; recomputation has to be given."""
    said = list(choice.assumptions)
    seq_len = sequence_length(request, choice, said)
    batch = choose_batch(request, seq_len, sizes.dp)
    said.extend(batch.assumptions)
    sequence_parallel, zero, recompute = request.sequence_parallel, request.zero, request.recompute
    if sequence_parallel is None:
        sequence_parallel = sizes.tp > 1
        said.extend(["sequence parallel"] if sequence_parallel else [])
    if zero is None:
        zero = 1 if sizes.dp > 1 else 0
        said.append(f"ZeRO {zero}")
    assert recompute is not None  # noqa: S101 - the caller has filled it in
    ways = how_it_trains(request, choice, said)
    return TrainingPlan(
        **ways,
        model=choice.model,
        hardware=choice.hardware,
        dtype=choice.dtype,
        gemm=choice.gemm,
        layout=make_layout(
            sizes,
            sequence_parallel=sequence_parallel,
            zero=zero,
            zero_group=_zero_group(request.zero_group, zero, sizes),
            ep=request.ep or 1,
            vpp=request.vpp or 1,
        ),
        efficiency=choice.efficiency,
        cost_model=choice.cost_model.name,
        micro_batch=batch.micro_batch,
        gradient_accumulation=batch.gradient_accumulation,
        seq_len=seq_len,
        tokens=_tokens(request, choice, said),
        recompute=recompute,
        price_per_gpu_hour=request.price_per_gpu_hour,
        assumptions=tuple(said),
        warnings=(*choice.warnings, *batch.warnings),
    )


def _zero_group(group: int | None, zero: int, sizes: Sizes) -> int | None:
    """As given, checked against the ranks that hold the same weights."""
    if group is None:
        return None
    if zero == 0:
        raise BadInputError(f"zero-group: {group} with zero 0, which divides nothing; zero 1, 2 or 3 does")
    ranks = sizes.dp * sizes.cp
    if ranks % group:
        divisors = [size for size in range(1, ranks + 1) if ranks % size == 0]
        near = [*[size for size in divisors if size < group][-1:], *[size for size in divisors if size > group][:1]]
        raise BadInputError(
            f"zero-group: {group} does not divide dp {sizes.dp} x cp {sizes.cp} = {ranks}; "
            f"{' or '.join(map(str, near))} would"
        )
    return group


def sequence_length(request: TrainRequest, choice: Choice, said: list[str]) -> int:
    """As given, else that of the model's own training, else its context."""
    model = choice.model
    if request.seq_len is None:
        seq_len = model.training_seq_len or model.max_seq_len or 2048
        seq_len = min(seq_len, model.max_seq_len or seq_len)
        said.append(f"seq-len {seq_len:,}")
        return seq_len
    if model.max_seq_len is not None and request.seq_len > model.max_seq_len:
        raise BadInputError(f"seq-len: {request.seq_len} is beyond the context of {model.name}, {model.max_seq_len}")
    return request.seq_len


def _tokens(request: TrainRequest, choice: Choice, said: list[str]) -> float:
    if request.tokens is not None:
        return request.tokens
    published = choice.model.training_tokens
    if published is not None:
        said.append(f"tokens {published:.3g}, what {choice.model.name} was trained on")
        return published
    tokens = float(_TOKENS_PER_PARAMETER * sum(choice.model.parameters_by_part().values()))
    said.append(f"tokens {tokens:.3g}, {_TOKENS_PER_PARAMETER} a parameter (Hoffmann et al. 2022)")
    return tokens
