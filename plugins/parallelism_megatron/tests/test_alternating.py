"""Selective recomputation that keeps every second product, and what FSDP copies and keeps, by hand."""

from types import SimpleNamespace

import pytest
from attrs import evolve
from megatron_plans import GROUPED, IDEAL, PLAIN, flat, plan, price

from llmplan.records import Gemm, Operator, Recompute, Scores, Tensor, Tuning
from llmplan.records.model import ALWAYS_KEPT
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.alternating import alternating_bytes, part_of_kernel, run_again
from llmplan_parallelism_megatron.training.memory import kept_bytes

COMPILED = evolve(IDEAL, alternates=True)
EAGER = evolve(COMPILED, eager=True)
SELECTIVE = Recompute.ATTENTION_COMPUTE
TOKENS, WIDTH, KEYS, MLP = 1024, 512, 128, 2048
LLAMA = evolve(GROUPED, qk_norm="none")


def test_every_second_matrix_of_a_layer_runs_again():
    """Matrices that stand side by side would count as one, or the first of a layer be computed again."""
    (block,) = LLAMA.lower(1, TOKENS).layers
    assert run_again(block.operators) == {
        "query projection": 0,
        "key and value projection": 0.5,  # the keys, second in order
        "output projection": 1,
        "up projection": 0.5,  # the gate stands before it
        "down projection": 0,
    }


@pytest.mark.parametrize(("framework", "unread"), [(COMPILED, 0), (EAGER, WIDTH)])
def test_what_attention_and_every_second_product_make_is_kept(framework, unread):
    """The sum that no gradient reads would be kept by a compiled program, or dropped by PyTorch's cache of outputs."""
    rank = Rank.of(plan(LLAMA, framework=framework, recompute=SELECTIVE, seq_len=TOKENS))
    layer, queries, values, attended, gate = WIDTH, WIDTH, KEYS, WIDTH, MLP
    assert kept_bytes(rank.model.layers[0], rank) == 2 * TOKENS * (layer + queries + values + attended + gate + unread)


def test_what_is_not_kept_is_computed_once_more():
    """Attention would run again whose output is there, or norms not, or products by another part than their columns."""
    timed = {"curves": flat(), "seq_len": TOKENS, "framework": COMPILED}
    seconds = price(LLAMA, recompute=SELECTIVE, **timed).time_breakdown["recompute"]
    products = 2 * TOKENS * WIDTH * (KEYS + WIDTH + MLP) / 1e14
    norms, rotation, product, sums = 2 * 2 * WIDTH, 2 * (WIDTH + KEYS), 3 * MLP, 2 * 3 * WIDTH
    moved = 2 * TOKENS * (norms + rotation + product + sums) / 2e12
    assert seconds == pytest.approx(LLAMA.layers * (products + moved))


def test_weights_are_copied_out_of_what_they_were_gathered_in():
    """Copies would cost nothing, or hide behind the passes as their collectives do."""
    hiding = evolve(IDEAL, data_overlap=1.0)
    run = {"curves": flat(), "dp": 4, "zero": 3, "gradient_accumulation": 3}
    plain, copying = (
        price(PLAIN, framework=one, **run).time_breakdown["dp_comm"]
        for one in (hiding, evolve(hiding, copies_shards=True))
    )
    each = 2 * (2 + 2) + (2 + 4)  # twice read and written, and a gradient of 16 bits added to a buffer of 32
    parameters = sum(PLAIN.parameters_by_part().values())
    assert copying - plain == pytest.approx(3 * each * parameters / 2e12)
    alone = price(PLAIN, framework=evolve(hiding, copies_shards=True), zero=3).time_breakdown["dp_comm"]
    assert alone == 0


def test_the_outermost_unit_of_fsdp_stays_whole():
    """The embedding and the head would be given up between the passes, or stay where nothing divides them."""
    keeping = evolve(IDEAL, keeps_ends=True)
    plain, whole = (price(LLAMA, framework=one, dp=8, zero=3).memory_breakdown for one in (IDEAL, keeping))
    ends = 2 * LLAMA.vocab * WIDTH + WIDTH
    assert whole["gather_buffers"] - plain["gather_buffers"] == 2 * ends
    assert price(LLAMA, framework=keeping, dp=8, zero=2).memory_breakdown["gather_buffers"] == 0


