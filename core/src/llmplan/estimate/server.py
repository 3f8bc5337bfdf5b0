"""What a server is expected to do, in figures that follow from its load."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, TypeAlias

from attrs import frozen

from llmplan.arrays.quantities import total
from llmplan.estimate.energy import average_power
from llmplan.estimate.inference import InferenceEstimate
from llmplan.estimate.line import Kind, Line
from llmplan.estimate.load import Capacity, Means, Simulated
from llmplan.estimate.shown import Shown
from llmplan.estimate.spread import Spread
from llmplan.estimate.training import TrainingEstimate
from llmplan.records.server import ServerPlan

_SECONDS_PER_HOUR = 3600.0
_MILLION = 1e6
NEARLY_FULL = 0.9
"""Of the capacity: beyond it waiting grows steeply, and a simulation of some thousand requests has not settled."""
CACHES = Line("kv_cache", Kind.TENSORS, "keys and values of the sequences in work")
"""What a load decides on: a server's own line."""
SAFE_LOAD = 0.8
"""Of the capacity, at which replicas are counted that would serve a rate."""


def _of(path: str) -> Any:
    """What something that the estimate is made of says."""
    return property(attrgetter(path))


def _mean(figure: Callable[[Means], float | None]) -> Any:
    """A figure of the means; None where there are none."""
    return property(lambda server: None if server.means is None else figure(server.means))


