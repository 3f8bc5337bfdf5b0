"""When each stage of a pipeline makes each pass: the order that its schedule stands for, played through.

The order is Megatron-LM's (Narayanan et al. 2021, arXiv:2104.04473, section 2.2): a stage reads as many micro-batches
ahead as the schedule lets it hold, then goes one forward, one backward; with several chunks it takes them p
micro-batches at a time. A schedule that holds all micro-batches makes all forward passes first (GPipe, Huang et al.
2018, arXiv:1811.06965); one whose bubble shrinks with gradients of weights makes these when it would wait (Qi et al.
2023, arXiv:2401.10241).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import ceil

from attrs import evolve, frozen

from llmplan.records import PipelineTimes, Schedule

FORWARD, BACKWARD, WEIGHTS = "forward", "backward", "gradients of weights"
_MANY = 4
"""Times the stages: of so many micro-batches only a schedule that holds all holds as many."""
_DEFERRED_SHARE = 0.5
"""Of a backward pass without recomputation: gradients of weights take as many FLOPs as those of inputs."""


@frozen
class Pass:
    """One pass of one micro-batch through one chunk of layers."""

    kind: str
    stage: int
    chunk: int
    micro_batch: int
    start: float = 0.0
    seconds: float = 0.0

    @property
    def end(self) -> float:
        """When the next pass can begin."""
        return self.start + self.seconds


@frozen(kw_only=True)
class Times:
    """Seconds of one micro-batch on one stage, all of its chunks together."""

    forward: float
    backward: float
    """With recomputation."""
    recompute: float = 0.0
    """The part of `backward` that is recomputation."""


def passes(schedule: Schedule, p: int, v: int, m: int, times: Times) -> list[Pass]:
    """All passes of an iteration of p stages with v chunks and m micro-batches, by their start."""
    splits = _fills_with_weights(schedule)
    later = _DEFERRED_SHARE * (times.backward - times.recompute) if splits else 0.0
    seconds = {FORWARD: times.forward / v, BACKWARD: (times.backward - later) / v, WEIGHTS: later / v}
    waiting = [deque(_order(schedule, p, v, m, stage)) for stage in range(p)]
    free, done = [0.0] * p, dict[tuple[str, int, int], float]()
    owed: list[deque[Pass]] = [deque() for _ in range(p)]
    made: list[Pass] = []

    def make(one: Pass, start: float) -> None:
        placed = evolve(one, start=start, seconds=seconds[one.kind])
        made.append(placed)
        free[one.stage] = placed.end
        done[one.kind, _depth(one, p), one.micro_batch] = placed.end
        if one.kind == BACKWARD and later:
            owed[one.stage].append(evolve(one, kind=WEIGHTS))

    while any(waiting):
        before = len(made)
        for stage, queue in enumerate(waiting):
            while queue and (ready := _ready(queue[0], p, v, done)) is not None:
                while owed[stage] and free[stage] + seconds[WEIGHTS] <= ready:
                    make(owed[stage].popleft(), free[stage])
                make(queue.popleft(), max(ready, free[stage]))
        if len(made) == before:
            raise AssertionError("a pass waits for one that waits for it")  # pragma: no cover - the order forbids it
    for stage, left in enumerate(owed):
        while left:
            make(left.popleft(), free[stage])
    return sorted(made, key=lambda one: (one.start, one.stage))


def _fills_with_weights(schedule: Schedule) -> bool:
    """Whether the bubble is shorter where there are gradients of weights to fill it with."""
    few = PipelineTimes(others=6.0, others_weights=0.0, own_weights=0.0, p=4, v=1, m=8)
    return bool(
        schedule.bubble_seconds(few._replace(others_weights=2.0, own_weights=0.7)) < schedule.bubble_seconds(few)
    )


def _order(schedule: Schedule, p: int, v: int, m: int, stage: int) -> Iterator[Pass]:
    """Forward and backward passes as this stage takes them."""
    whole = m * v
    if v > 1:
        ahead = min(whole, 2 * (p - stage - 1) + (v - 1) * p)
    else:
        many = _MANY * p
        held = ceil(float(schedule.in_flight(p, v, many)))
        ahead = m if held >= many else min(m, max(0, held - 1 - stage))
    forward = (Pass(FORWARD, stage, *_of(number, p, v)) for number in range(whole))
    backward = (
        Pass(BACKWARD, stage, v - 1 - chunk, of) for chunk, of in (_of(number, p, v) for number in range(whole))
    )
    for _ in range(ahead):
        yield next(forward)
    for one in forward:
        yield one
        yield next(backward)
    yield from backward


def _of(number: int, p: int, v: int) -> tuple[int, int]:
    """The chunk and the micro-batch of a stage's so manieth pass: p micro-batches of a chunk, then the next chunk."""
    if v == 1:
        return 0, number
    return number % (p * v) // p, number // (p * v) * p + number % p


def _depth(one: Pass, p: int) -> int:
    return one.chunk * p + one.stage


def _ready(one: Pass, p: int, v: int, done: dict[tuple[str, int, int], float]) -> float | None:
    """When what it works on is there; None where that is not known yet."""
    depth, last = _depth(one, p), p * v - 1
    if one.kind == FORWARD:
        return 0.0 if depth == 0 else done.get((FORWARD, depth - 1, one.micro_batch))
    before = (FORWARD, depth, one.micro_batch) if depth == last else (BACKWARD, depth + 1, one.micro_batch)
    return done.get(before)
