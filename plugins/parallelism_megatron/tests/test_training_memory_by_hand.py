"""What a device holds while it trains, line by line and in round numbers."""

import pytest
from attrs import evolve
from megatron_plans import ADAM, FP8, FP16, GPU, GROUPED, IDEAL, MUON, PLAIN, SPARSE, flat, plan

from llmplan.records import Gemm, Operator, Recompute, Scores, Tensor, Tuning
from llmplan.records.model import ALWAYS_KEPT
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import Stage
from llmplan_parallelism_megatron.training.memory import (
    ends_memory,
    gradient_bytes,
    kept_bytes,
    sum_of_eager,
    training_memory,
    weight_bytes,
)
from llmplan_parallelism_megatron.training.optimizer_step import (
    HOST_MEMORY_BYTES_PER_SECOND,
    held_states,
    optimizer_seconds,
    own_bytes,
    paged_bytes,
    state_bytes,
)
from llmplan_parallelism_megatron.training.parameters import Parameters, stage_parameters

HELD = Parameters(dense=100.0, experts=40.0, ends=60.0, head=24.0, adapters=8.0, expert_adapters=4.0)
TUNED = {"tuning": Tuning.LORA, "lora_rank": 2}
QLORA = {"tuning": Tuning.QLORA, "lora_rank": 2, "settings": {"frozen_bits": 4.0}}
EIGHT = evolve(FP8, training_weight_bits=8)
LAYER = SPARSE.lower(1, 1).layers[-1]


def of(model=PLAIN, **changes):
    """A rank of a plan."""
    return Rank.of(plan(model, **changes))


def lines(model=PLAIN, **changes):
    """Of the fullest stage."""
    return training_memory(of(model, **changes))[0]


@pytest.mark.parametrize(
    ("run", "bytes_held"),
    [
        ({}, 2 * (100 + 40 + 60)),  # all of it, whatever adapters would have
        ({"dtype": EIGHT, **TUNED}, 100 + 40 + 2 * 60 + 2 * (8 + 4)),
        (QLORA, (100 + 40) / 2 + 2 * 60 + 2 * (8 + 4)),
        ({"framework": evolve(IDEAL, freezes_head=True), **QLORA}, (100 + 40 + 24) / 2 + 2 * (60 - 24) + 2 * (8 + 4)),
        ({"framework": evolve(IDEAL, freezes_head=True), **TUNED}, 2 * (100 + 40 + 60 + 8 + 4)),
        ({"offload_parameters": True, "offload_optimizer": True}, 0),
    ],
)
def test_weights_have_the_bits_of_what_they_are(run, bytes_held):
    """A head would be frozen that trains, an adapter be as narrow as what it stands beside, or experts not count."""
    held = HELD if "tuning" in run else HELD._replace(adapters=0.0, expert_adapters=0.0)
    assert weight_bytes(of(**run), held) == bytes_held


@pytest.mark.parametrize(
    ("run", "bytes_held"),
    [
        ({}, 4 * 200),
        ({"gradient_bits": 16.0, **TUNED}, 2 * 12),
        ({"dp": 4, "ep": 2, "zero": 2}, 4 * (160 / 4 + 40 / 2)),
        ({"dp": 4, "ep": 2, "zero": 1}, 4 * 200),
        ({"offload_parameters": True, "offload_optimizer": True}, 0),
    ],
)
def test_gradients_are_of_what_trains(run, bytes_held):
    """Frozen weights would have gradients, ZeRO 1 divide them, or those of experts be on as many ranks as the rest."""
    assert gradient_bytes(of(SPARSE, **{"gradient_bits": 32.0, **run}), HELD) == bytes_held


def test_parameters_that_a_rank_holds_and_trains():
    """Adapters would be taken from what they stand beside, or 4 bits be as many parameters as 16."""
    narrow, full = plan(**QLORA), plan()
    assert HELD.held(narrow) == (100 / 4 + 60 + 8, 40 / 4 + 4)
    assert (HELD.trained(narrow), HELD.trained(full)) == ((8, 4), (160, 40))


@pytest.mark.parametrize(
    ("unties", "first", "last", "tables"), [(False, 1, 1, 1), (True, 1, 1, 2), (False, 1, 0, 1), (False, 0, 1, 1)]
)
def test_a_tied_table_is_held_once_by_a_stage_with_both_ends(unties, first, last, tables):
    """A program with two tables would hold one, or a last stage none of the table that its head multiplies by."""
    rank = of(PLAIN, framework=evolve(IDEAL, unties_head=unties))
    table, norm = 4000 * 512, 2 * 512
    held = stage_parameters(rank, Stage([2.0], first, last))
    assert held.ends == tables * table + last * norm
    assert held.head == (norm + (unties or not first) * table if last else 0)


