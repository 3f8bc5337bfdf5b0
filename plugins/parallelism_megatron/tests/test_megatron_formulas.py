"""Kernels, collectives, schedules and data parallel traffic of ``megatron``, by hand."""

import math

import pytest
from attrs import evolve
from megatron_plans import FP8, GPU, GROUPED, IDEAL, LATENT, MEGATRON, MUON, PLAIN, SPARSE, flat, plan, price

from llmplan.records import CollectiveCurve, PipelineTimes, Recompute, Tuning
from llmplan.space.schedules import open_schedules
from llmplan_layers import Transformer
from llmplan_parallelism_megatron.kernels.reached import training_kernels
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.network.groups import Group, groups_of
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.schedules import DUALPIPE, ONE_F_ONE_B, SCHEDULES, ZERO_BUBBLE

OF = training_kernels(plan())
EVEN = Transformer(
    name="even",
    layers=8,
    hidden=1024,
    heads=16,
    kv_heads=16,
    head_dim=64,
    ffn_hidden=4096,
    gated_mlp=False,
    vocab=1,
    tied_embeddings=True,
    final_norm=False,
)
"""The ends of it take next to no time, so that stages are equal."""
HBM = 2e12 * 0.85


def test_a_large_multiplication_is_bound_by_its_rate():
    """2mnk / (peak x sustained x plateau x shape) and a launch would not hold."""
    m, n, k = 4096, 2048, 8192
    rate = 1e14 * 0.9 * 0.8 * (m / (m + 64)) * (n / (n + 96)) * (k / (k + 160))
    seconds = OF.narrow.seconds(m, n, k, 1.0, 2.0, 2.0)
    assert seconds == pytest.approx(3e-6 + 2 * m * n * k / rate, rel=1e-12)


def test_a_thin_multiplication_is_bound_by_memory():
    """The matrices of a thin multiplication would be read for nothing."""
    m, n, k = 1, 8192, 8192
    seconds = training_kernels(plan(curves=flat())).narrow.seconds(m, n, k, 1.0, 2.0, 4.0)
    assert seconds == pytest.approx((2 * (m + n) * k + 4 * m * n) / 2e12, rel=1e-12)


def test_grouped_multiplications_are_so_many_of_one_launch():
    """Experts would be multiplied as one matrix of better shape, or launched one by one."""
    one, eight = (OF.narrow.seconds(512, 256, 1024, groups, 2.0, 2.0) for groups in (1.0, 8.0))
    assert eight - 3e-6 == pytest.approx(8 * (one - 3e-6))


def test_layers_multiply_in_their_format_and_the_head_in_16_bits():
    """FP8 would speed up the output head, which no recipe multiplies in 8 bits, or layers not at all."""
    of = training_kernels(plan(dtype=FP8))
    m = n = k = 8192
    shape = m / (m + 96) * n / (n + 128) * k / (k + 256)
    narrow = of.narrow.seconds(m, n, k, 1.0, 1.0, 2.0)
    assert narrow == pytest.approx(5e-6 + 2 * m * n * k / (2e14 * 0.7 * shape))
    wide = of.wide.seconds(m, n, k, 1.0, 2.0, 2.0)
    assert wide == pytest.approx(OF.wide.seconds(m, n, k, 1.0, 2.0, 2.0))
    heads = [price(GROUPED, dtype=dtype).forward_breakdown["output_embedding_loss"] for dtype in (plan().dtype, FP8)]
    assert heads[0] == pytest.approx(heads[1])


def test_an_mlp_by_hand():
    """The forward pass of an MLP would be other than two multiplications, its activation function and residual."""
    m, h, f = 2 * 1024, 512, 2048
    up = OF.narrow.seconds(m, f, h, 1.0, 2.0, 2.0)
    down = OF.narrow.seconds(m, h, f, 1.0, 2.0, 2.0)
    moved = 2 * 4e-6 + 2 * (2 * m * f + 3 * m * h) / HBM
    seconds = price(PLAIN, micro_batch=2).forward_breakdown["mlp"]
    assert seconds == pytest.approx(PLAIN.layers * (up + down + moved), rel=1e-12)


