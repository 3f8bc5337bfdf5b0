"""From kernels to a step of a server: what adds up, what crosses the links, what is held."""

import pytest
from attrs import evolve
from megatron_plans import FP16, GROUPED, LATENT, MEGATRON, PLAIN, SPARSE, flat
from round_kernels import CURVES, KERNELS, NARROW
from serving_plans import IDEAL, SERVING, serving

from llmplan.records import Cluster, CollectiveCurve, Level, Operator, Step
from llmplan.testing import SAMPLE_MODEL
from llmplan_parallelism_megatron.serving import steps as module
from llmplan_parallelism_megatron.serving.experts import busiest, pad_experts
from llmplan_parallelism_megatron.serving.extent import Extent, Flow, of_decoding
from llmplan_parallelism_megatron.serving.kernels import Waits
from llmplan_parallelism_megatron.serving.layers import layer_tally
from llmplan_parallelism_megatron.serving.passes import add_states, forward, head_tally
from llmplan_parallelism_megatron.serving.pipeline import static_batches
from llmplan_parallelism_megatron.serving.rank import Layer, Multiplication, Rank
from llmplan_parallelism_megatron.serving.steps import Steps
from llmplan_parallelism_megatron.serving.tally import Tally
from llmplan_parallelism_megatron.serving.traffic import OWN_BYTES

MATRICES = 12 * 512**2
"""Of a layer of the plain model."""
TABLE = 4000 * 512


def filled(line, seconds, **by):
    """A tally with one kernel."""
    tally = Tally()
    tally.add(line, Waits(seconds, by))
    return tally


def test_tallies_add_up_by_line_and_by_what_was_waited_for():
    """A second kernel would replace the first, layers be counted once, or what runs behind be left out."""
    tally = filled("mlp", 3.0, weights=2.0, launch=1.0)
    tally.add("mlp", Waits(4.0, {"weights": 4.0}))
    tally.add_for("host", "host", 5.0)
    assert (tally.lines, tally.bounds) == ({"mlp": 7, "host": 5}, {"weights": 6, "launch": 1, "host": 5})
    assert tally.seconds == 12
    thrice = tally.repeated(3.0)
    assert (thrice.lines, thrice.bounds) == ({"mlp": 21, "host": 15}, {"weights": 18, "launch": 3, "host": 15})
    half = tally.weighted(0.5)
    assert (half.lines, half.bounds) == ({"mlp": 3.5, "host": 2.5}, {"weights": 3, "launch": 0.5, "host": 2.5})
    stage = Tally.of([2.0, 3.0], [tally, filled("mlp", 1.0, compute=1.0)])
    assert (stage.lines, stage.bounds) == (
        {"mlp": 17, "host": 10},
        {"weights": 12, "launch": 2, "host": 10, "compute": 3},
    )
    tally.join(filled("ends", 1.0, weights=1.0))
    assert (tally.lines, tally.bounds) == ({"mlp": 7, "host": 5, "ends": 1}, {"weights": 7, "launch": 1, "host": 5})


def links(curves=CURVES, domain=8, engine=IDEAL, **sizes):
    """Of a layout, and the layout."""
    rank = Rank.of(serving(PLAIN, curves=curves, domain=domain, engine=engine, **sizes))
    return rank.links, rank.plan.layout


def own(launch, library=0.5):
    """Curves of an engine's own kernels that start in so long, where the library's take half a second."""
    slow = CollectiveCurve(plateau=1.0, launch_seconds=library)
    kernels = evolve(SERVING, all_reduce=CollectiveCurve(plateau=1.0, launch_seconds=launch))
    return flat(collectives=dict.fromkeys(CURVES.collectives, slow), serving=kernels)


