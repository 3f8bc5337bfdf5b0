"""``train``: price a training run; where its layout is left open, search for it."""

from __future__ import annotations

from typing import Any

from llmplan.estimate import TrainingEstimate
from llmplan.estimate.server import answering
from llmplan.records import TrainingPlan
from llmplan.request import TrainRequest
from llmplan.space.choice import choose
from llmplan.space.layout import fixed_sizes
from llmplan.space.training import price_sized


def train(request: TrainRequest | None = None, **options: Any) -> TrainingEstimate:
    """Price a training run: ``train(model="llama-65b", gpu="h100-sxm-80gb", gpus=2048)``.

    Takes the options of ``llmplan train`` by name, or a `TrainRequest`. Records may stand where names do.
    """
    if request is not None and options:
        raise TypeError(f"options {', '.join(options)} beside a request that has its own")
    request = request or TrainRequest(**options)
    answer: TrainingEstimate = answering(request, _priced(request))
    return answer


def _priced(request: TrainRequest) -> TrainingEstimate:
    choice = choose(request, "train")
    sizes = fixed_sizes(request, choice)
    if sizes is not None:
        return price_sized(request, choice, sizes)
    from llmplan.search.chosen import best_of, on_fewest_gpus

    if request.gpus is None and request.dp is None:
        return on_fewest_gpus(request, choice)
    return best_of(request)


def plan_training(request: TrainRequest | None = None, **options: Any) -> TrainingPlan:
    """The plan that `train` prices, everything filled in."""
    return train(request, **options).plan