def test_tensor_parallelism_divides_columns_then_rows():
    """Both matrices of an MLP would be cut along the same side, which the shape of a multiplication would feel."""
    m, h, f, t = 1024, 512, 2048, 4
    up = OF.narrow.seconds(m, f / t, h, 1.0, 2.0, 2.0)
    down = OF.narrow.seconds(m, h, f / t, 1.0, 2.0, 2.0)
    moved = 2 * 4e-6 + 2 * (2 * m * f / t + 3 * m * h / t) / HBM
    seconds = price(PLAIN, tp=t, sequence_parallel=True).forward_breakdown["mlp"]
    assert seconds == pytest.approx(PLAIN.layers * (up + down + moved), rel=1e-12)


def test_fused_attention_works_on_the_half_that_a_causal_mask_leaves():
    """Attention would be priced over the whole square, or at a rate without shape."""
    s, width, heads, layers = 4096, 512, 8, PLAIN.layers
    flops = 4 * s * s * width / 2
    rate = 1e14 * 0.7 * s / (s + 700) * 64 / (64 + 20)
    projections = OF.narrow.seconds(s, 3 * width, width, 1.0, 2.0, 2.0)
    projections += OF.narrow.seconds(s, width, width, 1.0, 2.0, 2.0)
    moved = 2 * 4e-6 + 2 * (4 * s * width + 3 * s * width) / HBM
    seconds = price(PLAIN, seq_len=s).forward_breakdown["attention"]
    assert seconds == pytest.approx(layers * (7e-6 + flops / rate + projections + moved), rel=1e-12)
    assert heads * 64 == width


def test_unfused_attention_moves_its_scores():
    """Kernels that write the scores would cost nothing for it: 8 bytes a score, forward."""
    s, heads = 4096, 8
    chosen = {"framework": evolve(IDEAL, name="unfused", attention="unfused"), "seq_len": s}
    slow_memory = evolve(GPU, memory_bytes_per_second=1e9)
    seconds = price(PLAIN, curves=flat(), hardware=slow_memory, **chosen).forward_breakdown["attention"]
    scores = 8 * heads * s * s / 1e9
    rows = (s + 3 * 512) * 512 + s * 3 * 512 + (s + 512) * 512 + s * 512
    assert seconds == pytest.approx(PLAIN.layers * (scores + 2 * (rows + 7 * s * 512) / 1e9), rel=1e-9)


def test_backward_multiplies_twice():
    """The backward pass would be other than a multiplication for inputs and one for weights, into 32-bit gradients."""
    m, h = 4096, 1024
    one = EVEN.lower(1, m).layers[0].flops
    estimate = price(EVEN, curves=flat(), seq_len=m, hardware=evolve(GPU, memory_bytes_per_second=1e30))
    attention = 4 * m * m * h
    forward = EVEN.layers * (one - attention / 2) / 1e14
    backward = EVEN.layers * (2 * (one - attention) + 2.5 * attention / 2) / 1e14
    assert estimate.time_breakdown["forward"] == pytest.approx(forward, rel=1e-3)
    assert estimate.time_breakdown["backward"] == pytest.approx(backward, rel=1e-3)


def inside_seconds(rank_bytes, ranks):
    """Of `CURVES`' collectives."""
    bandwidth = 3e11 * 0.75 * ranks / (ranks + 0.5)
    return 1e-5 + (ranks - 1) * 1e-6 + (rank_bytes + math.sqrt(rank_bytes * 2e5)) / bandwidth


@pytest.mark.parametrize(
    ("seconds_of", "passes"),
    [
        (collectives.all_reduce_seconds, 2),
        (collectives.all_gather_seconds, 1),
        (collectives.reduce_scatter_seconds, 1),
        (collectives.all_to_all_seconds, 1),
    ],
)
def test_a_collective_by_hand(seconds_of, passes):
    """A collective would move other than (n - 1)/n of its message, an all-reduce other than twice that."""
    message = 1e8
    inside = inside_seconds(passes * message * 3 / 4, 4)
    assert seconds_of(message, Group(4, 1), OF) == pytest.approx(inside, rel=1e-12)
    assert seconds_of(message, Group(1, 1), OF) == 0
    # 32 ranks on 4 domains: each has an eighth of what its domain's ring sends on, all but one rank's share; of an
    # all-to-all all that it has, 3/4 of it to others; a ring takes three steps, a tree two and sends the whole message
    within, latency = inside_seconds(passes * message * 7 / 8, 8), passes * 1.5e-5 * 3
    sent = 3 / 4 if seconds_of is collectives.all_to_all_seconds else 31 / 32 / 8
    for card in (5e10, 5e9):
        of = training_kernels(plan(hardware=evolve(GPU, scale_out_bytes_per_second=card)))
        beyond = passes * message * sent / (card * 0.65) + latency
        if seconds_of is collectives.all_reduce_seconds:
            beyond = min(beyond, passes * (message / 8 / (card * 0.65) + 2 * 1.5e-5))
        assert seconds_of(message, Group(32, 1), of) == pytest.approx(max(within, beyond), rel=1e-12)
    assert beyond > within
    # every eighth rank: none shares a domain with another, all of the message goes through the card
    alone = passes * message * 3 / 4 / (5e10 * 0.65) + latency
    assert seconds_of(message, Group(4, 8), OF) == pytest.approx(alone, rel=1e-12)