def test_sums_take_the_faster_way_inside_a_domain():
    """An engine would use kernels of its own where the library is faster, for large messages, or across the network."""
    waiting, message = evolve(IDEAL, rank_wait_seconds=2.0), 8e6
    in_two, in_one = 2 * message * 3 / 4 / 3e11, message * 3 / 3e11
    quick, _ = links(own(1e-9), tp=4, engine=evolve(waiting, two_shots=True))
    assert quick.all_reduce_seconds(message) - 3 * 2 == pytest.approx(2e-9 + in_two)
    single, _ = links(own(1e-9), tp=4, engine=evolve(waiting, two_shots=False))
    assert single.all_reduce_seconds(message) - 3 * 2 == pytest.approx(1e-9 + in_one)
    starting, _ = links(own(0.3), tp=4, engine=evolve(waiting, two_shots=True))
    assert starting.all_reduce_seconds(message) - 3 * 2 == pytest.approx(0.3 + in_one)
    library, _ = links(own(0.7), tp=4, engine=waiting)
    assert library.all_reduce_seconds(message) - 3 * 2 == pytest.approx(0.5 + in_two)
    assert OWN_BYTES == 8 * 2**20
    assert quick.all_reduce_seconds(OWN_BYTES) - 3 * 2 == pytest.approx(0.5 + 2 * OWN_BYTES * 3 / 4 / 3e11)
    pair, _ = links(own(1e-9), tp=2, engine=evolve(waiting, two_shots=False))
    assert pair.all_reduce_seconds(message) - 2 == pytest.approx(1e-9 + message / 3e11)
    none, _ = links(own(1e-9), tp=4, engine=evolve(waiting, custom_all_reduce=False))
    assert none.all_reduce_seconds(message) - 3 * 2 == pytest.approx(0.5 + in_two)
    alone, _ = links(own(1e-9), engine=waiting)
    assert alone.all_reduce_seconds(message) == 0
    whole, _ = links(own(1e-9), tp=8, engine=evolve(waiting, two_shots=False))
    assert whole.all_reduce_seconds(message) - 7 * 2 == pytest.approx(1e-9 + message * 7 / 3e11)
    far, _ = links(own(1e-9), tp=16, engine=waiting)
    assert far.all_reduce_seconds(message) == pytest.approx(0.5 + (8 * 2 - 1) * 2, rel=1e-3)
    farther, _ = links(own(1e-9), domain=4, tp=16, engine=waiting)  # a tree of four nodes has two levels
    assert farther.all_reduce_seconds(message) == pytest.approx(0.5 + (4 * 3 - 1) * 2, rel=1e-3)


def test_states_go_to_the_next_stage_in_parts_and_are_gathered_there():
    """Each rank would send all of them, over the wrong link, or a single stage send them to itself."""
    near, layout = links(tp=2, pp=4)
    assert near.transfer_seconds(1e12, layout) == pytest.approx(1e12 / 2 / 3e11 + 1e12 / 2 / 3e11)
    far, layout = links(tp=2, pp=8)
    assert far.transfer_seconds(1e12, layout) == pytest.approx(1e12 / 2 / 5e10 + 1e12 / 2 / 3e11)
    edge, layout = links(tp=4, pp=3)
    assert edge.transfer_seconds(1e12, layout) == pytest.approx(1e12 / 4 / 5e10 + 1e12 * 3 / 4 / 3e11)
    two, layout = links(tp=2, pp=2)
    assert two.transfer_seconds(1e12, layout) == pytest.approx(1e12 / 2 / 3e11 + 1e12 / 2 / 3e11)
    alone, layout = links(tp=2)
    assert alone.transfer_seconds(1e12, layout) == 0


def test_sums_on_a_torus_go_around():
    """Ranks would read from all others at once where links join neighbours alone, or not where a switch joins them."""
    plan = serving(PLAIN, curves=own(1e-9), tp=4, engine=evolve(IDEAL, two_shots=False))
    torus = Level(topology="torus", dimensions=(4, 2), bytes_per_second=3e11)
    seconds = []
    for levels in ((torus, Level(bytes_per_second=5e10)), (Level(size=8, bytes_per_second=3e11), torus)):
        placed = evolve(plan, hardware=evolve(plan.hardware, cluster=Cluster(levels=levels)))
        seconds.append(Rank.of(placed).links.all_reduce_seconds(8e6))
    assert seconds[0] == pytest.approx(1e-9 + 2 * 8e6 * 3 / 4 / 1.5e11)
    assert seconds[1] == pytest.approx(1e-9 + 8e6 * 3 / 3e11)


def test_caches_go_to_a_replica_beside_this_one():
    """They would cross the network inside a domain, or a domain that the replicas do not share."""
    near, layout = links(tp=2, pp=2)
    assert near.transfer_between_replicas_seconds(1e12, layout) == pytest.approx(1e12 / 3e11)
    far, layout = links(tp=4, pp=2)
    assert far.transfer_between_replicas_seconds(1e12, layout) == pytest.approx(1e12 / 5e10)
    assert far.transfer_between_replicas_seconds(1e12, evolve(layout, pp=1)) == pytest.approx(1e12 / 3e11)


