"""Bytes of ``megatron`` against the papers' own numbers."""

import pytest
from attrs import evolve
from megatron_plans import ADAM, BUSY, FP8, GROUPED, IDEAL, LATENT, MEGATRON, PLAIN, SPARSE, flat, plan, price

from llmplan.errors import BadInputError
from llmplan.records import FrameworkProfile, Optimizer, Recompute, Tuning
from llmplan_layers import Transformer
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.in_flight import micro_batches_in_flight, micro_batches_on_last
from llmplan_parallelism_megatron.training.memory import kept_bytes
from llmplan_parallelism_megatron.training.schedules import SCHEDULES

PAPER = FrameworkProfile(name="paper", attention="unfused", dropout=True)
"""Megatron-LM as Korthikanti et al. 2022 (arXiv:2205.05198) describe it."""
B, S, H, A = 2, 2048, 512, 8
SBH = S * B * H
SCORES = 5 * A * S / H
HALF_GRADIENTS = {"framework": IDEAL, "optimizer": ADAM, "gradient_bits": 16.0}
"""Mixed precision with Adam, as Rajbhandari et al. 2020 (arXiv:1910.02054, section 3.1) count it."""


def _kept(model=PLAIN, recompute=Recompute.NONE, framework=PAPER, **changes):
    """Bytes that one layer keeps of one micro-batch."""
    one = plan(model, framework=framework, recompute=recompute, micro_batch=B, seq_len=S, **changes)
    rank = Rank.of(one)
    return kept_bytes(rank.model.layers[-1], rank)


@pytest.mark.parametrize("t", [1, 2, 8])
@pytest.mark.parametrize(
    ("mode", "sequence_parallel", "bytes_per_sbh"),
    [
        (Recompute.NONE, False, lambda t: 10 + 24 / t + SCORES / t),
        (Recompute.NONE, True, lambda t: (34 + SCORES) / t),
        (Recompute.ATTENTION_COMPUTE, False, lambda t: 10 + 24 / t),
        (Recompute.ATTENTION_COMPUTE, True, lambda t: 34 / t),
        (Recompute.FULL, False, lambda _: 2),
    ],
)
def test_activations_of_a_layer_are_those_of_korthikanti(t, mode, sequence_parallel, bytes_per_sbh):
    """A layer would not keep what equations 1, 2 and 4 to 6 (table 2) of Korthikanti et al. 2022 say, to the byte."""
    assert _kept(recompute=mode, tp=t, sequence_parallel=sequence_parallel) == SBH * bytes_per_sbh(t)


@pytest.mark.parametrize(
    ("heads", "hidden", "scores", "saved"), [(96, 12288, 80, 0.70), (128, 20480, 64, 0.65)], ids=["gpt-3", "mt-nlg"]
)
def test_selective_recomputation_saves_what_the_paper_says(heads, hidden, scores, saved):
    """GPT-3 would not save 70 %, or MT-NLG 65 %, of its activations (Korthikanti et al. 2022, section 5)."""
    model = Transformer(
        name="large",
        layers=2,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        ffn_hidden=4 * hidden,
        gated_mlp=False,
        vocab=1000,
        norm="layer",
    )
    layout = {"tp": 8, "sequence_parallel": True}
    whole, selective = (_kept(model, mode, **layout) for mode in (Recompute.NONE, Recompute.ATTENTION_COMPUTE))
    sbh = S * B * hidden / 8
    assert (whole, selective) == (sbh * (34 + scores), sbh * 34)
    assert 1 - selective / whole == pytest.approx(saved, abs=0.005)


def test_fused_attention_keeps_no_scores():
    """A flash kernel would be charged for the scores that it never writes, or for masks that nobody draws."""
    # 34 less two masks of one byte, and nothing quadratic in the sequence
    assert _kept(framework=IDEAL) == SBH * 32


def test_inputs_of_narrow_multiplications_are_kept_narrow():
    """With FP8 multiplications that keep their operands, inputs would be kept in 16 bits all the same."""
    narrow = evolve(IDEAL, keeps_operands=True)
    # norms' inputs 4, Q, K, V 6, the MLP's activation function 8 stay; inputs of four multiplications halve
    assert _kept(framework=narrow, dtype=FP8) == SBH * (4 + 6 + 8 + (2 + 2 + 2 + 8) / 2)
    assert _kept(framework=narrow) == _kept(framework=IDEAL, dtype=FP8) == SBH * 32