def test_copies_that_go_the_same_way_are_sent_once():
    """A token would cross to a node once for each of its experts there, or fewer times than it has nodes to go to."""
    message, of = 1e9, training_kernels(plan(hardware=evolve(GPU, scale_out_bytes_per_second=5e9)))
    latency = 1.5e-5

    def crossing(copies):
        return (collectives.all_to_all_seconds(message, Group(16, 1), of, copies) - latency) * 5e9 * 0.65 * 2

    assert crossing(1.0) == pytest.approx(message)
    # two experts lie on two nodes half of the time: 3/2 copies of the two are sent
    assert crossing(2.0) == pytest.approx(message * 0.75)
    assert crossing(8.0) == pytest.approx(message * 2 * (1 - 0.5**8) / 8)


def test_small_messages_go_up_a_tree():
    """A kilobyte over a thousand domains would take a thousand steps, where a tree takes ten."""
    seconds = collectives.all_reduce_seconds(1e3, Group(1024, 8), OF)
    assert seconds == pytest.approx(2 * 10 * 1.5e-5 + 2e3 / (5e10 * 0.65), rel=1e-12)


def test_groups_follow_the_order_of_ranks():
    """A group would be thought to share a domain that it does not: ranks count tp, cp, ep, dp, pp."""
    groups = groups_of(plan(SPARSE, tp=4, cp=2, dp=8, pp=2, ep=4).layout)
    assert (groups.tensor.ranks, groups.tensor.stride) == (4, 1)
    assert (groups.context.ranks, groups.context.stride) == (2, 4)
    assert (groups.data.ranks, groups.data.stride) == (16, 4)
    assert (groups.expert_data.ranks, groups.expert_data.stride) == (4, 16)
    assert (groups.pipeline.ranks, groups.pipeline.stride) == (2, 64)
    assert [group.inside(8) for group in (groups.tensor, groups.context, groups.data, groups.pipeline)] == [4, 2, 2, 1]


def test_experts_lie_over_tensor_parallel_ranks():
    """An expert would be held, or worked on, other than once, where tensor parallel ranks have experts of their own."""
    layout = {"tp": 4, "dp": 4, "sequence_parallel": True}
    inside, over = plan(SPARSE, ep=4, **layout), plan(SPARSE, ep=8, settings={"expert_tp": 1}, **layout)
    groups = groups_of(over.layout, 1)
    assert (groups.expert.ranks, groups.expert.stride) == (8, 1)
    assert (groups.expert_data.ranks, groups.expert_data.stride) == (2, 8)
    ranks = [Rank.of(one).model.layers[0] for one in (inside, over)]
    routed = [[one.gemm for one in block.operators if one.gemm is not None and one.gemm.routed] for block in ranks]
    experts, tokens = SPARSE.moe.n_routed_experts, over.seq_len * SPARSE.moe.top_k
    for a, b in zip(*routed, strict=True):
        assert a.groups * a.m * a.n * a.k == b.groups * b.m * b.n * b.k  # as many multiplications
        assert (a.groups, b.groups) == (experts / 4, experts / 8)
        assert b.m == tokens / experts * 2  # of eight ranks, four have the same tokens
    assert ranks[0].expert_parameters == 2 * 4 / 8 * ranks[1].expert_parameters  # ep 4 x tp 4 hold one, ep 8


def times_of(p, m, forward, inputs, weights, v=1):
    """What a schedule knows of equal stages."""
    whole, others = forward + inputs + weights, p - 1
    return PipelineTimes(others * whole, others * weights, weights, p=p, v=v, m=m)


