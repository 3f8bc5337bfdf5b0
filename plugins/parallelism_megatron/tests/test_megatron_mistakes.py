"""Mistakes that planners make, each with a test that would find it here."""

import pytest
from attrs import evolve
from megatron_plans import ADAM, BUSY, FP16, GPU, GROUPED, IDEAL, MEGATRON, PLAIN, SPARSE, flat, plan, price

from llmplan import registry, train
from llmplan.records import CollectiveCurve, Efficiency, NetworkCurve, Recompute, Tuning
from llmplan_parallelism_megatron.kernels.reached import training_kernels
from llmplan_parallelism_megatron.network.collectives import all_gather_seconds, all_reduce_seconds
from llmplan_parallelism_megatron.network.groups import Group
from llmplan_parallelism_megatron.training.schedules import SCHEDULES

WIDE = evolve(GPU, memory_bytes_per_second=1e18)
"""Memory traffic takes no time, multiplications and communication do."""
PARAMETERS = sum(GROUPED.parameters_by_part().values())


def _within(ranks, operation_bytes):
    """Seconds inside a domain on ideal links: (n - 1)/n of the bytes, over the link."""
    return operation_bytes * (ranks - 1) / ranks / GPU.scale_up_bytes_per_second


def test_weights_are_gathered_only_where_zero_divides_something():
    """Data parallelism without ZeRO would be charged for gathering weights that every rank holds."""
    seconds = [price(GROUPED, flat(), dp=8, zero=zero).time_breakdown["dp_comm"] for zero in range(4)]
    reduced, gathered = 4 * PARAMETERS, 2 * PARAMETERS
    assert seconds[0] == pytest.approx(2 * _within(8, reduced))
    assert seconds[1] == pytest.approx(_within(8, reduced) + _within(8, gathered))
    assert seconds[2] == pytest.approx(seconds[1])
    assert seconds[3] == pytest.approx(_within(8, reduced) + 2 * _within(8, gathered))


def test_without_zero_gathering_costs_nothing_however_slow():
    """Mistake: the same, seen where an all-gather is a million times slower than the reduction."""
    links = flat().collectives
    slow = flat(collectives={**links, "all_gather": CollectiveCurve(plateau=1e-6)})
    assert (
        price(GROUPED, slow, dp=8).time_breakdown["dp_comm"] == price(GROUPED, flat(), dp=8).time_breakdown["dp_comm"]
    )
    assert price(GROUPED, slow, dp=8, zero=1).time_breakdown["dp_comm"] > 0.1


@pytest.mark.parametrize("zero", [0, 1])
def test_gradients_are_reduced_once_however_many_micro_batches(zero):
    """Gradient accumulation would be charged for a reduction a micro-batch, which ZeRO 2 and 3 alone pay."""
    one, many = (
        price(GROUPED, flat(), dp=8, zero=zero, gradient_accumulation=m).time_breakdown["dp_comm"] for m in (1, 16)
    )
    assert one == many > 0
    divided = [price(GROUPED, flat(), dp=8, zero=2, gradient_accumulation=m).time_breakdown["dp_comm"] for m in (1, 16)]
    assert divided[1] > 8 * divided[0]


@pytest.mark.parametrize("zero", [2, 3])
def test_under_a_pipeline_zero_2_and_3_are_zero_1(zero):
    """Mistake: weights are gathered and gradients reduced in every micro-batch of a pipeline, and divided meanwhile:
    DeepSpeed refuses it, torchtitan keeps gathered weights.
    """
    layout = {"pp": 2, "dp": 4, "gradient_accumulation": 16}
    one, more = (price(GROUPED, flat(), zero=stage, **layout) for stage in (1, zero))
    assert more.memory_breakdown == one.memory_breakdown
    assert more.time_breakdown == pytest.approx(one.time_breakdown)


