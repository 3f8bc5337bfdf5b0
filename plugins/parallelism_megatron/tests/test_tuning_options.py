"""Losses, frozen weights, optimizers and what waits in host memory, by hand."""

import pytest
from attrs import evolve
from megatron_plans import ADAM, FP8, GPU, GROUPED, IDEAL, MEGATRON, MUON, PAGED, PLAIN, flat, plan, price

from llmplan.errors import BadInputError
from llmplan.records import Recompute, Tuning
from llmplan_parallelism_megatron.training.loss import LOSSES

H, V, TOKENS = 512, 4000, 2 * 1024
HEAD = GROUPED.vocab * GROUPED.hidden
RUN = {"micro_batch": 2, "framework": evolve(IDEAL, name="plain", cross_entropy="plain", logit_bytes_kept=14)}
LORA = {"tuning": Tuning.LORA, "lora_rank": 8}


def held(model=GROUPED, **changes):
    return price(model, **changes).memory_breakdown


@pytest.mark.parametrize(("word", "each"), [(None, 14), ("plain", 14), ("fused", 2), ("chunked", 4), ("cut", 0)])
def test_a_loss_holds_so_much_of_a_logit(word, each):
    """Logits of 128 thousand words a token would be held by a loss that never has them whole."""
    settings = {} if word is None else {"cross_entropy": word}
    states = 2 * TOKENS * H * 2
    assert held(**RUN, settings=settings)["logits_and_loss"] == states + each * TOKENS * V


@pytest.mark.parametrize(("tuning", "gradient"), [({}, 2 * H * V), (LORA, 0)])
def test_a_head_in_pieces_holds_gradients_instead_of_logits(tuning, gradient):
    """Liger's fused head would hold all logits, or no gradient of states and of the weights that it trains."""
    found = held(**RUN, **tuning, settings={"cross_entropy": "linear"}, recompute=Recompute.FULL)
    pieces = 3 * TOKENS * H * 2 + 2 * TOKENS * H
    assert found["logits_and_loss"] in (0, pieces + gradient), "what runs again may be more"
    assert found["logits_and_loss"] + found["recompute_buffer"] >= pieces + gradient


def test_a_loss_moves_what_its_kernels_read_and_write():
    """A fused loss would take as long as one kernel after the other, or cut cross-entropy multiply by the head once."""
    seconds = {
        word: price(GROUPED, flat(), **RUN, settings={"cross_entropy": word}).iteration_seconds for word in LOSSES
    }
    moved = RUN["framework"].logit_bytes_moved
    assert seconds["plain"] - seconds["fused"] == pytest.approx((moved - 6) * TOKENS * V / 2e12)
    once = 2 * TOKENS * H * V / 1e14  # bound by multiplying
    assert seconds["cut"] - seconds["fused"] > 0.9 * once - 6 * TOKENS * V / 2e12
    pieces = -(-V // H)
    read_and_written = (pieces - 1) * 4 * H * V
    assert seconds["linear"] - seconds["fused"] == pytest.approx((read_and_written - 2 * TOKENS * V) / 2e12)


def test_an_unknown_loss_is_refused():
    """A slip of the pen would be priced as another loss."""
    with pytest.raises(BadInputError, match="cross-entropy: 'fusd' is none of plain, fused, chunked, linear, cut"):
        MEGATRON.check(plan(settings={"cross_entropy": "fusd"}))


@pytest.mark.parametrize("bits", [4.5, 8, 16])
def test_frozen_weights_have_as_many_bits_as_asked(bits):
    """LoRA on FP8 weights would hold them in 16 bits, or its adapters in 8."""
    wide, narrow = held(**LORA), held(**LORA, settings={"frozen_bits": bits})
    frozen = sum(GROUPED.parameters_by_part().values()) - 2 * HEAD - H  # the last norm is of the head
    assert wide["weights"] - narrow["weights"] == pytest.approx(frozen * (16 - bits) / 8, rel=1e-3)
    largest = 2 * 2048 * H / 2 if bits < 16 else 0
    assert narrow["gather_buffers"] == 2 * largest, "one matrix at a time is widened to 16 bits"


def test_frozen_weights_are_widened_unless_they_are_multiplied_as_they_are():
    """FP8 weights would be widened though the tensor cores take them, or not where these take 16 bits."""
    narrow = {**LORA, "settings": {"frozen_bits": 8.0}}
    kept, widened = price(GROUPED, **LORA), price(GROUPED, **narrow)
    assert widened.iteration_seconds > kept.iteration_seconds
    assert price(GROUPED, **narrow, dtype=FP8).iteration_seconds == price(GROUPED, **LORA, dtype=FP8).iteration_seconds
    with pytest.raises(BadInputError, match="frozen-bits: 8 with tuning full"):
        MEGATRON.check(plan(settings={"frozen_bits": 8.0}))


def test_parameters_that_wait_on_the_host_leave_two_layers():
    """Weights, gradients or states would stay on the device, or be lost on the way to the host."""
    parameters = sum(GROUPED.parameters_by_part().values())
    layer = (parameters - 2 * HEAD - H) / 8
    away = price(GROUPED, offload_parameters=True, offload_optimizer=True)
    found = away.memory_breakdown
    assert [found[line] for line in ("weights", "gradients", "optimizer")] == [0, 0, 0]
    assert found["gather_buffers"] == pytest.approx(2 * 2 * layer + 4 * layer), "two layers, and a gradient on its way"
    assert away.host_bytes_per_gpu == pytest.approx((2 + 12 + 4) * parameters)
    shared = price(GROUPED, dp=4, zero=3, offload_parameters=True, offload_optimizer=True)
    assert shared.host_bytes_per_gpu == pytest.approx((2 + 12 + 4) * parameters / 4)


def test_parameters_cross_the_link_in_both_passes():
    """Weights would come for the forward pass alone, gradients go nowhere, or a slow link not show."""
    parameters = sum(GROUPED.parameters_by_part().values())
    slow = evolve(GPU, host_bytes_per_second=1e8)
    run = {"offload_parameters": True, "offload_optimizer": True, "gradient_accumulation": 3, "hardware": slow}
    here, away = price(GROUPED, gradient_accumulation=3), price(GROUPED, **run)
    working = sum(seconds for line, seconds in here.time_breakdown.items() if line in ("forward", "backward"))
    crossing = 3 * (2 * parameters + max(2, 4) * parameters) / 1e8  # gradients go down while weights come up
    assert away.time_breakdown["offload"] == pytest.approx(crossing - working)


def test_gradients_follow_the_optimizer_where_the_program_has_it_so():
    """DeepSpeed's ZeRO 2 would keep its share of the gradients on the device beside an optimizer on the host."""
    deepspeed = evolve(IDEAL, name="deepspeed", offloads_gradients=True)
    parameters = sum(GROUPED.parameters_by_part().values())
    run = {"dp": 4, "offload_optimizer": True}
    stays, follows = (held(**run, zero=2, framework=one) for one in (IDEAL, deepspeed))
    assert stays["gradients"] == pytest.approx(4 * parameters / 4)
    assert follows["gradients"] == 0
    assert held(**run, zero=1, framework=deepspeed)["gradients"] == 4 * parameters, "ZeRO 1 reduces at the end"


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ({"dp": 2, "zero": 2}, "weights wait in host memory where ZeRO 3 gathers them layer by layer; zero 3 would do"),
        ({"pp": 2}, "weights that wait in host memory need pp 1"),
    ],
)
def test_parameters_wait_where_layers_are_gathered(layout, said):
    """A plan would be priced that no program runs."""
    with pytest.raises(BadInputError, match=said):
        MEGATRON.check(plan(**layout, offload_parameters=True, offload_optimizer=True))