def test_a_server_prices_each_step_once(monkeypatch):
    """A step would be priced for its seconds and again for its interval, or another one be taken for it."""
    asked = []
    monkeypatch.setattr(module, "forward", lambda rank, flow: asked.append(flow) or forward(rank, flow))
    steps, one, other = (
        Steps(serving(PLAIN, pp=2)),
        Step(sequences=1.0, context=9.0),
        Step(sequences=900.0, context=9e3),
    )
    whole, each = steps.step_seconds(one), steps.step_interval_seconds(one)
    assert each < whole
    assert len(asked) == 1
    assert steps.step_seconds(other) > whole
    assert steps.step_seconds(one) == whole
    assert len(asked) == 3


def test_what_a_server_holds_and_hands_over():
    """Logits would be those of no sequence, or caches cross another link than replicas are apart."""
    steps = Steps(serving(PLAIN, tp=2, engine=evolve(IDEAL, memory_share=1.0)))
    fixed = steps.fixed_memory(100.0)
    assert fixed["logits"] == 4000 * 4 / 2
    assert fixed["activations"] == 100 * (2 * 512 + 512 + 2048 / 2) * 2
    assert steps.kv_bytes(17.0) == 8 * 2 * 512 * 32 * 2 / 2  # two pages of 16
    assert steps.kv_transfer_seconds(17.0) == steps.rank.links.transfer_between_replicas_seconds(
        steps.kv_bytes(17.0), steps.plan.layout
    )


@pytest.mark.parametrize(
    ("sizes", "layers", "ends"), [({}, 8, 2 * TABLE + 512), ({"tp": 2}, 8, TABLE + 512), ({"pp": 2}, 4, TABLE + 512)]
)
def test_weights_of_the_fullest_device(sizes, layers, ends):
    """A stage would hold the layers of others, or both ends; a rank all of what is divided."""
    untied = evolve(PLAIN, tied_embeddings=False)
    held = Rank.of(serving(untied, **sizes)).weight_bytes
    each = untied.lower(1, 1).layers[0].parameters
    divided = MATRICES / sizes.get("tp", 1) + each - MATRICES
    assert held == pytest.approx(2 * (layers * divided + ends), rel=1e-4)


def test_experts_may_have_bits_of_their_own_and_wait_on_the_host():
    """Experts would be read as wide as other weights, or both sides of a link hold them."""
    narrow = evolve(FP16, expert_bits=8)
    wide, halved = (Rank.of(serving(SPARSE, dtype=dtype)) for dtype in (FP16, narrow))
    experts = 7 * 8 * 3 * 512 * 512  # of all but the first layer
    assert wide.weight_bytes - halved.weight_bytes == pytest.approx(experts)
    apart = Rank.of(serving(SPARSE, engine=evolve(IDEAL, offloads=("experts",)), offload="experts"))
    assert apart.host_weight_bytes == pytest.approx(2 * experts)
    assert apart.weight_bytes == pytest.approx(wide.weight_bytes - 2 * experts)
    away = Rank.of(serving(SPARSE, engine=evolve(IDEAL, offloads=("weights",)), offload="weights"))
    assert (away.weight_bytes, away.host_weight_bytes) == (0, wide.weight_bytes)
    assert wide.host_weight_bytes == 0
    assert wide.weight_bytes == pytest.approx(2 * sum(SPARSE.parameters_by_part().values()), rel=1e-3)
    half = Rank.of(serving(SPARSE, pp=2, engine=evolve(IDEAL, offloads=("experts",)), offload="experts"))
    assert half.host_weight_bytes == pytest.approx(experts)  # half of them, in two bytes each


@pytest.mark.parametrize(("model", "heads"), [(PLAIN, 8), (GROUPED, 8), (LATENT, 8)])
def test_heads_in_which_scores_are_made(model, heads):
    """Scores of unfused attention would be those of other heads, or of all ranks."""
    assert Rank.of(serving(model)).heads == pytest.approx(heads)
    assert Rank.of(serving(model, tp=2)).heads == pytest.approx(heads / 2)


def test_what_an_engine_keeps_of_a_layer():
    """A buffer for each operator would be as small as one that is used again, or fused scores be held."""
    again, each = (
        Rank.of(serving(PLAIN, engine=evolve(IDEAL, keeps_buffers=keeps))).widest_elements for keeps in (False, True)
    )
    assert again == 512 + 2048
    assert each > 3 * again


def test_expert_parallel_ranks_beyond_data_parallel_ones_hold_wider_experts():
    """Each would hold as many experts as there are for dp, or parts of all of them."""
    alone, shared = (Rank.of(serving(SPARSE, tp=4, dp=2, ep=ep)) for ep in (2, 8))
    assert shared.weight_bytes == pytest.approx(alone.weight_bytes)
    groups, wider = (
        next(one for one in rank.layers[-1].multiplications if one is not None and one.routed)
        for rank in (alone, shared)
    )
    assert (groups.groups, wider.groups) == (4, 1)
    assert (wider.k, wider.n) == (groups.k, pytest.approx(4 * groups.n))
    few, many = (
        [one for one in rank.layers[-1].multiplications if one is not None and one.routed][1]
        for rank in (alone, shared)
    )
    assert (many.k, many.n) == (pytest.approx(4 * few.k), few.n)


