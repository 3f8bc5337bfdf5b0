"""What ``megatron`` counts in memory, against the papers that counted it first."""

import pytest
from attrs import evolve

from llmplan.records import FrameworkProfile, Recompute, Transformer, Tuning
from llmplan_parallelism_megatron.megatron.links import groups_of
from llmplan_parallelism_megatron.megatron.memory import (
    gradient_bytes,
    in_flight,
    kept_bytes,
    optimizer_bytes,
    weight_bytes,
)
from llmplan_parallelism_megatron.megatron.parameters import Parameters
from llmplan_parallelism_megatron.sharding import rank_of

from .megatron_plans import ADAM, BUSY, FP8, GROUPED, IDEAL, PLAIN, SPARSE, plan, price

KORTHIKANTI = FrameworkProfile(name="korthikanti", attention="unfused", dropout=True)
GPT_3 = Transformer(
    name="gpt-3",
    layers=4,
    hidden=12_288,
    heads=96,
    kv_heads=96,
    head_dim=128,
    ffn_hidden=4 * 12_288,
    gated_mlp=False,
    vocab=51_200,
    norm="layer",
    position="none",
)
S, B, H, A, T = 2048, 2, 12_288, 96, 8
SBH = S * B * H


def kept_of_one_layer(**changes):
    """Bytes that one layer of GPT-3 keeps of one micro-batch."""
    chosen = plan(GPT_3, framework=KORTHIKANTI, seq_len=S, micro_batch=B, **changes)
    return kept_bytes(rank_of(GPT_3.lower(B, S), chosen.layout).layers[0], chosen)


SELECTIVE = {"recompute": Recompute.ATTENTION_COMPUTE}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, SBH * (34 + 5 * A * S / H)),
        ({"tp": T}, SBH * (10 + 24 / T + 5 * A * S / (H * T))),
        ({"tp": T, "sequence_parallel": True}, SBH / T * (34 + 5 * A * S / H)),
        ({"tp": T, **SELECTIVE}, SBH * (10 + 24 / T)),
        ({"tp": T, "sequence_parallel": True, **SELECTIVE}, SBH * 34 / T),
        ({"tp": T, "recompute": Recompute.FULL}, 2 * SBH),
    ],
)
def test_activations_of_a_layer_are_those_of_korthikanti(changes, expected):
    """A layer would keep something else than table 2 of Korthikanti et al. 2022, arXiv:2205.05198, says."""
    assert kept_of_one_layer(**changes) == pytest.approx(expected, rel=1e-12)


def test_fused_attention_keeps_no_scores_and_no_masks_without_dropout():
    """FlashAttention would be charged for scores that it never writes: it keeps what selective recomputation keeps."""
    chosen = plan(GPT_3, framework=IDEAL, seq_len=S, micro_batch=B)
    kept = kept_bytes(rank_of(GPT_3.lower(B, S), chosen.layout).layers[0], chosen)
    assert kept == pytest.approx(SBH * (34 - 2), rel=1e-12)


@pytest.mark.parametrize(
    ("pp", "vpp", "micro_batches", "expected"),
    [
        (1, 1, 16, 1),
        (4, 1, 16, 4),
        (4, 1, 3, 3),
        (4, 2, 16, 4 * (1 + 3 / 8)),
        (8, 4, 64, 8 * (1 + 7 / 32)),
        (4, 2, 4, 4),
    ],
)
def test_micro_batches_in_flight(pp, vpp, micro_batches, expected):
    """The first stage would hold other than p micro-batches, of interleaved chunks p (1 + (p - 1)/(p v)), or more than
    there are (Korthikanti et al. 2022, section 4.2.3).
    """
    chosen = plan(PLAIN, pp=pp, vpp=vpp, gradient_accumulation=micro_batches)
    assert in_flight(chosen) == pytest.approx(expected)


def test_the_first_stage_holds_all_layers_of_activations_whatever_the_pipeline():
    """A longer pipeline would seem to need fewer activations: L/p layers of p micro-batches are L layers."""
    alone, four = (
        price(GPT_3, framework=KORTHIKANTI, seq_len=S, pp=pp, gradient_accumulation=8).memory_breakdown["activations"]
        for pp in (1, 4)
    )
    assert alone == four == pytest.approx(4 * (S * H * 34 + 5 * A * S * S))


