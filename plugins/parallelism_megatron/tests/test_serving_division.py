"""What engines divide over stages and ranks, and what they keep whole."""

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st
from megatron_plans import FP8, FP16, MEGATRON, PLAIN, SPARSE, flat
from serving_plans import IDEAL, serving

from llmplan_parallelism_megatron.serving.experts import busiest
from llmplan_parallelism_megatron.serving.extent import of_decoding
from llmplan_parallelism_megatron.serving.passes import forward
from llmplan_parallelism_megatron.serving.pipeline import micro_batches
from llmplan_parallelism_megatron.serving.rank import Rank
from llmplan_parallelism_megatron.serving.traffic import rank_wait_seconds

FLAT = flat()
CUT = evolve(IDEAL, pipeline="micro-batches", micro_batch_tokens=1024)
SHARED_OUT = evolve(IDEAL, pipeline="micro-batches")
ALONE = evolve(IDEAL, pipeline="one-by-one")


def local_batch(batch, tokens, pp):
    """FasterTransformer's getLocalBatchSize, as its loop has it."""
    if pp == 1:
        return batch
    local = batch // pp if batch % pp == 0 else batch
    while local * tokens > 1024 and local % 2 == 0:
        local //= 2
    return local


@given(st.lists(st.tuples(st.integers(1, 512), st.sampled_from([1, 2, 3, 8])), min_size=1), st.integers(1, 3000))
@settings(max_examples=40, deadline=None)
def test_parts_are_those_of_the_loop(cases, tokens):
    """If it fails, a batch is cut into other micro-batches than FasterTransformer's, or tables differ from plans."""
    expected = [batch / local_batch(batch, tokens, pp) for batch, pp in cases]
    each = [micro_batches(serving(engine=CUT, batch=batch, pp=pp), tokens) for batch, pp in cases]
    batches, stages = (np.array(column, float) for column in zip(*cases, strict=True))
    assert each == expected
    assert list(micro_batches(serving(engine=CUT, batch=batches, pp=stages), tokens)) == expected


@pytest.mark.parametrize(("batch", "parts"), [(1, 1), (2, 2), (7, 2), (8, 2)])
def test_a_share_of_each_stage_is_a_part(batch, parts):
    """If it fails, TensorRT-LLM's micro-batches of ceil(b / p) are others, or one sequence is cut."""
    assert micro_batches(serving(engine=SHARED_OUT, batch=batch, pp=2), 64) == parts


def test_a_cut_batch_is_the_only_one_in_work():
    """If it fails, a static batch over a pipeline answers p times as many tokens as it has, or holds p caches."""
    whole, cut, alone = (
        MEGATRON.infer(serving(batch=8, pp=2, engine=engine, curves=FLAT)) for engine in (IDEAL, CUT, ALONE)
    )
    tokens = 8 * 64
    assert whole.tokens_per_second == pytest.approx(2 * tokens / whole.total_seconds, rel=0.05)
    for estimate in (cut, alone):
        assert estimate.tokens_per_second == pytest.approx(tokens / estimate.total_seconds, rel=1e-9)
        assert estimate.memory_breakdown["kv_cache"] == pytest.approx(whole.memory_breakdown["kv_cache"] / 2)
        assert estimate.max_batch_size > 1.8 * whole.max_batch_size


def test_parts_wait_for_each_other_on_the_slowest_stage():
    """If it fails, a step over two stages takes less than both halves on one stage, or all stages for one of them."""
    plan = serving(batch=8, pp=2, engine=CUT)
    half = forward(Rank.of(plan), of_decoding(4.0, plan.prompt_tokens, plan.output_tokens))
    step = MEGATRON.infer(plan).next_token_seconds
    assert step == pytest.approx(max(half.whole.seconds, 2 * half.stage.seconds))
    single = MEGATRON.infer(evolve(plan, batch=1))
    assert single.next_token_seconds == pytest.approx(
        forward(Rank.of(plan), of_decoding(1.0, plan.prompt_tokens, plan.output_tokens)).whole.seconds
    )


