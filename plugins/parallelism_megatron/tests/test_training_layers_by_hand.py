"""Operators of a layer one by one, as training prices them, in round numbers."""

import numpy as np
import pytest
from attrs import evolve
from megatron_plans import FP8, FP16, GPU, IDEAL, PLAIN, SPARSE, flat, plan

from llmplan.records import Block, Gemm, LoweredModel, Operator, Recompute, Scores, Tensor, Tuning
from llmplan_parallelism_megatron.rank import Rank, copies_of
from llmplan_parallelism_megatron.training.divided import divides_gradients, divides_weights, gradients_follow
from llmplan_parallelism_megatron.training.layer import LayerTimes, add_communication, again, joined, layer_times
from llmplan_parallelism_megatron.training.loss import LOSSES, logits_held_bytes, moved_by_loss
from llmplan_parallelism_megatron.training.pipeline import add_loss
from llmplan_parallelism_megatron.training.schedules import DUALPIPE

HBM, RATE = 2e12, 1e14


def timed(*operators, **changes):
    """A layer of these operators, and its rank."""
    model = LoweredModel(Block((), 0.0), (Block(operators, 0.0),), Block((), 0.0))
    rank = evolve(Rank.of(plan(**{"curves": flat(), "framework": IDEAL, **changes})), model=model)
    return layer_times(rank.model.layers[0], rank), rank


def test_a_forward_pass_is_all_that_it_waits_for():
    """Communication would be gained, or one kind of it forgotten."""
    times = LayerTimes()
    times.compute.forward, times.tensor.forward, times.expert.forward, times.context.forward = 1.0, 2.0, 4.0, 8.0
    assert times.forward == 15
    for place, one in enumerate((times.compute, times.tensor, times.expert, times.context)):
        one.input_gradient, one.weight_gradient, one.recompute = (float(16 << 3 * place << step) for step in range(3))
    assert times.compute.all == 1 + 16 + 32 + 64
    assert times.all == 15 + (1 << 16) - 16


@pytest.mark.parametrize(
    ("mode", "alternates", "part", "times"),
    [
        (Recompute.NONE, False, 0.5, 0),
        (Recompute.ATTENTION_COMPUTE, False, 0.5, 1),
        (Recompute.NONE, True, 0.5, 0),
        (Recompute.ATTENTION_COMPUTE, True, 0.5, 0.5),
        (Recompute.FULL, True, 0.5, 1),
    ],
)
def test_what_runs_again(mode, alternates, part, times):
    """A program that keeps every second product would keep all, or run half of a layer again that it keeps."""
    operator = Operator("o", "p", recomputed_from=Recompute.ATTENTION_COMPUTE)
    rank = Rank.of(plan(recompute=mode, framework=evolve(IDEAL, alternates=alternates)))
    assert again(operator, rank, part) == times


def test_norms_beside_products_run_again_with_them():
    """What only moves data would be kept by a program that keeps every second product."""
    norm = Operator("norm", "norms", moved=1e9)
    times, _ = timed(norm, recompute=Recompute.ATTENTION_COMPUTE, framework=evolve(IDEAL, alternates=True))
    assert times.compute.recompute == pytest.approx(1e9 * 2 / HBM)


def test_matrices_that_share_an_input_stand_side_by_side():
    """Adapters would be counted for one of them, or a busy rank have the rows of the mean."""
    queries, keys = (
        Operator(name, "p", gemm=Gemm(8.0, n, 4.0, matrices=m)) for name, n, m in (("q", 6.0, 1), ("k", 2.0, 2))
    )
    both = joined([queries, keys], 1.5)
    assert (both.m, both.n, both.k, both.matrices) == (8, 8, 4, 3)
    assert joined([Operator("e", "p", gemm=Gemm(8.0, 6.0, 4.0, routed=True))], 1.5).m == 12


def test_gradients_that_no_kernel_accumulates_are_moved_apart():
    """A program without fused accumulation would add gradients for nothing."""
    operator = Operator("up", "mlp", gemm=Gemm(1024.0, 512.0, 256.0, 3.0))
    fused, apart = (
        timed(operator, gradient_bits=32.0, framework=evolve(IDEAL, fused_accumulation=fuses))[0]
        for fuses in (True, False)
    )
    more = apart.compute.weight_gradient - fused.compute.weight_gradient
    assert more == pytest.approx(3 * 512 * 256 * (2 + 2 * 4) / HBM, rel=0.3)
    slow = evolve(GPU, memory_bytes_per_second=1e6)
    alone = timed(operator, gradient_bits=32.0, hardware=slow, framework=evolve(IDEAL, fused_accumulation=False))[0]
    # operands in, the product out in 16 bits; then that read, and gradients read and written
    moved = 3 * ((1024 * 512 + 1024 * 256) * 2 + 512 * 256 * 2)
    assert alone.compute.weight_gradient == pytest.approx((moved + 3 * 512 * 256 * (2 + 2 * 4)) / 1e6, rel=1e-6)