@pytest.mark.parametrize("zero", [1, 2, 3])
def test_zero_over_one_rank_is_nothing(zero):
    """Mistake: a single rank gathers what it holds, and holds it twice meanwhile."""
    alone, divided = price(GROUPED, flat()), price(GROUPED, flat(), zero=zero)
    assert divided.memory_breakdown == alone.memory_breakdown
    assert divided.time_breakdown == alone.time_breakdown


def test_zero_3_gathers_and_scatters_layer_by_layer():
    """Mistake: all weights come in one message, so that a thousand steps of a ring are paid once, not in every layer.

    By hand: three collectives a layer over 16 nodes of 8, each 15 steps of a millisecond.
    """
    still, late = (flat(network=NetworkCurve(plateau=1.0, step_seconds=seconds)) for seconds in (0.0, 1e-3))
    fast, slow = (price(GROUPED, curves, dp=128, zero=3).time_breakdown["dp_comm"] for curves in (still, late))
    assert slow - fast == pytest.approx(3 * 8 * 15e-3, rel=1e-3)  # the domain's own link bound without steps


def test_a_model_without_experts_exchanges_no_experts():
    """Mistake: messages of no bytes between the ranks that share no experts take the steps of a ring."""
    slow = flat(network=NetworkCurve(plateau=1.0, step_seconds=1e-3))
    seconds = price(GROUPED, slow, dp=128, zero=1).time_breakdown["dp_comm"]
    assert seconds == pytest.approx(2 * 15e-3 + 6 * PARAMETERS * 127 / 128 / 8 / GPU.scale_out_bytes_per_second)


def test_trees_are_for_all_reduce_alone():
    """Mistake: an all-gather over 256 nodes takes 8 steps, as an all-reduce may, and ZeRO 3 over them costs nothing."""
    of = training_kernels(plan(curves=flat(network=NetworkCurve(plateau=1.0, step_seconds=1.0))))
    assert all_reduce_seconds(8.0, Group(2048, 1), of) == pytest.approx(2 * 8)
    assert all_gather_seconds(8.0, Group(2048, 1), of) == pytest.approx(255)


def test_a_token_multiplies_with_the_experts_that_it_goes_to():
    """FLOPs of a sparse model would be those of all its experts, or of one, whatever top-k says."""
    tokens, width, hidden = 1024, 512, 512
    one_more = 3 * 7 * 6 * tokens * hidden * width  # forward and backward, 7 layers, three matrices
    flops = {k: price(evolve(SPARSE, moe=evolve(SPARSE.moe, top_k=k))).model_flops for k in (1, 2, 4)}
    assert flops[2] - flops[1] == one_more
    assert flops[4] - flops[2] == 2 * one_more
    more_experts = evolve(SPARSE, moe=evolve(SPARSE.moe, n_routed_experts=16))
    router = 3 * 7 * 2 * tokens * hidden * 8
    assert price(more_experts).model_flops == flops[2] + router


def test_time_of_experts_follows_top_k():
    """The same of seconds: of multiplications as large as the tokens that an expert gets."""
    fast = {"hardware": WIDE, "curves": flat(), "seq_len": 4096}
    seconds = {
        k: price(evolve(SPARSE, moe=evolve(SPARSE.moe, top_k=k)), **fast).forward_breakdown["mlp"] for k in (1, 2, 4)
    }
    added = 7 * 6 * 4096 * 512 * 512 / 1e14
    assert seconds[2] - seconds[1] == pytest.approx(added, rel=1e-3)
    assert seconds[4] - seconds[2] == pytest.approx(2 * added, rel=1e-3)


def test_the_bubble_grows_with_the_pipeline_and_shrinks_with_micro_batches():
    """Mistake: a long pipeline with few micro-batches looks as good as none."""
    share = {}
    for pp in (1, 2, 4, 8):
        for m in (1, 4, 64):
            estimate = price(PLAIN, pp=pp, gradient_accumulation=m)
            share[pp, m] = estimate.time_breakdown["pipeline_bubble"] / estimate.iteration_seconds
    for m in (1, 4, 64):
        assert 0 == share[1, m] < share[2, m] < share[4, m] < share[8, m]
    for pp in (2, 4, 8):
        assert share[pp, 1] > share[pp, 4] > share[pp, 64]
    assert share[8, 1] > 0.7
    assert share[8, 64] < 0.15