@pytest.mark.parametrize("model", [PLAIN, GROUPED, SPARSE, LATENT], ids=lambda model: model.name)
def test_context_parallel_ranks_keep_their_tokens(model):
    """Ranks that share a sequence would each keep all of it."""
    assert _kept(model, framework=IDEAL, cp=4) == pytest.approx(_kept(model, framework=IDEAL) / 4)


def test_grouped_keys_and_values_keep_fewer_bytes():
    """K and V of fewer heads would be kept as wide as the queries."""
    grouped = evolve(PLAIN, name="fewer", kv_heads=2)
    assert _kept(framework=IDEAL) - _kept(grouped, framework=IDEAL) == 2 * 2 * S * B * (H - 128)


@pytest.mark.parametrize(
    ("pp", "vpp", "m", "held"),
    [
        (1, 1, 8, 1),
        (4, 1, 8, 4),
        (4, 1, 2, 2),
        (4, 2, 8, 4 + 3 / 2),
        (8, 1, 64, 8),
        (2, 4, 64, 2 + 1 / 4),
        (4, 2, 4, 4),
    ],
)
def test_the_first_stage_holds_micro_batches_in_flight(pp, vpp, m, held):
    """1F1B would hold another number than p of them, or interleaving other than 1 + (p - 1)/(p v) times as much as that
    (Korthikanti et al. 2022, section 4.2.3), never more than there are.
    """
    small = evolve(PLAIN, vocab=8)
    one = plan(small, framework=PAPER, pp=pp, vpp=vpp, gradient_accumulation=m, micro_batch=B, seq_len=S)
    assert micro_batches_in_flight(one) == held
    estimate = price(small, framework=PAPER, pp=pp, vpp=vpp, gradient_accumulation=m, micro_batch=B, seq_len=S)
    assert estimate.memory_breakdown["activations"] == held * 8 / pp * SBH * (34 + SCORES)


@pytest.mark.parametrize(
    ("pp", "vpp", "m", "held"), [(4, 1, 8, 1), (4, 2, 8, 5 / 2), (8, 3, 24, 17 / 3), (4, 4, 4, 13 / 4)]
)
def test_the_last_stage_holds_chunks_that_it_has_gone_forward_with(pp, vpp, m, held):
    """An interleaved last stage would be thought to turn back at once: Megatron-LM warms up with p (v - 1) chunks,
    then goes forward and back in turn.
    """
    one = plan(PLAIN, pp=pp, vpp=vpp, gradient_accumulation=m)
    assert micro_batches_on_last(one, micro_batches_in_flight(one)) == held


def test_transformer_engine_keeps_a_gradient_of_each_shape():
    """Memory would be short by the gradients in 16 bits that stand in for those that were added already."""
    keeps = evolve(IDEAL, keeps_dummy_gradients=True)
    held = [price(PLAIN, framework=one).memory_breakdown["gradients"] for one in (IDEAL, keeps)]
    assert held[1] - held[0] == 2 * (4 * 512 * 512 + 2 * 512 * PLAIN.ffn_hidden)
    apart = evolve(keeps, fused_accumulation=False)
    assert price(PLAIN, framework=apart).memory_breakdown["gradients"] == held[0]


