"""``search_inference``: from a space and an objective to the best servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from attrs import evolve, frozen

from llmplan.catalogues import ENGINES
from llmplan.errors import BadInputError
from llmplan.estimate import ServerModel
from llmplan.estimate.server import NEARLY_FULL
from llmplan.request import InferRequest, InferSearchRequest, given_options
from llmplan.search.result import SearchResult, counts_of
from llmplan.space.choice import find_record
from llmplan.space.inference_space import InferenceSpace
from llmplan.space.server_sizes import SIZES
from llmplan_serving_load.search.case import Case, cases_of
from llmplan_serving_load.search.confirming import Confirmed, Confirming
from llmplan_serving_load.search.exploring import Candidate, Explored, explore
from llmplan_serving_load.search.frontier import axis_of, columns_of, frontier
from llmplan_serving_load.search.limits import Limits
from llmplan_serving_load.search.points import Part, Point, Points
from llmplan_serving_load.search.ranking import check, first_of, rank
from llmplan_serving_load.search.verdict import Dead, verdict
from llmplan_serving_load.search.why import reasons

TOP = 5
_MOST_USERS = 20_000
"""Of a replica that are simulated."""


@frozen(eq=False)
class _Question:
    objective: str
    limits: Limits
    top: int
    prune: bool
    model: ServerModel


@frozen
class Progress:
    """How far a search is; nobody knows of how much."""

    layouts: int
    plans: int
    confirmed: int
    best: Callable[[], Point | None]
    """The best so far: of those that are confirmed, else in closed form."""
    done: None = None
    roots: None = None


def search_inference(
    space: InferenceSpace,
    objective: str = "throughput",
    *,
    model: ServerModel,
    keep: bool = True,
    watch: Callable[[Progress], None] | None = None,
    sink: Callable[[dict[str, Any]], None] | None = None,
    interruptible: bool = False,
    **options: Any,
) -> SearchResult:
    """The best servers of a space: ``search_inference(InferenceSpace(model=..., gpu=...), ttft="500ms", tpot="50ms")``.

    Options are those of `InferSearchRequest`: ttft, tpot, latency, percentile, top, prune. Objectives are throughput,
    cost and gpus. All priced points are kept as columns unless `keep` is false, and go to `sink`.
    """
    begin = time.perf_counter()
    asked = InferSearchRequest(objective=objective, **options)
    space = space.within(asked)
    question = _Question(objective, Limits.asked(space.request), asked.top or TOP, asked.prune is not False, model)
    cases = cases_of(space, model)
    _check(question, cases)
    looking = _Looking(question, Explored(), Confirming(objective, question.limits), [])
    complete = True
    try:
        for _ in looking.through(cases):
            if watch is not None:
                watch(looking.progress)
    except KeyboardInterrupt:
        if not interruptible:
            raise
        complete = False
    columns = columns_of(looking.found.points, question.limits)
    if sink is not None and columns:
        sink(columns)
    result = _result(looking, cases, space, columns, complete=complete)
    kept = columns if keep else {}
    return evolve(result, columns=kept, asked=_asked(space, cases, asked), seconds=time.perf_counter() - begin)


def _asked(space: InferenceSpace, cases: Sequence[Case], asked: InferSearchRequest) -> dict[str, Any]:
    """All that was given, in the words of a plan file."""
    from llmplan.request.plan_file import space_in_full

    prices = [price for _, price in space.priced]
    several = {**space.layout, **({"price_per_gpu_hour": prices} if len(set(prices)) > 1 else {})}
    records = (
        {
            "model": case.choice.model,
            "gpu": case.choice.hardware,
            "site": case.choice.site,
            "parts": case.choice.parts,
            **_engine(request),
        }
        for request, case in zip(space.requests(), cases, strict=True)
    )
    return {**space_in_full(zip(space.requests(), records, strict=True), several), **given_options(asked)}


def _engine(request: InferRequest) -> dict[str, Any]:
    return {} if request.engine is None else {"engine": find_record(request.engine, "engine", ENGINES)}


@frozen(eq=False)
class _Looking:
    """What has been found so far."""

    question: _Question
    found: Explored
    confirming: Confirming
    best: list[Confirmed]

    def through(self, cases: Sequence[Case]) -> Iterator[None]:
        """Layout by layout, then plan by plan that is confirmed."""
        for _ in explore(cases, self.question.limits, self.found, prune=self.question.prune):
            yield
        for plan in islice(self.confirming.best(self.found.candidates), self.question.top):
            self.best.append(plan)
            yield
        if not self.best and self.question.limits.of:
            near = self.confirming.nearest(self.found.parts)
            self.best.extend([plan for plan in near if plan.exceeded <= 1.0][: self.question.top])

    @property
    def progress(self) -> Progress:
        """How far the search is, and the best that it has found."""
        return Progress(self.found.layouts, self.found.legal, len(self.best), self._first)

    def _first(self) -> Point | None:
        if self.best:
            return self.best[0].point
        objective = self.question.objective
        first = (first_of(objective, one.points, one.kept) for one in self.found.candidates)
        return min(first, key=lambda point: rank(objective, point), default=None)


def _result(
    looking: _Looking, cases: Sequence[Case], space: InferenceSpace, columns: dict[str, Any], *, complete: bool
) -> SearchResult:
    found, best, limits = looking.found, looking.best, looking.question.limits
    dead = None
    if not best and complete:
        dead = verdict(Dead(space, found, looking.confirming, lambda other: _candidates(other, looking.question)))
    return SearchResult(
        command="infer",
        objective=looking.question.objective,
        confidence=None if cases[0].choice.efficiency.by_user else cases[0].confidence,
        space=_values(cases, found.points, space),
        constraints={**limits.of, **({"percentile": limits.percentile} if limits.of and limits.percentile else {})},
        best=tuple(one.estimate for one in best),
        requests=tuple(one.request for one in best),
        pareto_of=("throughput", axis_of(found.points)),
        pareto=frontier(found.points, columns, limits, load_given=cases[0].load_given),
        why=reasons(best, limits, looking.question.objective),
        counts=counts_of(found),
        seconds=0.0,
        complete=complete,
        warnings=tuple(_warnings(best, limits)),
        verdict=dead,
    )


def _warnings(best: Sequence[Confirmed], limits: Limits) -> Iterator[str]:
    """What simulations of some hundred requests do not show of the first."""
    estimate = best[0].estimate if best else None
    if estimate is None or estimate.server.workload.rate is None or (estimate.load or 0.0) <= NEARLY_FULL:
        return
    group = best[0].point.sizes.dp
    enough = -(-(estimate.replicas_needed or 1) // group) * group
    ways = [*(["--ttft limits it"] if "ttft" not in limits.of else []), f"--dp {enough} leaves room"]
    first = f"{best[0].point.means.first_token_seconds:.3g} s to the first token in closed form"
    yield (
        f"the first runs at {100.0 * (estimate.load or 0.0):.3g} % of its capacity, with {first}: "
        f"waiting grows beyond what is simulated; {', or '.join(ways)}"
    )


def _check(question: _Question, cases: Sequence[Case]) -> None:
    """BadInputError where what is asked for will not be known."""
    priced = all(case.choice.price_per_gpu_hour is not None for case in cases)
    check(question.objective, at_a_rate=cases[0].at_a_rate, priced=priced)
    limits, request = question.limits, cases[0].request
    given = request.percentile
    if given is not None and not limits.of:
        raise BadInputError(f"percentile: {given} of what? give --ttft, --tpot or --latency too")
    if limits.percentile is not None and request.requests == 0:
        raise BadInputError("percentile: is what a simulation counts, and requests 0 asks for none")
    if "tpot" in limits.of and request.output_tokens == 1:
        raise BadInputError("tpot: answers of one token have no further ones")
    _check_users(cases[0])


def _check_users(case: Case) -> None:
    """BadInputError where nobody would wait for the simulation of so many."""
    users = max(case.layout.get("concurrency", (1,)))
    replicas = min(case.layout.get("dp") or case.layout.get("gpus") or (1,))
    if case.request.requests != 0 and users > _MOST_USERS * replicas:
        of = "a replica" if replicas == 1 else f"{replicas} replicas"
        raise BadInputError(
            f"concurrency: {users} users of {of} take too long to simulate; give at most "
            f"{_MOST_USERS * replicas}, more --dp, or --requests 0 for closed forms alone"
        )


def _candidates(space: InferenceSpace, question: _Question) -> Sequence[Candidate]:
    """Of another space."""
    found = Explored()
    for _ in explore(cases_of(space, question.model), question.limits, found, prune=True):
        pass
    return found.candidates


def _values(cases: Sequence[Case], points: Points, space: InferenceSpace) -> dict[str, tuple[Any, ...]]:
    """What was tried of each dimension; of users, and replicas that share experts, the fewest and the most."""
    plans = [part.fleet.like.plan for part in points.parts]
    tried: dict[str, Iterable[Any]] = {
        "model": (case.choice.model.name for case in cases),
        "gpu": (case.choice.hardware.name for case in cases),
        "dtype": (case.choice.dtype.name for case in cases),
        "engine": (plan.engine.name for plan in plans),
        "kv_bits": (plan.kv_bits for plan in plans),
        **{name: (getattr(one, "name", one) for one in values) for name, values in space.cases.items()},
        **{name: sorted({one for part in points.parts for one in _sizes(part, name)}) for name in SIZES},
        "dp": space.layout.get("dp", () if cases[0].at_a_rate else _ends(points.column("dp"))),
        "concurrency": space.layout.get("concurrency", () if cases[0].at_a_rate else _ends(points.column("users"))),
    }
    return {name: found for name, values in tried.items() if (found := tuple(dict.fromkeys(values)))}


def _sizes(part: Part, name: str) -> list[int]:
    sizes = part.fleet.column[name][part.at]
    return [int(one) for one in set(sizes.tolist())]


def _ends(values: Any) -> tuple[int, ...]:
    return (int(values.min()), int(values.max())) if len(values) else ()
