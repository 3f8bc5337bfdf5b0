"""What a search takes no plan to fall below, beside what layers and ends of these plans take."""

import numpy as np
import pytest
from attrs import evolve
from megatron_plans import FP16, GPU, IDEAL, PAGED, PLAIN, SPARSE, flat, plan

from llmplan.records import Recompute, Schedules, Tuning
from llmplan.records.samples import Samples
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.bounds import bounds, by_mode
from llmplan_parallelism_megatron.training.layer import layer_times
from llmplan_parallelism_megatron.training.memory import kept_bytes
from llmplan_parallelism_megatron.training.optimizer_step import PAGED_ROOM
from llmplan_parallelism_megatron.training.pipeline import ends
from llmplan_parallelism_megatron.training.schedules import DUALPIPE, ONE_F_ONE_B, ZERO_BUBBLE

TEN = evolve(PLAIN, layers=10)
TABLE, EACH = 4000 * 512, PLAIN.lower(1, 1).layers[0].parameters
BYTES = 2 + 4 + 12
"""Of a parameter: a weight, its gradient, a master weight and two states."""
DENSE, FIRST = SPARSE.lower(1, 1).layers[1], SPARSE.lower(1, 1).layers[0]
EXPERTS = DENSE.expert_parameters


def given(model=PLAIN, **changes):
    """A plan whose kernels have no shape."""
    return plan(model, **{"curves": flat(), "gradient_bits": 32.0, **changes})


def parts(of):
    """Seconds of a layer of each kind, and of the head."""
    rank = Rank.of(of)
    return [layer_times(block, rank).all for block in rank.model.layers], ends(rank)[1].all


def seconds(of):
    """Of an iteration, at least."""
    return bounds(of)[0] / (1 - 1e-9)


def held(of):
    """Bytes of the first stage, at least."""
    return bounds(of)[1] / (1 - 1e-9)


def kept(of, which=0):
    """Bytes that a layer keeps."""
    rank = Rank.of(of)
    return kept_bytes(rank.model.layers[which], rank)


@pytest.mark.parametrize("sizes", [{}, {"tp": 2}, {"cp": 2, "tp": 2}, {"recompute": Recompute.FULL}])
def test_one_stage_works_on_all_layers_and_the_head(sizes):
    """A plan would be passed over that is faster than what the bound says of another layout."""
    of = given(gradient_accumulation=3, **sizes)
    (layer,), head = parts(of)
    assert seconds(of) == pytest.approx(3 * (8 * layer + head), rel=1e-12)


def test_a_pipeline_waits_for_all_stages_but_the_slowest():
    """The bubble would hold the slowest stage too, or be filled by what nothing may fill it with."""
    of = given(pp=4, gradient_accumulation=8)
    (layer,), head = parts(of)
    slowest, whole = 2 * layer + head, 8 * layer + head
    assert seconds(of) == pytest.approx(8 * slowest + whole - slowest, rel=1e-12)
    filled = evolve(of, schedule=ZERO_BUBBLE)
    # all of it as if it were gradients of weights, which fill the bubble
    assert seconds(filled) == pytest.approx(8 * slowest, rel=1e-12)
    chunks = given(pp=4, vpp=2, gradient_accumulation=8)
    assert seconds(chunks) == pytest.approx(8 * slowest + (whole - slowest) / 2, rel=1e-12)


@pytest.mark.parametrize(("vocab", "layers"), [(64, 3), (400_000, 2)])
def test_ends_with_a_layer_fewer_may_be_faster_than_the_stages_between(vocab, layers):
    """Ten layers on four stages: the last would hold three beside its head."""
    of = given(evolve(TEN, vocab=vocab), pp=4, gradient_accumulation=8)
    (layer,), head = parts(of)
    slowest = layers * layer + (head if layers == 2 else 0)
    assert seconds(of) == pytest.approx(8 * slowest + 10 * layer + head - slowest, rel=1e-12)
    balanced = evolve(of, framework=evolve(IDEAL, balances_stages=True))
    mean = (10 * layer + head) / 4
    assert seconds(balanced) == pytest.approx(8 * mean + 3 * mean, rel=1e-12)