@pytest.mark.parametrize(("p", "m", "v"), [(2, 2, 1), (4, 16, 1), (8, 8, 1), (4, 8, 2), (8, 16, 4)])
def test_the_bubble_of_equal_stages(p, m, v):
    """The bubble would not be (p - 1)/m of ideal time, divided by v where stages are interleaved (arXiv:2104.04473)."""
    bubble = ONE_F_ONE_B.bubble_seconds(times_of(p, m, 1.0, 1.2, 0.8, v))
    assert bubble == pytest.approx((p - 1) / m / v * m * (1.0 + 1.2 + 0.8))


@pytest.mark.parametrize(("p", "m"), [(2, 2), (4, 16), (8, 8)])
def test_the_bubble_of_zb_h1(p, m):
    """ZB-H1 would leave other than (p - 1)(T_F + T_B - T_W) (Qi et al. 2023, arXiv:2401.10241, table 2)."""
    bubble = ZERO_BUBBLE.bubble_seconds(times_of(p, m, 1.0, 1.2, 0.8))
    assert bubble == pytest.approx((p - 1) * (1.0 + 1.2 - 0.8))


@pytest.mark.parametrize("p", [2, 4, 16])
def test_the_bubble_of_dualpipe(p):
    """DualPipe would leave other than (p/2 - 1)(F&B + B - 3W) (DeepSeek-AI 2024, arXiv:2412.19437, table 2)."""
    forward, inputs, weights = 1.0, 0.9, 0.9
    both, backward = forward + inputs + weights, inputs + weights
    bubble = DUALPIPE.bubble_seconds(times_of(p, 2 * p, forward, inputs, weights))
    assert bubble == pytest.approx((p / 2 - 1) * (both + backward - 3 * weights))


def test_dualpipe_is_never_chosen_unasked():
    """A plan that hardly any program runs would be the best of a search."""
    assert "dualpipe" not in open_schedules()


def test_dualpipe_hides_tokens_on_their_way():
    """All-to-alls would show, though a micro-batch of the other direction computes meanwhile."""
    named = {schedule.name: schedule for schedule in SCHEDULES}
    layout = {"pp": 2, "dp": 8, "ep": 8, "gradient_accumulation": 8}
    shown, hidden = (price(SPARSE, schedule=named[name], **layout).time_breakdown for name in ("1f1b", "dualpipe"))
    assert shown["ep_comm"] > 0 == hidden["ep_comm"]


def test_weights_gathered_after_the_step_hide_behind_nothing():
    """A program that waits for all weights would seem to compute meanwhile."""
    hiding = evolve(IDEAL, name="hiding", data_overlap=1.0)
    waiting = evolve(hiding, name="waiting", gathers_after_step=True)
    first, second = (price(PLAIN, framework=one, dp=8, zero=1).time_breakdown["dp_comm"] for one in (hiding, waiting))
    gathered = price(PLAIN, framework=IDEAL, dp=8, zero=1).time_breakdown["dp_comm"] / 3  # 2 bytes of 2 + 4
    assert second - first == pytest.approx((1 - 0.189) * gathered, rel=0.1)


def test_stages_that_are_dealt_out_by_cost_are_even():
    """A stage with the head of a large vocabulary would be as slow in a program that gives it fewer layers."""
    wide = evolve(PLAIN, name="wide", vocab=800_000)
    even = evolve(IDEAL, name="even", balances_stages=True)
    alone = price(wide, framework=even, gradient_accumulation=8).time_breakdown
    two = price(wide, framework=even, pp=2, gradient_accumulation=8).time_breakdown
    assert two["forward"] == pytest.approx(alone["forward"] / 2)
    assert price(wide, framework=IDEAL, pp=2, gradient_accumulation=8).time_breakdown["forward"] > 1.2 * two["forward"]


def test_ends_take_the_place_of_layers_where_that_makes_stages_even():
    """Stages of 126 layers over 16 would hold 8 and the head, not 7 and the head, as those of Llama 3 405B do."""
    seventy = evolve(PLAIN, name="seventy", layers=70, vocab=800_000)
    even = price(seventy, pp=12, gradient_accumulation=24).time_breakdown
    full = price(evolve(seventy, name="full", layers=72), pp=12, gradient_accumulation=24).time_breakdown
    one, two = (
        price(evolve(seventy, name="few", layers=few), gradient_accumulation=24).time_breakdown["forward"]
        for few in (1, 2)
    )
    assert full["forward"] - even["forward"] == pytest.approx(two - one)
    narrow = evolve(seventy, name="narrow", vocab=100)  # whose ends weigh less than a layer
    between = price(narrow, pp=12, gradient_accumulation=24).time_breakdown
    assert between["forward"] == pytest.approx(6 * (two - one))
    assert not MEGATRON.check(plan(seventy, pp=12, gradient_accumulation=24))