@frozen(kw_only=True, eq=False, repr=False)
class ServerEstimate(Shown):
    """What a server does under a load."""

    server: ServerPlan
    prefill: InferenceEstimate
    """Of one prompt alone."""
    decode: InferenceEstimate
    """Of as many sequences as decode at once."""
    fixed_memory: Mapping[str, float]
    """Bytes on the fullest GPU beside caches."""
    kv_bytes: float
    """Of the longest sequence on the fullest GPU."""
    mean_lengths: tuple[float, float]
    """Prompt and answer, in tokens."""
    capacity: Capacity | None
    """None where not one sequence fits."""
    closed_form: Means | None
    """None where the load is more than the capacity, and of a trace."""
    simulated: Simulated | None
    """None where none was asked for, and where the load is more than the capacity."""
    prefill_memory: Mapping[str, float] | None = None
    """Bytes on the fullest GPU of a pool that only prefills, with the longest prompt; None where there is no such."""

    spreads: Callable[[], tuple[Spread, Spread, Spread] | None] | None = None
    """How far off latencies may be where passes take longer than estimated: of the first token, of a further one, of a
    whole answer; None where they are as far off as single passes.
    """
    request: Any = None
    """What was asked: an `InferRequest`."""
    kept: tuple[Any, ...] = ()
    """Latencies that were asked for, each with whether it `holds`."""

    @property
    def means(self) -> Means | None:
        """Those of the simulation where there is one, else those in closed form."""
        return self.closed_form if self.simulated is None else self.simulated.means

    plan = _of("server.plan")
    """That of the replicas that decode."""
    first_token_seconds = _mean(lambda means: means.first_token_seconds)
    """From a request to its first token, waiting included; None, as the next two are, where it grows for ever."""
    next_token_seconds = _mean(lambda means: means.next_token_seconds)
    """Seconds of each token after the first, on average; None where the server is overloaded."""
    total_seconds = _mean(lambda means: means.total_seconds)
    """From a request to its last token."""
    prefill_seconds = _of("prefill.prefill_seconds")
    """Of one prompt alone, on one pipeline stage."""
    decode_seconds_per_token = _of("decode.decode_seconds_per_token")
    """Of a step of what decodes at once, on one pipeline stage."""
    prefill_breakdown = _of("prefill.prefill_breakdown")
    """The lines that sum to `prefill_seconds`."""
    decode_breakdown = _of("decode.decode_breakdown")
    """The lines that sum to `decode_seconds_per_token`."""
    prefill_bounds = _of("prefill.prefill_bounds")
    """Of `prefill_seconds`, by what was waited for."""
    decode_bounds = _of("decode.decode_bounds")
    """Of `decode_seconds_per_token`, by what was waited for."""

    @property
    def first_token_spread(self) -> Spread | None:
        """How far off first tokens may be, waiting included."""
        return self._spread(0, self.prefill.first_token_spread)

    @property
    def next_token_spread(self) -> Spread | None:
        """How far off further tokens may be, what delays them included."""
        return self._spread(1, self.decode.next_token_spread)

    @property
    def total_spread(self) -> Spread | None:
        """How far off answers may be, waiting included."""
        return self._spread(2, self.decode.next_token_spread)

    def _spread(self, which: int, of_passes: Spread | None) -> Spread | None:
        spreads = None if self.spreads is None else self.spreads()
        return of_passes if spreads is None else spreads[which]

    @property
    def throughput_spread(self) -> Spread | None:
        """How far off the tokens of users may be; None of a rate, all of which is answered whatever passes take."""
        return None if self.server.workload.concurrency is None else self.capacity_spread

    capacity_spread = _of("decode.next_token_spread")
    """What was measured of predicted decoding of this kind."""
    max_context = _of("decode.max_context")
    """Tokens of a sequence that fit beside as many as decode at once."""
    host_bytes_per_gpu = _of("decode.host_bytes_per_gpu")
    """What waits in host memory for each of those that decode."""
    cache_bytes = _of("decode.cache_bytes")
    """Room for the KV cache on the fullest device of those that decode."""
    cache_tokens = _of("decode.cache_tokens")
    """Tokens that it holds, in sequences of mean length."""
    compute_bound_batch = _of("decode.compute_bound_batch")
    """Sequences from which on decoding is bound by compute."""
    memory_capacity_bytes = _of("plan.hardware.memory_bytes")
    """The memory of one device, in bytes."""

    @property
    def max_batch_size(self) -> int:
        """Sequences of mean length that a replica has room for; 0 where not even the longest one fits."""
        return 0 if self.capacity is None else self.capacity.sequences

    @property
    def memory_breakdown(self) -> dict[str, float]:
        """Bytes on the fullest device of both pools."""
        return dict(self.prefill_memory or {}) if self.fullest_pool == "prefill" else self._decode_memory

    @property
    def fullest_pool(self) -> str | None:
        """``prefill`` or ``decode``, whichever has the fullest device; None where there is one pool."""
        if self.prefill_memory is None:
            return None
        fuller = total(self.prefill_memory.values()) > total(self._decode_memory.values())
        return "prefill" if fuller else "decode"

    @property
    def _decode_memory(self) -> dict[str, float]:
        """With as much cache as the load needs at once; of one sequence at least."""
        room = self.memory_capacity_bytes - total(self.fixed_memory.values())
        if self.simulated is not None:
            share = self.simulated.kv_peak_share
        elif self.means is not None:
            share = self.means.kv_share
        else:
            share = 0.0 if self.capacity is None else self.capacity.kv_share
        return {**self.fixed_memory, CACHES: max(self.kv_bytes, share * room)}

    @property
    def memory_bytes_per_gpu(self) -> float:
        """Bytes that the fullest device holds."""
        return total(self.memory_breakdown.values())

    @property
    def fits(self) -> bool:
        """Whether the memory holds at least one sequence, and one prompt where prompts have a pool of their own."""
        return bool(self.memory_bytes_per_gpu <= self.memory_capacity_bytes)

    @property
    def offered_rate(self) -> float | None:
        """Requests a second that come; None of users, and of a trace that is over before one is answered."""
        rate, requests = self.server.workload.offered_rate, len(self.server.workload.trace)
        if rate is None or self.capacity is None:
            return rate
        return None if requests and rate >= requests * self.capacity.requests_per_second else rate

    @property
    def overloaded(self) -> bool:
        """Whether more requests come for ever than the server can answer; a trace ends."""
        rate = self.server.workload.rate
        return rate is not None and self.capacity is not None and rate >= self.capacity.requests_per_second

    @property
    def feasible(self) -> bool:
        """Whether it fits into memory, answers what comes, and keeps to the latencies that were asked for."""
        return self.fits and not self.overloaded and all(one.holds for one in self.kept)

    @property
    def load(self) -> float | None:
        """Requests that come / the most that can be answered."""
        rate = self.offered_rate
        return None if rate is None or self.capacity is None else rate / self.capacity.requests_per_second

    @property
    def replicas_needed(self) -> int | None:
        """Like these, that would decode what comes at `SAFE_LOAD` of their capacity."""
        return self._needed(int(self.plan.layout.dp))

    @property
    def prefill_replicas_needed(self) -> int | None:
        """The same of those that prefill; None where they are the same ones."""
        pool = self.server.prefill_pool
        return None if pool is None else self._needed(int(pool.layout.dp))

    def _needed(self, replicas: int) -> int | None:
        """Of so many that there are; never more than a trace has requests."""
        if self.load is None:
            return None
        return math.ceil(min(self.load / SAFE_LOAD * replicas, len(self.server.workload.trace) or math.inf))

    @property
    def requests_per_second(self) -> float | None:
        """That are answered: all that come, or what the capacity is."""
        if self.overloaded and self.capacity is not None:
            return self.capacity.requests_per_second
        if self.means is None:
            return None
        return self.server.workload.rate or self.means.requests_per_second

    @property
    def tokens_per_second(self) -> float | None:
        """Generated tokens a second, over all replicas."""
        return None if self.requests_per_second is None else self.requests_per_second * self.mean_lengths[1]

    @property
    def tokens_per_second_per_gpu(self) -> float | None:
        """The same over all GPUs of both pools."""
        return None if self.tokens_per_second is None else self.tokens_per_second / self.server.gpus

    @property
    def cost_per_million_tokens(self) -> float | None:
        """All GPUs over generated tokens; None where no price is known."""
        return self._priced(1.0, self.mean_lengths[1])

    @property
    def least_cost_per_million_tokens(self) -> float | None:
        """The cost of a million generated tokens at full capacity."""
        price, capacity = self.plan.price_per_gpu_hour, self.capacity
        if price is None or capacity is None:
            return None
        return self._price_per_second(price) / (capacity.requests_per_second * self.mean_lengths[1]) * _MILLION

    @property
    def cost_per_million_input_tokens(self) -> float | None:
        """What prefill takes of the GPU time, over prompt tokens."""
        return self._priced(self.prefill_share, self.mean_lengths[0])

    @property
    def cost_per_million_output_tokens(self) -> float | None:
        """What decoding takes of the GPU time, over generated tokens."""
        share = self.prefill_share
        return self._priced(None if share is None else 1.0 - share, self.mean_lengths[1])

    @property
    def prefill_share(self) -> float | None:
        """Of the price: of both pools' GPUs where they are separate, else of the time in which GPUs work."""
        pool = self.server.prefill_pool
        if pool is not None:
            return float(pool.layout.gpus) / self.server.gpus
        if self.overloaded and self.capacity is not None:
            return self.capacity.prefill_share
        return None if self.means is None else self.means.prefill_share

    def _priced(self, share: float | None, tokens: float) -> float | None:
        """Of what comes on average: GPUs for the peak are paid for all the time."""
        price, rate = self.plan.price_per_gpu_hour, self.requests_per_second
        if price is None or not rate or share is None:
            return None
        return self._price_per_second(price) * self.server.workload.peak * share / (rate * tokens) * _MILLION

    def _price_per_second(self, price: float) -> float:
        return price * self.server.gpus / _SECONDS_PER_HOUR

    @property
    def average_power_watts(self) -> float | None:
        """Of one GPU, None where its TDP is not known: it draws the TDP while it works, less while it waits."""
        tdp = self.plan.hardware.tdp_watts
        if tdp is None or (self.means is None and not self.overloaded):
            return None
        return average_power(tdp, 1.0 if self.means is None else self.means.busy_share)

    @property
    def joules_per_token(self) -> float | None:
        """Energy of all GPUs over generated tokens."""
        watts, speed = self.average_power_watts, self.tokens_per_second
        return None if watts is None or not speed else watts * self.plan.pue * self.server.gpus / speed

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader has to know before trusting the figures."""
        return (*self.plan.warnings, *self.plan.layout_warnings, *self._concerns())

    def _concerns(self) -> Iterator[str]:
        yield from self.plan.concerns(self)
        load = self.load
        if load is None or self.capacity is None or self.overloaded:
            return
        if load >= 1:
            most = self.capacity.requests_per_second
            yield (
                f"the trace asks for {self.offered_rate:.3g} requests/s, more than the {most:.3g}/s that can be "
                "answered for long: the queue grows until it ends"
            )
        elif load > NEARLY_FULL:
            yield f"load {load:.0%} of the capacity: waiting depends on every burst, and grows the longer it lasts"


Estimate: TypeAlias = TrainingEstimate | InferenceEstimate | ServerEstimate
"""What a command prints."""
