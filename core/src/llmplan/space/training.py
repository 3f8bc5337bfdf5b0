"""Training on sizes that are known: fill in what else the request leaves open, check it, price it."""

from __future__ import annotations

from itertools import product

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.estimate import Kind, Line, TrainingEstimate
from llmplan.records import Recompute
from llmplan.request import TrainRequest, option_name
from llmplan.space.batch import choose_batch
from llmplan.space.choice import Choice, failing_as
from llmplan.space.experts import widest_expert_parallel
from llmplan.space.layout import Sizes
from llmplan.space.training_plan import make_plan, sequence_length

_MOST_VIRTUAL_STAGES = 8
"""Chunks of layers of a stage that are tried."""
_FORWARD, _BACKWARD = (Line(name, Kind.COMPUTE, f"{name} pass at the stated MFU") for name in ("forward", "backward"))


def price_sized(request: TrainRequest, choice: Choice, sizes: Sizes) -> TrainingEstimate:
    """On these sizes, with the least recomputation that fits, and interleaved where that is faster."""
    return _interleave(request, choice, price(request, choice, sizes))


def _interleave(request: TrainRequest, choice: Choice, estimate: TrainingEstimate) -> TrainingEstimate:
    """With the virtual stages that are fastest and fit, where the request leaves them open."""
    layout = estimate.plan.layout
    if request.vpp is not None or request.schedule is not None or layout.pp == 1 or request.mfu is not None:
        return estimate
    sizes, fastest = Sizes(*map(int, (layout.tp, layout.pp, layout.dp, layout.cp))), estimate
    for vpp in _virtual_stages(choice.model.layers, sizes.pp):
        try:
            tried = price(evolve(request, vpp=vpp), choice, sizes)
        except BadInputError:
            break
        fits = tried.has_headroom or not estimate.has_headroom
        fits = fits and len(tried.plan.layout_warnings) <= len(estimate.plan.layout_warnings)
        if fits and tried.iteration_seconds < fastest.iteration_seconds:
            fastest = assume(tried, f"vpp {vpp}: the fastest interleaving")
    if fastest is estimate:
        return estimate
    said = (note for note in estimate.plan.assumptions if note not in fastest.plan.assumptions)
    return assume(fastest, *(note for note in said if note.startswith(("gpus ", "tp ", "pp ", "dp ", "ep "))))


def _virtual_stages(layers: int, pp: int) -> list[int]:
    """Into how many equal chunks the layers of a stage can be cut."""
    of_stage = -(-layers // pp)
    return [chunks for chunks in range(2, _MOST_VIRTUAL_STAGES + 1) if of_stage % chunks == 0]


def assume(estimate: TrainingEstimate, *said: str) -> TrainingEstimate:
    """The estimate with more to say, before all else."""
    return evolve(estimate, plan=evolve(estimate.plan, assumptions=(*said, *estimate.plan.assumptions)))


def price(request: TrainRequest, choice: Choice, sizes: Sizes) -> TrainingEstimate:
    """With experts on as many ranks as share them inside a scale-up domain, or whole on each, whichever is better."""
    widest = widest_expert_parallel(choice, sizes) if request.ep is None else 1
    if widest == 1:
        return _price_filled(request, choice, sizes)
    try:
        shared = _price_filled(evolve(request, ep=widest), choice, sizes)
    except BadInputError:
        return _price_filled(request, choice, sizes)
    whole = _price_filled(request, choice, sizes)
    if (whole.has_headroom, whole.tokens_per_second) > (shared.has_headroom, shared.tokens_per_second):
        return whole
    return assume(shared, f"ep {widest}: better than whole experts on each rank")


def _price_filled(request: TrainRequest, choice: Choice, sizes: Sizes) -> TrainingEstimate:
    """With the least recomputation and then the largest micro-batch that fit, where the request leaves them open."""
    modes, micro_batches = _modes(request), _micro_batches(request, choice, sizes)
    last: tuple[Recompute, int | None, TrainingEstimate] | None = None
    refused: BadInputError | None = None
    for mode, micro_batch in product(modes, micro_batches):
        try:
            estimate = price_all_given(evolve(request, recompute=mode, micro_batch=micro_batch), choice, sizes)
        except BadInputError as error:
            refused = refused or error
            continue
        last = (mode, micro_batch, estimate)
        if estimate.has_headroom:
            break
    if last is None:
        raise refused or BadInputError("micro-batch: none divides the batch")
    mode, micro_batch, estimate = last
    said = [f"recompute {mode.label}: the least {_fits(estimate)}"] if len(modes) > 1 else []
    if len(micro_batches) > 1:
        said.append(f"micro-batch {micro_batch}: the largest {_fits(estimate)}")
    return assume(estimate, *said)


def _fits(estimate: TrainingEstimate) -> str:
    if estimate.has_headroom:
        return "that fits"
    return "that fits, without headroom" if estimate.feasible else "that comes near: nothing fits"


def _modes(request: TrainRequest) -> tuple[Recompute, ...]:
    given = request.recompute
    return tuple(Recompute) if given is None else (given,)


def _micro_batches(request: TrainRequest, choice: Choice, sizes: Sizes) -> tuple[int | None, ...]:
    """Divisors of a replica's share of the batch, the largest first, where the largest that fits is wanted."""
    most = request.max_micro_batch
    if most is None:
        return (request.micro_batch,)
    refuse_two_micro_batches(request)
    replica = choose_batch(evolve(request, micro_batch=1), sequence_length(request, choice, []), sizes.dp)
    share = replica.gradient_accumulation
    return tuple(size for size in range(share, 0, -1) if share % size == 0 and (isinstance(most, str) or size <= most))


def refuse_two_micro_batches(request: TrainRequest) -> None:
    """The largest that fits beside one that is given."""
    for option in ("micro_batch", "gradient_accumulation"):
        given = getattr(request, option)
        if request.max_micro_batch is not None and given is not None:
            raise BadInputError(
                f"max-micro-batch: {request.max_micro_batch} contradicts {option_name(option)} {given}; "
                "give one of them"
            )


def price_all_given(request: TrainRequest, choice: Choice, sizes: Sizes) -> TrainingEstimate:
    """The estimate of a plan that leaves nothing open but what has one default."""
    plan = make_plan(request, choice, sizes)
    with failing_as(choice.cost_model):
        against = choice.cost_model.check(plan)
        plan = evolve(plan, layout_warnings=against, warnings=(*plan.warnings, *choice.cost_model.remarks(plan)))
        estimate = choice.cost_model.train(plan)
    if plan.tokens < estimate.tokens_per_iteration:
        raise BadInputError(
            f"tokens: {plan.tokens:,.0f} is less than one iteration of "
            f"{plan.global_batch:,} sequences x {plan.seq_len:,} = {estimate.tokens_per_iteration:,} tokens"
        )
    return estimate if plan.efficiency.mfu is None else at_mfu(estimate, plan.efficiency.mfu)


def at_mfu(estimate: TrainingEstimate, mfu: float) -> TrainingEstimate:
    """Time = model FLOPs / (GPUs x peak x MFU): backward takes two thirds, recompute and losses are inside."""
    plan = estimate.plan
    seconds = estimate.model_flops / (plan.layout.gpus * plan.gemm.peak_flops * mfu)
    return evolve(estimate, time_breakdown={_FORWARD: seconds / 3, _BACKWARD: seconds * 2 / 3}, forward_breakdown=None)