@pytest.mark.parametrize(("zero", "gigabytes"), [(0, 120), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_zero_holds_what_its_paper_says(zero, gigabytes):
    """7.5 billion parameters on 64 GPUs would not be 120, 31.4, 16.6 and 1.9 GB (Rajbhandari et al. 2020, figure 1)."""
    held = price(PLAIN, dp=64, zero=zero, **HALF_GRADIENTS).memory_breakdown
    states = held["weights"] + held["gradients"] + held["optimizer"]
    parameters = sum(PLAIN.parameters_by_part().values())
    assert round(states / parameters * 7.5, 1) == gigabytes


def test_each_zero_stage_divides_one_more_kind_of_state():
    """A stage would divide gradients, or weights, that the stage before still holds whole, or not by dp x cp."""
    parameters = sum(GROUPED.parameters_by_part().values())
    for zero in range(4):
        held = price(GROUPED, dp=4, cp=2, zero=zero).memory_breakdown
        divided = [8 if zero >= stage else 1 for stage in (3, 2, 1)]
        wanted = [bytes_each * parameters / ways for bytes_each, ways in zip((2, 4, 12), divided, strict=True)]
        assert [held["weights"], held["gradients"], held["optimizer"]] == pytest.approx(wanted, rel=1e-12)


def test_hybrid_sharding_divides_inside_its_group():
    """States would be divided over all ranks, though each group of them holds a copy."""
    parameters = sum(GROUPED.parameters_by_part().values())
    held = price(GROUPED, dp=64, zero=3, zero_group=8).memory_breakdown
    assert held["optimizer"] == pytest.approx(12 * parameters / 8)
    assert held["weights"] == pytest.approx(2 * parameters / 8)
    larger = price(GROUPED, dp=4, zero=3, zero_group=8).memory_breakdown
    assert larger["optimizer"] == pytest.approx(12 * parameters / 4)


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


def _experts(model=SPARSE):
    moe = model.moe
    return 7 * moe.n_routed_experts * 3 * H * moe.moe_ffn_hidden


def test_expert_parallelism_divides_experts_alone():
    """Ranks would hold all experts, or only a share of what every rank needs."""
    whole, shared = (price(SPARSE, dp=8, ep=ep).memory_breakdown for ep in (1, 4))
    for line, width in (("weights", 2), ("gradients", 4), ("optimizer", 12)):
        assert whole[line] - shared[line] == pytest.approx(width * _experts() * 3 / 4)


def test_zero_divides_experts_over_the_ranks_that_hold_the_same():
    """ZeRO would divide experts twice: over ranks that hold other experts, too."""
    parameters = sum(SPARSE.parameters_by_part().values())
    for ep in (1, 2, 8):
        held = price(SPARSE, dp=8, ep=ep, zero=1).memory_breakdown
        assert held["optimizer"] == pytest.approx(12 * parameters / 8)
        assert held["weights"] == pytest.approx(2 * (parameters - _experts() * (1 - 1 / ep)))


def test_a_tied_table_is_on_both_ends_of_a_pipeline():
    """The last of several stages would have no table to make logits with, or the only one two."""
    tied, untied = PLAIN, evolve(PLAIN, name="untied", tied_embeddings=False)
    table = 4000 * H
    assert price(untied).memory_breakdown["weights"] - price(tied).memory_breakdown["weights"] == 2 * table
    assert price(untied, pp=2).memory_breakdown["weights"] == price(tied, pp=2).memory_breakdown["weights"]


def test_logits_are_on_the_last_stage():
    """Logits of a large vocabulary would be left out, or not divided by tp."""
    wide = evolve(PLAIN, name="wide", vocab=800_000)
    for tp, pp in ((1, 1), (4, 1), (4, 2)):
        held = price(wide, tp=tp, pp=pp, gradient_accumulation=2).memory_breakdown["logits_and_loss"]
        assert held == 6 * 1024 * 800_000 / tp + 2 * 2 * 1024 * H
    first = price(PLAIN, pp=8, gradient_accumulation=8, seq_len=4096).memory_breakdown
    assert first["logits_and_loss"] == 0


def test_the_layer_that_runs_again_needs_room():
    """Full recomputation would hold nothing but inputs, even of the layer that is being computed again."""
    held = price(PLAIN, framework=PAPER, recompute=Recompute.FULL, micro_batch=B, seq_len=S).memory_breakdown
    assert held["activations"] == 8 * 2 * SBH
    assert held["recompute_buffer"] == SBH * (32 + SCORES)


def test_zero_3_holds_whole_layers_at_work():
    """ZeRO 3 would hold a share of the layer that it multiplies with, and of the one that is on its way."""
    layer = 12 * H * H + 2 * 2 * H
    assert price(PLAIN, dp=8, zero=3).memory_breakdown["gather_buffers"] == 2 * 2 * layer
    assert price(PLAIN, dp=8, zero=2).memory_breakdown["gather_buffers"] == 0


def test_what_a_framework_holds_beside_the_plan():
    """Context, communication buffers or allocator slack would not count, or the latter of states that never move."""
    held = price(PLAIN, framework=BUSY, dp=2).memory_breakdown
    working = ("activations", "recompute_buffer", "logits_and_loss", "gather_buffers")
    assert (held["driver_context"], held["communication_buffers"]) == (1e9, 5e8)
    assert held["allocator_slack"] == pytest.approx(0.1 * sum(held[line] for line in working))


def test_offload_moves_bytes_to_the_host():
    """What waits in host memory would still be held, or nothing stay of what a layer works on."""
    whole = price(PLAIN, framework=PAPER, micro_batch=B, seq_len=S).memory_breakdown
    away = price(
        PLAIN, framework=PAPER, micro_batch=B, seq_len=S, offload_optimizer=True, offload_activations=True
    ).memory_breakdown
    assert (whole["optimizer"] > 0, away["optimizer"]) == (True, 0)
    assert away["activations"] == whole["activations"] * 2 / 8
    for line in ("weights", "gradients", "logits_and_loss"):
        assert away[line] == whole[line]


SEVEN = Transformer(
    name="seven",
    layers=32,
    hidden=4096,
    heads=32,
    kv_heads=32,
    head_dim=128,
    ffn_hidden=11008,
    gated_mlp=True,
    vocab=32000,
)
GATED = evolve(SEVEN, name="gated", layers=2, hidden=512, heads=8, kv_heads=8, head_dim=64, ffn_hidden=1536)
SCALED = evolve(GATED, name="scaled", norm="rms")
ADAPTERS = 39_976_960
"""Of rank 16 on all matrices of Llama-2-7B, as PEFT prints: 16 x 32 x (4 (4096 + 4096) + 3 (4096 + 11008))."""


def test_lora_trains_two_thin_matrices_beside_each_matrix():
    """Adapters would not be r (k + n) of each matrix (Hu et al. 2021, arXiv:2106.09685, section 4.1), 39,976,960 of
    Llama-2-7B, or frozen weights have gradients and optimizer states.
    """
    held = price(SEVEN, flat(), tuning=Tuning.LORA, lora_rank=16, zero=0).memory_breakdown
    parameters = sum(SEVEN.parameters_by_part().values())
    assert held["gradients"] == 4 * ADAPTERS
    assert held["optimizer"] == 12 * ADAPTERS
    assert held["weights"] == 2 * (parameters + ADAPTERS)


def test_adapters_grow_with_their_rank():
    """The rank of adapters would not count, or be divided by tp where one of the two matrices is whole."""
    eight, sixteen = (
        price(PLAIN, tuning=Tuning.LORA, lora_rank=rank).memory_breakdown["gradients"] for rank in (8, 16)
    )
    assert sixteen == 2 * eight
    # up: k = 512 whole, n = 2048 over 4
    four = price(PLAIN, tuning=Tuning.LORA, lora_rank=8, tp=4).memory_breakdown["gradients"]
    assert eight / 4 < four < eight


def test_qlora_freezes_matrices_in_4_bits():
    """Frozen weights would take 16 bits, or 4 without their scales: 4.127 bits (Dettmers et al. 2023,
    arXiv:2305.14314, section 3), while embeddings keep 16.
    """
    held = price(SEVEN, tuning=Tuning.QLORA, lora_rank=16).memory_breakdown
    ends = 2 * 32000 * 4096 + 4096
    layers = sum(SEVEN.parameters_by_part().values()) - ends
    trained = held["gradients"] / 4
    assert held["weights"] == pytest.approx(4.127 / 8 * layers + 2 * (ends + trained), rel=1e-3)
    lora = price(SEVEN, tuning=Tuning.LORA, lora_rank=16).memory_breakdown
    assert (held["gradients"], held["optimizer"]) == (lora["gradients"], lora["optimizer"])


def test_qlora_widens_one_matrix_at_a_time():
    """The matrix at work would take no room in 16 bits, or all of a layer would be wide at once."""
    held = price(SEVEN, tuning=Tuning.QLORA, lora_rank=16).memory_breakdown
    assert held["gather_buffers"] == 2 * 4096 * 11008


PURE = evolve(IDEAL, name="pure", state_bits=16, gradient_bits=16, frees_gradients=True)


def test_states_of_pytorch_have_the_width_of_weights():
    """Adam would keep 8 bytes where a program trains in 16 bits alone, which are 4, or 8-bit states be halved too."""
    parameters = sum(PLAIN.parameters_by_part().values())
    pure = {"framework": PURE, "master_weights": False, "gradient_bits": 16, "gradient_accumulation": 2}
    held = price(PLAIN, **pure).memory_breakdown
    assert (held["gradients"], held["optimizer"]) == (2 * parameters, 4 * parameters)
    narrow = Optimizer(name="narrow", state_bytes=2.0, state_bits=8)
    assert price(PLAIN, **pure, optimizer=narrow).memory_breakdown["optimizer"] == 2 * parameters


def test_gradients_that_nothing_accumulates_take_the_room_of_activations():
    """Gradients would be counted beside all activations though none is there before the backward pass begins, or not
    at all where they are more than the activations.
    """
    parameters = sum(PLAIN.parameters_by_part().values())
    for sequences in (1, 64):
        once, twice = (
            price(PLAIN, framework=PURE, micro_batch=sequences, gradient_accumulation=m).memory_breakdown
            for m in (1, 2)
        )
        working = sum(once[line] for line in ("activations", "recompute_buffer", "logits_and_loss", "gather_buffers"))
        assert twice["gradients"] == 4 * parameters
        assert once["gradients"] == max(4 * parameters - working, 0)


def test_eager_kernels_keep_more():
    """PyTorch's own norms would not keep their input in 32 bits, or its gated activations not what the gate became."""
    tokens, framework = 2 * 1024, evolve(IDEAL, name="eager", eager=True)
    fused, eager = (
        price(SCALED, framework=one, micro_batch=2, seq_len=1024).memory_breakdown["activations"]
        for one in (IDEAL, framework)
    )
    assert eager - fused == SCALED.layers * tokens * (2 * 4 * SCALED.hidden + 2 * SCALED.ffn_hidden)
    again = {"micro_batch": 2, "seq_len": 1024, "recompute": Recompute.FULL}
    few = evolve(SCALED, name="few", vocab=100)  # whose logits are no peak
    fused, eager = (price(few, framework=one, **again).memory_breakdown for one in (IDEAL, framework))
    assert eager["activations"] == fused["activations"]
    assert eager["recompute_buffer"] > fused["recompute_buffer"]


def test_eager_adapters_keep_what_autograd_saves():
    """LoRA on queries and values, in PyTorch: no multiplication by a frozen matrix keeps its input, a norm keeps its
    own in 32 bits alone, each adapter a mask and what dropout left, attention its four, the gate what its function
    made; under QLoRA a program may keep the inputs none the less (bitsandbytes, autograd/_functions.py, MatMul4Bit).
    """
    h, f, tokens = SCALED.hidden, SCALED.ffn_hidden, 1024
    framework = evolve(IDEAL, name="eager", eager=True)
    how = {"framework": framework, "lora_rank": 8, "lora_targets": ("q", "v")}
    lora = price(SCALED, tuning=Tuning.LORA, **how).memory_breakdown["activations"]
    norms, adapters, attention, mlp = 2 * 4 * h, 2 * 3 * h, 3 * 2 * h, 3 * 2 * f
    assert lora == SCALED.layers * tokens * (norms + adapters + attention + mlp)
    how["framework"] = evolve(framework, keeps_frozen_inputs=True)
    qlora = price(SCALED, tuning=Tuning.QLORA, **how).memory_breakdown["activations"]
    inputs = 3 * 2 * h + 2 * f  # of q, k and v, of o, of gate and up, of down
    assert qlora - lora == SCALED.layers * tokens * inputs


def test_views_and_copies_of_keys_stay():
    """One tensor of queries, keys and values goes only with its last view; copies for every head take their room."""
    tokens, h = 1024, SCALED.hidden
    fused = evolve(IDEAL, name="fused", fused_qkv=True, repeats_kv=True)
    for model, beside in ((SCALED, 2 * h), (evolve(SCALED, name="grouped", kv_heads=2), 2 * (h - h // 4))):
        one, other = (price(model, framework=it).memory_breakdown["activations"] for it in (IDEAL, fused))
        assert other - one == model.layers * tokens * 2 * beside


def test_adapters_are_on_their_targets_alone():
    """Queries and values have r (2 h + 2 h) parameters, the MLP r (3 h + 3 f), and an unknown word has none."""
    h, f, r = SCALED.hidden, SCALED.ffn_hidden, 8

    def trained(*words):
        return price(SCALED, tuning=Tuning.LORA, lora_rank=r, lora_targets=words).memory_breakdown["gradients"] / 4

    assert trained("q", "v") == SCALED.layers * r * 4 * h
    assert trained("mlp") == SCALED.layers * r * 3 * (h + f)
    assert trained("attention", "mlp") == trained() == trained("attention") + trained("up", "down")
    with pytest.raises(BadInputError, match="lora-targets: 'w' is none of attention"):
        MEGATRON.check(plan(SCALED, tuning=Tuning.LORA, lora_rank=r, lora_targets=("q", "w")))


def test_logits_are_gone_when_a_layer_runs_again():
    """The peak would be of both at once, where the loss is over before the first layer is recomputed."""
    for vocab in (100, 800_000):
        model = evolve(PLAIN, name="wide", vocab=vocab)
        held = price(model, framework=PAPER, recompute=Recompute.FULL, micro_batch=B, seq_len=S).memory_breakdown
        logits = 6 * B * S * vocab + 2 * 2 * B * S * H
        rerun = SBH * (32 + SCORES)
        both = (0, logits) if logits > rerun else (rerun, 0)
        assert (held["recompute_buffer"], held["logits_and_loss"]) == both


def test_the_first_stage_is_told_apart_from_the_fullest():
    """A figure read on the first device of a run would be taken for that of the last, with its logits."""
    wide = price(evolve(PLAIN, name="wide", vocab=800_000), pp=2)
    assert wide.first_stage_memory["logits_and_loss"] == 0 < wide.memory_breakdown["logits_and_loss"]


def test_states_of_one_device_are_all_parameters():
    """A tied table would be held twice on one device, or something of the model not at all."""
    for model in (PLAIN, GROUPED, SPARSE):
        parameters, held = sum(model.parameters_by_part().values()), price(model).memory_breakdown
        assert held["weights"] == pytest.approx(2 * parameters, rel=1e-12)
        assert held["gradients"] == pytest.approx(4 * parameters, rel=1e-12)
        assert held["optimizer"] == pytest.approx(12 * parameters, rel=1e-12)


def test_the_fuller_end_of_the_pipeline_counts():
    """The last stage with its logits could be fuller than the first, and a plan that does not fit would pass."""
    wide = evolve(GROUPED, name="wide", vocab=1_000_000)
    held = price(wide, pp=2, micro_batch=4).memory_breakdown
    assert held["logits_and_loss"] > 4 * 1024 * 1_000_000 * 4
    assert price(GROUPED, pp=4, gradient_accumulation=8, seq_len=8192).memory_breakdown["logits_and_loss"] == 0


def test_the_first_stage_holds_all_layers_of_activations_whatever_the_pipeline():
    """A longer pipeline would seem to need fewer activations: L/p layers of p micro-batches are L layers."""
    alone, four = (
        price(PLAIN, framework=PAPER, seq_len=S, pp=pp, gradient_accumulation=8).memory_breakdown["activations"]
        for pp in (1, 4)
    )
    assert alone == four == pytest.approx(8 * S * H * (34 + SCORES))


def test_what_waits_in_host_memory_is_counted_by_hand():
    """A host would be bought that is too small: 12 bytes of states and 4 of a gradient for each parameter that a rank
    updates, and the activations of all layers but two.
    """
    quiet = plan(gradient_accumulation=4, framework=IDEAL)
    at_work = MEGATRON.train(quiet)
    assert at_work.host_bytes_per_gpu is None
    updated = at_work.memory_breakdown["optimizer"] / 12.0
    optimizer = MEGATRON.train(evolve(quiet, offload_optimizer=True))
    assert optimizer.host_bytes_per_gpu == pytest.approx(updated * (12.0 + quiet.gradient_bits / 8))
    activations = MEGATRON.train(evolve(quiet, offload_activations=True))
    every, layers = at_work.memory_breakdown["activations"], quiet.model.layers
    assert activations.host_bytes_per_gpu == pytest.approx(every * (1.0 - 2.0 / layers))
    both = MEGATRON.train(evolve(quiet, offload_optimizer=True, offload_activations=True))
    assert both.host_bytes_per_gpu == pytest.approx(optimizer.host_bytes_per_gpu + activations.host_bytes_per_gpu)


def test_dualpipe_holds_two_stages():
    """Each rank would hold one stage, where micro-batches come from both ends (arXiv:2412.19437, table 2): weights and
    gradients twice, activations of p + 1 micro-batches.
    """
    schedules = {schedule.name: schedule for schedule in SCHEDULES}
    one, both = (
        price(PLAIN, pp=4, gradient_accumulation=16, schedule=schedules[name]).memory_breakdown
        for name in ("1f1b", "dualpipe")
    )
    for line in ("weights", "gradients"):
        # the fuller end is the last one, which has the final norm, since both hold as many micro-batches
        assert both[line] == pytest.approx(2 * one[line], rel=1e-3)
    assert both["optimizer"] == pytest.approx(one["optimizer"], rel=1e-3)
    assert both["activations"] == one["activations"] * 5 / 4