def test_shorter_samples_are_worked_on_as_long_as_they_are():
    """Sequences would be taken for as long as they may be, and a faster plan be passed over."""
    short = given(data=Samples(number=10, epochs=1.0, lengths=(256.0, 256.0), packed=False))
    (layer,), head = parts(given(seq_len=256))
    assert seconds(short) == pytest.approx(8 * layer + head, rel=1e-12)


def test_layers_that_lead_are_on_the_first_stages():
    """Dense layers before those with experts would be taken for these, or lie on the last stage."""
    of = given(SPARSE, gradient_accumulation=2)
    (first, other), head = parts(of)
    assert seconds(of) == pytest.approx(2 * (first + 7 * other + head), rel=1e-12)
    two = given(evolve(SPARSE, moe=evolve(SPARSE.moe, first_dense_layers=2)), gradient_accumulation=2)
    (first, other), head = parts(two)
    assert seconds(two) == pytest.approx(2 * (2 * first + 6 * other + head), rel=1e-12)
    dense = 2 * FIRST.parameters + 6 * (DENSE.parameters - EXPERTS) + TABLE
    activations = 2 * kept(two, 0) + 6 * kept(two, 1)
    assert held(two) == pytest.approx(BYTES * (dense + 6 * EXPERTS) + activations, rel=1e-9)


@pytest.mark.parametrize(
    ("model", "leading", "fewest"),
    [
        (SPARSE, 1, 0),
        (evolve(SPARSE, ffn_hidden=64), 1, 1),  # whose first layer is the faster one
        (evolve(SPARSE, moe=evolve(SPARSE.moe, first_dense_layers=6)), 6, 2),  # two of them beside both others
    ],
)
def test_the_slowest_of_two_stages_has_as_many_slow_layers_at_least(model, leading, fewest):
    """A stage would be taken to hold more of the slower layers than the slower one of both does."""
    of = given(model, pp=2, gradient_accumulation=4)
    (first, other), head = parts(of)
    assert (first < other) is (model.ffn_hidden == 64)
    slowest, whole = 4 * other + head + fewest * (first - other), leading * first + (8 - leading) * other + head
    assert seconds(of) == pytest.approx(4 * slowest + whole - slowest, rel=1e-12)


@pytest.mark.parametrize(
    ("sizes", "divided", "flying"),
    [({}, 1, 1), ({"tp": 2}, 2, 1), ({"tp": 2, "cp": 2}, 2, 1), ({"pp": 4, "gradient_accumulation": 8}, 4, 4)],
)
def test_the_first_stage_holds_its_layers_the_embedding_and_what_is_in_flight(sizes, divided, flying):
    """A plan that fits would be passed over, or none be for memory."""
    of = given(**sizes, sequence_parallel=True, framework=evolve(IDEAL, slack=0.5, context_bytes=7e6))
    stages = sizes.get("pp", 1)
    parameters = 8 * EACH / stages / (divided / stages) + TABLE / (divided / stages)
    activations = flying * 8 / stages * kept(given(sequence_parallel=True)) / sizes.get("tp", 1) / sizes.get("cp", 1)
    assert held(of) == pytest.approx(BYTES * parameters + 1.5 * activations + 7e6, rel=1e-9)


def test_experts_and_layers_that_lead_are_counted_by_what_they_are():
    """Experts would be divided over tensor parallel ranks alone, or the first layer hold some too."""
    of = given(SPARSE, dp=4, ep=4, tp=2, sequence_parallel=True)
    dense = FIRST.parameters + 7 * (DENSE.parameters - EXPERTS) + TABLE
    one = given(SPARSE, sequence_parallel=True)
    activations = (kept(one, 0) + 7 * kept(one, 1)) / 2
    assert held(of) == pytest.approx(BYTES * (dense / 2 + 7 * EXPERTS / 8) + activations, rel=1e-6)
    wide = evolve(of, settings={"expert_tp": 1}, layout=evolve(of.layout, ep=8))
    assert held(wide) == pytest.approx(held(of), rel=1e-6)
    halves = given(SPARSE, pp=2, gradient_accumulation=2)
    dense = FIRST.parameters + 3 * (DENSE.parameters - EXPERTS) + TABLE
    activations = 2 * (kept(one, 0) + 3 * kept(one, 1))
    assert held(halves) == pytest.approx(BYTES * (dense + 3 * EXPERTS) + activations, rel=1e-6)


