"""The layout of a server whose load is known: the first of a search without limits."""

from __future__ import annotations

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.estimate import ServerModel
from llmplan.request import LOADS, InferRequest
from llmplan.space.server import usual_requests
from llmplan.space.server_sizes import ReplicaSizes, given_sizes, numbers_of_groups
from llmplan_serving_load.search.case import Case, case_of
from llmplan_serving_load.search.confirming import Confirming
from llmplan_serving_load.search.exploring import Explored, explore
from llmplan_serving_load.search.limits import Limits

OBJECTIVE = "throughput"


def best_for_load(request: InferRequest, model: ServerModel) -> tuple[InferRequest, str]:
    """The request with all sizes given, and why these."""
    users = {} if request.concurrency is None else {"concurrency": (request.concurrency,)}
    given: dict[str, tuple[int, ...]] = {
        **{name: tuple(values) for name, values in given_sizes(request).items()},
        **users,
    }
    asked = next(name for name in LOADS if getattr(request, name) is not None)
    case = case_of(0, _counted(request), given, model, asked)
    found = Explored()
    limits = Limits.asked(request)
    for _ in explore([case], limits, found, prune=False):
        pass
    confirming = Confirming(OBJECTIVE, limits)
    best, why = next(confirming.best(found.candidates), None), "the most tokens/s of a GPU at this load"
    if best is None and limits.of:
        best = next(confirming.nearest(found.parts), None)
        holds = best is not None and best.exceeded <= 1.0
        why = "keeps to the latencies as simulated" if holds else "none keeps to the latencies, this comes nearest"
    if best is not None:
        return _fixed(request, best.point.sizes, best.point.groups), why
    return _nearest(case, request, found)


def _counted(request: InferRequest) -> InferRequest:
    """With users apart, which layouts are listed for, and with as many requests as the report of the layout counts."""
    if request.requests is None and request.trace is None:
        request = evolve(request, requests=usual_requests(request.concurrency))
    return request if request.concurrency is None else evolve(request, concurrency=None)


def _nearest(case: Case, request: InferRequest, found: Explored) -> tuple[InferRequest, str]:
    """Where no layout holds the load: the one that answers most of it; where none fits, that which misses least."""
    if found.overloaded:
        _, sizes, groups = max(found.overloaded, key=lambda one: one[0])
        return _fixed(request, sizes, groups), "none answers all that comes, this answers most on a GPU"
    if found.homeless:
        _, _, sizes = min(found.homeless, key=lambda one: one[0])
        groups = (numbers_of_groups(sizes, case.layout, case.apart(sizes)) or (1,))[0]
        return _fixed(request, sizes, groups), "nothing fits, this comes nearest"
    if found.errors:
        raise next(iter(found.errors.values()))
    raise BadInputError("gpus: no layout divides them as the other options ask")


def _fixed(request: InferRequest, sizes: ReplicaSizes, groups: int) -> InferRequest:
    return evolve(request, gpus=None, **sizes.times(groups))
