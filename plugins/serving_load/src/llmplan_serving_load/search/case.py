"""What is searched for one model on one accelerator with one set of options, and the layouts that there are of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import evolve, frozen

from llmplan.errors import BadInputError
from llmplan.estimate import ServerModel
from llmplan.records import InferencePlan, ServerPlan
from llmplan.records.plan import CONFIDENCE
from llmplan.request import LOADS, InferRequest, option_name
from llmplan.space.asked import asking
from llmplan.space.choice import Choice, choose
from llmplan.space.inference import checked_plan
from llmplan.space.inference_space import InferenceSpace
from llmplan.space.server import check_load, server_plan, steps_of
from llmplan.space.server_sizes import ReplicaSizes
from llmplan.units import MIB
from llmplan_serving_load.queueing.server import Server, make_server

if TYPE_CHECKING:
    from llmplan_serving_load.queueing.server import Pricer

Refuse: TypeAlias = Callable[[BadInputError], None]
_LEAST_USABLE = 1e-9
"""Share of more memory that is taken to help, where it hardly does."""


@frozen(eq=False)
class Case:
    """One model, accelerator, dtype, engine and so on."""

    index: int
    request: InferRequest
    """With a load: the rate or trace that is given, else one user."""
    choice: Choice
    pricer: Pricer
    layout: Mapping[str, tuple[int, ...]]
    server_model: ServerModel
    """What counts in the end."""

    @property
    def at_a_rate(self) -> bool:
        """Whether requests come whatever the server does."""
        return self.request.concurrency is None

    @property
    def load_given(self) -> bool:
        """Whether what has to be served is known, and the servers for it are bought."""
        return self.at_a_rate or len(self.users or ()) == 1

    @property
    def confidence(self) -> float:
        """The confidence that layouts are ranked with."""
        return CONFIDENCE if self.request.confidence is None else self.request.confidence

    @property
    def users(self) -> tuple[int, ...] | None:
        """Numbers of users that are given; None where these are open."""
        return self.layout.get("concurrency")

    def apart(self, sizes: ReplicaSizes) -> int:
        """GPUs that only read prompts, beside replicas of these sizes."""
        request = self.request
        replica = (request.prefill_tp or sizes.tp) * (request.prefill_pp or sizes.pp)
        return (request.prefill_replicas or 0) * replica

    def fixed(self, sizes: ReplicaSizes, groups: int, **load: Any) -> InferRequest:
        """The options of `llmplan infer` that ask for so many groups of replicas alone."""
        return evolve(self.request, gpus=None, **sizes.times(groups), **load)

    def plan(self, request: InferRequest) -> ServerPlan:
        """Of these options; BadInputError where it cannot be priced."""
        return server_plan(request, self.choice, checked_plan(evolve(request, batch=1), self.choice))

    def server(self, sizes: ReplicaSizes, groups: int = 1) -> Server:
        """Of so many groups of replicas."""
        return make_server(self.plan(self.fixed(sizes, groups)), self.pricer)

    def needed_bytes(self, sizes: ReplicaSizes) -> float:
        """Memory with which the longest sequence would fit: an engine that keeps a share of it free needs the more."""
        memory, usable = self.choice.hardware.memory_bytes, 1.0
        missing = self.missing_bytes(sizes, memory)
        while missing:
            more = max(missing / usable, MIB)
            left = self.missing_bytes(sizes, memory + more)
            usable = max((missing - left) / more, _LEAST_USABLE)
            memory, missing = memory + more, left
        return memory

    def missing_bytes(self, sizes: ReplicaSizes, memory: float) -> float:
        """What the longest sequence lacks on an accelerator of so much memory."""
        hardware = evolve(self.choice.hardware, memory_bytes=memory)
        return float(evolve(self, choice=self.choice._replace(hardware=hardware)).server(sizes).missing_bytes)

    @property
    def in_arrays(self) -> bool:
        """Whether the cost model prices layouts side by side; else it is asked about one after the other."""
        return bool(getattr(self.choice.cost_model, "serving_in_arrays", False))

    def refused(self, plan: InferencePlan) -> Any:
        """Which of the layouts of a plan of arrays the cost model refuses."""
        found: Any = False
        if self.in_arrays:
            with asking(self.choice.cost_model):
                for broken in self.choice.cost_model.illegal(plan).values():  # type: ignore[attr-defined]
                    found = found | broken
        return found


def cases_of(space: InferenceSpace, model: ServerModel) -> list[Case]:
    """A case for each combination of the values given, checked."""
    return [case_of(index, request, space.layout, model) for index, request in enumerate(space.requests())]


def case_of(
    index: int,
    request: InferRequest,
    layout: Mapping[str, tuple[int, ...]],
    model: ServerModel,
    asked: str = "search",
) -> Case:
    """The case of a request; BadInputError where its options contradict each other or the cost model has no servers."""
    loads = [name for name in LOADS if getattr(request, name) is not None]
    if loads and "concurrency" in layout:
        raise BadInputError(f"{loads[0]}: contradicts concurrency; give one")
    for name in ("batch", "max_batch", "max_context"):
        if getattr(request, name):
            raise BadInputError(f"{option_name(name)}: a search is for loaded servers, which make their own batches")
    request = request if loads else evolve(request, concurrency=1)
    check_load(request)
    choice = choose(request, "infer")
    return Case(index, request, choice, steps_of(choice, asked), layout, model)