@pytest.mark.parametrize(
    ("held", "wanted", "bytes_each"), [(16, True, 12), (16, False, 8), (31, True, 12), (32, True, 8)]
)
def test_a_master_weight_stands_beside_weights_of_fewer_bits(held, wanted, bytes_each):
    """Weights in 32 bits would have a copy in 32 bits, or states of layers be those of the ends."""
    dtype = evolve(FP16, training_weight_bits=held)
    assert state_bytes(plan(dtype=dtype, master_weights=wanted, optimizer=ADAM)) == bytes_each
    assert own_bytes(plan(optimizer=MUON)) == 4
    assert own_bytes(plan(optimizer=MUON), at_ends=True) == 8


def test_states_of_the_ends_are_those_of_another_rule():
    """The embedding would be updated by Muon, or adapters' share of it by Adam."""
    muon = {"optimizer": MUON, "master_weights": False, "dp": 4, "zero": 1}
    assert held_states(of(**muon), HELD) == 140 / 4 * 4 + 60 / 4 * 8 + 40 / 4 * 4 - 40 / 4 * 4
    assert held_states(of(**muon, **TUNED), HELD) == 12 / 4 * 4


def test_pages_go_away_as_far_as_there_is_no_room():
    """States that wait on the host already would be paged out once more, or more go than there are."""
    room = 0.8 * GPU.memory_bytes
    for waits, many in ((False, 8 * 200.0), (True, 0.0)):
        rank = of(master_weights=False, offload_optimizer=waits)
        assert paged_bytes(rank, HELD, room + 100) == min(many, 100)
        assert paged_bytes(rank, HELD, room + 1e4) == many
        assert paged_bytes(rank, HELD, room - 100) == 0


def test_a_step_moves_states_gradients_and_weights():
    """The optimizer's own traffic would be gained, or what went behind a pass go down the link once more."""
    one, hbm = {"master_weights": False, "gradient_bits": 32.0, "curves": flat()}, 2e12
    on_device = optimizer_seconds(of(**one, optimizer=evolve(ADAM, moved_bytes=5.0)), HELD)
    assert hbm * on_device == pytest.approx(200 * (2 * 8 + 3 * 4 + 2 + 5))
    held = 2 * 8 * 6e10 / HOST_MEMORY_BYTES_PER_SECOND
    away = optimizer_seconds(of(**one, offload_optimizer=True), HELD)
    assert 6e10 * away == pytest.approx(200 * (4 + 2 + held))
    behind = optimizer_seconds(of(**one, offload_optimizer=True, offload_parameters=True), HELD)
    assert 6e10 * behind == pytest.approx(200 * held)


def test_what_only_several_devices_and_the_last_stage_have():
    """One device would hold buffers of collectives, a first stage logits, or what keeps everything run layers again."""
    framework = evolve(IDEAL, communication_bytes=512.0, bucket_bytes=64.0)
    alone, many = lines(framework=framework), lines(framework=framework, dp=2)
    assert (alone["communication_buffers"], many["communication_buffers"]) == (64, 64 + 512)
    first, last = ends_memory(of(pp=2, gradient_accumulation=2))
    assert (first["logits_and_loss"], first["recompute_buffer"]) == (0, 0)
    assert (last["logits_and_loss"] > 0, last["recompute_buffer"]) == (True, 0)


def of_one(operator, recompute=Recompute.NONE, **changes):
    """What a layer of one operator keeps."""
    rank = of(GROUPED, recompute=recompute, **changes)
    return kept_bytes(evolve(LAYER, operators=(operator,)), rank)


NORM = Operator("norm", "norms", inputs=(Tensor(10.0, width="norm", dropped_from=ALWAYS_KEPT),))
UP = Operator("up", "mlp", gemm=Gemm(5.0, 6.0, 7.0), inputs=(Tensor(35.0),))


def test_a_layer_that_runs_again_begins_with_its_input():
    """Layers that run again would keep every second product all the same, or a frozen one lose its input."""
    assert of_one(UP, Recompute.FULL, framework=evolve(IDEAL, alternates=True)) == 0
    assert of_one(NORM, Recompute.FULL, framework=evolve(IDEAL, alternates=True)) == 2 * 10
    eager = evolve(IDEAL, eager=True)
    assert of_one(NORM, Recompute.FULL, framework=eager, **TUNED) == 2 * 10
    assert of_one(NORM, framework=eager, **TUNED) == 4 * 10
    assert of_one(NORM, framework=eager) == 2 * 10 + 4 * 10