def test_operators_without_a_shape():
    """Their weights would be read for nothing, or activations have one gradient."""
    for bits, dtype in ((8, FP8), (16, FP16)):
        weighing, _ = timed(Operator("o", "p", 1.0, 1e9), dtype=dtype)
        assert weighing.compute.forward == pytest.approx(1e9 * bits / 8 / HBM)
    computing, _ = timed(Operator("o", "p", 1e15, 1e3))
    assert computing.compute.forward == pytest.approx(1e15 / RATE)
    narrow, _ = timed(Operator("o", "p", 1e15, 1e3), dtype=FP8)
    assert narrow.compute.forward == pytest.approx(1e15 / 2e14)
    products, _ = timed(Operator("o", "p", 1e15), dtype=FP8)
    assert products.compute.forward == pytest.approx(1e15 / RATE)
    assert (computing.compute.input_gradient, computing.compute.weight_gradient) == (10, 10)
    tuned = {"tuning": Tuning.LORA, "lora_rank": 8}
    frozen, _ = timed(Operator("o", "p", 1e15, 1e3), **tuned)
    assert (frozen.compute.input_gradient, frozen.compute.weight_gradient) == (10, 0)
    both, _ = timed(Operator("o", "p", 1e15), **tuned)
    assert (both.compute.input_gradient, both.compute.weight_gradient) == (10, 10)
    assert timed(Operator("o", "p", 0.0, 1e9))[0].compute.forward == 0


@pytest.mark.parametrize(("cp", "tp", "link"), [(4, 2, 3e11), (4, 4, 5e10), (2, 8, 5e10)])
def test_keys_and_values_go_around(cp, tp, link):
    """Queries would go around, gradients stay where they are, or a ring inside a domain cross the network."""
    queries, keys, values = Tensor(7e9), Tensor(2e9), Tensor(1e9)
    first = Operator("qk", "attention", 1.0, inputs=(queries, keys), scores=Scores(1024, 64, 0.5))
    times, rank = timed(first, Operator("pv", "attention", 1.0, inputs=(queries, values)), cp=cp, tp=tp)
    assert rank.groups.context.stride == tp
    assert times.context.forward == pytest.approx((cp - 1) * 3e9 * 2 / link, rel=1e-6)
    assert times.context.all - times.context.forward == pytest.approx((cp - 1) * 2 * 3e9 * 2 / link, rel=1e-6)


@pytest.mark.parametrize(("pp", "hidden"), [(1, 0.25), (2, 1.0)])
def test_tokens_from_both_ends_hide_each_other(pp, hidden):
    """Without a pipeline there would be an other end, or with one no tokens come the other way."""
    operator = Operator("there", "p", exchanged=5e11)
    times = LayerTimes()
    given = {
        "pp": pp,
        "gradient_accumulation": 4,
        "schedule": DUALPIPE,
        "framework": evolve(IDEAL, expert_overlap=0.25),
    }
    add_communication(times, operator, Rank.of(plan(PLAIN, curves=flat(), dp=4, ep=4, **given)))
    assert times.expert.forward == pytest.approx(5e11 * 2 * 3 / 4 / 3e11 * (1 - hidden))


def test_reductions_of_many_plans_are_those_of_each():
    """A search would price sequence parallelism other than a plan."""
    operator, framework = Operator("sum", "p", reduced_elements=5e11), evolve(IDEAL, regather_overlap=0.25)

    def summed(sequence_parallel):
        times = LayerTimes()
        given = plan(curves=flat(), tp=4, sequence_parallel=sequence_parallel, framework=framework)
        add_communication(times, operator, Rank.of(given))
        return times.tensor.forward, times.tensor.all

    both = summed(np.array([False, True]))
    assert [[value[place] for value in both] for place in (0, 1)] == [
        pytest.approx(list(summed(sequence_parallel))) for sequence_parallel in (False, True)
    ]


@pytest.mark.parametrize(
    ("zero", "pp", "gradients", "weights"), [(1, 1, 0, 0), (2, 1, 1, 0), (3, 1, 1, 1), (3, 2, 0, 0)]
)
def test_a_pipeline_keeps_whole_what_zero_divides(zero, pp, gradients, weights):
    """Gradients would be reduced in every micro-batch under a pipeline, or weights be gathered again."""
    given = plan(PLAIN, dp=4, pp=pp, zero=zero)
    assert (divides_gradients(given), divides_weights(given)) == (gradients, weights)
    resting = plan(
        PLAIN, dp=4, pp=pp, zero=zero, offload_optimizer=True, framework=evolve(IDEAL, offloads_gradients=True)
    )
    assert gradients_follow(resting) == gradients
    assert not gradients_follow(evolve(resting, framework=IDEAL))
    assert gradients_follow(evolve(resting, framework=IDEAL, offload_parameters=True))