def test_experts_of_few_bits_are_as_wide_as_kernels_take_them():
    """Padding would make experts narrower, or the way up as deep as the way down."""
    four = evolve(FP16, expert_bits=4)
    engine = evolve(IDEAL, expert_multiple=640, expert_slice_multiple=384)
    rank = Rank.of(serving(SPARSE, dtype=four, engine=engine))
    up, down = (one for one in rank.layers[-1].multiplications if one is not None and one.routed)
    assert (up.k, up.n) == (640, 2 * 768)
    assert (down.k, down.n) == (768, 640)
    assert (up.weights, down.weights) == (8 * 640 * 2 * 768, 8 * 768 * 640)
    assert up.touched == down.touched == 2 / 8
    for bits, depth in ((7, 640), (8, 512), (9, 512)):
        wide = Rank.of(serving(SPARSE, dtype=evolve(FP16, expert_bits=bits), engine=engine))
        assert next(one for one in wide.layers[-1].multiplications if one is not None and one.routed).k == depth
    assert pad_experts(PLAIN.lower(1, 1), serving(PLAIN, dtype=evolve(FP16, weight_bits=4), engine=engine)) == 1


def test_the_busiest_rank_has_no_more_than_all():
    """A pass without tokens would divide by them, or one rank do the work of more than there are."""
    assert busiest(4.0, 0.0) == 4
    assert busiest(1.0, 10.0) == 1


def test_a_batch_is_cut_by_the_tokens_of_a_step():
    """Parts of a decoding batch would be as small as those of prompts, or not be halved at all."""
    cut = evolve(IDEAL, pipeline="micro-batches", micro_batch_tokens=4)
    given = serving(PLAIN, batch=16, pp=2, engine=cut)
    part = forward(Rank.of(given), of_decoding(4.0, 64, 64)).stage.seconds
    assert sum(MEGATRON.infer(given).decode_breakdown.values()) == pytest.approx(4 * part)


def test_attention_that_keeps_16_bits_is_held_in_them():
    """A checkpoint would be held as small as if attention were in 8 bits, or its MLPs in 16."""
    eight = evolve(FP16, weight_bits=8)
    alike, apart = (Rank.of(serving(PLAIN, dtype=dtype)) for dtype in (eight, evolve(eight, attention_bits=16)))
    assert apart.weight_bytes - alike.weight_bytes == pytest.approx(8 * 4 * 512**2)


@pytest.mark.parametrize(
    ("pipeline", "static", "served"), [("batches", 4, 4), ("micro-batches", 1, 4), ("one-by-one", 1, 1)]
)
def test_batches_in_work(pipeline, static, served):
    """Stages would idle where an engine fills them, or be filled where it does not."""
    plan = serving(PLAIN, pp=4, engine=evolve(IDEAL, pipeline=pipeline))
    assert (static_batches(plan), Steps(plan).batches_in_flight) == (static, served)


def test_a_pass_goes_through_all_stages_and_their_messages():
    """The head would run on each stage, or states be sent once however many stages there are."""
    flow = of_decoding(3.0, 64, 64)
    rank = Rank.of(serving(PLAIN, curves=flat(), pp=4))
    found, sent = forward(rank, flow), rank.links.transfer_seconds(512 * 3 * 2, rank.plan.layout)
    assert found.stage.lines["pp_comm"] == pytest.approx(sent)
    assert found.whole.lines["pp_comm"] == pytest.approx(3 * sent)
    head = head_tally(3.0, rank)
    embedding = layer_tally(rank.embedding, flow, rank)
    layers = [layer_tally(layer, flow, rank) for layer in rank.layers]
    parts = head.seconds + embedding.seconds + 3 * sent + sum(8 * one.seconds for one in layers)
    assert found.whole.seconds == pytest.approx(parts, rel=1e-9)
    (part,) = {operators[0].part for operators in rank.head.kernels} - {
        operators[0].part for operators in rank.embedding.kernels
    }
    assert found.whole.lines[part] == pytest.approx(head.lines[part], rel=1e-9)
    alone = forward(Rank.of(serving(PLAIN, curves=flat())), flow)
    assert alone.whole.seconds == pytest.approx(alone.stage.seconds)
    assert alone.stage.lines["pp_comm"] == 0


