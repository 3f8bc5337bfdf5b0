"""Every line of an estimate by the formulas that made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from llmplan.estimate import Explained
from llmplan.records import InferencePlan, Operator, TrainingPlan
from llmplan_costing.explained import explained_kernel, explained_lines
from llmplan_costing.recording import recorded

if TYPE_CHECKING:
    from llmplan_parallelism_megatron.serving.tally import Tally

Part = TypeVar("Part")
_BESIDE = {"tp_comm": ", communication", "ep_comm": ", communication", "kv_cache": ", its cache"}
"""Lines of the breakdown that a kernel of a layer has beside its own."""


def explain_training(plan: TrainingPlan) -> tuple[Explained, ...]:
    """The kernels of each kind of layer and of both ends, forward, then the lines of time and of memory."""
    from llmplan_parallelism_megatron import lines
    from llmplan_parallelism_megatron.rank import Rank
    from llmplan_parallelism_megatron.training.host import host_memory
    from llmplan_parallelism_megatron.training.iteration import time_breakdown
    from llmplan_parallelism_megatron.training.layer import LayerTimes, add_communication, add_kernel, kernels_of
    from llmplan_parallelism_megatron.training.memory import training_memory
    from llmplan_parallelism_megatron.training.pipeline import add_loss, pipeline

    with recorded():
        rank, loss = Rank.of(plan), LayerTimes()
        kernels: list[Explained] = []
        model = rank.model
        for name, block in _named(model.layers, model.embedding, model.head):
            for operators in kernels_of(block.operators):
                times, label = LayerTimes(), _label(name, operators)
                add_kernel(times, operators, rank, 0.0, wide=block is model.head)
                add_communication(times, operators[-1], rank)
                kernels += explained_kernel(label, times.compute.forward)
                kernels += explained_kernel(
                    f"{label}, communication", times.tensor.forward + times.expert.forward + times.context.forward
                )
        add_loss(loss, rank)
        kernels += explained_kernel("head: reading logits for the loss", loss.compute.forward)
        timed = rank if plan.data is None else Rank.of(evolve(plan, seq_len=plan.worked_tokens))
        seconds = lines.seconds(time_breakdown(timed, pipeline(timed)))
        held = lines.held(training_memory(rank)[0], plan.hardware)
        if plan.offloaded:
            held = {**held, "host_memory": host_memory(rank)}
    return (*kernels, *explained_lines(seconds, "s"), *explained_lines(held, "bytes"))


def explain_inference(plan: InferencePlan) -> tuple[Explained, ...]:
    """The kernels of each kind of layer in a mean step of decoding, then the lines of both phases and of memory."""
    from llmplan_parallelism_megatron.serving.extent import of_decoding
    from llmplan_parallelism_megatron.serving.infer import infer
    from llmplan_parallelism_megatron.serving.layers import add_place
    from llmplan_parallelism_megatron.serving.passes import add_states, head_tally
    from llmplan_parallelism_megatron.serving.pipeline import micro_batches
    from llmplan_parallelism_megatron.serving.rank import Rank
    from llmplan_parallelism_megatron.serving.tally import Tally

    with recorded():
        rank, parts = Rank.of(plan), micro_batches(plan, 1.0)
        flow = of_decoding(plan.batch / parts, plan.prompt_tokens, plan.output_tokens)
        estimate = infer(plan)
        kernels: list[Explained] = []
        for name, layer in _named(rank.layers, rank.embedding):
            for place, operators in enumerate(layer.kernels):
                tally = Tally()
                add_place(tally, layer, place, flow, rank)
                kernels += _tallied(_label(name, operators), tally)
        states = Tally()
        add_states(states, flow, rank)
        kernels += [*_tallied("layer kind 1: states", states), *_tallied("head", head_tally(flow.rows, rank))]
    return (
        *kernels,
        *explained_lines(estimate.prefill_breakdown, "s", "prefill"),
        *explained_lines(estimate.decode_breakdown, "s", "decode"),
        *explained_lines(estimate.memory_breakdown, "bytes"),
    )


def _named(layers: Sequence[Part], *ends: Part) -> Iterator[tuple[str, Part]]:
    for kind, layer in enumerate(layers):
        yield f"layer kind {kind + 1}", layer
    yield from zip(("embedding", "head"), ends, strict=False)


def _label(name: str, operators: Sequence[Operator]) -> str:
    return f"{name}: {' + '.join(operator.name for operator in operators)}"


def _tallied(name: str, tally: Tally) -> Iterator[Explained]:
    """What is computed, what is read of the cache, what ranks exchange."""
    for line, seconds in tally.lines.items():
        yield from explained_kernel(f"{name}{_BESIDE.get(line, '')}", seconds)
