"""What waits in host memory, when the link to it shows, and what stages hold in flight, by hand."""

import pytest
from attrs import evolve
from megatron_plans import ADAM, GPU, IDEAL, PAGED, PLAIN, plan

from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import end_stages
from llmplan_parallelism_megatron.training.divided import gradients_follow
from llmplan_parallelism_megatron.training.host import (
    FIRST,
    LAST,
    host_memory,
    last_stage_bytes,
    offloading_seconds,
    paged_out,
    waiting_weights,
)
from llmplan_parallelism_megatron.training.in_flight import micro_batches_on_last, stages_held, staying
from llmplan_parallelism_megatron.training.memory import ends_memory, training_memory
from llmplan_parallelism_megatron.training.optimizer_step import PAGED_ROOM, optimizer_parameters, stored_bytes
from llmplan_parallelism_megatron.training.parameters import stage_parameters
from llmplan_parallelism_megatron.training.pipeline import Pipeline, Work
from llmplan_parallelism_megatron.training.schedules import DUALPIPE, ONE_F_ONE_B

LINK = 6e10
UNTIED = evolve(PLAIN, tied_embeddings=False)
"""With a norm that the last stage alone has."""


def waiting(given, forward=0.0, backward=0.0):
    """Seconds of a micro-batch, beside passes that take so long."""
    work = Work(forward=forward, all=forward + backward, weight_gradient=0.0, host_forward=0.0, host_backward=0.0)
    return offloading_seconds(Rank.of(given), Pipeline(work, {}, {}, 1.0, 0.0, 0.0))


def sizes(given):
    """Bytes of activations, weights and gradients that cross the link."""
    rank = Rank.of(given)
    first = stage_parameters(rank, end_stages(rank.model, given.layout)[0])
    gradients = stored_bytes(optimizer_parameters(rank, first), given.gradient_bits / 8)
    return last_stage_bytes(rank), waiting_weights(rank, first), gradients


def test_activations_go_down_and_come_up():
    """They would cross the link once, or wait though both passes hide them."""
    given = plan(UNTIED, pp=2, gradient_accumulation=4, offload_activations=True)
    activations, _, _ = sizes(given)
    assert waiting(given) == pytest.approx(2 * activations / LINK)
    half = activations / LINK / 2
    assert waiting(given, forward=half) == pytest.approx(1.5 * activations / LINK)
    assert waiting(given, backward=half) == pytest.approx(1.5 * activations / LINK)
    assert waiting(given, 2 * half, 2 * half) == 0
    assert waiting(plan(UNTIED)) == 0


@pytest.mark.parametrize("micro_batches", [1, 4])
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("pp", [1, 2])
def test_weights_come_for_both_passes_and_gradients_go(adds, micro_batches, pp):
    """Weights would come once, or gradients go up with them; added on the device they come back first."""
    framework = evolve(IDEAL, offloads_gradients=adds)
    given = plan(
        UNTIED,
        pp=pp,
        gradient_accumulation=micro_batches,
        framework=framework,
        offload_optimizer=True,
        offload_parameters=True,
    )
    _, weights, gradients = sizes(given)
    follow = gradients if gradients_follow(given) else 0.0
    fetched = follow * (1 - 1 / micro_batches) if adds else 0.0
    assert waiting(given) == pytest.approx((weights + max(weights + fetched, follow)) / LINK)
    both = evolve(given, offload_activations=True)
    activations, _, _ = sizes(both)
    down = max(weights, activations)
    assert waiting(both) == pytest.approx((down + max(weights + activations + fetched, follow)) / LINK)


def test_the_optimizer_alone_waits_for_gradients_where_they_follow():
    """Gradients would cross for nothing, or weights that stay on the device."""
    given = plan(UNTIED, pp=2, gradient_accumulation=4, offload_optimizer=True)
    _, _, gradients = sizes(given)
    assert waiting(given) == pytest.approx(gradients / LINK if gradients_follow(given) else 0.0)


def test_the_host_holds_states_and_a_copy_of_gradients():
    """A rank's host would hold what is on the device, or states of a paged optimizer that has room."""
    resting = plan(PLAIN, optimizer=ADAM, master_weights=False, gradient_bits=16.0, offload_optimizer=True)
    parameters = sum(PLAIN.parameters_by_part().values())
    assert host_memory(Rank.of(resting)) == pytest.approx(parameters * (8 + 2), rel=1e-3)
    roomy = plan(PLAIN, optimizer=PAGED)
    assert host_memory(Rank.of(roomy)) == 0
    assert host_memory(Rank.of(plan(PLAIN))) == 0
    small = evolve(roomy, hardware=evolve(GPU, memory_bytes=3e8))
    rank = Rank.of(small)
    assert host_memory(rank) == pytest.approx(paged_out(rank, FIRST))
    assert paged_out(rank, FIRST) > 0


def test_each_end_of_a_pipeline_pages_out_what_it_has_no_room_for():
    """States of the last stage would be on the host though they have room, or be those that the first has none for."""
    roomy = plan(UNTIED, pp=2, optimizer=PAGED)
    assert host_memory(Rank.of(roomy)) == 0
    on_first, on_last = (sum(one.values()) for one in ends_memory(Rank.of(roomy)))
    assert on_last > on_first + 1e6  # the logits
    room = (on_last - 1e6) / PAGED_ROOM
    rank = Rank.of(evolve(roomy, hardware=evolve(GPU, memory_bytes=room)))
    assert (paged_out(rank, FIRST), paged_out(rank, LAST)) == (0, pytest.approx(1e6))
    assert host_memory(rank) == pytest.approx(1e6)
    assert training_memory(rank)[1]["optimizer"] > training_memory(rank)[0]["optimizer"]


@pytest.mark.parametrize(
    ("pp", "schedule", "stages", "on_last"),
    [(1, ONE_F_ONE_B, 1, 7), (1, DUALPIPE, 1, 7), (2, ONE_F_ONE_B, 1, 1), (2, DUALPIPE, 2, 7), (4, DUALPIPE, 2, 7)],
)
def test_what_a_stage_has_in_flight(pp, schedule, stages, on_last):
    """A rank would hold the layers of one stage where micro-batches come from both ends, or the last as many as the
    first.
    """
    given = plan(PLAIN, pp=pp, gradient_accumulation=8, schedule=schedule)
    assert (stages_held(given), micro_batches_on_last(given, 7.0)) == (stages, on_last)


@pytest.mark.parametrize(("pp", "in_flight", "stays"), [(1, 8.0, 2 / 8), (3, 8.0, 2 / 3), (8, 8.0, 2), (8, 1.0, 1)])
def test_two_layers_stay_where_others_wait_on_the_host(pp, in_flight, stays):
    """Two layers would stay of each micro-batch, or of all stages together."""
    assert staying(plan(PLAIN, pp=pp), in_flight) == pytest.approx(stays)