def test_pages_leave_a_full_device_and_come_for_the_step():
    """Paged states would not fit though the host has room, leave a device with room, or cross the link for nothing."""
    plain = price(PLAIN, optimizer=ADAM, master_weights=False)
    used = sum(plain.memory_breakdown.values())
    states = plain.memory_breakdown["optimizer"]
    roomy, full, tiny = (evolve(GPU, memory_bytes=size / 0.8) for size in (used, used - states / 4, used - 2 * states))
    for device, away in ((roomy, 0.0), (full, states / 4), (tiny, states)):
        paged = price(PLAIN, optimizer=PAGED, master_weights=False, hardware=device)
        assert sum(paged.memory_breakdown.values()) == pytest.approx(used - away)
        assert paged.host_bytes_per_gpu == pytest.approx(away)
        assert paged.time_breakdown["offload"] == pytest.approx(2 * away / 6e10)


def test_muon_leaves_the_ends_to_adam():
    """The embedding and the head, a third of a small model, would be priced as matrices that Muon makes orthogonal."""
    parameters = sum(GROUPED.parameters_by_part().values())
    ends = 2 * HEAD + H
    found = held(optimizer=MUON, master_weights=False)["optimizer"]
    assert found == pytest.approx(4 * (parameters - ends) + 8 * ends)
    alone = evolve(MUON, newton_schulz_steps=0)
    steps = [price(GROUPED, flat(), optimizer=one).time_breakdown["optimizer"] for one in (MUON, alone)]
    assert steps[0] - steps[1] == pytest.approx((parameters - ends) * 5 * 6 * H / 1e14)


def test_gradients_of_adapters_by_hand_keep_what_they_read_once():
    """Unsloth's adapters would keep their input for each matrix, or the product that the down projection reads."""
    apart = evolve(IDEAL, name="apart", adapter_input_kept_bytes=2.0)
    found = [held(**LORA, framework=one)["activations"] for one in (apart, evolve(apart, adapters_share=True))]
    separate, together = 4 * H + 2 * H + 2048, 3 * H
    assert found[0] - found[1] == 8 * 1024 * 2 * (separate - together)


def test_pages_need_room_on_the_host():
    """States would be paged out to a host that has no memory for them."""
    cluster = evolve(GPU.cluster, host_memory_bytes=8 * 1e7)
    small = evolve(GPU, memory_bytes=1e8, cluster=cluster)
    with pytest.raises(BadInputError, match=r"optimizer: paged needs .* GiB of host memory for each GPU"):
        MEGATRON.check(plan(optimizer=PAGED, hardware=small))
