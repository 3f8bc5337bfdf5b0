"""From layers to an iteration by hand: what sets the pace of a stage, what shows of messages, what a pipeline waits."""

import pytest
from attrs import evolve
from megatron_plans import CURVES, FP8, GPU, IDEAL, MEGATRON, PLAIN, SPARSE, flat, plan, price

from llmplan.errors import BadInputError
from llmplan.records import Block, CollectiveCurve, LoweredModel, Operator, Recompute, Scores, Tensor, Tuning
from llmplan_parallelism_megatron.kernels.reached import training_kernels
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.network.groups import Group
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.ideal import ideal_seconds
from llmplan_parallelism_megatron.training.layer import LayerTimes, add_communication, layer_times
from llmplan_parallelism_megatron.training.pipeline import Pipeline, Work, add_loss, bubble_seconds, ends, pipeline
from llmplan_parallelism_megatron.training.schedules import ZERO_BUBBLE

TEN = evolve(PLAIN, layers=10)
RATE = 1e14


def work(**changes):
    """Seconds of a micro-batch whose host is fast."""
    given = {"forward": 2.0, "all": 10.0, "weight_gradient": 3.0, "host_forward": 1.0, "host_backward": 2.0}
    return Work(**{**given, **changes})


def test_a_stage_waits_for_its_kernels_or_for_the_host():
    """The backward pass would hold gradients of weights twice, or a slow host cost nothing."""
    fast = work()
    assert (fast.forward_seconds, fast.weight_gradient_seconds, fast.backward_seconds) == (2, 3, 5 + 3)
    assert (fast.seconds, fast.waiting) == (10, 0)
    slow = work(host_forward=8.0, host_backward=16.0)
    assert (slow.forward_seconds, slow.weight_gradient_seconds, slow.backward_seconds) == (8, 4, 12 + 4)
    assert (slow.seconds, slow.waiting) == (24, 14)


def test_an_iteration_is_its_micro_batches_and_the_bubble():
    """Messages would go once an iteration, or the bubble with each micro-batch."""
    whole = Pipeline(work(), {}, {}, 4.0, 1.0, 7.0)
    assert whole.seconds == 4 * (10 + 1) + 7
    assert bubble_seconds(5.0, 4, 3.0, 2) == 5 + 3 * 3 / 2


@pytest.mark.parametrize(("vocab", "layers"), [(64, 3), (400_000, 2)])
def test_stages_between_the_ends_may_be_the_slowest(vocab, layers):
    """Ten layers on four stages, the ends with two each: a stage of three sets the pace unless the head is large."""
    rank = Rank.of(plan(evolve(TEN, vocab=vocab), pp=4, gradient_accumulation=8))
    found = pipeline(rank)
    each, (_, head) = layer_times(rank.model.layers[0], rank), ends(rank)
    last = head.compute.forward if layers == 2 else 0
    assert found.lines["forward"] == pytest.approx(layers * each.compute.forward + last)
    assert found.slowest.forward == pytest.approx(layers * each.forward + last)


def test_programs_that_balance_deal_ends_out_too():
    """The slowest stage would hold a whole end though the program cuts it up, or the other stages an end twice."""
    rank = Rank.of(plan(TEN, pp=4, gradient_accumulation=8, framework=evolve(IDEAL, balances_stages=True)))
    each, (embedding, head) = layer_times(rank.model.layers[0], rank), ends(rank)
    together = 10 * each.compute.forward + embedding.compute.forward + head.compute.forward
    assert pipeline(rank).lines["forward"] == pytest.approx(together / 4)
    others = 3 / 4 * (10 * each.all + embedding.all + head.all)
    assert pipeline(rank).bubble == pytest.approx(others + 3 * pipeline(rank).transfer)