def test_one_micro_batch_gains_nothing_from_a_longer_pipeline():
    """Mistake: a pipeline that is never full divides the work of its only micro-batch."""
    near = evolve(GPU, scale_up_bytes_per_second=1e18)
    alone, piped = (price(PLAIN, flat(), hardware=near, pp=pp) for pp in (1, 8))
    passes = ("forward", "backward", "pipeline_bubble")
    seconds = [sum(estimate.time_breakdown[name] for name in passes) for estimate in (alone, piped)]
    assert seconds[1] == pytest.approx(seconds[0])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_every_schedule_has_a_bubble(schedule):
    """Mistake: a better schedule fills what no schedule fills: the wait for the first micro-batch."""
    assert price(PLAIN, pp=8, gradient_accumulation=8, schedule=schedule).time_breakdown["pipeline_bubble"] > 0


@pytest.mark.parametrize("sizes", [{"tp": 2}, {"pp": 4}, {"cp": 2}, {"dp": 4}, {"tp": 2, "pp": 2, "dp": 2, "cp": 2}])
def test_tokens_per_gpu_count_every_gpu(sizes):
    """Tokens per second and GPU would be those of a replica, or of a data parallel rank: too many by tp x pp x cp."""
    estimate = price(PLAIN, gradient_accumulation=8, micro_batch=2, **sizes)
    gpus = 1
    for size in sizes.values():
        gpus *= size
    tokens = 2 * 8 * sizes.get("dp", 1) * 1024
    assert estimate.plan.layout.gpus == gpus
    assert estimate.tokens_per_second == pytest.approx(tokens / estimate.iteration_seconds)
    assert estimate.tokens_per_second_per_gpu == pytest.approx(tokens / estimate.iteration_seconds / gpus)
    reached = estimate.tokens_per_second_per_gpu * estimate.model_flops / tokens / 1e14
    assert estimate.mfu == pytest.approx(reached)


def test_context_parallel_ranks_share_tokens():
    """Ranks that share a sequence would be counted as if each had one of its own, in tokens or in FLOPs."""
    alone, shared = price(PLAIN, cp=1), price(PLAIN, cp=4)
    assert alone.tokens_per_iteration == shared.tokens_per_iteration == 1024
    assert alone.model_flops == pytest.approx(shared.model_flops)


def test_gradients_are_divided_by_tensor_and_pipeline_parallelism():
    """A rank would hold, or reduce, the gradients of the whole model and not of the part that it trains."""
    matrices = evolve(PLAIN, vocab=8)
    whole = price(matrices, flat(), dp=2)
    for sizes, ways in (({"tp": 4}, 4), ({"pp": 4}, 4), ({"tp": 2, "pp": 4}, 8)):
        part = price(matrices, flat(), dp=2, **sizes)
        held = part.memory_breakdown["gradients"] / whole.memory_breakdown["gradients"]
        # norms and their biases are on every tensor parallel rank
        assert held == pytest.approx(1 / ways, rel=0.01), sizes
        sent = part.time_breakdown["dp_comm"] / whole.time_breakdown["dp_comm"]
        assert sent == pytest.approx(1 / ways, rel=0.01), sizes
    updated = price(matrices, flat(), tp=2, pp=4).time_breakdown["optimizer"]
    assert updated == pytest.approx(price(matrices, flat()).time_breakdown["optimizer"] / 8, rel=0.01)