@pytest.mark.parametrize(("zero", "gathered"), [(2, 0.0), (3, 0.002)])
def test_hooks_of_zero_3_take_the_host_time(zero, gathered):
    """Short sequences under ZeRO 3 would cost their kernels alone, or any stage pay for hooks."""
    hooked = evolve(IDEAL, host_seconds_per_layer=0.001, host_seconds_per_gathered_layer=0.002)
    seconds = price(PLAIN, framework=hooked, dp=2, zero=zero, seq_len=8, recompute=Recompute.FULL).time_breakdown
    spent = sum(seconds[line] for line in ("forward", "backward", "recompute", "launch"))
    assert spent == pytest.approx(3 * PLAIN.layers * (0.001 + gathered), rel=1e-3)


def test_only_adapted_matrices_have_hooks_of_adapters():
    """A frozen matrix without an adapter would be launched as if it had one."""
    hooked = evolve(IDEAL, host_seconds_per_adapter=0.001, host_seconds_per_gathered_adapter=0.003)
    run = {"framework": hooked, "dp": 2, "zero": 3, "seq_len": 8, "tuning": Tuning.LORA, "lora_rank": 8}
    two, all_of_them = (
        sum(price(PLAIN, **run, **targets).time_breakdown[line] for line in ("forward", "backward", "launch"))
        for targets in ({"lora_targets": ("q", "v")}, {})
    )
    assert two == pytest.approx(2 * PLAIN.layers * 2 * 0.004, rel=1e-2)
    assert all_of_them == pytest.approx(2 * PLAIN.layers * 6 * 0.004, rel=1e-2)


@pytest.mark.parametrize(("sequence_parallel", "more"), [(True, 3), (False, 0)])
def test_what_dtensor_gathers_is_kept_whole(sequence_parallel, more):
    """A rank would keep a quarter of what it gathered for queries and for the MLP, or four times what it has whole."""
    split = {"tp": 4, "sequence_parallel": sequence_parallel, "seq_len": TOKENS}
    ranks = (Rank.of(plan(LLAMA, framework=one, **split)) for one in (IDEAL, evolve(IDEAL, keeps_gathered=True)))
    part, whole = (kept_bytes(rank.model.layers[0], rank) for rank in ranks)
    assert whole - part == 2 * more * 2 * TOKENS * WIDTH / 4


def test_a_kernel_runs_again_by_its_columns():
    """Norms would be kept, attention be computed twice, or matrices side by side count alike however wide they are."""
    parts = {"wide": 0.0, "narrow": 0.5}
    wide, narrow = (Operator(name, "p", gemm=Gemm(5.0, n, 7.0)) for name, n in (("wide", 30.0), ("narrow", 10.0)))
    assert part_of_kernel([wide, narrow], parts) == 10 * 0.5 / 40
    assert part_of_kernel([Operator("norm", "p")], parts) == 1
    assert part_of_kernel([Operator("qk", "attention", scores=Scores(8, 4, 0.5))], parts) == 0


def test_what_attention_makes_is_kept_once():
    """Every product after attention would keep its input, or a product of experts be that of one of them."""
    inputs = tuple(Tensor(elements) for elements in (11.0, 13.0))
    given = SimpleNamespace(plan=SimpleNamespace(framework=EAGER), activation_bytes=2.0)
    gemm = Gemm(5.0, 6.0, 7.0, 3.0)
    layer = [
        Operator("norm", "p", inputs=(Tensor(17.0, dropped_from=ALWAYS_KEPT), Tensor(19.0))),
        Operator("first", "p", inputs=(Tensor(3.0),), gemm=gemm),
        Operator("qk", "p", inputs=inputs, scores=Scores(8, 4, 0.5)),
        Operator("pv", "p", inputs=inputs),
        Operator("second", "p", inputs=inputs, gemm=gemm),
        Operator("third", "p", inputs=inputs, gemm=gemm),
    ]
    product = 3 * 5 * 6
    assert alternating_bytes(layer, given) == 2 * (17 + product + (11 + 13) + product)


def test_half_of_what_a_layer_gathers_is_gathered_again():
    """Sums that are kept would be made once more, or inputs that are not be there."""
    split = {"curves": flat(), "tp": 4, "seq_len": TOKENS, "framework": COMPILED}
    again, never = (price(LLAMA, recompute=mode, **split) for mode in (SELECTIVE, Recompute.NONE))
    sums = 2 * 2 * TOKENS * WIDTH * 2 * 3 / 4 / 3e11  # of a pass: two all-reduces of a layer
    more = again.time_breakdown["tp_comm"] - never.time_breakdown["tp_comm"]
    assert more == pytest.approx(LLAMA.layers * sums / 2)