STATES, LOGITS, TABLE = 1024 * 512 * 2, 1024 * 4000, 4000 * 512


@pytest.mark.parametrize(
    ("word", "kept", "moved"),
    [
        ("plain", 2 * STATES + 14 * LOGITS, 28 * LOGITS),
        ("fused", 2 * STATES + 2 * LOGITS, 6 * LOGITS),
        ("chunked", 2 * STATES + 4 * LOGITS, 28 * LOGITS),
        # as many logits at once as there are states, in eight pieces; gradients of states and of the table are kept
        ("linear", 3 * STATES + 2 * 1024 * 512 + 2 * TABLE, 4 * LOGITS + 7 * 2 * 2 * TABLE),
        ("cut", 2 * STATES, 0),
    ],
)
def test_what_losses_keep_and_move(word, kept, moved):
    """A program would hold whole logits that it never makes, or make none that it has."""
    asked = Rank.of(plan(settings={"cross_entropy": word}))
    usual = evolve(IDEAL, cross_entropy=word, logit_bytes_kept=LOSSES[word].kept, logit_bytes_moved=LOSSES[word].moved)
    for rank in (asked, Rank.of(plan(framework=usual))):
        assert (logits_held_bytes(rank), moved_by_loss(rank)) == (kept, moved)


def test_a_frozen_table_has_no_gradients():
    """Adapters would keep and move gradients of a table that nobody trains."""
    rank = Rank.of(plan(settings={"cross_entropy": "linear"}, tuning=Tuning.LORA, lora_rank=8))
    assert (logits_held_bytes(rank), moved_by_loss(rank)) == (3 * STATES + 2 * 1024 * 512, 4 * LOGITS)


def test_heads_without_logits_or_shape():
    """A model without a head would divide by its logits, or a head that states no shape be cut into pieces."""
    rank = Rank.of(plan(settings={"cross_entropy": "linear"}))
    operators = [Operator(name, name) for name in "abc"]
    bare = evolve(rank, model=LoweredModel(rank.model.embedding, rank.model.layers, Block(tuple(operators), 0.0)))
    head = LayerTimes()
    add_loss(head, bare)
    assert head.parts == {"c": 0}
    assert (logits_held_bytes(bare), moved_by_loss(bare)) == (2 * STATES, 0)


def test_copies_of_a_token():
    """A dense model would send tokens to experts, or a sparse one all of them to one."""
    assert (copies_of(SPARSE), copies_of(PLAIN)) == (2, 1)
    few, many = (Operator("experts", "mlp", gemm=Gemm(copies / 8, 6.0, 4.0, 8.0, routed=True)) for copies in (2, 6))
    assert copies_of(Lowered(few, many, few)) == 6


class Lowered:
    """A model of these operators."""

    def __init__(self, *operators):
        self.layers = [Block(operators, 0.0)]

    def lower(self, *_):
        """The same, whatever comes."""
        return self


def test_a_kernel_of_several_operators_ends_in_the_sum_of_the_last():
    """Attention would not be summed over the ranks that share its heads, or its first operator be."""
    queries = Tensor(8.0), Tensor(8.0)
    first = Operator("qk", "attention", 1.0, inputs=queries, scores=Scores(1024, 64, 0.5))
    times, _ = timed(first, Operator("pv", "attention", 1.0, inputs=queries, reduced_elements=3e11), tp=4)
    assert times.tensor.forward == pytest.approx(2 * 3e11 * 2 * 3 / 4 / 3e11)


def test_what_was_widened_is_widened_again_or_kept():
    """The backward pass would widen what the program has kept, or nothing at all."""
    operator = Operator("up", "mlp", gemm=Gemm(1024.0, 512.0, 256.0, 3.0))
    qlora = {"tuning": Tuning.QLORA, "lora_rank": 8, "settings": {"frozen_bits": 4.0}}
    keeping, again = (
        timed(operator, framework=evolve(IDEAL, keeps_widened=keeps), **qlora)[0].compute for keeps in (True, False)
    )
    assert keeping.forward == again.forward
    widening = 3 * 512 * 256 * (0.5 + 2) / HBM
    assert HBM * (again.input_gradient - keeping.input_gradient) == pytest.approx(HBM * widening)
    bare = timed(operator, **{**qlora, "lora_targets": ("v",)}, framework=evolve(IDEAL, keeps_widened=True))[0].compute
    assert HBM * (bare.forward - bare.input_gradient) == pytest.approx(HBM * widening)
