"""Operators of a layer one by one, as a pass of serving prices them in round numbers."""

from math import inf

import pytest
from attrs import evolve
from megatron_plans import PLAIN
from round_kernels import CURVES, KERNELS, NARROW, engine, waited
from serving_plans import IDEAL, serving

from llmplan.records import Block, Cache, Gemm, Operator, Scores, State, Tensor, Works
from llmplan_parallelism_megatron.serving.extent import Extent, Flow
from llmplan_parallelism_megatron.serving.layers import layer_tally, without_shape
from llmplan_parallelism_megatron.serving.rank import Layer, Rank

NONE = Extent(0.0, 0.0, 0.0, 0.0)
PROMPTS = Flow(Extent(2.0, 0.0, 4.0, 4.0), NONE)
"""Two prompts of four tokens."""
ANSWERS = Flow(NONE, Extent(3.0, 10.0, 14.0, 1.0))
"""Three sequences, whose tokens look back on 12.5 on average."""


def rank(kernels=KERNELS, **changes):
    """Of a plan on these kernels."""
    return evolve(Rank.of(serving(PLAIN, curves=CURVES, **{"engine": IDEAL, **changes})), kernels=kernels)


def tally(*operators, flow=ANSWERS, on=None):
    """Of a layer of these operators, whose bounds are the seconds of its lines."""
    found = layer_tally(Layer.of(Block(operators, 0.0), 1.0), flow, on or rank())
    assert sum(found.bounds.values()) == pytest.approx(found.seconds)
    return found


def test_operators_without_a_shape():
    """Weights would be read for each token, or products of activations run at the rate of narrow weights."""
    kernels = evolve(KERNELS, dense=evolve(NARROW, flops=20.0))
    assert waited(without_shape(Operator("o", "p", 8.0, 48.0), 1.0, kernels)) == {"weights": 48 * 0.5 / 8}
    assert waited(without_shape(Operator("o", "p", 8.0, 48.0), 10.0, kernels)) == {"compute": 80 / 20}
    assert waited(without_shape(Operator("o", "p", 8.0), 10.0, kernels)) == {"compute": 80 / (100 * 0.5)}
    assert waited(without_shape(Operator("o", "p", 0.0, 48.0), 10.0, kernels)) == {}
    assert waited(without_shape(Operator("o", "p", 0.5, 0.0), 1.0, kernels)) == {"compute": 0.5 / 50}


@pytest.mark.parametrize(("fuses", "moved"), [(True, 16 * 3 * 2 / 3), (False, 16 * 3)])
def test_the_residual_is_added_inside_the_norm_behind_it(fuses, moved):
    """A fused sum would be launched, or move as much as one that stands alone."""
    gemm = Gemm(1.0, 4.0, 4.0, splits_sum=True)
    bare, whole = (
        tally(Operator("out", "mlp", 32.0, 16.0, gemm=gemm, moved=of), on=rank(engine(fuses_residual=fuses)))
        for of in (None, 16.0)
    )
    more = {name: whole.bounds[name] - bare.bounds[name] for name in ("activations", "launch")}
    assert more == {"activations": pytest.approx(moved * 2 / 8), "launch": 0 if fuses else 7}


def test_a_norm_is_a_kernel_of_its_own():
    """What is no residual would be fused, too."""
    found = tally(Operator("norm", "norms", moved=16.0))
    assert found.bounds["activations"] == 16 * 3 * 2 / 8
    assert found.bounds["launch"] == 7
    up = tally(Operator("up", "mlp", 32.0, 16.0, gemm=Gemm(1.0, 4.0, 4.0), moved=16.0))
    assert (
        up.bounds["launch"] == tally(Operator("up", "mlp", 32.0, 16.0, gemm=Gemm(1.0, 4.0, 4.0))).bounds["launch"] + 7
    )


def test_ranks_exchange_what_operators_say():
    """Partial sums would not grow with tokens, or tokens come back from experts as narrow as they go there."""
    two = rank(evolve(KERNELS, experts=evolve(NARROW, operand_bytes=1.0)), tp=2)
    apart = rank(evolve(KERNELS, experts=evolve(NARROW, operand_bytes=1.0)), dp=2, ep=2)
    summed = tally(Operator("sum", "p", reduced_elements=5.0), on=two).lines["tp_comm"]
    assert summed == two.links.all_reduce_seconds(5.0 * 3 * 2) > 0
    back = tally(Operator("back", "p", exchanged=5e12), on=apart).lines["ep_comm"]
    there = tally(Operator("there", "p", exchanged=5e12, gemm=Gemm(1.0, 4.0, 4.0)), on=apart).lines["ep_comm"]
    assert back == pytest.approx(5e12 * 3 * 2 / 2 / 3e11)
    assert there == pytest.approx(back / 2)


