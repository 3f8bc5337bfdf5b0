"""Every line of an estimate by the formulas that made it."""

from __future__ import annotations

from collections.abc import Iterator

from llmplan.arrays.term import Record, recorded
from llmplan.estimate import Explained
from llmplan.estimate.explained import explained, explained_lines
from llmplan.records import TrainingPlan
from llmplan_parallelism_megatron import lines
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.iteration import time_breakdown
from llmplan_parallelism_megatron.training.layer import LayerTimes, add_communication, add_kernel, kernels_of
from llmplan_parallelism_megatron.training.memory import training_memory
from llmplan_parallelism_megatron.training.pipeline import pipeline


def explain(plan: TrainingPlan) -> tuple[Explained, ...]:
    """The kernels of each kind of layer, forward, then the lines of time and of memory."""
    rank = Rank.of(plan)
    with recorded() as time:
        seconds = lines.seconds(time_breakdown(rank, pipeline(rank)))
    with recorded() as memory:
        held = lines.held(training_memory(rank), plan.hardware)
    return (
        *_kernels(rank),
        *explained_lines(seconds, time, "s"),
        *explained_lines(held, memory, "bytes"),
    )


def _kernels(rank: Rank) -> Iterator[Explained]:
    for number, block in enumerate(rank.model.layers, start=1):
        for operators in kernels_of(block.operators):
            name = f"layer kind {number}: {' + '.join(operator.name for operator in operators)}"
            with recorded() as kernel:
                add_kernel(LayerTimes(), operators, rank)
            yield from _first_seconds(name, kernel)
            with recorded() as exchange:
                add_communication(LayerTimes(), operators[-1], rank)
            yield from _first_seconds(f"{name}, communication", exchange)


def _first_seconds(name: str, record: Record) -> Iterator[Explained]:
    """Of the forward pass, which is priced first."""
    inner = {id(one) for call in record.calls for one in call.inner}
    call = next((one for one in record.calls if one.term.unit == "s" and id(one) not in inner), None)
    if call is not None:
        yield explained(name, call, record)