@pytest.mark.parametrize(("model", "kv_width"), [(PLAIN, 512), (GROUPED, 128)])
def test_context_parallel_ranks_exchange_keys_and_values(model, kv_width):
    """K would go round the ring of context parallel ranks and V stay, or both with the width of all query heads."""
    slow = evolve(GPU, scale_up_bytes_per_second=1e9, peak_flops={"fp16": 1e18}, memory_bytes_per_second=1e18)
    estimate = price(model, flat(), cp=4, hardware=slow, micro_batch=2)
    step_bytes = 2 * kv_width * 2 * 1024 / 4 * 2
    # three steps a layer forward; backward their gradients go round too
    forward = 8 * 3 * step_bytes / 1e9
    assert estimate.forward_breakdown["cp_comm"] == pytest.approx(forward, rel=1e-3)
    assert estimate.time_breakdown["cp_comm"] == pytest.approx(3 * forward, rel=1e-3)


def test_the_ring_hides_behind_attention():
    """Context parallelism would be charged in full though the next keys come in while attention works on the last."""
    fast = evolve(GPU, scale_up_bytes_per_second=1e15)
    assert price(PLAIN, flat(), cp=4, hardware=fast, seq_len=16384).time_breakdown["cp_comm"] == 0


def test_a_gather_between_nodes_goes_over_the_network():
    """An all-gather over two nodes would run at the speed of the links inside one."""
    one = plan(GROUPED, flat(), dp=16)
    inside, across, thin = Group(8, 1), Group(16, 1), Group(2, 8)
    of = training_kernels(one)
    assert all_gather_seconds(8e9, inside, of) == pytest.approx(8e9 * 7 / 8 / 3e11)
    # each of eight cards of a node carries an eighth of the half that comes from the other node
    assert all_gather_seconds(8e9, across, of) == pytest.approx(max(8e9 * 7 / 8 / 3e11, 8e9 / 8 / 2 / 5e10))
    assert all_gather_seconds(8e9, thin, of) == pytest.approx(8e9 / 2 / 5e10)


@pytest.mark.parametrize("network", [1.0, 0.1])
def test_data_parallel_traffic_follows_the_network(network):
    """Ranks one to a node would exchange gradients at a speed that no network card has."""
    curves = flat(network=NetworkCurve(plateau=network))
    matrices = evolve(PLAIN, vocab=8)
    seconds = price(matrices, curves, tp=8, dp=4).time_breakdown["dp_comm"]
    gradients = price(matrices, curves, tp=8, dp=4).memory_breakdown["gradients"]
    assert seconds == pytest.approx(2 * gradients * 3 / 4 / 5e10 / network)


def test_pipeline_stages_on_other_nodes_talk_over_the_network():
    """Mistake: activations go from node to node as fast as inside one."""
    near = price(PLAIN, flat(), pp=2, tp=4, gradient_accumulation=8).time_breakdown["pp_comm"]
    far = price(PLAIN, flat(), pp=2, tp=8, gradient_accumulation=8).time_breakdown["pp_comm"]
    message = 1024 * 512 * 2
    gather = {tp: message * (tp - 1) / tp / 3e11 for tp in (4, 8)}
    assert near == pytest.approx(8 * 2 * (message / 4 / 3e11 + gather[4]))
    assert far == pytest.approx(8 * 2 * (message / 8 / 5e10 + gather[8]))


def test_a_400_gigabit_card_moves_50_gigabytes_a_second():
    """Gbit/s of a network card would be read as GB/s: traffic between nodes eight times too fast."""
    profile = registry().gpus["h100-sxm-80gb"]
    assert profile.scale_out_bytes_per_second == 400e9 / 8
    assert profile.scale_up_bytes_per_second == 450e9, "one direction of NVLink 4, not 900 GB/s both ways together"


def test_a_plan_of_the_command_line_says_the_same():
    """Mistake: what the planner fills in undoes what the formulas get right: here ZeRO 0 is asked for."""
    options = {"gpus": 8, "tp": 1, "pp": 1, "tokens": 1e9, "seq_len": 1024, "gradient_accumulation": 1}
    named = {"model": GROUPED, "gpu": GPU, "dtype": FP16, "cost_model": MEGATRON, "framework": IDEAL, "optimizer": ADAM}
    zero = [train(**named, **options, zero=stage, micro_batch=1).time_breakdown["dp_comm"] for stage in (0, 1)]
    assert zero[0] != zero[1]
    assert min(zero) > 0