def test_a_whole_head_is_read_by_every_rank():
    """If it fails, gpt-fast on two ranks reads half a head, holds half of one, or gathers logits that all have."""
    whole, divided = (
        MEGATRON.infer(serving(PLAIN, tp=2, engine=engine, curves=FLAT))
        for engine in (evolve(IDEAL, divides_head=False), IDEAL)
    )
    alone = MEGATRON.infer(serving(PLAIN, curves=FLAT))
    line = "output_embedding_loss"
    assert whole.decode_breakdown[line] == pytest.approx(alone.decode_breakdown[line])
    assert divided.decode_breakdown[line] < whole.decode_breakdown[line]
    assert whole.decode_breakdown["tp_comm"] < divided.decode_breakdown["tp_comm"]
    ends = [one.memory_breakdown["weights"] for one in (alone, whole, divided)]
    assert ends[0] > ends[1] > ends[2] == pytest.approx(ends[0] / 2, rel=0.01)


def test_attention_and_mlp_side_by_side_are_summed_once():
    """If it fails, models with parallel attention pay for two sums a layer, or those without for one."""
    parallel = evolve(PLAIN, name="side-by-side", parallel_attn_mlp=True)
    joins = evolve(IDEAL, joins_sums=True)
    sums = {
        (model.name, engine.joins_sums): MEGATRON.infer(serving(model, tp=2, engine=engine)).decode_breakdown["tp_comm"]
        for model in (PLAIN, parallel)
        for engine in (IDEAL, joins)
    }
    assert sums[PLAIN.name, True] == sums[PLAIN.name, False] == sums[parallel.name, False]
    saved = sums[parallel.name, False] - sums[parallel.name, True]
    one = Rank.of(serving(parallel, tp=2)).links.all_reduce_seconds(2.0 * parallel.hidden)
    assert saved == pytest.approx(parallel.layers * one)


def test_ranks_wait_for_all_of_a_node_and_for_the_tree_of_nodes():
    """If it fails, a sum over more nodes waits as if they were one, or no longer than inside one."""
    assert [rank_wait_seconds(1.0, *group) for group in ((1, 1), (8, 1), (8, 2), (8, 4), (1, 2))] == [0, 7, 15, 23, 1]


def test_a_cache_that_rolls_holds_the_longer_of_prompt_and_answer():
    """If it fails, AutoAWQ's cache grows beyond what it reserves, or attention reads what was dropped."""
    rolls = evolve(IDEAL, rolls_cache=True, block_tokens=1)
    long = {"prompt_tokens": 2000, "output_tokens": 2000}
    rolled, grown = (
        MEGATRON.infer(serving(engine=engine, **long)) for engine in (rolls, evolve(rolls, rolls_cache=False))
    )
    assert rolled.memory_breakdown["kv_cache"] == pytest.approx(grown.memory_breakdown["kv_cache"] / 2)
    assert rolled.decode_breakdown["kv_cache"] < grown.decode_breakdown["kv_cache"]


def test_a_cache_that_is_written_anew_is_held_twice():
    """If it fails, programs that join tokens to their cache fit twice as many sequences as they do."""
    joins = evolve(IDEAL, cache_copies=2)
    once, twice = (MEGATRON.infer(serving(engine=engine, batch=8)) for engine in (IDEAL, joins))
    assert twice.memory_breakdown["kv_cache"] == 2 * once.memory_breakdown["kv_cache"]
    assert twice.cache_tokens == pytest.approx(once.cache_tokens / 2, rel=0.01)
    assert twice.max_batch_size == pytest.approx(once.max_batch_size / 2, rel=0.1)
    assert twice.total_seconds == once.total_seconds