@pytest.mark.parametrize(("layers", "vocab"), [(70, 800_000), (70, 100), (72, 1000), (71, 1000)])
@pytest.mark.parametrize("balances", [False, True])
def test_no_plan_falls_below_its_bound_however_layers_are_dealt_out(layers, vocab, balances):
    """A search would pass over plans that are better than their bounds say."""
    model = evolve(PLAIN, name="dealt", layers=layers, vocab=vocab)
    framework = evolve(IDEAL, name="dealing", balances_stages=balances)
    for pp in (1, 2, 12):
        one = plan(model, framework=framework, pp=pp, gradient_accumulation=24)
        assert MEGATRON.bounds(one)[0] <= MEGATRON.train(one).iteration_seconds


def test_attention_is_fused_where_there_is_a_kernel_for_it():
    """Scores would not reach memory on an accelerator that FlashAttention is not written for, or with a model's sinks,
    which FlashAttention-2 does not know.
    """
    flash = evolve(IDEAL, name="flash", attention="flash-2")
    old = evolve(GPU, architecture="volta")
    plain, volta, sinks = (
        price(model, framework=flash, hardware=gpu).memory_breakdown["activations"]
        for model, gpu in ((PLAIN, GPU), (PLAIN, old), (evolve(PLAIN, name="sinks", attention_sinks=True), GPU))
    )
    assert volta == sinks == plain + PLAIN.layers * 2 * PLAIN.heads * 1024 * 1024


@pytest.mark.parametrize("m", [1, 2, 3, 8, 30])
def test_no_schedule_beats_the_way_of_a_micro_batch_through_all_stages(m):
    """A zero-bubble schedule would end before the last stage has done its forward and backward passes in turn."""
    p, forward, inputs, weights = 8, 1.0, 1.2, 0.8
    seconds = m * (forward + inputs + weights) + ZERO_BUBBLE.bubble_seconds(times_of(p, m, forward, inputs, weights))
    assert seconds >= (p - 1 + m) * (forward + inputs) + weights - 1e-12


def test_a_pipeline_by_hand():
    """An iteration of equal stages would not take (m + p - 1)/(m p) of what one device takes for m micro-batches."""
    alone, four = (price(EVEN, pp=pp, gradient_accumulation=12, seq_len=4096).time_breakdown for pp in (1, 4))
    parts = ("forward", "backward")
    whole = sum(alone[name] for name in parts)
    assert sum(four[name] for name in parts) == pytest.approx(whole / 4, rel=0.02)
    assert four["pipeline_bubble"] - 3 * four["pp_comm"] / 12 == pytest.approx(3 / 12 * whole / 4, rel=0.02)


def test_uneven_stages_wait_for_the_one_with_most_layers():
    """Seven stages of eight layers would be as fast as if layers could be cut: one stage has two of them."""
    seven, four = (price(EVEN, pp=pp, gradient_accumulation=64, seq_len=4096) for pp in (7, 4))
    assert seven.time_breakdown["forward"] == pytest.approx(four.time_breakdown["forward"])


def test_pipeline_messages_by_hand():
    """Stages would not hand over bsh / t of 16 bits, there and back, over the network of a group beyond the domain."""
    m, s, h, t = 6, 1024, 512, 8
    chosen = {"tp": t, "pp": 2, "gradient_accumulation": m, "seq_len": s, "sequence_parallel": True}
    one = 1.5e-5 + 2 * s * h / t / (5e10 * 0.65)
    assert price(PLAIN, **chosen).time_breakdown["pp_comm"] == pytest.approx(m * 2 * one, rel=1e-12)
    inside = 4e-6 + 2 * s * h / (3e11 * 0.75)
    seconds = price(PLAIN, **{**chosen, "tp": 1}).time_breakdown["pp_comm"]
    assert seconds == pytest.approx(m * 2 * inside, rel=1e-12)
    chunks = price(PLAIN, vpp=2, **{**chosen, "tp": 1}).time_breakdown["pp_comm"]
    assert chunks == pytest.approx(2 * seconds)


