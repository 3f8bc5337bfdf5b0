"""A request whose dimensions are all given, and its records, made a plan and priced: every default is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, fields_dict

from llmplan.errors import BadInputError
from llmplan.estimate import Kind, Line
from llmplan.records import Layout, TrainingPlan
from llmplan.request import TrainRequest
from llmplan.request.options import settings_of
from llmplan.space.asked import remarks_on, trained, words_against
from llmplan.space.dimensions import PLAINEST
from llmplan.space.run_settings import how_it_trains
from llmplan.space.samples import samples_of
from llmplan.space.schedules import schedules
from llmplan.space.suspects import parameters_of
from llmplan.units import GIB

if TYPE_CHECKING:
    from llmplan.estimate import TrainingEstimate
    from llmplan.space.choice import Choice

_TOKENS_PER_PARAMETER = 20
"""Compute-optimal training (Hoffmann et al. 2022, arXiv:2203.15556), where a model's own tokens are not published."""
_PLANNED = fields_dict(TrainingPlan)
_AS_GIVEN = tuple(name for name in fields_dict(TrainRequest) if name in _PLANNED)
_FORWARD, _BACKWARD = (Line(name, Kind.COMPUTE, f"{name} pass at the stated MFU") for name in ("forward", "backward"))


def template(request: TrainRequest, choice: Choice) -> TrainingPlan:
    """A plan whose dimensions are still to come, each default of the rest said."""
    said = list(choice.assumptions)
    seq_len = sequence_length(request, choice, said)
    data = samples_of(request, seq_len, said)
    chosen = {
        **{name: value for name, value in PLAINEST.items() if name in _PLANNED},
        **how_it_trains(request, choice, said),
        "model": choice.model,
        "hardware": choice.hardware,
        "dtype": choice.dtype,
        "gemm": choice.gemm,
        "layout": Layout(gpus=1),
        "efficiency": choice.efficiency,
        "schedule": schedules(),
        "cost_model": choice.cost_model.name,
        "site": choice.site,
        "seq_len": seq_len,
        "data": data,
        "tokens": _tokens(request, choice, said) if data is None else data.tokens,
        **choice.settled,
        "assumptions": tuple(said),
        "warnings": choice.warnings,
    }
    return TrainingPlan(**{**_as_given(request), "settings": settings_of(request), **chosen})


def _as_given(request: TrainRequest) -> dict[str, Any]:
    """Options that are fields of the plan; the plan has its own defaults for those that are not given."""
    given = {name: getattr(request, name) for name in _AS_GIVEN}
    return {name: value for name, value in given.items() if value is not None}


def priced(plan: TrainingPlan, choice: Choice, mfu: float | None) -> TrainingEstimate:
    """The estimate of a plan of numbers, with what the cost model has to say; BadInputError where it refuses it."""
    if mfu is not None:
        plan = evolve(plan, efficiency=evolve(plan.efficiency, mfu=mfu))
    _check_group(plan)
    against, remarks = words_against(choice.cost_model, plan), remarks_on(choice.cost_model, plan)
    plan = evolve(plan, layout_warnings=against, warnings=(*plan.warnings, *remarks))
    estimate = trained(choice.cost_model, plan)
    if plan.tokens < estimate.tokens_per_iteration:
        option, whole = "tokens" if plan.data is None else "samples", estimate.tokens_per_iteration
        raise BadInputError(
            f"{option}: {plan.tokens:,.0f} is less than one iteration of "
            f"{plan.global_batch:,} sequences x {plan.sequence_tokens:,.0f} = {whole:,.0f} tokens"
        )
    estimate = _warned_of_host(estimate)
    return estimate if mfu is None else at_mfu(estimate, mfu)


def _warned_of_host(estimate: TrainingEstimate) -> TrainingEstimate:
    """With a word on host memory that is not there, or whose size nobody states."""
    plan, host = estimate.plan, estimate.host_bytes_per_gpu
    if not host:
        return estimate
    cluster = plan.hardware.cluster
    each = None if cluster.host_memory_bytes is None else cluster.host_memory_bytes / cluster.node
    if each is not None and host <= each:
        return estimate
    stated = "which nobody stated" if each is None else f"and has {each / GIB:,.1f}"
    what = f"offload {plan.offloaded}" if plan.offloaded else f"optimizer {plan.optimizer.name}"
    warning = f"{what}: the host needs {host / GIB:,.1f} GiB of memory for each GPU, {stated}"
    return evolve(estimate, plan=evolve(plan, warnings=(*plan.warnings, warning)))


def at_mfu(estimate: TrainingEstimate, mfu: float) -> TrainingEstimate:
    """Time = model FLOPs / (GPUs x peak x MFU): backward takes two thirds, recompute and losses are inside."""
    plan = estimate.plan
    seconds = estimate.model_flops / (plan.layout.gpus * plan.gemm.peak_flops * mfu)
    return evolve(estimate, time_breakdown={_FORWARD: seconds / 3, _BACKWARD: seconds * 2 / 3}, forward_breakdown=None)


def assume(estimate: TrainingEstimate, *said: str) -> TrainingEstimate:
    """The estimate with more to say, before all else."""
    return evolve(estimate, plan=evolve(estimate.plan, assumptions=(*said, *estimate.plan.assumptions)))


def _check_group(plan: TrainingPlan) -> None:
    """The ranks that ZeRO divides over have to divide those that hold the same weights."""
    group, zero, dp, cp = plan.layout.zero_group, plan.layout.zero, int(plan.layout.dp), int(plan.layout.cp)
    if group is None:
        return
    if zero == 0:
        raise BadInputError(f"zero-group: {group} with zero 0, which divides nothing; zero 1, 2 or 3 does")
    ranks = dp * cp
    if ranks % group:
        divisors = [size for size in range(1, ranks + 1) if ranks % size == 0]
        near = [*[size for size in divisors if size < group][-1:], *[size for size in divisors if size > group][:1]]
        raise BadInputError(
            f"zero-group: {group} does not divide dp {dp} x cp {cp} = {ranks}; {' or '.join(map(str, near))} would"
        )


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
    tokens = float(_TOKENS_PER_PARAMETER * parameters_of(choice.model))
    said.append(f"tokens {tokens:.3g}, {_TOKENS_PER_PARAMETER} a parameter (Hoffmann et al. 2022)")
    return tokens