def attention(flops=2.0, cache=None, works=Works.ALL, share=(6.0, 4.0), **last):
    """QK^T and the product with V, so many FLOPs for each pair of tokens, heads 8 wide."""
    queries, (keys, values) = Tensor(99.0), (Tensor(elements, max_ways=2) for elements in share)
    scores = Scores(5.0, 8.0, 0.5, cache)
    first = Operator("qk", "attention", flops, inputs=(queries, keys), scores=scores, works=works)
    return first, Operator("pv", last.pop("part", "attention"), flops, inputs=(keys, values), works=works, **last)


CACHE = Cache(10.0, 2, 7.0, heads_per_key=4)


def test_decoding_reads_what_is_cached_of_each_sequence():
    """Every rank would read all heads, a window be ignored, or the products be those of prompts."""
    read = 3 * 12.5 * 10 * 2 / (4 * 0.5)
    assert tally(*attention(cache=CACHE)).bounds["kv_cache"] == read
    assert tally(*attention(cache=CACHE), on=rank(tp=2)).bounds["kv_cache"] == read / 2
    assert tally(*attention(cache=CACHE), on=rank(tp=4)).bounds["kv_cache"] == read / 2
    assert tally(*attention(cache=evolve(CACHE, window=5.0))).bounds["kv_cache"] == read * 5 / 12.5
    slow = evolve(KERNELS, attention_flops=1.0)
    assert tally(*attention(cache=CACHE), on=rank(slow)).bounds["compute"] == 7 * 3 * 12.5 / 0.5
    assert tally(*attention(cache=CACHE), on=rank(slow, tp=2)).bounds["compute"] == 7 / 2 * 3 * 12.5 / 0.5
    assert tally(*attention(cache=evolve(CACHE, window=5.0)), on=rank(slow)).bounds["compute"] == 7 * 3 * 5 / 0.5


def test_a_cache_that_rolls_has_room_for_the_longer_of_both():
    """An engine would look back on tokens that it has dropped."""
    rolling = rank(engine(rolls_cache=True), engine=evolve(IDEAL, rolls_cache=True), prompt_tokens=6, output_tokens=4)
    assert tally(*attention(cache=CACHE), on=rolling).bounds["kv_cache"] == 3 * 6 * 10 * 2 / (4 * 0.5)


def test_models_that_state_no_cache_keep_keys_and_values():
    """Keys or values would not be read, or the products of decoding be others than those of the operators."""
    assert tally(*attention()).bounds["kv_cache"] == 3 * 12.5 * (6 + 4) * 2 / (4 * 0.5)
    slow = evolve(KERNELS, attention_flops=1.0)
    assert tally(*attention(20.0), on=rank(slow)).bounds["compute"] == (20 + 20) * 3 * 12.5 / 0.5


def test_what_follows_attention_is_its_last_operators():
    """What the product with V moves or sums would be left out, or attention stand in its line."""
    found = tally(*attention(moved=16.0, reduced_elements=5.0, part="values"), flow=PROMPTS, on=rank(tp=2))
    assert found.lines["tp_comm"] > 0
    assert found.lines["values"] == 16 * 8 * 2 / 8 + 7
    assert set(found.lines) == {"attention", "values", "tp_comm", "kv_cache"}


@pytest.mark.parametrize(
    ("changes", "readings"),
    [
        ({"grouped_heads": 4}, 1),
        ({"grouped_heads": 3}, 1 + 3 * 0.25),
        ({"shared_groups": (2, 8)}, 1 + 3 * 0.25),
        ({"grouped_heads": 3, "cycle_elements": 1.0}, 1),
    ],
)
def test_readings_of_groups(changes, readings):
    """Heads that share no reading would read once, or read again what their cores are bound by."""
    kernels = engine(rereading=0.25, **changes)
    assert tally(*attention(cache=CACHE), on=rank(kernels)).bounds["kv_cache"] == readings * 3 * 12.5 * 10 * 2 / 2


def test_cores_go_through_each_heads_keys():
    """One core would go through the keys of all sequences, or cores serve heads that share a reading."""
    undivided = evolve(KERNELS, key_seconds=4.0)
    assert tally(*attention(cache=CACHE), on=rank(undivided)).bounds["kv_cache"] == 12.5 * 8 * 4
    bound = evolve(engine(cycle_elements=1.0, grouped_heads=1), elements_per_second=0.5)
    assert tally(*attention(cache=CACHE), on=rank(bound)).bounds["kv_cache"] == 3 * 12.5 * 10 * 4 / 0.5
    shared = evolve(engine(cycle_elements=1.0, grouped_heads=4), elements_per_second=1e-6)
    assert tally(*attention(cache=CACHE), on=rank(shared)).bounds["kv_cache"] == 3 * 12.5 * 10 * 2 / 2
    pairs = evolve(CACHE, heads_per_key=2)
    assert tally(*attention(cache=pairs), on=rank(shared)).bounds["kv_cache"] == 3 * 12.5 * 10 * 2 / 2
    alone = evolve(engine(cycle_elements=1.0), elements_per_second=0.5)
    lone = evolve(CACHE, heads_per_key=1)
    assert tally(*attention(cache=lone), on=rank(alone)).bounds["kv_cache"] == 3 * 12.5 * 10 / 0.5


