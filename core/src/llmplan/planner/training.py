"""Training: fill in what the request leaves open, check it, price it."""

from __future__ import annotations

from itertools import product
from math import floor, log2
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.planner.batch import choose_batch
from llmplan.planner.choice import Choice, choose, failing_as
from llmplan.planner.experts import widest_expert_parallel
from llmplan.planner.layout import Sizes, best_that_fits, candidates, fixed_sizes, say_why
from llmplan.planner.training_plan import make_plan, sequence_length
from llmplan.records import Recompute, TrainingEstimate, TrainingPlan
from llmplan.requests import TrainRequest, option_name

DAYS_WHERE_GPUS_ARE_OPEN = 30
"""Where the number of GPUs is left open: the smallest power of two that trains in so many days."""
_MOST_GPUS = 65_536
_WORTH_DOUBLING = 1.4
"""Times faster that twice the GPUs have to be: beyond, a batch of this size keeps them waiting for each other."""
_WORTH_HOURS, _HALVINGS = 2.0, 5
"""Times the GPU-hours of the cheapest that a faster run may take, and how many halvings are looked at."""
_MOST_VIRTUAL_STAGES = 8
"""Chunks of layers of a stage that are tried."""
_SECONDS_PER_DAY = 86_400.0


def train(request: TrainRequest | None = None, **options: Any) -> TrainingEstimate:
    """Price a training run: ``train(model="llama-65b", gpu="h100-sxm-80gb", gpus=2048)``.

    Takes the options of ``llmplan train`` by name, or a `TrainRequest`. Records may stand where names do.
    """
    if request is not None and options:
        raise TypeError(f"options {', '.join(options)} beside a request that has its own")
    request = request or TrainRequest(**options)
    choice = choose(request, "train")
    return _interleave(request, choice, _lay_out(request, choice))


def _lay_out(request: TrainRequest, choice: Choice) -> TrainingEstimate:
    sizes = fixed_sizes(request, choice)
    if sizes is not None:
        return _price(request, choice, sizes)
    if request.gpus is None and request.dp is None:
        return _on_fewest_gpus(request, choice)
    return _on(request, choice, request.gpus)


def _interleave(request: TrainRequest, choice: Choice, estimate: TrainingEstimate) -> TrainingEstimate:
    """With the virtual stages that are fastest and fit, where the request leaves them open."""
    layout = estimate.plan.layout
    if request.vpp is not None or request.schedule is not None or layout.pp == 1 or request.mfu is not None:
        return estimate
    sizes, fastest = Sizes(*map(int, (layout.tp, layout.pp, layout.dp, layout.cp))), estimate
    for vpp in _virtual_stages(choice.model.layers, sizes.pp):
        try:
            tried = _price(evolve(request, vpp=vpp), choice, sizes)
        except BadInputError:
            break
        fits = tried.has_headroom or not estimate.has_headroom
        fits = fits and len(tried.plan.layout_warnings) <= len(estimate.plan.layout_warnings)
        if fits and tried.iteration_seconds < fastest.iteration_seconds:
            fastest = _assume(tried, f"vpp {vpp}: the fastest interleaving")
    if fastest is estimate:
        return estimate
    said = (note for note in estimate.plan.assumptions if note not in fastest.plan.assumptions)
    return _assume(fastest, *(note for note in said if note.startswith(("gpus ", "tp ", "pp ", "dp ", "ep "))))