def test_rows_that_multiply_one_by_one_read_weights_again():
    """If it fails, GEMV kernels serve eight sequences for the price of one, or GEMM kernels do not."""
    rereads = evolve(IDEAL, reread_rows=8, rereading=0.5)
    narrow = evolve(FP16, name="narrow", weight_bits=4)
    mlp = {
        (engine.reread_rows, batch): MEGATRON.infer(
            serving(PLAIN, engine=engine, batch=batch, curves=FLAT, dtype=narrow)
        ).decode_bounds["weights"]
        for engine in (IDEAL, rereads)
        for batch in (1, 8, 9)
    }
    assert mlp[8, 1] == mlp[0, 1]
    assert mlp[8, 9] == mlp[0, 9]
    assert 3.0 < mlp[8, 8] / mlp[0, 8] <= 4.5


def test_padded_experts_are_larger_and_take_longer_to_read():
    """If it fails, kernels that pad experts hold and read no more than the checkpoint has, or pad what has 8 bits.

    Depths of 512 become 768, slices of 512 / 4 = 128 become 200.
    """
    pads = evolve(IDEAL, expert_multiple=768, expert_slice_multiple=200)
    narrow = evolve(FP16, name="narrow", weight_bits=4)
    plans = {
        (engine.expert_multiple, dtype.name): serving(SPARSE, engine=engine, dtype=dtype, tp=4, curves=FLAT)
        for engine in (IDEAL, pads)
        for dtype in (narrow, FP16)
    }
    held = {key: Rank.of(plan).weight_bytes for key, plan in plans.items()}
    experts = 7 * 8 * 3 * 512 * 512 / 4 / 2
    assert held[768, "narrow"] - held[1, "narrow"] == pytest.approx(experts * (1.5 * 200 / 128 - 1))
    assert held[768, FP16.name] == held[1, FP16.name]
    read = {key: MEGATRON.infer(plan).decode_bounds["weights"] for key, plan in plans.items()}
    assert read[768, "narrow"] > read[1, "narrow"]


@pytest.mark.parametrize("ranks", [2, 8, 64])
@pytest.mark.parametrize("mean", [2, 20, 400])
def test_the_busiest_rank_is_the_fullest_of_balls_in_bins(ranks, mean):
    """If it fails, all ranks are said to get the mean, or the busiest another part than chance gives it."""
    thrown = np.random.default_rng(0).multinomial(mean * ranks, [1 / ranks] * ranks, size=200)
    assert busiest(ranks, mean) == pytest.approx(thrown.max(axis=1).mean() / mean, rel=0.15 if mean > 2 else 0.4)
    assert busiest(1, mean) == 1
    assert busiest(ranks, 0.001) == ranks


def test_the_host_multiplies_what_it_holds_until_there_are_many_tokens():
    """If it fails, llama.cpp's experts in host memory cross the link for every token, or prompts wait for the host."""
    multiplies = evolve(IDEAL, offloads=("weights",), host_rows=31)
    plans = {
        (rows, batch): serving(
            PLAIN,
            engine=evolve(multiplies, host_rows=rows),
            curves=FLAT,
            batch=batch,
            offload="weights",
            settings={"host_bandwidth": 10.0},
        )
        for rows in (0, 31)
        for batch in (1, 32)
    }
    link = plans[0, 1].hardware.host_bytes_per_second
    waits = {key: MEGATRON.infer(plan).decode_bounds["weights"] for key, plan in plans.items()}
    assert waits[31, 1] / waits[0, 1] == pytest.approx(link / 10e9)
    assert waits[31, 32] == waits[0, 32]


def test_scales_that_a_checkpoint_states_need_no_kernel():
    """If it fails, dynamic scales cost nothing where engines fuse the others, or more where they fuse none."""
    dynamic = evolve(FP8, name="fp8-found", dynamic_scales=True)
    alone = evolve(IDEAL, fuses_quantisation=False)
    seconds = {
        (dtype.dynamic_scales, engine.fuses_quantisation): MEGATRON.infer(
            serving(PLAIN, engine=engine, dtype=dtype)
        ).next_token_seconds
        for dtype in (FP8, dynamic)
        for engine in (IDEAL, alone)
    }
    assert seconds[False, True] < seconds[True, True] == seconds[False, False] == seconds[True, False]
