"""Selective recomputation that keeps every second product, and what FSDP copies and keeps, by hand."""

import pytest
from attrs import evolve
from megatron_plans import GROUPED, IDEAL, PLAIN, flat, plan, price

from llmplan.records import Recompute
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.alternating import run_again
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
