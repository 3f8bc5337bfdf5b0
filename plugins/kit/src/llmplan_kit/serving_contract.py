"""The contracts of a cost model's steps of a server, and of a server model; `llmplan.testing` is the door to them."""

from __future__ import annotations

from itertools import pairwise
from math import isclose, isfinite

from attrs import evolve, frozen

from llmplan.catalogues import SERVER_MODELS
from llmplan.estimate import InferenceEstimate, Kind, Line, ServerEstimate, ServerModel
from llmplan.estimate.line import BYTES
from llmplan.records import Lengths, ServerPlan, ServingSteps, Step, Workload
from llmplan_kit.contracts import check_lines, checked_name, require

_ROUNDING = 1e-9
_GROWING = {
    "sequences": (
        Step(sequences=1, context=100),
        Step(sequences=8, context=100),
        Step(sequences=8.5, context=100),
        Step(sequences=64, context=100),
    ),
    "context": (Step(sequences=8, context=100), Step(sequences=8, context=1000)),
    "tokens_per_sequence": (
        Step(sequences=8, context=100, tokens_per_sequence=1),
        Step(sequences=8, context=100, tokens_per_sequence=5),
    ),
    "prompt_tokens": (
        Step(prompt_tokens=1, prompt_context=1, prompts=1),
        Step(prompt_tokens=64, prompt_context=32.5, prompts=1),
        Step(prompt_tokens=512, prompt_context=256.5, prompts=2),
    ),
    "prompt_context": (
        Step(prompt_tokens=64, prompt_context=32.5, prompts=1),
        Step(prompt_tokens=64, prompt_context=2000, prompts=1),
    ),
    "prompts beside sequences": (
        Step(sequences=8, context=100),
        Step(sequences=8, context=100, prompt_tokens=64, prompt_context=32.5, prompts=1),
    ),
}
"""Steps each of which holds more than the one before it."""
_TOKENS = (1, 16, 17, 1000)
_FASTER = 0.7
"""Of the time of less work, which a kernel for larger shapes may take."""


def check_serving_steps(name: str, steps: ServingSteps) -> None:
    """Steps take finite time, longer the more they hold; caches and workspaces grow with their tokens."""
    batches = steps.batches_in_flight
    require(isinstance(batches, int) and batches >= 1, f"{name}: serving: batches_in_flight: {batches!r} is no count")
    for more, ordered in _GROWING.items():
        _check_growth(f"{name}: serving: step_seconds: more {more}", [steps.step_seconds(step) for step in ordered])
        for step in ordered:
            whole, stage = steps.step_seconds(step), steps.step_interval_seconds(step)
            fits = 0 < stage <= whole * (1 + _ROUNDING)
            require(fits, f"{name}: serving: step_interval_seconds: {stage} of a step that takes {whole}: {step}")
    for what in ("kv_bytes", "kv_transfer_seconds"):
        _check_growth(f"{name}: serving: {what}: more tokens", [getattr(steps, what)(tokens) for tokens in _TOKENS])
    check_lines(f"{name}: serving: fixed_memory", steps.fixed_memory(1000), BYTES)
    for line, size in steps.fixed_memory(1000).items():
        require(isfinite(size) and size >= 0, f"{name}: serving: fixed_memory: {line}: {size}")


def _check_growth(what: str, values: list[float]) -> None:
    require(all(isfinite(value) and value >= 0 for value in values), f"{what}: {values} are not all finite")
    require(values[-1] > 0, f"{what}: {values} are all nothing")
    grows = all(after >= _FASTER * before for before, after in pairwise(values))
    require(grows and values[-1] >= values[0] * (1 - _ROUNDING), f"{what} takes less: {values}")


@frozen
class _SampleSteps:
    """Passes of 10 ms, 20 us a token and 10 ns a key."""

    batches_in_flight: int = 1

    def step_seconds(self, step: Step) -> float:
        """A + b x tokens + c x keys."""
        keys = step.prompt_tokens * step.prompt_context + step.sequences * step.context
        return float(0.010 + 20e-6 * step.tokens + 10e-9 * keys)

    step_interval_seconds = step_seconds

    def kv_bytes(self, tokens: float) -> float:
        """A cache of 1 MB for each token."""
        return 1e6 * tokens

    def fixed_memory(self, step_tokens: float) -> dict[str, float]:
        """Weights, and 10 kB a token of a step."""
        return {Line("weights", Kind.TENSORS): 1e9 + 1e4 * step_tokens}

    def kv_transfer_seconds(self, tokens: float) -> float:
        """Over a link of 50 GB/s."""
        return self.kv_bytes(tokens) / 50e9


def check_server_model(model: ServerModel, batch: InferenceEstimate) -> None:
    """What comes is answered, up to the capacity and no further; latencies are finite, and no shorter under more load.

    `batch` is any estimate of one device: its plan is that of the replica.
    """
    name = checked_name(SERVER_MODELS, model)

    def served(**load: float) -> ServerEstimate:
        work = Workload(prompt=Lengths(200), output=Lengths(50), requests=200, **load)  # type: ignore[arg-type]
        server = ServerPlan(plan=batch.plan, workload=work, step_tokens=512, chunked=True, max_sequences=8)
        found = model.serve(server, lambda _plan: _SampleSteps(), lambda plan: evolve(batch, plan=plan))
        known = isinstance(found, ServerEstimate) and found.server is server
        require(known, f"{name}: serve: returned no ServerEstimate of the plan that it was given")
        return found

    alone, few = served(concurrency=1), served(concurrency=8)
    most = 0.0 if alone.capacity is None else alone.capacity.requests_per_second
    require(isfinite(most) and most > 0, f"{name}: serve: a capacity of {most} requests/s")
    light, flooded = served(rate=most / 10), served(rate=2 * most)
    require(flooded.overloaded, f"{name}: serve: twice the capacity is answered")
    for load, found in {"one user": alone, "8 users": few, "a tenth of the capacity": light}.items():
        _check_served(f"{name}: serve: {load}", found, most)
    answered, comes = light.requests_per_second or 0.0, most / 10
    require(isclose(answered, comes, rel_tol=0.1), f"{name}: serve: {answered} requests/s answered of {comes}")
    _check_growth(f"{name}: serve: total_seconds: more users", [alone.total_seconds or 0.0, few.total_seconds or 0.0])


def _check_served(what: str, found: ServerEstimate, most: float) -> None:
    latencies = [found.first_token_seconds, found.next_token_seconds, found.total_seconds]
    good = all(value is not None and isfinite(value) and value > 0 for value in latencies)
    require(good, f"{what}: first token, next token and answer take {latencies}")
    first, total = latencies[0] or 0.0, latencies[2] or 0.0
    require(first <= total, f"{what}: the first token takes {first}, the whole answer {total}")
    answered = found.means.requests_per_second if found.means else 0.0
    require(answered <= 1.05 * most, f"{what}: {answered} requests/s answered, with a capacity of {most}")