def _virtual_stages(layers: int, pp: int) -> list[int]:
    """Into how many equal chunks the layers of a stage can be cut."""
    of_stage = -(-layers // pp)
    return [chunks for chunks in range(2, _MOST_VIRTUAL_STAGES + 1) if of_stage % chunks == 0]


def plan_training(request: TrainRequest | None = None, **options: Any) -> TrainingPlan:
    """The plan that `train` prices, everything filled in."""
    return train(request, **options).plan


def _on(request: TrainRequest, choice: Choice, gpus: int | None) -> TrainingEstimate:
    """The fastest sizes that fit, on so many GPUs or on as few as it takes."""
    estimate = best_that_fits(
        candidates(request, choice, gpus),
        lambda sizes: _price(request, choice, sizes),
        lambda estimate: 1.0 / estimate.tokens_per_second_per_gpu,
    )
    return _assume(estimate, say_why(estimate, request, "the fastest that fit into memory"))


def _on_fewest_gpus(request: TrainRequest, choice: Choice) -> TrainingEstimate:
    """As few GPUs, in powers of two, as finish in time."""
    limit = DAYS_WHERE_GPUS_ARE_OPEN * _SECONDS_PER_DAY
    gpus = _least_gpus(request, choice, limit)
    best: TrainingEstimate | None = None
    refused: BadInputError | None = None
    while gpus <= _MOST_GPUS:
        try:
            tried = _on(request, choice, gpus)
        except BadInputError as error:
            refused = refused or error
        else:
            if best is not None and best.feasible and tried.training_seconds * _WORTH_DOUBLING > best.training_seconds:
                break
            best = tried
            if tried.feasible and tried.training_seconds <= limit:
                break
        gpus *= 2
    if best is None:
        raise refused or BadInputError(f"gpus: not given, and tp x pp is beyond the {_MOST_GPUS:,} that are tried")
    if best.feasible and best.training_seconds > limit:
        best = _worth_its_hours(request, choice, best)
    return _assume(best, f"gpus {best.plan.layout.gpus:,}: {_why(best, limit)}")


def _worth_its_hours(request: TrainRequest, choice: Choice, most: TrainingEstimate) -> TrainingEstimate:
    """Where no number of GPUs is fast enough: the most that take at most twice the GPU-hours of the cheapest tried."""
    tried = [most]
    for _ in range(_HALVINGS):
        try:
            fewer = _on(request, choice, int(tried[-1].plan.layout.gpus) // 2)
        except BadInputError:
            break
        if not fewer.feasible:
            break
        tried.append(fewer)
    cheapest = min(estimate.gpu_hours for estimate in tried)
    return next(estimate for estimate in tried if estimate.gpu_hours <= _WORTH_HOURS * cheapest)


def _least_gpus(request: TrainRequest, choice: Choice, limit: float) -> int:
    """Fewer cannot do: twice the GPUs take half the time at best."""
    sizes = Sizes(request.tp or 1, request.pp or 1, 1, request.cp or 1)
    try:
        times_too_long = _price(request, choice, sizes).training_seconds / limit
    except BadInputError:
        return sizes.gpus
    doublings = max(0, floor(log2(times_too_long)))
    while doublings and sizes.gpus << doublings > _MOST_GPUS:
        doublings -= 1
    return sizes.gpus << doublings


def _why(estimate: TrainingEstimate, limit: float) -> str:
    days = f"{estimate.training_seconds / _SECONDS_PER_DAY:.3g} days"
    if not estimate.feasible:
        return "none fits; these come nearest"
    if estimate.training_seconds > limit:
        if estimate.plan.layout.gpus * 2 > _MOST_GPUS:
            return f"the most that are tried; they train in {days}"
        return f"with this batch more would take over twice the GPU-hours; they train in {days}"
    return f"the fewest, in powers of two, that train within {DAYS_WHERE_GPUS_ARE_OPEN} days ({days})"


def _assume(estimate: TrainingEstimate, *said: str) -> TrainingEstimate:
    return evolve(estimate, plan=evolve(estimate.plan, assumptions=(*said, *estimate.plan.assumptions)))


def _price(request: TrainRequest, choice: Choice, sizes: Sizes) -> TrainingEstimate:
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
    return _assume(shared, f"ep {widest}: better than whole experts on each rank")


def _price_filled(request: TrainRequest, choice: Choice, sizes: Sizes) -> TrainingEstimate:
    """With the least recomputation and then the largest micro-batch that fit, where the request leaves them open."""
    modes, micro_batches = _modes(request), _micro_batches(request, choice, sizes)
    last: tuple[Recompute, int | None, TrainingEstimate] | None = None
    refused: BadInputError | None = None
    for mode, micro_batch in product(modes, micro_batches):
        try:
            estimate = _price_all_given(evolve(request, recompute=mode, micro_batch=micro_batch), choice, sizes)
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
    return _assume(estimate, *said)


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
    for option in ("micro_batch", "gradient_accumulation"):
        given = getattr(request, option)
        if given is not None:
            raise BadInputError(f"max-micro-batch: {most} contradicts {option_name(option)} {given}; give one of them")
    replica = choose_batch(evolve(request, micro_batch=1), sequence_length(request, choice, []), sizes.dp)
    share = replica.gradient_accumulation
    return tuple(size for size in range(share, 0, -1) if share % size == 0 and (isinstance(most, str) or size <= most))


def _price_all_given(request: TrainRequest, choice: Choice, sizes: Sizes) -> TrainingEstimate:
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
    return estimate if plan.efficiency.mfu is None else _at_mfu(estimate, plan.efficiency.mfu)


def _at_mfu(estimate: TrainingEstimate, mfu: float) -> TrainingEstimate:
    """Time = model FLOPs / (GPUs x peak x MFU): backward takes two thirds, recompute and losses are inside."""
    plan = estimate.plan
    seconds = estimate.model_flops / (plan.layout.gpus * plan.gemm.peak_flops * mfu)
    return evolve(
        estimate, time_breakdown={"forward": seconds / 3, "backward": seconds * 2 / 3}, forward_breakdown=None
    )