def test_prompts_are_a_triangle_or_a_square():
    """A causal mask would leave all of the square, or an unfused kernel half of it."""
    bound = evolve(KERNELS, attention_flops=1.0, cache_bytes_per_second=inf)
    assert tally(*attention(), flow=PROMPTS, on=rank(bound)).bounds["compute"] == 4 * 8 * 2.5 / 0.5
    plain = evolve(engine(attention="unfused", score_bytes=10.0), head=evolve(KERNELS.head, flops=1.0))
    unfused = tally(*attention(), flow=PROMPTS, on=rank(plain))
    assert unfused.bounds["compute"] == 4 * 8 * 4
    wide = evolve(plain, head=KERNELS.head)
    scores = tally(*attention(), flow=PROMPTS, on=rank(wide)).bounds["activations"]
    assert scores == 8 * 4 * (4 / (4 * 8)) * 10 / 8
    curve = evolve(plain.head.curve, half_tile=3.0)
    small = evolve(plain, head=evolve(plain.head, curve=curve))
    one = tally(*attention(), flow=Flow(Extent(2.0, 3.0, 4.0, 1.0), NONE), on=rank(small)).bounds["compute"]
    assert one == pytest.approx(4 * 2 * 4 / (1 / (1 + 3)))
    windowed = tally(*attention(cache=evolve(CACHE, window=3.0)), flow=PROMPTS, on=rank(plain)).bounds["compute"]
    assert windowed == 4 * 8 * 3


def test_short_chunks_reach_what_their_rows_do():
    """A chunk that looks far back would run like a long prompt, or a prompt like half of one."""
    curve = evolve(KERNELS.prefill, half_tokens=6.0)
    bound = evolve(KERNELS, attention_flops=1.0, prefill=curve, cache_bytes_per_second=inf)

    def computing(extent, works=Works.ALL):
        return tally(*attention(works=works), flow=Flow(extent, NONE), on=rank(bound)).bounds["compute"]

    assert computing(Extent(2.0, 0.0, 4.0, 4.0)) == pytest.approx(4 * 8 * 2.5 / (0.5 * 5 / (5 + 6)))
    assert computing(Extent(2.0, 98.0, 100.0, 2.0)) == pytest.approx(4 * 4 * 99.5 / (0.5 * 4 / (4 + 6)))
    assert computing(Extent(2.0, 0.0, 0.25, 0.25)) == pytest.approx(4 * 0.5 * 0.15625 / (0.5 * 1 / (1 + 6)))
    # what works once on a sequence says how many rows it has: five
    assert computing(Extent(2.0, 0.0, 4.0, 4.0), Works.SEQUENCE) == pytest.approx(4 * 2 * 1 / (0.5 * 5 / (5 + 6)))


def test_a_chunk_waits_for_the_cache_that_it_looks_back_on():
    """Chunks would read the cache for each of their tokens, or not at all."""
    waits = tally(*attention(flops=1e-6), flow=Flow(Extent(2.0, 96.0, 100.0, 4.0), NONE))
    assert waits.bounds["kv_cache"] == pytest.approx(2 * 100 * 10 * 2 / (4 * 0.5))


def test_states_are_read_and_written_by_each_sequence():
    """A state would be read for each token, or not be written."""
    scan = Operator("scan", "mixer", state=State(9.0, 32))
    assert tally(scan).bounds["kv_cache"] == 2 * 3 * 9 * 4 / (4 * 0.5)
    assert tally(scan, flow=PROMPTS).bounds["kv_cache"] == 2 * 2 * 9 * 4 / (4 * 0.5)
    slow = evolve(KERNELS, key_seconds=1e6, attention_flops=1e-6)  # of attention to keys, which it is none
    assert tally(scan, on=rank(slow)).bounds["kv_cache"] == 2 * 3 * 9 * 4 / (4 * 0.5)
    both = Flow(PROMPTS.prompts, ANSWERS.decoding)
    assert tally(scan, flow=both).bounds["kv_cache"] == 2 * 5 * 9 * 4 / (4 * 0.5)


@pytest.mark.parametrize("works", [Works.PROMPT, Works.SEQUENCE])
def test_what_reads_prompts_waits_while_there_are_none(works):
    """A tower would be launched at every step of decoding, or never."""
    tower = Operator("tower", "vision", moved=16.0, works=works)
    assert tally(tower).seconds == 0
    tokens = {Works.PROMPT: 8, Works.SEQUENCE: 2}[works]
    bounds = tally(tower, flow=PROMPTS).bounds
    assert (bounds["activations"], bounds["launch"]) == (16 * tokens * 2 / 8, 7)
    one = Flow(Extent(1.0, 0.0, 1.0, 1.0), NONE)
    assert tally(tower, flow=one).bounds["activations"] == 16 * 2 / 8
