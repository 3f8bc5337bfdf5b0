"""Every line of an estimate by the formulas that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from llmplan.arrays.term import Record, recorded
from llmplan.estimate import Explained
from llmplan.estimate.explained import explained, explained_lines
from llmplan.records import InferencePlan, Operator, TrainingPlan


def explain_training(plan: TrainingPlan) -> tuple[Explained, ...]:
    """The kernels of each kind of layer, forward, then the lines of time and of memory."""
    from llmplan_parallelism_megatron import lines
    from llmplan_parallelism_megatron.rank import Rank
    from llmplan_parallelism_megatron.training.iteration import time_breakdown
    from llmplan_parallelism_megatron.training.layer import LayerTimes, add_communication, add_kernel, kernels_of
    from llmplan_parallelism_megatron.training.memory import training_memory
    from llmplan_parallelism_megatron.training.pipeline import pipeline

    rank = Rank.of(plan)
    with recorded() as time:
        seconds = lines.seconds(time_breakdown(rank, pipeline(rank)))
    with recorded() as memory:
        held = lines.held(training_memory(rank), plan.hardware)
    blocks = [list(kernels_of(block.operators)) for block in rank.model.layers]
    kernels = _kernels(
        blocks,
        lambda kind, place: add_kernel(LayerTimes(), blocks[kind][place], rank),
        lambda operators: add_communication(LayerTimes(), operators[-1], rank),
    )
    return (*kernels, *explained_lines(seconds, time, "s"), *explained_lines(held, memory, "bytes"))


def explain_inference(plan: InferencePlan) -> tuple[Explained, ...]:
    """The kernels of each kind of layer in a mean step of decoding, then the lines of both phases and of memory."""
    from llmplan_parallelism_megatron.serving.extent import of_decoding
    from llmplan_parallelism_megatron.serving.infer import infer
    from llmplan_parallelism_megatron.serving.layers import add_communication, add_kernel
    from llmplan_parallelism_megatron.serving.rank import Rank
    from llmplan_parallelism_megatron.serving.tally import Tally

    rank, flow = Rank.of(plan), of_decoding(plan.batch, plan.prompt_tokens, plan.output_tokens)
    with recorded() as record:
        estimate = infer(plan)
    kernels = _kernels(
        [layer.kernels for layer in rank.layers],
        lambda kind, place: add_kernel(Tally(), rank.layers[kind], place, flow, rank),
        lambda operators: add_communication(Tally(), operators[-1], flow.tokens, rank),
    )
    phases = {"prefill": estimate.prefill_breakdown, "decode": estimate.decode_breakdown}
    return (
        *kernels,
        *(
            explained
            for phase, breakdown in phases.items()
            for explained in explained_lines(breakdown, record, "s", phase)
        ),
        *explained_lines(estimate.memory_breakdown, record, "bytes"),
    )


def _kernels(
    layers: Iterable[Sequence[Sequence[Operator]]],
    add_kernel: Callable[[int, int], None],
    add_communication: Callable[[Sequence[Operator]], None],
) -> Iterator[Explained]:
    """Each kernel of each kind of layer, and what ranks exchange after it."""
    for kind, kernels in enumerate(layers):
        for place, operators in enumerate(kernels):
            name = f"layer kind {kind + 1}: {' + '.join(operator.name for operator in operators)}"
            with recorded() as kernel:
                add_kernel(kind, place)
            yield from _first_seconds(name, kernel)
            with recorded() as exchange:
                add_communication(operators)
            yield from _first_seconds(f"{name}, communication", exchange)


def _first_seconds(name: str, record: Record) -> Iterator[Explained]:
    """The first formula that returned seconds and more than none, of those that none of the others called or took."""
    taken = {id(one) for call in record.calls for one in call.inner}
    taken |= {id(made) for call in record.calls for number in call.numbers.values() if (made := record.maker(number))}
    calls = (call for call in record.calls if call.term.unit == "s" and call.value and id(call) not in taken)
    call = next(calls, None)
    if call is not None:
        yield explained(name, call, record)
