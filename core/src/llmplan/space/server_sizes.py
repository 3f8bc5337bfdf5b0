"""Into what a server's replicas can be divided: the one list of layouts that plans and searches of servers look at.

A replica is tensor parallel ranks on pipeline stages; of models with experts several replicas may share these. What a
request gives is taken as it is; what it leaves open has the values that `SERVER_DIMENSIONS` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from llmplan.records import HardwareProfile, ModelArchitecture
from llmplan.request import InferRequest
from llmplan.space.experts import experts_of
from llmplan.space.sizes import check_sizes

Given = Mapping[str, Sequence[int]]
"""The values of the options of a layout that a request gives."""
SERVER_DIMENSIONS = {
    "tp": "powers of two inside the scale-up domain",
    "pp": "powers of two, to twice the shortest pipeline that fits",
    "dp": "under a load the fewest replicas that hold it, else one, or what gpus makes",
    "ep": "experts over the replicas of a scale-up domain, and over some of their tensor parallel ranks too",
    "gpus": "what the others make",
}
"""Options of a layout, and what is looked at where they are left open."""
_MOST_STAGES = 64
_WIDEST = 8
"""Ranks that share a tensor where the scale-up domain is smaller, as the last resort."""


@frozen(repr=False)
class ReplicaSizes:
    """How a replica is divided, and how many replicas share experts: the least that can stand alone."""

    tp: int
    pp: int
    dp: int
    ep: int

    @property
    def gpus(self) -> int:
        """Of all these replicas."""
        return self.tp * self.pp * self.dp

    def times(self, groups: int) -> dict[str, Any]:
        """The options of so many of these."""
        return {"tp": self.tp, "pp": self.pp, "dp": self.dp * groups, "ep": self.ep}


def given_sizes(request: InferRequest) -> Given:
    """The options of a layout that a request gives, each with its one value."""
    values = {name: getattr(request, name) for name in SERVER_DIMENSIONS}
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
    lengths = given.get("pp") or _powers_of_two(min(model.layers, _MOST_STAGES))
    return _pipelines(model, hardware, given, (_powers_of_two(hardware.scale_up_domain), lengths))


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
    """What is looked at where none of the usual sizes can be had: pipelines of any length, wider tensor parallelism."""
    wide = _powers_of_two(max(_WIDEST, hardware.scale_up_domain))
    return _pipelines(model, hardware, given, (wide, given.get("pp") or range(1, model.layers + 1)))


def _pipelines(
    model: ModelArchitecture, hardware: HardwareProfile, given: Given, of: tuple[Sequence[int], Sequence[int]]
) -> list[list[ReplicaSizes]]:
    tps, pps = of
    groups = [(tp, *group) for tp in given.get("tp") or tps for group in _groups(model, hardware, tp, given)]
    return [[ReplicaSizes(tp, pp, dp, ep) for pp in pps] for tp, dp, ep in groups]


def _groups(model: ModelArchitecture, hardware: HardwareProfile, tp: int, given: Given) -> Sequence[tuple[int, int]]:
    """Replicas that share experts, and over how many ranks: those of the replicas, or some tensor parallel ones too."""
    experts, eps = experts_of(model), given.get("ep")
    if experts == 1 and eps is None:
        return [(1, 1)]
    parts = [part for part in _powers_of_two(tp) if tp % part == 0]
    replicas = {*_powers_of_two(max(1, hardware.scale_up_domain // tp)), *given.get("dp", ())}
    inside = [(dp, dp * part) for dp in sorted(replicas) for part in parts]
    if eps is None:
        return [(dp, ep) for dp, ep in inside if experts % ep == 0]
    asked = [(dp, ep) for dp, ep in inside if ep in eps]
    found = {ep for _, ep in asked}
    return [*asked, *((ep // part, ep) for ep in eps if ep not in found for part in parts if ep % part == 0)]


def _quotients(values: Sequence[int] | None, size: int, apart: int = 0) -> set[int] | None:
    """How often the size goes into each, beside what stands apart; those that it divides."""
    if values is None:
        return None
    return {(value - apart) // size for value in values if value > apart and (value - apart) % size == 0}


def _powers_of_two(most: int) -> list[int]:
    return [1 << exponent for exponent in range(most.bit_length())]
