"""``train``: a plan that is given, or the one that a search would find where something is left open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from llmplan.estimate import TrainingEstimate
from llmplan.estimate.answer import answering
from llmplan.records import TrainingPlan
from llmplan.request import TrainRequest, check_names
from llmplan.space.case import training_case
from llmplan.space.fill import assume
from llmplan.space.sizes import check_sizes
from llmplan.space.training_space import TrainingSpace

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from llmplan.request.keywords import TrainOptions


def train(
    request: TrainRequest | None = None,
    *,
    watch: Callable[[Any], None] | None = None,
    **options: Unpack[TrainOptions],
) -> TrainingEstimate:
    """Price a training run: ``train(model="llama-65b", gpu="h100-sxm-80gb", gpus=2048)``.

    Takes the options of ``llmplan train`` by name, or a `TrainRequest`. Records may stand where names do. What is left
    open is the best of all legal plans, as `search` finds it; `watch` is told how far that is.
    """
    if request is not None and options:
        raise TypeError(f"options {', '.join(options)} beside a request that has its own")
    if request is None:
        check_names(TrainRequest, options, "training")
        request = TrainRequest(**cast("Any", options))
    said = None
    if request.max_context:
        from llmplan.search.longest import with_longest

        request, said = with_longest(request, lambda asked: _priced(asked, watch))
    priced = _priced(request, watch)
    answer: TrainingEstimate = answering(request, priced if said is None else assume(priced, said))
    return answer


def _priced(request: TrainRequest, watch: Callable[[Any], None] | None) -> TrainingEstimate:
    case = training_case(TrainingSpace.of(request), request)
    check_sizes(case.values.of, case.choice.model)
    only = case.only()
    if only is not None:
        return case.price(only)
    from llmplan.search.choose import chosen

    return chosen(request, watch)


def plan_training(request: TrainRequest | None = None, **options: Unpack[TrainOptions]) -> TrainingPlan:
    """The plan that `train` prices, everything filled in."""
    return train(request, **options).plan