def test_layers_without_attention_read_and_write_what_they_keep():
    """What such a model keeps would be free to read, or be read once more by each layer."""
    slow = evolve(KERNELS, key_seconds=1e6, attention_flops=1e-6)  # of attention, which it is none
    for tp in (1, 2):
        rank = evolve(Rank.of(serving(PLAIN, curves=CURVES, tp=tp)), kernels=slow)
        silent = evolve(rank, layers=[Layer(8, [[Operator("scan", "mixer")]], 1.0)])
        tally = Tally()
        add_states(tally, ANSWERS, silent)
        assert tally.lines["kv_cache"] == pytest.approx(5 + 2 * (3 * 14 * 2 * 512) / tp * 2 / (4 * 0.5))
        both = evolve(silent, layers=[*silent.layers, Layer(2, [[Operator("scan", "mixer")]], 1.0)])
        again = Tally()
        add_states(again, ANSWERS, both)
        assert again.lines == tally.lines
        add_states(tally, ANSWERS, rank)
        assert tally.lines["kv_cache"] == pytest.approx(5 + 2 * (3 * 14 * 2 * 512) / tp * 2 / (4 * 0.5))


ANSWERS = Flow(Extent(0.0, 0.0, 0.0, 0.0), Extent(3.0, 10.0, 14.0, 1.0))


def test_the_head_by_hand():
    """Logits would be made of every position, sampled in 16 bits, or gathered from one rank."""
    untied = evolve(PLAIN, tied_embeddings=False)
    for tp in (1, 2):
        rank = evolve(Rank.of(serving(untied, curves=CURVES, tp=tp)), kernels=KERNELS)
        rank = evolve(rank, kernels=evolve(KERNELS, head=evolve(NARROW, weight_bytes=2.0, flops=1e30)))
        bounds = head_tally(3.0, rank).bounds
        assert bounds["weights"] == pytest.approx(TABLE / tp * 2 / 4)
        moved = 2 * 512 * 3 * 2 / 8 + 3 * (512 * 1 + 4000 / tp * 2) / 8  # the norm, and states in and logits out
        assert bounds["activations"] == pytest.approx(moved + 2 * 4000 / tp * 3 * 4 / 8)
        assert bounds["communication"] == pytest.approx(rank.links.all_gather_seconds(3 * 4000 * 2))
    whole = Rank.of(serving(untied, curves=CURVES, tp=2, engine=evolve(IDEAL, divides_head=False)))
    assert "communication" not in head_tally(3.0, whole).bounds


def test_what_layers_keep_is_read_with_the_first_of_them():
    """It would be read with another kind of layers, as often as there are of these."""
    rank = evolve(Rank.of(serving(SPARSE, curves=CURVES)), kernels=KERNELS)
    scan = [[Operator("scan", "mixer")]]
    silent = evolve(rank, layers=[Layer(1, scan, 1.0), Layer(7, scan, 1.0)])
    kept = 8 * 3 * 14 * 2 * 128  # of all layers, with the first
    assert forward(silent, ANSWERS).whole.lines["kv_cache"] == pytest.approx(5 + 2 * kept * 2 / (4 * 0.5))


@pytest.mark.parametrize("routed", [False, True])
def test_experts_that_tokens_touch(routed):
    """All experts would be read for a token, the mean rank be the busiest, or ranks touch experts one by one."""
    layer = Layer(1, [], 2.0)
    one = Multiplication(m=0.5, n=6.0, k=4.0, groups=8.0, weights=100.0, touched=0.25, routed=routed)
    rows = 10 * busiest(2.0, 0.5 * 8 * 10) if routed else 10.0
    share = 1 - 0.75 ** (2 * rows)
    gemm, read = layer.multiplied(one, 10.0)
    assert (gemm.m, gemm.n, gemm.k, gemm.groups) == (pytest.approx(0.5 * rows / share), 6, 4, pytest.approx(8 * share))
    assert read == pytest.approx(100 * share)
    every, whole = layer.multiplied(evolve(one, touched=None), 10.0)
    assert (every.m, every.n, every.k, every.groups, whole) == (5, 6, 4, 8, 100)


def test_models_that_say_nothing_of_it_run_one_after_the_other():
    """Attention and MLP of other packages' models would be summed together."""
    rank = Rank.of(serving(SAMPLE_MODEL, tp=2, engine=evolve(IDEAL, joins_sums=True)))
    summed = [one for kernels in rank.layers[0].kernels for one in kernels if one.reduced_elements is not None]
    assert len(summed) == 2