@pytest.mark.parametrize("mode", list(Recompute))
def test_what_layers_keep_is_that_of_the_mode(mode):
    """A mode would be taken to keep what another one does."""
    of = given(recompute=mode, micro_batch=3)
    assert held(of) - BYTES * (8 * EACH + TABLE) == pytest.approx(3 * 8 * kept(given(recompute=mode)), rel=1e-6)
    together = evolve(of, recompute=np.array([int(one) for one in Recompute]))
    values = [7.0, 5.0, 5.0, 2.0, 1.0]
    assert by_mode(together, values).tolist() == values
    assert by_mode(of, values) == values[mode]


def test_pages_leave_the_device_and_adapters_need_no_states():
    """A paged optimizer would not fit where it does, or frozen weights have gradients."""
    paged = given(optimizer=PAGED)
    whole = held(given())
    short = evolve(paged, hardware=evolve(GPU, memory_bytes=(whole - 1e6) / PAGED_ROOM))
    assert (held(paged), held(short)) == (pytest.approx(whole), pytest.approx(whole - 1e6))
    for targets in ((), ("q",)):
        frozen = given(tuning=Tuning.LORA, lora_rank=8, dtype=FP16, lora_targets=targets)
        assert held(frozen) == pytest.approx(2 * (8 * EACH + TABLE) + 8 * kept(frozen), rel=1e-9)


def test_many_plans_are_bound_as_each_of_them():
    """A search would price the layers of one plan for another one that differs in what they depend on."""
    sizes = [(1, 1, 1, 1), (2, 1, 2, 3), (1, 4, 1, 8), (2, 4, 2, 8), (2, 1, 1, 3), (1, 1, 3, 1)]
    plans = [
        given(tp=tp, pp=pp, micro_batch=micro, gradient_accumulation=m, schedule=(ONE_F_ONE_B, ZERO_BUBBLE)[place % 2])
        for place, (tp, pp, micro, m) in enumerate(sizes)
    ]
    columns = {name: np.array([float(getattr(one.layout, name)) for one in plans]) for name in ("tp", "pp", "gpus")}
    run = {
        name: np.array([float(getattr(one, name)) for one in plans])
        for name in ("micro_batch", "gradient_accumulation")
    }
    which = Schedules((ONE_F_ONE_B, ZERO_BUBBLE), np.array([float(place % 2) for place in range(len(plans))]))
    first = plans[0]
    together = evolve(first, layout=evolve(first.layout, **columns), schedule=which, **run)
    found = np.broadcast_arrays(*bounds(together))
    assert list(zip(*(values.tolist() for values in found), strict=True)) == [
        pytest.approx(bounds(one)) for one in plans
    ]


def test_exchanges_of_experts_hide_behind_a_pipeline_alone():
    """Plans of one stage would be priced as if tokens came from both ends, or those of several as if none did."""
    sizes = {"dp": 2, "ep": 2, "gradient_accumulation": 16, "framework": evolve(IDEAL, expert_overlap=0.25)}
    plans = [given(SPARSE, pp=pp, schedule=one, **sizes) for one in (ONE_F_ONE_B, DUALPIPE) for pp in (1, 2, 4)]
    columns = {name: np.array([float(getattr(one.layout, name)) for one in plans]) for name in ("pp", "gpus")}
    which = Schedules((ONE_F_ONE_B, DUALPIPE), np.array([0.0, 0, 0, 1, 1, 1]))
    together = evolve(plans[0], layout=evolve(plans[0].layout, **columns), schedule=which)
    assert bounds(together)[0].tolist() == pytest.approx([bounds(one)[0] for one in plans], rel=1e-12)
