"""The lines of the breakdowns: what each counts, in words, and what would shorten it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from llmplan.estimate import Kind, Line
from llmplan.estimate.line import keyed
from llmplan_parallelism_megatron.options import captured

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.records import HardwareProfile, InferencePlan


def _by_name(lines: Iterable[Line]) -> dict[str, Line]:
    return {str(line): line for line in lines}


_SECONDS = _by_name(
    (
        Line("forward", Kind.COMPUTE, "forward passes"),
        Line("backward", Kind.COMPUTE, "backward passes"),
        Line("recompute", Kind.COMPUTE, "operators that run again in backward passes", "less --recompute"),
        Line("tp_comm", Kind.COMMUNICATION, "tensor parallel collectives", "less --tp"),
        Line("cp_comm", Kind.COMMUNICATION, "keys and values of context parallel ranks", "less --cp"),
        Line("ep_comm", Kind.COMMUNICATION, "tokens to their experts and back", "less --ep"),
        Line("pp_comm", Kind.COMMUNICATION, "activations from stage to stage", idle=True),
        Line(
            "pipeline_bubble",
            Kind.WAITING,
            "stages that wait for the first and the last micro-batches",
            "a larger --global-batch, a smaller --micro-batch or less --pp shorten it",
        ),
        Line(
            "launch",
            Kind.WAITING,
            "launching kernels",
            "the host launches kernels more slowly than they run; a larger --micro-batch helps",
        ),
        Line(
            "dp_comm",
            Kind.COMMUNICATION,
            "data parallel collectives that nothing hides",
            "a larger --global-batch, or fewer replicas, hides more of it",
            idle=True,
        ),
        Line("optimizer", Kind.MEMORY, "the optimizer step"),
        Line("offload", Kind.MEMORY, "moving what waits in host memory there and back", "--offload none"),
        Line("host", Kind.WAITING, "the host between iterations or steps"),
        Line("kv_cache", Kind.MEMORY, "reading the KV cache"),
    )
)
_BYTES = _by_name(
    (
        Line("weights", Kind.TENSORS),
        Line("gradients", Kind.TENSORS),
        Line("optimizer", Kind.TENSORS, "master weights and states of the optimizer"),
        Line("activations", Kind.TENSORS),
        Line("recompute_buffer", Kind.TENSORS, "activations of the layer that runs again"),
        Line("logits_and_loss", Kind.TENSORS),
        Line("gather_buffers", Kind.TENSORS, "whole or widened weights of what is at work"),
        Line("communication_buffers", Kind.TENSORS),
        Line("allocator_slack", Kind.SLACK, "fragments and rounding of the allocator"),
        Line("kv_cache", Kind.TENSORS, "keys and values"),
        Line("logits", Kind.TENSORS),
        Line("scores", Kind.TENSORS, "scores of unfused attention"),
        Line("workspace", Kind.TENSORS, "kernels, captured graphs, communication buffers"),
        Line("kept_free", Kind.RESERVE, "what the engine leaves alone"),
    )
)
_RESOURCES = _by_name(
    (
        Line(
            "compute",
            Kind.COMPUTE,
            "multiplications",
            "a --dtype that multiplies in fewer bits, more --tp or a faster GPU",
        ),
        Line(
            "weights",
            Kind.MEMORY,
            "reading weights",
            "a larger --batch, which shares them; weights of fewer bits (--dtype); more --tp",
        ),
        Line(
            "kv_cache",
            Kind.MEMORY,
            "reading the KV cache",
            "fewer --kv-bits, shorter sequences, a smaller --batch or more --tp",
        ),
        Line(
            "activations",
            Kind.MEMORY,
            "moving activations",
            "fewer bits of activations (--dtype), more --tp or more bandwidth",
        ),
        Line(
            "communication",
            Kind.COMMUNICATION,
            "communication",
            "less --tp and more --dp, or GPUs with a faster link",
        ),
        Line("launch", Kind.WAITING, "launching kernels", "a larger --batch or less --tp; another --engine"),
        Line("host", Kind.WAITING, "the host between steps", "a larger --batch or another --engine"),
    )
)
_ONE_BY_ONE = Line("launch", Kind.WAITING, "launching kernels", f"--cuda-graphs, {_RESOURCES['launch'].advice}")


class _Parts(dict[str, Line]):
    """Beside the lines above those that a model's operators name: ``attention``, ``mlp``."""

    def __missing__(self, name: str) -> Line:
        return Line(name, Kind.COMPUTE)


_WITH_PARTS = _Parts(_SECONDS)


def seconds(breakdown: Mapping[str, Number]) -> dict[str, Number]:
    """Of an iteration or a forward pass."""
    return keyed(breakdown, _WITH_PARTS)


def held(breakdown: Mapping[str, Number], hardware: HardwareProfile) -> dict[str, Number]:
    """Bytes on a device, where ``driver`` goes by the accelerator's own word."""
    driver = Line(hardware.context_line, Kind.SYSTEM, "driver, libraries, communication handles")
    return keyed(breakdown, {**_BYTES, "driver": driver})


def resources(bounds: Mapping[str, Number], plan: InferencePlan, *, decoding: bool) -> dict[str, Number]:
    """Seconds by what was waited for; steps of decoding might be captured as graphs."""
    one_by_one = {"launch": _ONE_BY_ONE} if decoding and not captured(plan) else {}
    return keyed(bounds, {**_RESOURCES, **one_by_one})
