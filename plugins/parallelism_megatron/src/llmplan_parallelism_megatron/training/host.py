"""What waits in host memory, and the seconds in which the link to it shows."""

from __future__ import annotations

from attrs import evolve

from llmplan.arrays.quantities import Number, maximum, where
from llmplan.arrays.term import term
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import end_stages
from llmplan_parallelism_megatron.training.divided import gradients_follow
from llmplan_parallelism_megatron.training.in_flight import micro_batches_in_flight, micro_batches_on_last, staying
from llmplan_parallelism_megatron.training.memory import (
    ends_memory,
    kept_bytes,
    layers_bytes,
    optimizer_bytes,
    weight_bytes,
)
from llmplan_parallelism_megatron.training.optimizer_step import held_states, optimizer_parameters, stored_bytes
from llmplan_parallelism_megatron.training.parameters import Parameters, stage_parameters
from llmplan_parallelism_megatron.training.pipeline import Pipeline

FIRST, LAST = 0, 1
"""Stages of the pipeline, of both ends."""


def host_memory(rank: Rank) -> Number:
    """Bytes in the memory of the host for one device, on the stage that has most there."""
    in_flight = micro_batches_in_flight(rank.plan)
    on_last = micro_batches_on_last(rank.plan, in_flight)
    return maximum(_on_host(rank, FIRST, in_flight), _on_host(rank, LAST, on_last))


def _on_host(rank: Rank, end: int, in_flight: Number) -> Number:
    plan, stage = rank.plan, end_stages(rank.model, rank.plan.layout)[end]
    away = where(plan.offload_activations, in_flight - staying(plan, in_flight), 0.0)
    kept = layers_bytes(stage.counts, [kept_bytes(block, rank) for block in rank.model.layers])
    parameters = stage_parameters(rank, stage)
    gradients = stored_bytes(optimizer_parameters(rank, parameters), plan.gradient_bits / 8)
    states = held_states(rank, parameters) + gradients
    weights = where(plan.offload_parameters, waiting_weights(rank, parameters), 0.0)
    paged = paged_out(rank, end) if plan.optimizer.paged else 0.0
    return host_bytes(where(plan.offload_optimizer, states, paged), weights, away, kept)


def waiting_weights(rank: Rank, parameters: Parameters) -> Number:
    """Bytes of the weights that one rank has in host memory, where they wait there."""
    on_device = evolve(rank, plan=evolve(rank.plan, offload_parameters=False))
    return weight_bytes(on_device, parameters)


@term("states_away + weights_away + away * kept", unit="bytes", source="Ren et al. 2021, arXiv:2101.06840, section 4")
def host_bytes(states_away: Number, weights_away: Number, away: Number, kept: Number) -> Number:
    """An optimizer that steps on the host has its states, its master weights and a copy of the gradients there; weights
    wait there until their layer is at work, activations until its backward pass.
    """
    return states_away + weights_away + away * kept


def paged_out(rank: Rank, end: int) -> Number:
    """Bytes of a paged optimizer's states that the first stage, or the last, has no room for."""
    parameters = stage_parameters(rank, end_stages(rank.model, rank.plan.layout)[end])
    return optimizer_bytes(rank, parameters) - ends_memory(rank)[end]["optimizer"]


def last_stage_bytes(rank: Rank) -> Number:
    """What the layers of the last stage keep of one micro-batch."""
    _, last = end_stages(rank.model, rank.plan.layout)
    return layers_bytes(last.counts, [kept_bytes(block, rank) for block in rank.model.layers])


def offloading_seconds(rank: Rank, work: Pipeline) -> Number:
    """Of a micro-batch, seconds in which a stage waits for the host link."""
    plan, stage, link = rank.plan, work.slowest, rank.host_bytes_per_second
    if plan.waits_on_host is False:
        return 0.0
    parameters = stage_parameters(rank, end_stages(rank.model, plan.layout)[0])
    activations = where(plan.offload_activations, last_stage_bytes(rank), 0.0)
    weights = where(plan.offload_parameters, waiting_weights(rank, parameters), 0.0)
    gradients = stored_bytes(optimizer_parameters(rank, parameters), plan.gradient_bits / 8)
    gradients = where(gradients_follow(plan), gradients, 0.0)
    # what has accumulated on the host comes back for the next micro-batch, where gradients are added on the device
    fetched = gradients * (1.0 - 1.0 / plan.gradient_accumulation) if plan.framework.offloads_gradients else 0.0
    going = maximum(weights, activations) / link
    coming = maximum(weights + activations + fetched, gradients) / link
    waiting = offload_seconds(going, coming, stage.forward_seconds, stage.backward_seconds)
    return where(plan.waits_on_host, waiting, 0.0)


@term(
    "max(going - forward, 0) + max(coming - backward, 0)",
    unit="s",
    source="Ren et al. 2021, arXiv:2101.06840, section 4; Rajbhandari et al. 2021, arXiv:2104.07857, section 6.2",
)
def offload_seconds(going: Number, coming: Number, forward: Number, backward: Number) -> Number:
    """Activations go down the host link and weights come up behind the forward pass; both come up, and gradients go
    down, behind the backward pass. The directions go on at once; a slow link shows.
    """
    return maximum(going - forward, 0.0) + maximum(coming - backward, 0.0)


@term("2 * moved / link", unit="s", source="bitsandbytes, functional.py: paged optimizer states in unified memory")
def paging_seconds(moved: Number, link: float) -> Number:
    """States of a paged optimizer that found no room beside the activations come for the step, and go again."""
    return 2.0 * moved / link