@pytest.mark.parametrize(("tuning", "keeps", "kept"), [(TUNED, True, 0), (QLORA, False, 0), (QLORA, True, 2 * 35)])
def test_inputs_of_frozen_matrices_are_kept_by_qlora_alone(tuning, keeps, kept):
    """LoRA would keep what no gradient needs, or QLoRA do so in a program that does not."""
    assert of_one(UP, framework=evolve(IDEAL, keeps_frozen_inputs=keeps), **tuning, lora_targets=("down",)) == kept


def test_what_is_beside_an_input_goes_with_its_operator():
    """An operator that runs again would keep what it makes beside its input."""
    gate = Operator("gate", "mlp", moved=1.0, inputs=(Tensor(8.0), Tensor(8.0)), recomputed_from=Recompute.ATTENTION)
    eager = evolve(IDEAL, eager=True)
    assert of_one(gate, framework=eager) == 2 * 16 + 2 * 8
    assert of_one(gate, Recompute.NORM_ATTENTION_NORM, framework=eager) == 2 * 16


@pytest.mark.parametrize(
    ("keys", "framework", "beside"),
    [
        (3.0, {"repeats_kv": True}, 2 * (8 - 3)),
        (8.0, {"repeats_kv": True}, 0),
        (9.0, {"repeats_kv": True}, 0),
        (3.0, {"fused_qkv": True}, 8 + 3),
        (3.0, {"fused_qkv": True, "repeats_kv": True}, 2 * (8 - 3)),
        (7.5, {"fused_qkv": True, "repeats_kv": True}, 2 * (8 - 7.5)),
        (8.0, {"fused_qkv": True, "repeats_kv": True}, 8 + 8),
    ],
)
def test_what_attention_keeps_beside_queries_and_keys(keys, framework, beside):
    """Copies of keys would be made of what has as many heads, or views stay beside the copies that replace them."""
    attention = Operator("qk", "attention", inputs=(Tensor(8.0), Tensor(keys)), scores=Scores(8, 4, 0.5))
    assert sum_of_eager(attention, of(framework=evolve(IDEAL, **framework))) == 2 * beside


def test_what_pytorch_keeps_of_norms_and_products():
    """Norms that have a kernel would be kept twice, or a function of one input keep it as a product does."""
    layers, rms = (of(model, framework=evolve(IDEAL, eager=True)) for model in (PLAIN, GROUPED))
    assert (sum_of_eager(NORM, layers), sum_of_eager(NORM, rms)) == (0, 4 * 10)
    one, two = (Operator("act", "mlp", moved=1.0, inputs=(Tensor(8.0),) * many) for many in (1, 2))
    assert (sum_of_eager(one, rms), sum_of_eager(two, rms)) == (0, 2 * 8)
    assert sum_of_eager(Operator("o", "mlp", inputs=(Tensor(8.0),) * 2), rms) == 0


def test_layers_that_are_gathered_are_two_or_what_the_program_lets_live():
    """All layers would be whole at once, a device alone gather from itself, or a layer count for those of its kind."""
    block = PLAIN.lower(1, 1).layers[0]
    each, gathering = block.parameters, {"zero": 3, "dp": 2}
    assert lines(**gathering)["gather_buffers"] == 2 * 2 * each
    assert lines(zero=3)["gather_buffers"] == 0 == lines(zero=2, dp=2)["gather_buffers"]
    for live, whole in ((each, 2), (5 * each, 5), (20 * each, 8)):
        framework = evolve(IDEAL, live_parameters=live)
        assert lines(framework=framework, **gathering)["gather_buffers"] == 2 * whole * each
        narrow = lines(framework=framework, **gathering, **QLORA)["gather_buffers"]
        assert narrow - 2 * 512 * 2048 == whole * each / 2  # and the widest matrix, in 16 bits
    waiting = {"offload_parameters": True, "offload_optimizer": True, "gradient_bits": 32.0}
    assert lines(**waiting)["gather_buffers"] == (2 * 2 + 4) * each
    assert lines(**waiting, **TUNED)["gather_buffers"] == 2 * 2 * each


@pytest.mark.parametrize(
    ("framework", "tuning", "widest"),
    [
        ({}, QLORA, 512 * 2048),
        ({"freezes_head": True}, QLORA, 512 * 4000),
        ({"freezes_head": True}, {**TUNED, "settings": {"frozen_bits": 4.0}}, 512 * 2048),
        ({"widened_copies": 3.0}, QLORA, 3 * 512 * 2048),
    ],
)
def test_the_widest_frozen_matrix_is_widened(framework, tuning, widest):
    """A head would be widened that is not frozen, or gate and up at once that are widened one by one."""
    assert lines(framework=evolve(IDEAL, **framework), **tuning)["gather_buffers"] == 2 * widest
    gated = lines(GROUPED, framework=evolve(IDEAL, **framework), **tuning)["gather_buffers"]
    assert gated == 2 * widest