@pytest.mark.parametrize("sequence_parallel", [False, True])
def test_tensor_parallel_communication_by_hand(sequence_parallel):
    """A layer would reduce other than two results of bsh forward and two backward, the embedding one each."""
    message, t = 2.0 * 1024 * 512, 4
    whole = inside_seconds(2 * message * 3 / 4, t)
    halves = 2 * inside_seconds(message * 3 / 4, t)
    estimate = price(PLAIN, tp=t, sequence_parallel=sequence_parallel)
    one = halves if sequence_parallel else whole
    assert estimate.forward_breakdown["tp_comm"] == pytest.approx((2 * PLAIN.layers + 1) * one, rel=1e-12)
    assert estimate.time_breakdown["tp_comm"] == pytest.approx(2 * (2 * PLAIN.layers + 1) * one, rel=1e-12)


def test_full_recompute_repeats_the_forward_pass_of_layers():
    """Recomputing whole layers would be cheaper than a forward pass, or repeat the ends of the model."""
    estimate = price(PLAIN, recompute=Recompute.FULL)
    layers = sum(estimate.forward_breakdown[part] for part in ("attention", "mlp", "layernorm"))
    assert estimate.time_breakdown["recompute"] == pytest.approx(layers, rel=1e-12)
    assert price(PLAIN).time_breakdown["recompute"] == 0


def test_experts_send_their_tokens_there_and_back():
    """Experts would get the tokens of other ranks for nothing: k bsh, two ways, forward and backward."""
    message = 2.0 * 1024 * 2 * 512
    one = inside_seconds(message * 3 / 4, 4)
    forward = price(SPARSE, dp=4, ep=4).forward_breakdown["ep_comm"]
    assert forward == pytest.approx(7 * 2 * one, rel=1e-12)
    assert price(SPARSE, dp=4).forward_breakdown["ep_comm"] == 0


def test_the_busiest_expert_sets_the_pace():
    """Uneven routing would cost nothing."""
    even, uneven = (price(SPARSE, dp=4, ep=4, settings={"expert_imbalance": by}, seq_len=8192) for by in (1.0, 2.0))
    for part in ("mlp", "ep_comm"):
        assert uneven.forward_breakdown[part] > 1.2 * even.forward_breakdown[part]
    assert uneven.forward_breakdown["attention"] == even.forward_breakdown["attention"]


def test_the_optimizer_step_by_hand():
    """States would be updated without being read and written, gradients and weights without being moved."""
    parameters = sum(PLAIN.parameters_by_part().values())
    seconds = price(PLAIN).time_breakdown["optimizer"]
    assert seconds == pytest.approx(parameters * (2 * 12 + 3 * 4 + 2) / HBM, rel=1e-12)
    shared = price(PLAIN, dp=4, zero=1).time_breakdown["optimizer"]
    assert shared == pytest.approx(seconds / 4, rel=1e-12)


def test_muon_multiplies():
    """Newton-Schulz iterations would be free, or done on the table and the last norm, which Adam updates."""
    parameters = sum(PLAIN.parameters_by_part().values())
    moved = parameters * (2 * 8 + 3 * 4 + 2) / HBM
    of_layers = parameters - 4000 * 512 - 2 * 512
    multiplied = of_layers * 5 * 6 * 512 / (1e14 * 0.9 * 0.8)
    assert price(PLAIN, optimizer=MUON).time_breakdown["optimizer"] == pytest.approx(moved + multiplied, rel=1e-9)


def test_an_optimizer_in_host_memory_goes_down_the_host_link():
    """Gradients would come to the host, and weights back, for nothing."""
    parameters = sum(PLAIN.parameters_by_part().values())
    slow = evolve(GPU, host_bytes_per_second=1e9)
    fast = evolve(GPU, host_bytes_per_second=2e9)
    seconds = [price(hardware=device, offload_optimizer=True).time_breakdown["optimizer"] for device in (slow, fast)]
    assert seconds[0] - seconds[1] == pytest.approx(parameters * (4 + 2) / 2e9, rel=1e-9)


def test_an_optimizer_in_host_memory_reads_and_writes_its_states_there():
    """States in host memory would be updated at the speed of the link alone: 410 GB/s, half of it, over eight GPUs."""
    parameters = sum(PLAIN.parameters_by_part().values())
    device = evolve(GPU, host_bytes_per_second=1e13)
    seconds = price(hardware=device, offload_optimizer=True).time_breakdown["optimizer"]
    assert seconds == pytest.approx(parameters * (2 * 12 / 25e9 + (4 + 2) / 1e13), rel=1e-12)


