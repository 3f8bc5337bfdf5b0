"""What one rank of a server holds, to the byte."""

import pytest
from attrs import evolve
from megatron_plans import FP16, GROUPED, PLAIN, SPARSE
from serving_plans import IDEAL, serving

from llmplan.records import Block, Operator
from llmplan_layers import DeltaAttention, DenseMlp, Layer, LayeredModel
from llmplan_parallelism_megatron.serving.extent import of_decoding, of_prompts
from llmplan_parallelism_megatron.serving.held import fixed_bytes
from llmplan_parallelism_megatron.serving.host import add_host
from llmplan_parallelism_megatron.serving.infer import memory_lines
from llmplan_parallelism_megatron.serving.passes import head_tally
from llmplan_parallelism_megatron.serving.rank import Layer as ServedLayer, Rank
from llmplan_parallelism_megatron.serving.tally import Tally

TABLE, NORM = 4000 * 512, 2 * 512
LAYERS = 8 * PLAIN.lower(1, 1).layers[0].parameters
EXPERTS = 7 * 8 * 3 * 512 * 512
"""Of all layers but the first."""
RECURRENT = LayeredModel(
    name="recurrent",
    hidden=512,
    vocab=4000,
    order=8
    * (
        Layer(
            mixer=DeltaAttention(hidden=512, key_heads=4, value_heads=4, key_dim=64, value_dim=64),
            mlp=DenseMlp(hidden=512, ffn_hidden=2048, gated=False),
        ),
    ),
    max_seq_len=4096,
)


def of(model=PLAIN, **changes):
    """A rank of a plan."""
    return Rank.of(serving(model, **changes))


@pytest.mark.parametrize(("tied", "pp", "ends"), [(True, 1, TABLE), (False, 1, 2 * TABLE), (False, 4, TABLE)])
def test_weights_of_the_fullest_stage(tied, pp, ends):
    """A stage would hold the emptier end of the model, or a single one the same table twice."""
    held = of(evolve(PLAIN, tied_embeddings=tied), pp=pp).weight_bytes
    assert held == 2 * (LAYERS / pp + ends + NORM)


@pytest.mark.parametrize("pp", [1, 2])
def test_attention_and_experts_of_other_bits_are_those_of_the_stage(pp):
    """Bits of attention or of experts would be those of all stages, or of layers that the stage has not."""
    alike, apart = (of(dtype=dtype, pp=pp) for dtype in (FP16, evolve(FP16, weight_bits=8, attention_bits=16)))
    matrices = 12 * 512**2 * 8  # of which attention has a third
    assert alike.weight_bytes - apart.weight_bytes == pytest.approx(LAYERS / pp - matrices / 3 / pp, rel=1e-12)
    wide, narrow = (of(SPARSE, dtype=dtype, pp=pp) for dtype in (FP16, evolve(FP16, expert_bits=8)))
    assert wide.weight_bytes - narrow.weight_bytes == pytest.approx(EXPERTS / pp, rel=1e-12)


def test_padded_experts_wait_on_the_host_as_wide_as_they_are():
    """The host would hold experts without what their kernels pad."""
    engine = evolve(IDEAL, expert_multiple=640, expert_slice_multiple=384, offloads=("experts",))
    rank = of(SPARSE, dtype=evolve(FP16, expert_bits=4), engine=engine, offload="experts")
    assert rank.host_weight_bytes == pytest.approx(EXPERTS / 2 * 640 * 768 / 512**2, rel=1e-12)


def test_a_stage_keeps_the_states_of_its_layers():
    """A stage would keep what layers of others carry from token to token."""
    assert of(RECURRENT).state_bytes == 2 * of(RECURRENT, pp=2).state_bytes > 0
    assert of(RECURRENT).heads == 0


@pytest.mark.parametrize(
    ("model", "stream", "widest", "called"),
    [
        (PLAIN, 512, 512 + 2048, 2 * 2048),
        (GROUPED, 512, 512 + 2 * 2048, 3 * 2048),  # gate and up, and their product that the next reads
        (evolve(SPARSE, moe=evolve(SPARSE.moe, first_dense_layers=0)), 512, 2 * 512 + 2 * 2 * 512, 3 * 2 * 512),
    ],
)
def test_the_widest_of_a_token(model, stream, widest, called):
    """A buffer would be as wide as one expert, as all of them, or as what an operator reads that stands elsewhere."""
    rank = of(model)
    assert (rank.stream_elements, rank.widest_elements, rank.called_elements) == (stream, widest, called)


def test_a_head_without_a_multiplication_gathers_nothing():
    """Logits would be gathered that nobody has made."""
    rank = of(tp=2)
    bare = evolve(rank, head=ServedLayer.of(Block((Operator("norm", "norms", moved=8.0),), 0.0), 1.0))
    assert head_tally(3.0, bare).lines["tp_comm"] == rank.links.all_gather_seconds(0.0)


@pytest.mark.parametrize(("captures", "decoding"), [(True, 0), (False, 1)])
def test_kernels_that_no_graph_holds_are_launched_one_by_one(captures, decoding):
    """Prompts would be captured as decoding is, or a layer's gap be there once for all layers."""
    engine = evolve(IDEAL, captures_launches=captures, launch_seconds_per_layer=2.0, launches_per_layer=100.0)
    rank = of(engine=engine)
    (layer,) = rank.layers
    priced = len(layer.kernels) + sum(one.moved is not None for kernels in layer.kernels for one in kernels)
    launched = 8 * (2 + (100 - priced) * rank.kernels.launch_seconds)
    for flow, times in ((of_decoding(3.0, 64.0, 64.0), decoding), (of_prompts(2.0, 8.0), 1)):
        tally = Tally()
        add_host(rank, tally, [8.0], flow)
        assert tally.lines["launch"] == pytest.approx(times * launched)


def test_sampling_is_warmed_up_with_all_of_the_vocabulary():
    """An engine would set aside a rank's part of the logits that it samples from."""
    warm = evolve(IDEAL, warm_up_bytes=28.0, max_sequences=1000, step_tokens=1)
    alone, halves = (fixed_bytes(of(tp=tp, engine=warm), serving(PLAIN, tp=tp, engine=warm), 1.0, 1.0) for tp in (1, 2))
    sums = [one["logits"] + one["activations"] for one in (alone, halves)]
    assert sums == [pytest.approx(1000 * 4000 * 28)] * 2


def test_memory_is_asked_for_with_a_rank_or_without():
    """A search that has the rank would be told of another one's memory, or one that has none of nothing."""
    wide, narrow = (serving(PLAIN, tp=tp) for tp in (1, 2))
    assert memory_lines(wide) == memory_lines(wide, Rank.of(wide)) != memory_lines(wide, Rank.of(narrow))
