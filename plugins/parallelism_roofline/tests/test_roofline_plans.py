"""What ``roofline`` refuses, and arrays of plans: what it says of each is what it says of it alone, to the last bit."""

import numpy as np
import pytest
from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records import Efficiency, FrameworkProfile, Optimizer, Schedule, TrainingPlan, Tuning
from llmplan.records.plan import Layout
from llmplan.testing import SAMPLE_DTYPE, SAMPLE_HARDWARE, check_cost_model
from llmplan_layers import Transformer
from llmplan_parallelism_roofline.model import Roofline

ROOFLINE = Roofline()
ADAM = Optimizer(name="adam", state_bytes=8.0)
TRANSFORMER = Transformer(
    name="sample", layers=4, hidden=256, heads=4, kv_heads=2, head_dim=64, ffn_hidden=999, gated_mlp=True, vocab=999
)
GROUPED = evolve(TRANSFORMER, name="grouped", heads=12, kv_heads=4, layers=6, gated_mlp=True)
assert isinstance(GROUPED, Transformer)
LAYOUT = ("gpus", "tp", "pp", "dp", "cp", "ep", "vpp", "zero", "zero_group", "sequence_parallel")
FIGURES = ("iteration_seconds", "memory_bytes_per_gpu", "mfu", "hfu", "tokens_per_second_per_gpu")


def plan(model=GROUPED, **changes):
    layout = {name: changes.pop(name) for name in LAYOUT if name in changes}
    sizes = [layout.get(name, 1) for name in ("tp", "pp", "dp", "cp")]
    layout.setdefault("gpus", sizes[0] * sizes[1] * sizes[2] * sizes[3])
    run = {
        "framework": FrameworkProfile(name="framework", default=True),
        "optimizer": ADAM,
        "micro_batch": 1,
        "gradient_accumulation": 32,
        "seq_len": 128,
        "tokens": 1e9,
        "recompute": 0,
        **changes,
    }
    gemm = SAMPLE_DTYPE.gemm_format(SAMPLE_HARDWARE)
    whole = {"model": model, "hardware": SAMPLE_HARDWARE, "dtype": SAMPLE_DTYPE, "gemm": gemm}
    efficiency = Efficiency(flops=0.5, hbm=0.8, scale_up=0.7)
    return TrainingPlan(**whole, layout=Layout(**layout), efficiency=efficiency, cost_model="roofline", **run)


NOT_PRICED = [
    ({"cp": 2}, "cp: 2"),
    ({"ep": 2, "dp": 2}, "ep: 2"),
    ({"vpp": 2, "pp": 2}, "vpp: 2"),
    ({"zero": 3, "dp": 4, "zero_group": 2}, "zero-group: 2"),
    ({"schedule": Schedule(name="zero-bubble"), "pp": 2}, "schedule: zero-bubble"),
    ({"tuning": Tuning.LORA, "lora_rank": 8}, "tuning: lora"),
    ({"tuning": Tuning.QLORA, "lora_rank": 8}, "tuning: qlora"),
    ({"offload_optimizer": True}, "offload: optimizer"),
    ({"offload_activations": True}, "offload: activations"),
    ({"optimizer": Optimizer(name="muon", state_bytes=4.0, newton_schulz_steps=5)}, "optimizer: muon"),
    ({"gradient_bits": 8}, "gradient-bits: 8"),
    ({"master_weights": False}, "master-weights: false"),
    ({"settings": {"expert_imbalance": 1.5}}, "expert-imbalance: 1.5"),
    ({"settings": {"youngest_option": 3}}, "youngest-option: 3"),
]


@pytest.mark.parametrize(("given", "what"), NOT_PRICED, ids=[what for _, what in NOT_PRICED])
def test_what_is_not_priced_is_refused(given, what):
    """If it fails, an option that changes nothing looks as if it were free."""
    with pytest.raises(BadInputError) as caught:
        ROOFLINE.check(plan(**given))
    assert str(caught.value) == f"{what} is not priced by the cost model roofline; megatron does"


def test_the_rest_is_taken():
    """If it fails, roofline refuses the plans that it is for."""
    none = Optimizer(name="none", state_bytes=0.0)
    for given in ({}, {"optimizer": evolve(ADAM, name="adamw")}, {"optimizer": none}, {"tp": 2, "pp": 2, "dp": 2}):
        ROOFLINE.check(plan(**given))


def random_plans(count):
    """An array of so many plans, and the plans of numbers one by one; in the first half nothing that is not priced."""
    random = np.random.default_rng(9)
    pick = {
        **{name: random.choice([1, 2, 3, 4, 8], count) for name in ("tp", "pp", "dp")},
        **{name: random.choice([1, 1, 1, 1, 2], count) for name in ("cp", "ep", "vpp")},
        "zero": random.choice(4, count),
        "zero_group": random.choice([np.inf, np.inf, 2.0], count),
        "micro_batch": random.choice([1, 2, 3], count),
        "gradient_accumulation": random.choice([1, 2, 7, 20], count),
        "recompute": random.choice(5, count),
        "sequence_parallel": random.choice([False, True], count),
        "offload_optimizer": random.choice([False, True], count),
    }
    plain = {"cp": 1, "ep": 1, "vpp": 1, "zero_group": np.inf, "offload_optimizer": False}
    for name, value in plain.items():
        pick[name][: count // 2] = value
    pick["gpus"] = pick["tp"] * pick["pp"] * pick["dp"] * pick["cp"]
    pick = {name: values if values.dtype == bool else values.astype(float) for name, values in pick.items()}
    return plan(**pick), [plan(**{name: values[i].item() for name, values in pick.items()}) for i in range(count)]


def refused(given):
    """Whether a plan of numbers is, and whether anything is said against it."""
    try:
        return False, bool(ROOFLINE.check(given))
    except BadInputError:
        return True, None


def test_arrays_are_refused_where_each_plan_is():
    """A search would price plans that ``llmplan train`` refuses, pass over some that it takes, or miss its words."""
    together, alone = random_plans(300)
    broken = np.any(np.broadcast_arrays(together.layout.tp < 0, *ROOFLINE.illegal(together).values()), axis=0)
    worded = np.broadcast_to(ROOFLINE.worded(together), 300)
    assert 0 < broken.sum() < 300
    for index, one in enumerate(alone):
        is_refused, has_words = refused(one)
        assert broken[index] == is_refused == any(ROOFLINE.illegal(one).values())
        assert is_refused or worded[index] == has_words == ROOFLINE.worded(one)


def test_an_array_is_priced_as_each_of_its_plans():
    """A search would find other figures than ``llmplan train`` prints; its bounds are the figures themselves."""
    together, alone = random_plans(300)
    estimate, (seconds, size) = ROOFLINE.train(together), ROOFLINE.bounds(together)
    for index, one in enumerate(alone):
        of_one = ROOFLINE.train(one)
        for figure in FIGURES:
            assert getattr(estimate, figure)[index] == getattr(of_one, figure), figure
        for breakdown in ("time_breakdown", "forward_breakdown", "memory_breakdown"):
            lines = getattr(estimate, breakdown)
            assert {name: values[index] for name, values in lines.items()} == getattr(of_one, breakdown)
    assert (seconds == estimate.iteration_seconds).all()
    assert (size == estimate.memory_bytes_per_gpu).all()


def test_it_keeps_what_is_asked_of_every_cost_model():
    """If it fails, a command breaks on the answers of this cost model."""
    check_cost_model(ROOFLINE)