def test_the_host_launches_layers_of_experts_adapters_and_what_runs_again():
    """Layers of experts would be launched as dense ones, or adapters and recomputation for nothing."""
    host = {"host_seconds_per_layer": 1.0, "host_seconds_per_routed_layer": 10.0, "host_seconds_per_adapter": 0.125}
    slow = evolve(IDEAL, **host)

    def launching(**changes):
        found = pipeline(Rank.of(plan(SPARSE, framework=slow, **changes))).slowest
        return found.host_forward, found.host_backward

    assert launching() == (1 + 7 * 10, 71)
    assert launching(recompute=Recompute.FULL) == (71, 142)
    matrices = 8 * (1 + 2 + 1) + 3 + 7 * (1 + 3 + 3)  # q, k and v, out; gate, up, down; router, experts, shared one
    forward, _ = launching(tuning=Tuning.LORA, lora_rank=8)
    assert forward == pytest.approx(71 + matrices / 8)


def test_messages_between_stages():
    """States would go one way, whole from each rank, or be gathered where sequence parallel ranks need none."""
    states = 1024 * 512 * 2
    for sequence_parallel, gathered in ((True, 0.0), (False, states * 3 / 4 / 3e11)):
        rank = Rank.of(
            plan(
                curves=flat(),
                tp=4,
                pp=4,
                vpp=2,
                gradient_accumulation=4,
                sequence_parallel=sequence_parallel,
                framework=evolve(IDEAL, pipeline_overlap=0.25),
            )
        )
        assert pipeline(rank).transfer == pytest.approx(2 * 2 * (states / 4 / 5e10 + gathered) * 0.75)
    assert pipeline(Rank.of(plan(curves=flat(), tp=4))).transfer == 0


def test_a_pipeline_fills_while_other_stages_work():
    """The bubble would hold the slowest stage itself, or be there without a pipeline."""
    one, four = (pipeline(Rank.of(plan(PLAIN, pp=pp, gradient_accumulation=8))) for pp in (1, 4))
    rank = Rank.of(plan(PLAIN, pp=4, gradient_accumulation=8))
    each, (embedding, head) = layer_times(rank.model.layers[0], rank), ends(rank)
    others = 8 * each.all + embedding.all + head.all - four.slowest.seconds
    assert four.bubble == pytest.approx(others + 3 * four.transfer)
    assert one.bubble == 0
    filling = evolve(rank, plan=evolve(rank.plan, schedule=ZERO_BUBBLE))
    weights = 8 * each.compute.weight_gradient + head.compute.weight_gradient
    own = four.slowest.weight_gradient_seconds
    assert pipeline(filling).bubble == pytest.approx(others - (weights - own) - 3 * own + 3 * four.transfer)


def test_lines_of_a_forward_pass_are_layers_then_messages_then_ends():
    """A table would mix the ends of the model with its layers."""
    lines = list(pipeline(Rank.of(plan(PLAIN, tp=2))).forward_lines)
    messages = ["tp_comm", "cp_comm", "ep_comm"]
    assert lines[lines.index("tp_comm") :][:3] == messages
    assert {"attention", "mlp", "layernorm"} == set(lines[: lines.index("tp_comm")])
    assert set(lines[lines.index("ep_comm") + 1 :]) == {"input_embedding", "output_embedding_loss"}


def test_a_stage_waits_for_the_messages_of_its_forward_pass():
    """Messages would be gained, or those of the backward pass be waited for in the forward pass."""
    found = pipeline(Rank.of(plan(PLAIN, tp=2)))
    assert found.forward_lines["tp_comm"] > 0
    assert found.slowest.forward == pytest.approx(sum(found.forward_lines.values()))


def test_chunks_are_interleaved_by_schedules_that_can():
    """A plan would be refused that Megatron-LM runs, or priced that no program does."""
    chunks = {"pp": 2, "vpp": 2, "gradient_accumulation": 4}
    MEGATRON.check(plan(PLAIN, **chunks))
    with pytest.raises(BadInputError, match="zero-bubble"):
        MEGATRON.check(plan(PLAIN, **chunks, schedule=ZERO_BUBBLE))