def test_frozen_weights_that_zero_divides_are_gathered():
    """Mistake: tuning adapters under ZeRO 3 gathers the adapters alone, though every layer needs its frozen weights."""
    lora = price(GROUPED, curves=flat(), dp=8, zero=3, tuning=Tuning.LORA, lora_rank=8)
    assert lora.time_breakdown["dp_comm"] > 2 * 2 * PARAMETERS * 7 / 8 / GPU.scale_up_bytes_per_second


def test_flops_do_not_depend_on_the_layout():
    """Mistake: model FLOPs change with the way that work is divided, and MFU with them."""
    alone = price(GROUPED, gradient_accumulation=8).model_flops
    for layout in ({"tp": 8}, {"pp": 4}, {"tp": 2, "pp": 2, "cp": 2}, {"recompute": Recompute.FULL}):
        assert price(GROUPED, gradient_accumulation=8, **layout).model_flops == pytest.approx(alone, rel=1e-12)


def test_tensor_parallelism_across_nodes_takes_the_network():
    """Mistake: a tensor parallel group of two nodes is as fast as one of a node."""
    wide = evolve(PLAIN, name="wide", heads=16, kv_heads=16, head_dim=32)
    of = training_kernels(plan(curves=flat()))
    message = 2.0 * 1024 * 512
    one = all_reduce_seconds(message, Group(16, 1), of)
    assert one >= 2 * message / 8 / 2 / GPU.scale_out_bytes_per_second
    forward = price(wide, curves=flat(), tp=16).forward_breakdown["tp_comm"]
    assert forward == pytest.approx((2 * 8 + 1) * one)


def test_dense_peaks_are_meant():
    """Mistake: the peak of sparse matrices, twice the dense one, is what a kernel is measured against."""
    assert registry().gpus["h100-sxm-80gb"].peak_flops["bf16"] == pytest.approx(989.4e12, rel=1e-3)


def test_stated_efficiencies_replace_curves():
    """Mistake: a user states an efficiency, and the plan is priced at another."""
    m, h = 4096, 1024
    model = evolve(PLAIN, name="wide", hidden=h, heads=16, kv_heads=16, ffn_hidden=4 * h, vocab=1)
    fast = evolve(GPU, memory_bytes_per_second=1e30)
    seconds = []
    for flops in (1.0, 0.25):
        chosen = plan(model, seq_len=m, hardware=fast)
        estimate = MEGATRON.train(evolve(chosen, efficiency=Efficiency(flops=flops)))
        seconds.append(estimate.time_breakdown["forward"] + estimate.time_breakdown["backward"])
    assert seconds[1] == pytest.approx(4 * seconds[0], rel=1e-3)


def test_overlap_hides_no_more_than_there_is_to_hide_behind():
    """Mistake: overlapped communication is free, however slow the network."""
    overlapping = evolve(IDEAL, name="overlapping", data_overlap=1.0)
    slow = evolve(GPU, scale_up_bytes_per_second=1e6)
    chosen = {"curves": flat(), "dp": 8, "hardware": slow}
    shown, hidden = (
        price(GROUPED, framework=framework, **chosen).time_breakdown["dp_comm"] for framework in (IDEAL, overlapping)
    )
    assert 0.99 * shown < hidden < shown


def test_micro_batches_do_not_multiply_what_a_step_does_once():
    """Mistake: the optimizer, the reduction of gradients and the host are charged once a micro-batch."""
    one, eight = (price(GROUPED, framework=BUSY, dp=2, gradient_accumulation=m).time_breakdown for m in (1, 8))
    assert one["optimizer"] == eight["optimizer"]
    assert one["host"] == eight["host"]
    assert eight["dp_comm"] <= one["dp_comm"]
    assert eight["forward"] == pytest.approx(8 * one["forward"], rel=1e-12)