def test_frozen_weights_need_no_gradients():
    """LoRA would take the time of weight gradients that it does not make, or its adapters none."""
    fast = {"curves": flat(), "hardware": evolve(GPU, memory_bytes_per_second=1e30)}
    full, lora = (
        price(EVEN, **fast, tuning=tuning, lora_rank=rank) for tuning, rank in ((Tuning.FULL, 0), (Tuning.LORA, 8))
    )
    h, tokens, layers = 1024, 1024, 8
    weights = layers * 2 * tokens * 12 * h * h / 1e14
    adapters, backward = (lora.time_breakdown[name] - full.time_breakdown[name] for name in ("forward", "backward"))
    # at least r (k + n) of the fused matrices, at most r (k + n) of each
    least, most = (h + 3 * h) + (h + h) + 2 * (h + 4 * h), 4 * (h + h) + 2 * (h + 4 * h)
    assert least <= adapters / (layers * 2 * tokens * 8 / 1e14) <= most * 1.01
    assert backward == pytest.approx(2 * adapters - weights, rel=1e-2)
    assert lora.model_flops == pytest.approx(2 / 3 * full.model_flops)


def test_adapters_cost_kernels_and_launches_beside_their_multiplications():
    """Dropout and sums of adapters would take no time, or their launches; or full training would pay for them."""
    moving = evolve(IDEAL, name="moving", adapter_input_bytes=5.0, adapter_output_bytes=10.0)
    tuned = {"tuning": Tuning.LORA, "lora_rank": 8}
    more = [
        price(EVEN, framework=moving, **tuned).time_breakdown[line] - price(EVEN, **tuned).time_breakdown[line]
        for line in ("forward", "backward")
    ]
    h, tokens, layers = 1024, 1024, 8
    # q, k, v and attention's output; up and down with four times the width
    read, added = 4 * h + h + 4 * h, 4 * h + 4 * h + h
    forward = layers * tokens * (5 * read + 10 * added) / (GPU.memory_bytes_per_second * 0.85)
    assert more == [pytest.approx(forward), pytest.approx(1.5 * forward)]
    assert price(EVEN, framework=moving).time_breakdown == price(EVEN).time_breakdown

    slow = evolve(IDEAL, name="slow", host_seconds_per_adapter=1.0)
    launched = price(EVEN, framework=slow, **tuned, gradient_accumulation=1)
    assert launched.iteration_seconds - launched.time_breakdown["optimizer"] == pytest.approx(2 * 8 * 6)


def test_a_slow_host_is_waited_for():
    """A host that launches more slowly than kernels run would cost nothing, or cost what kernels hide."""
    framework = evolve(IDEAL, name="slow", host_seconds_per_layer=1.0, host_seconds_per_step=5.0)
    estimate = price(PLAIN, framework=framework, gradient_accumulation=3)
    assert estimate.iteration_seconds == pytest.approx(
        5.0 + 3 * 2 * PLAIN.layers + estimate.time_breakdown["optimizer"], rel=1e-9
    )
    hidden = evolve(IDEAL, name="quick", host_seconds_per_layer=1e-9)
    assert price(PLAIN, framework=hidden).time_breakdown["launch"] == 0


def test_latent_attention_multiplies_by_its_own_widths():
    """Latent attention would be priced as the heads that it is made into."""
    model = evolve(LATENT, name="latent-dense", moe=None)
    tokens, h, n = 1024, 512, 8
    weights = h * 96 + h * (32 + 32) + 96 * n * 96 + 32 * n * (64 + 64) + n * 64 * h
    attention = 2 * tokens * tokens * n * (96 + 64)
    mlp = 2 * tokens * 3 * h * 2048
    expected = 3 * (8 * (2 * tokens * weights + attention + mlp) + 2 * tokens * h * 4000)
    assert price(model).model_flops == pytest.approx(expected, rel=1e-12)


def test_hybrid_shards_reduce_inside_and_then_between():
    """Groups of 8 that hold the same shards would not sum their gradients, or gather weights beyond their node."""
    parameters = sum(PLAIN.parameters_by_part().values())
    seconds = price(PLAIN, curves=flat(), dp=32, zero=1, zero_group=8).time_breakdown["dp_comm"]
    inside = (4 + 2) * parameters * 7 / 8 / 3e11
    between = 2 * 4 * parameters / 8 * 3 / 4 / 5e10
    assert seconds == pytest.approx(inside + between, rel=1e-12)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 1.0])