def test_the_ends_run_once():
    """Full recomputation would run the embedding and the head again, or the loss move nothing."""
    rank = Rank.of(plan(PLAIN, recompute=Recompute.FULL))
    assert [end.compute.recompute for end in ends(rank)] == [0, 0]
    head = LayerTimes()
    add_loss(head, rank)
    moved = 1024 * 4000 * IDEAL.logit_bytes_moved / (GPU.memory_bytes_per_second * 0.85)
    assert head.compute.forward + head.compute.input_gradient == pytest.approx(moved)
    assert head.compute.input_gradient == pytest.approx(1.5 * head.compute.forward)
    assert head.parts == {"output_embedding_loss": head.compute.forward}
    again = LayerTimes()
    again.compute.forward = 5.0
    add_loss(again, Rank.of(plan(PLAIN, settings={"cross_entropy": "cut"})))
    assert again.compute.input_gradient == 5


def test_copies_that_go_the_same_way_are_sent_once():
    """Tokens would be sent for each of their experts, or once for all of them."""
    assert collectives.sent_once(1.0, 8.0) == 1
    assert collectives.sent_once(2.0, 4.0) == pytest.approx(4 * (1 - (3 / 4) ** 2) / 2)
    assert collectives.sent_once(8.0, 1.0) == pytest.approx(1 / 8)
    of = training_kernels(plan(curves=flat(), hardware=evolve(GPU, scale_up_domain=2)))
    once = 1e9 * collectives.sent_once(2.0, 4.0) * 3 / 4 / 5e10
    assert collectives.all_to_all_seconds(1e9, Group(8, 1), of, 2.0) == pytest.approx(once)
    assert collectives.all_to_all_seconds(1e9, Group(8, 1), of) == pytest.approx(1e9 * 3 / 4 / 5e10)


def test_a_ring_carries_what_the_ranks_inside_domains_send_on():
    """Links between two domains would carry half of what goes through them."""
    assert collectives.ring_volume(100.0, 2, 8) == 100 * (15 / 16) / 0.5
    assert collectives.ring_volume(100.0, 4, 1) == 100
    assert collectives.ring_volume(100.0, 1, 8) == pytest.approx(100 * (7 / 8) / 0.5)


def test_domains_of_up_to_eight_are_used_as_they_are():
    """A ring of eight would be priced as several smaller ones that nobody has timed."""
    slow = CollectiveCurve(plateau=1.0, launch_seconds=1.0)
    curves = flat(collectives=dict.fromkeys(("all_reduce", "all_gather"), slow))
    for domain in (4, 8):
        of = training_kernels(plan(curves=curves, hardware=evolve(GPU, scale_up_domain=domain)))
        n = min(domain, 8)
        assert collectives.all_gather_seconds(1e9, Group(n, 1), of) == pytest.approx(1 + 1e9 * (n - 1) / n / 3e11)


def test_reductions_are_sums_or_gathers_and_scatters():
    """Sequence parallelism would be free, or its inputs be gathered for gradients of weights once too often."""
    operator = Operator("sum", "p", reduced_elements=5e11)
    framework = evolve(IDEAL, tensor_overlap=0.5, regather_overlap=0.25)
    part = 5e11 * 2 * 3 / 4 / 3e11
    for sequence_parallel, forward, backward in ((False, part, part), (True, part, part + 0.75 * part)):
        times = LayerTimes()
        given = plan(curves=flat(), tp=4, sequence_parallel=sequence_parallel, framework=framework)
        add_communication(times, operator, Rank.of(given))
        assert times.tensor.forward == pytest.approx(forward)
        assert times.tensor.all - times.tensor.forward == pytest.approx(backward)


def test_tokens_hide_behind_those_that_come_the_other_way():
    """Tokens to experts would hide where no other micro-batch computes, or go without imbalance."""
    operator = Operator("there", "p", exchanged=5e11)
    given = {"curves": flat(), "dp": 4, "ep": 4, "framework": evolve(IDEAL, expert_overlap=0.25)}
    times = LayerTimes()
    add_communication(times, operator, Rank.of(plan(SPARSE, settings={"expert_imbalance": 1.5}, **given)))
    assert times.expert.forward == pytest.approx(5e11 * 2 * 1.5 * 3 / 4 / 3e11 * 0.75)


