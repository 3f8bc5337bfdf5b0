"""Into what a server's replicas can be divided: the one enumerator of layouts that plans and searches of servers have.

A replica is tensor parallel ranks on pipeline stages; of models with experts several replicas may share these. What a
request gives is taken as it is; what it leaves open has the values of `space.dimensions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

from attrs import evolve, frozen

from llmplan.records import HardwareProfile, ModelArchitecture
from llmplan.request import InferRequest
from llmplan.space.dimension import Scope
from llmplan.space.dimensions import SERVED, powers_of_two, served
from llmplan.space.experts import experts_of
from llmplan.space.sizes import check_sizes

Given = Mapping[str, Sequence[int]]
"""The values of the options of a layout that a request gives."""
SIZES = served("replica", "group")
"""That make a layout."""


@frozen(repr=False)
class ReplicaSizes:
    """How a replica is divided, and how many replicas share experts: the least that can stand alone."""

    tp: int
    pp: int
    dp: int
    ep: int

    @property
    def gpus(self) -> int:
        """How many accelerators all these replicas take."""
        return self.tp * self.pp * self.dp

    def times(self, groups: int) -> dict[str, Any]:
        """The options of so many of these."""
        return {**{name: getattr(self, name) for name in SIZES}, "dp": self.dp * groups}


def given_sizes(request: InferRequest) -> Given:
    """The options of a layout that a request gives, each with its one value."""
    values = {name: getattr(request, name) for name in (*SIZES, *served("total"))}
    return {name: (value,) for name, value in values.items() if value is not None}


def fixed_request(request: InferRequest, model: ModelArchitecture) -> InferRequest | None:
    """The request with all sizes that follow from it, where it leaves nothing of the layout open; else None.

    BadInputError where sizes that are given do not go together.
    """
    given = given_sizes(request)
    check_sizes(given, model)
    check_sizes({**given, "cp": (1,)}, model)  # servers have no context parallelism: what is given may be all there is
    if request.tp is None or request.pp is None or (request.dp is None and request.gpus is None):
        return None
    if request.ep is None and experts_of(model) > 1:
        return None
    replicas = request.dp or (request.gpus or 1) // (request.tp * request.pp)
    return evolve(request, gpus=None, dp=replicas, ep=request.ep or 1)


def numbers_of_groups(sizes: ReplicaSizes, given: Given, apart: int = 0) -> Sequence[int] | None:
    """How many groups of such replicas there may be by what is given, beside GPUs that stand apart; None where open."""
    dps, gpus = given.get("dp"), given.get("gpus")
    if sizes.ep > sizes.dp:  # in a larger group experts would be shared otherwise
        alone = sizes.dp in (dps or [sizes.dp]) and sizes.gpus + apart in (gpus or [sizes.gpus + apart])
        return [1] if alone else []
    if dps is None and gpus is None:
        return None
    by_gpus = _quotients(gpus, sizes.gpus, apart)
    by_dp = _quotients(dps, sizes.dp)
    found = by_dp if by_gpus is None else by_gpus if by_dp is None else by_dp & by_gpus
    return sorted(found or ())


def pipelines(model: ModelArchitecture, hardware: HardwareProfile, given: Given) -> list[list[ReplicaSizes]]:
    """Replicas that are alike but for the length of their pipelines, the shortest first."""
    scope = _scope(model, hardware)
    return _pipelines(scope, given, {name: SERVED[name].values for name in served("replica")}, scope.domain)


def usual_sizes(
    listed: Sequence[Sequence[ReplicaSizes]], given: Given, fits: Callable[[ReplicaSizes], bool]
) -> Iterator[ReplicaSizes]:
    """Of `pipelines` those that are looked at: all that are given, else up to twice the shortest that fits."""
    for pipeline in listed:
        fitted = False
        for sizes in pipeline:
            yield sizes
            if fitted:
                break
            fitted = "pp" not in given and fits(sizes)


def further_pipelines(model: ModelArchitecture, hardware: HardwareProfile, given: Given) -> list[list[ReplicaSizes]]:
    """What is looked at where none of the usual sizes can be had: pipelines of any length, wider tensor parallelism,
    experts shared beyond the scale-up domain.
    """
    further = {name: SERVED[name].further or SERVED[name].values for name in served("replica")}
    return _pipelines(_scope(model, hardware), given, further, inf)


def _scope(model: ModelArchitecture, hardware: HardwareProfile) -> Scope:
    return Scope(model=model, domain=hardware.scale_up_domain, experts=experts_of(model))


def _pipelines(
    scope: Scope, given: Given, values: Mapping[str, Callable[[Scope], Sequence[int]]], within: float
) -> list[list[ReplicaSizes]]:
    tps, pps = (given.get(name) or of(scope) for name, of in values.items())
    groups = [(tp, *group) for tp in tps for group in _groups(scope, tp, given, within)]
    return [[ReplicaSizes(tp, pp, dp, ep) for pp in pps] for tp, dp, ep in groups]


def _groups(scope: Scope, tp: int, given: Given, within: float) -> Sequence[tuple[int, int]]:
    """Replicas that share experts, and over how many ranks: those of the replicas, or some tensor parallel ones too.

    They stand within so many accelerators, whether their number is open or given.
    """
    eps = given.get("ep")
    if scope.experts == 1 and eps is None:
        return [(1, 1)]
    parts = [part for part in powers_of_two(tp) if tp % part == 0]
    listed = {*SERVED["dp"].values(scope), *given.get("dp", ())}
    replicas = sorted({1, *(dp for dp in listed if dp * tp <= within)})
    inside = [(dp, dp * part) for dp in replicas for part in parts]
    asked = [(dp, ep) for dp, ep in inside if ep in (eps or SERVED["ep"].values(scope))]
    found = {ep for _, ep in asked}
    return [*asked, *((ep // part, ep) for ep in eps or () if ep not in found for part in parts if ep % part == 0)]


def _quotients(values: Sequence[int] | None, size: int, apart: int = 0) -> set[int] | None:
    """How often the size goes into each, beside what stands apart; those that it divides."""
    if values is None:
        return None
    return {(value - apart) // size for value in values if value > apart and (value - apart) % size == 0}