def test_overlaps_hide_their_share(overlap):
    """A framework that overlaps half of its communication would be charged for all of it, or for none."""
    framework = evolve(
        IDEAL, name="overlapping", tensor_overlap=overlap, expert_overlap=overlap, pipeline_overlap=overlap
    )
    chosen = {"dp": 4, "ep": 4, "tp": 2, "pp": 2}
    shown, hidden = (price(SPARSE, framework=one, **chosen).time_breakdown for one in (IDEAL, framework))
    for part in ("tp_comm", "ep_comm", "pp_comm"):
        assert hidden[part] == pytest.approx((1 - overlap) * shown[part])
        assert shown[part] > 0


def test_gradients_hide_behind_the_backward_pass_of_one_micro_batch():
    """Data parallel traffic would hide behind nothing, or behind passes that are over before gradients are complete."""
    hiding = evolve(IDEAL, name="hiding", data_overlap=0.5)
    far = {"hardware": evolve(GPU, scale_up_bytes_per_second=1e9), "dp": 2, "gradient_accumulation": 4}
    shown, hidden = (price(PLAIN, framework=framework, **far) for framework in (IDEAL, hiding))
    backward = shown.time_breakdown["backward"] / 4
    saved = shown.time_breakdown["dp_comm"] - hidden.time_breakdown["dp_comm"]
    # what hides slows the computation beside it down by 18.9 % of its time (arXiv:2507.03114, abstract)
    assert saved == pytest.approx((1 - 0.189) * 0.5 * backward, rel=1e-9)


def test_the_last_context_parallel_rank_sees_most():
    """Sequences dealt out in order would be as balanced as zigzag ones: the last rank sees 1 - 1/(2 cp), not a half."""
    uneven = evolve(IDEAL, name="uneven", balanced_context=False)
    fast = {"curves": flat(), "hardware": evolve(GPU, memory_bytes_per_second=1e30), "cp": 4, "seq_len": 65_536}
    seconds = [price(PLAIN, framework=one, **fast).forward_breakdown["attention"] for one in (IDEAL, uneven)]
    attention = PLAIN.layers * 4 * 65_536**2 / 4 * 512 / 1e14
    assert seconds[1] - seconds[0] == pytest.approx((7 / 8 - 1 / 2) * attention, rel=1e-9)


def test_a_collective_that_was_not_timed_is_priced_as_the_slowest():
    """A new collective would need a curve of every accelerator before any of them could be priced."""
    fast, slow = CollectiveCurve(plateau=0.9), CollectiveCurve(plateau=0.3)
    kernels = training_kernels(plan(curves=flat(collectives={"all_gather": fast, "all_reduce": slow})))
    seconds = collectives.reduce_scatter_seconds(1e9, Group(8, 1), kernels)
    assert seconds == pytest.approx(1e9 * 7 / 8 / (0.3 * 3e11))


def test_an_attention_kernel_without_a_curve_is_the_slowest_that_has_one():
    """A framework with a kernel that no accelerator was timed with could not be priced, or would be the fastest."""
    known, unknown, newest = (
        MEGATRON.train(plan(framework=evolve(IDEAL, name="own", attention=word))).time_breakdown["forward"]
        for word in ("flash-2", "made-up", None)
    )
    assert unknown == known > newest
    stated = plan(curves=None, framework=evolve(IDEAL, name="own", attention="made-up"))
    assert MEGATRON.train(stated).feasible


def test_casts_of_their_own_by_hand():
    """Gradients and inputs that no norm writes would be in 8 bits for nothing, or those of norms written twice."""
    apart = evolve(IDEAL, casts_apart=True)
    times = [price(PLAIN, dtype=FP8, framework=one, seq_len=4096).time_breakdown for one in (IDEAL, apart)]
    m, h, f, layers = 4096, 512, PLAIN.ffn_hidden, PLAIN.layers
    each = 2 + 2 * 1  # read in 16 bits, written by rows and by columns
    assert times[1]["forward"] - times[0]["forward"] == pytest.approx(layers * m * (h + f) * each / HBM, rel=1e-9)
    gradients = m * (3 * h + h + f + h)
    assert times[1]["backward"] - times[0]["backward"] == pytest.approx(layers * gradients * each / HBM, rel=1e-9)
    sixteen = [price(PLAIN, framework=one).time_breakdown for one in (IDEAL, apart)]
    assert sixteen[0] == sixteen[1]