@pytest.mark.parametrize(("balanced", "seen"), [(True, 0.5), (False, 0.5 * (2 - 1 / 4))])
def test_the_last_of_context_parallel_ranks_sees_most(balanced, seen):
    """Sequences that are dealt out in order would be as balanced as those in zigzag."""
    keys = Tensor(1.0)
    operator = Operator("qk", "attention", 1e15, inputs=(keys, keys), scores=Scores(1024, 64, 0.5))
    framework = evolve(IDEAL, balanced_context=balanced, attention="flash-2")
    model = LoweredModel(Block((), 0.0), (Block((operator,), 0.0),), Block((), 0.0))
    rank = evolve(Rank.of(plan(curves=flat(), cp=4, framework=framework)), model=model)
    times = layer_times(rank.model.layers[0], rank)
    assert times.compute.forward == pytest.approx(1e15 * seen / RATE)
    # keys and values of three other ranks, each behind a fourth of it
    assert times.context.forward == 0


def test_what_is_multiplied_in_eight_bits_is_cast_first():
    """Casts would be free, or cost what comes out of a norm, which writes it in eight bits itself."""
    seconds = {
        apart: price(PLAIN, curves=flat(), dtype=FP8, framework=evolve(IDEAL, casts_apart=apart)).time_breakdown
        for apart in (False, True)
    }
    bandwidth = GPU.memory_bytes_per_second
    # the inputs of both projections that sum, h and 4 h wide, and gradients of all outputs
    forward = 8 * 1024 * (512 + 2048) * (2 + 2 * 1) / bandwidth
    backward = 8 * 1024 * (3 * 512 + 512 + 2048 + 512) * (2 + 2 * 1) / bandwidth
    assert seconds[True]["forward"] - seconds[False]["forward"] == pytest.approx(forward, rel=1e-6)
    assert seconds[True]["backward"] - seconds[False]["backward"] == pytest.approx(backward, rel=1e-6)


def test_what_no_run_is_faster_than():
    """Ideal seconds would be those of one device, of all stages' weights, or of experts that may rest."""
    run = price(SPARSE, dp=2, pp=4, gradient_accumulation=8)
    assert ideal_seconds(run) == pytest.approx(run.causal_flops / (8 * RATE))
    slow = price(SPARSE, dp=2, pp=4, gradient_accumulation=8, hardware=evolve(GPU, memory_bytes_per_second=1e6))
    dense = sum(block.count * (block.parameters - block.expert_parameters) for block in SPARSE.lower(1, 1024).layers)
    assert ideal_seconds(slow) == pytest.approx(8 * 2 * dense / 4 * 2 / 1e6)
    eight = price(SPARSE, dp=2, pp=4, gradient_accumulation=8, hardware=slow.plan.hardware, dtype=FP8)
    assert ideal_seconds(eight) == pytest.approx(ideal_seconds(slow) / 2)


def test_nobody_waits_for_a_host_that_is_ahead():
    """A report would show a line of 1e-10 µs, which is the dust of a difference and nothing that takes time."""
    ahead = Work(forward=0.1, all=0.3, weight_gradient=0.07, host_forward=0.05, host_backward=0.1)
    assert ahead.waiting == 0
    behind = Work(forward=1.0, all=3.0, weight_gradient=0.5, host_forward=1.5, host_backward=1.0)
    assert behind.waiting == pytest.approx(behind.seconds - behind.all) == pytest.approx(0.75)


def test_multiplications_that_keep_16_bits_run_at_their_rate_where_that_is_slower():
    """A head would run as a format does that it is not in, or a format without a curve as fast as the fastest."""
    for peak, plateau in ((1e14, 0.7), (1.5e14, 0.8)):
        given = plan(dtype=FP8, hardware=evolve(GPU, peak_flops={"fp16": 1e14, "fp8": peak}))
        assert training_kernels(given).wide.curve.plateau == plateau
    curves = {name: curve for name, curve in CURVES.gemm.items() if name != "fp16"}
    other = evolve(CURVES, gemm={**curves, "int8": evolve(curves["fp8"], plateau=0.6)})
    assert training_kernels(plan(curves=other)).narrow.curve.plateau == 0.6
