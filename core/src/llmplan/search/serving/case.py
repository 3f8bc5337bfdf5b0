"""What is searched for one model on one accelerator with one set of options, and the layouts that there are of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import evolve, field, frozen

from llmplan.errors import BadInputError
from llmplan.queueing.server import Server, make_server
from llmplan.records import ServerPlan, Step
from llmplan.request import LOADS, InferRequest, option_name
from llmplan.search.serving.space import InferenceSpace
from llmplan.space.choice import Choice, choose
from llmplan.space.experts import experts_of
from llmplan.space.inference import checked_plan
from llmplan.space.layout import Sizes
from llmplan.space.server import check_load, server_plan, steps_of
from llmplan.units import MIB

if TYPE_CHECKING:
    from llmplan.queueing.server import Pricer

_MOST_STAGES = 64
_PROBE = Step(prompt_tokens=64.0, prompt_context=32.5, prompts=1.0, sequences=8.0, context=100.0)
_Probed: TypeAlias = tuple[float, ...]
"""Seconds of a step by which engines are told apart."""
Refuse: TypeAlias = Callable[[BadInputError], None]


@frozen(eq=False)
class Case:
    """One model, accelerator, dtype, engine and so on."""

    index: int
    request: InferRequest
    """With a load: the rate or trace that is given, else one user."""
    choice: Choice
    pricer: Pricer
    layout: Mapping[str, tuple[int, ...]]

    @property
    def at_a_rate(self) -> bool:
        """Whether requests come whatever the server does."""
        return self.request.concurrency is None

    def fixed(self, tp: int, pp: int, dp: int, ep: int, **load: Any) -> InferRequest:
        """The options of `llmplan infer` that ask for one plan alone."""
        return evolve(self.request, tp=tp, pp=pp, dp=dp, ep=ep, gpus=None, **load)

    def plan(self, request: InferRequest) -> ServerPlan:
        """Of these options; BadInputError where it cannot be priced."""
        sizes = Sizes(request.tp or 1, request.pp or 1, request.dp or 1)
        return server_plan(request, self.choice, checked_plan(evolve(request, batch=1), self.choice, sizes))

    def server(self, tp: int, pp: int, dp: int, ep: int) -> Server:
        """Of so many replicas."""
        return make_server(self.plan(self.fixed(tp, pp, dp, ep)), self.pricer)

    def layouts(self, refuse: Refuse) -> Iterator[Layout]:
        """All that can be priced, those that do not fit among them; of the others why not goes to `refuse`."""
        for tp in self.layout.get("tp") or _powers_of_two(self.choice.hardware.scale_up_domain):
            for dp, ep in self._groups(tp):
                yield from self._pipelines(tp, dp, ep, refuse)

    def _groups(self, tp: int) -> Iterable[tuple[int, int]]:
        """Replicas that share experts, and over how many ranks: those of the replicas, or tensor parallel ranks too."""
        experts = experts_of(self.choice.model)
        given = self.layout.get("ep")
        if given is not None:
            return [(max(1, ep // tp), ep) for ep in given]
        if experts == 1:
            return [(1, 1)]
        replicas = _powers_of_two(max(1, self.choice.hardware.scale_up_domain // tp))
        groups = ((dp, ep) for dp in replicas for ep in dict.fromkeys((dp, dp * tp)))
        return [(dp, ep) for dp, ep in groups if experts % ep == 0]

    def _pipelines(self, tp: int, dp: int, ep: int, refuse: Refuse) -> Iterator[Layout]:
        """Of the lengths given; else in powers of two, to twice the shortest that fits."""
        given = self.layout.get("pp")
        most = min(self.choice.model.layers, _MOST_STAGES)
        fitted = False
        for pp in given or _powers_of_two(most):
            try:
                layout = Layout(self, tp, pp, dp, ep, self.server(tp, pp, dp, ep))
            except BadInputError as error:
                refuse(error)
                continue
            yield layout
            if given is None and fitted:
                return
            fitted = layout.server.fits


@frozen(eq=False)
class Layout:
    """How one replica is divided, and how many of them share experts: the least that can stand alone."""

    case: Case
    tp: int
    pp: int
    dp: int
    ep: int
    server: Server
    _known: dict[_Probed, Server] = field(factory=dict)
    """With steps of each kind."""

    @property
    def sizes(self) -> dict[str, int]:
        """By option."""
        return {"tp": self.tp, "pp": self.pp, "ep": self.ep}

    @property
    def gpus(self) -> int:
        """Of the least that can stand alone, with those that only read prompts."""
        return self.server.plan.gpus

    @property
    def missing_bytes(self) -> float:
        """That the longest sequence needs beyond the memory; 0 where it fits."""
        server = self.server
        prompt = (
            server.prefill_engine.kv_bytes(server.plan.workload.longest[0] + 1) - server.prefill_engine.kv_room_bytes
        )
        return max(0.0, prompt, server.longest_kv_bytes - server.decode_engine.kv_room_bytes)

    @property
    def needed_bytes(self) -> float:
        """Memory with which the longest sequence would fit: engines may keep a share of it free."""
        case, layout = self.case, self
        memory = case.choice.hardware.memory_bytes
        while layout.missing_bytes:
            memory += max(layout.missing_bytes, MIB)
            larger = evolve(case.choice, hardware=evolve(case.choice.hardware, memory_bytes=memory))
            grown = evolve(case, choice=larger)
            layout = evolve(layout, server=grown.server(self.tp, self.pp, self.dp, self.ep))
        return memory

    def times(self, groups: int) -> Server:
        """So many of these groups; BadInputError where the cost model refuses them.

        Their steps are priced anew where they take otherwise: stages of a longer row of GPUs lie further apart.
        """
        if groups == 1:
            return self.server
        server = self.case.server(self.tp, self.pp, groups * self.dp, self.ep)
        if not self._known:
            self._known[_probed(self.server)] = self.server
        like = self._known.setdefault(_probed(server), server)
        same = ("prefill_engine", "decode_engine", "prefill", "decoding")
        return evolve(server, **{name: getattr(like, name) for name in same})

    @property
    def groups(self) -> Sequence[int] | None:
        """How many of them there may be by what is given; None where that is open."""
        dps, gpus = self.case.layout.get("dp"), self.case.layout.get("gpus")
        if self.ep > self.dp:  # in a larger group experts would be shared otherwise
            return [1] if self.dp in (dps or [self.dp]) and self.gpus in (gpus or [self.gpus]) else []
        if dps is None and gpus is None:
            return None
        of_one = self.tp * self.pp * self.dp
        by_gpus = _quotients(gpus, of_one, self.gpus - of_one)
        by_dp = _quotients(dps, self.dp)
        found = by_dp if by_gpus is None else by_gpus if by_dp is None else by_dp & by_gpus
        return sorted(found or ())


def _probed(server: Server) -> _Probed:
    steps = [engine.steps for engine in (server.prefill_engine, server.decode_engine)]
    return tuple(float(of(_PROBE)) for each in steps for of in (each.step_seconds, each.step_interval_seconds))


def cases_of(space: InferenceSpace) -> list[Case]:
    """One of each combination, checked."""
    return [_case(index, request, space.layout) for index, request in enumerate(space.requests())]


def _case(index: int, request: InferRequest, layout: Mapping[str, tuple[int, ...]]) -> Case:
    loads = [name for name in LOADS if getattr(request, name) is not None]
    if loads and "concurrency" in layout:
        raise BadInputError(f"{loads[0]}: contradicts concurrency; give one")
    for name in ("batch", "max_batch", "max_context"):
        if getattr(request, name):
            raise BadInputError(f"{option_name(name)}: a search is for loaded servers, which make their own batches")
    request = request if loads else evolve(request, concurrency=1)
    check_load(request)
    choice = choose(request, "infer")
    return Case(index, request, choice, steps_of(choice, "search"), layout)


def _quotients(values: Sequence[int] | None, size: int, apart: int = 0) -> set[int] | None:
    """How often the size goes into each, beside what stands apart; those that it divides."""
    if values is None:
        return None
    return {(value - apart) // size for value in values if value > apart and (value - apart) % size == 0}


def _powers_of_two(most: int) -> list[int]:
    return [1 << exponent for exponent in range(most.bit_length())]