def test_context_parallel_ranks_keep_their_share():
    """Activations would not be divided by cp, and long sequences never fit."""
    one, four = (price(GROUPED, cp=cp).memory_breakdown for cp in (1, 4))
    assert four["activations"] == pytest.approx(one["activations"] / 4)
    assert four["logits_and_loss"] == pytest.approx(one["logits_and_loss"] / 4)


@pytest.mark.parametrize(("zero", "gigabytes"), [(0, 120.0), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_states_are_those_of_rajbhandari(zero, gigabytes):
    """ZeRO would hold something else than figure 1 of Rajbhandari et al. 2020, arXiv:1910.02054, says."""
    chosen = plan(dp=64, zero=zero, gradient_bits=16)
    parameters, groups = Parameters(dense=7.5e9, experts=0.0, ends=0.0, adapters=0.0), groups_of(chosen.layout)
    held = [count(chosen, parameters, groups) for count in (weight_bytes, gradient_bytes, optimizer_bytes)]
    assert sum(held) / 1e9 == pytest.approx(gigabytes, abs=0.05)
    divided = [1 if zero < stage else 64 for stage in (3, 2, 1)]
    assert held == [pytest.approx(width * 7.5e9 / by) for width, by in zip((2, 2, 12), divided, strict=True)]


def test_states_of_one_device_are_all_parameters():
    """A tied table would be held twice on one device, or something of the model not at all."""
    for model in (PLAIN, GROUPED, SPARSE):
        parameters, held = sum(model.parameters_by_part().values()), price(model).memory_breakdown
        assert held["weights"] == pytest.approx(2 * parameters, rel=1e-12)
        assert held["gradients"] == pytest.approx(4 * parameters, rel=1e-12)
        assert held["optimizer"] == pytest.approx(12 * parameters, rel=1e-12)


def test_hybrid_shards_hold_what_their_group_divides():
    """ZeRO inside groups of 8 would seem to divide over all 32 ranks."""
    held = [price(GROUPED, zero=3, **layout).memory_breakdown for layout in ({"dp": 8}, {"dp": 32, "zero_group": 8})]
    assert held[0]["weights"] == held[1]["weights"]
    assert held[0]["optimizer"] == held[1]["optimizer"]


def test_experts_are_divided_over_their_own_data_parallel_ranks():
    """Experts would be divided by ep and by ZeRO over all ranks, those of ep among them: twice by the same ranks."""
    whole = price(SPARSE, dp=8, zero=1).memory_breakdown
    split = price(SPARSE, dp=8, zero=1, ep=4).memory_breakdown
    assert split["optimizer"] == pytest.approx(whole["optimizer"], rel=1e-12)
    routed = 7 * 8 * 3 * 512 * 512
    assert whole["weights"] - split["weights"] == pytest.approx(2 * routed * (1 - 1 / 4), rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "bytes_each"),
    [
        ({}, 12.0),
        ({"master_weights": False}, 8.0),
        ({"optimizer": evolve(ADAM, name="momentum", state_bytes=4.0)}, 8.0),
        ({"framework": evolve(IDEAL, name="copies", optimizer_extra_bytes=4.0)}, 16.0),
        ({"dtype": FP8}, 12.0),
        ({"offload_optimizer": True}, 0.0),
    ],
)
def test_bytes_that_an_optimizer_holds(changes, bytes_each):
    """Master weights, states or copies of gradients would be left out, or counted where they are not held."""
    parameters = sum(PLAIN.parameters_by_part().values())
    assert price(**changes).memory_breakdown["optimizer"] == pytest.approx(bytes_each * parameters)


def matrices(model):
    """Of a layer of `GROUPED`: k x n as they are multiplied, those that share an input as one."""
    h, kv, f = model.hidden, 2 * model.kv_heads * model.head_dim, model.ffn_hidden
    return [(h, h), (h, kv), (h, h), (h, 2 * f), (f, h)]


def test_lora_trains_thin_matrices_alone():
    """Frozen weights would be given gradients and states, or the adapters none: r (k + n) of each matrix."""
    rank, layers = 16, GROUPED.layers
    adapters = layers * sum(rank * (k + n) for k, n in matrices(GROUPED))
    frozen = sum(GROUPED.parameters_by_part().values())
    held = price(GROUPED, tuning=Tuning.LORA, lora_rank=rank).memory_breakdown
    assert held["gradients"] == pytest.approx(4 * adapters, rel=1e-12)
    assert held["optimizer"] == pytest.approx(12 * adapters, rel=1e-12)
    assert held["weights"] == pytest.approx(2 * (frozen + adapters), rel=1e-12)


def test_qlora_holds_frozen_weights_in_four_bits():
    """QLoRA would hold its frozen layers in 16 bits; the ends of the model stay as they are (arXiv:2305.14314)."""
    rank, layers = 16, GROUPED.layers
    adapters = layers * sum(rank * (k + n) for k, n in matrices(GROUPED))
    parts = GROUPED.parameters_by_part()
    ends = parts["input_embedding"] + parts["output_embedding"] + parts["final_norm"]
    held = price(GROUPED, tuning=Tuning.QLORA, lora_rank=rank).memory_breakdown
    in_layers = sum(parts.values()) - ends
    assert held["weights"] == pytest.approx(0.516 * in_layers + 2 * (ends + adapters), rel=1e-12)


def test_lines_that_a_framework_adds():
    """Contexts and buffers of a framework would be left out, or communication buffers charged to one device."""
    alone, many = price(framework=BUSY).memory_breakdown, price(framework=BUSY, dp=2).memory_breakdown
    assert (alone["cuda_context"], alone["communication_buffers"]) == (1e9, 0.0)
    assert (many["cuda_context"], many["communication_buffers"]) == (1e9, 5e8)
    working = ("activations", "recompute_buffer", "logits_and_loss", "gather_buffers")
    assert alone["allocator_slack"] == pytest.approx(0.1 * sum(alone[name] for name in working))


def test_whole_layers_are_gathered_under_zero_3():
    """ZeRO 3 would need no room for the weights that it gathers: two layers at a time."""
    layer = sum(GROUPED.parameters_by_part()[part] for part in ("attention", "mlp", "layernorm")) / GROUPED.layers
    assert price(GROUPED, dp=4, zero=3).memory_breakdown["gather_buffers"] == pytest.approx(2 * 2 * layer)
    assert price(GROUPED, dp=4, zero=2).memory_breakdown["gather_buffers"] == 0


def test_recomputation_needs_room_for_a_layer_at_work():
    """The layer that runs again would need no memory: 34 sbh + 5abs^2 less the 2 sbh that it kept."""
    shape = {"framework": KORTHIKANTI, "seq_len": S, "micro_batch": B}
    held = price(GPT_3, recompute=Recompute.FULL, **shape).memory_breakdown
    assert held["recompute_buffer"] == pytest.approx(SBH * (32 + 5 * A * S / H), rel=1e-12)
    assert price(GPT_3, **shape).memory_breakdown["recompute_buffer"] == 0


def test_offloaded_activations_leave_two_layers():
    """Activations that wait in host memory would still fill the device, or the layers at work none of it."""
    here, away = (price(GROUPED, offload_activations=away).memory_breakdown for away in (False, True))
    assert away["activations"] == pytest.approx(2 / GROUPED.layers * here["activations"])


def test_the_fuller_end_of_the_pipeline_counts():
    """The last stage with its logits could be fuller than the first, and a plan that does not fit would pass."""
    wide = evolve(GROUPED, name="wide", vocab=1_000_000)
    held = price(wide, pp=2, micro_batch=4).memory_breakdown
    assert held["logits_and_loss"] > 4 * 1024 * 1_000_000 * 4
    assert price(GROUPED, pp=4, gradient_accumulation=8, seq_len=8192).memory_breakdown["logits_and_loss"] == 0
