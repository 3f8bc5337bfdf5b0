"""Plans with kernels, framework and accelerator of their own, so that no calibration moves what tests expect."""

import numpy as np
from attrs import evolve
from hypothesis import strategies as st

from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    CollectiveCurve,
    DTypeRule,
    Efficiency,
    FrameworkProfile,
    GemmCurve,
    HardwareProfile,
    KernelCurves,
    Layout,
    NetworkCurve,
    Optimizer,
    Recompute,
    Schedules,
    TrainingPlan,
    Tuning,
)
from llmplan_layers import LatentAttention, MixtureOfExperts, Transformer
from llmplan_parallelism_megatron.model import Megatron
from llmplan_parallelism_megatron.training.loss import LOSSES
from llmplan_parallelism_megatron.training.schedules import ONE_F_ONE_B, SCHEDULES

MEGATRON = Megatron()
OPERATIONS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")
BREAKDOWNS = ("time_breakdown", "forward_breakdown", "memory_breakdown")
SIZES = ("gpus", "tp", "pp", "dp", "cp", "ep", "vpp", "zero")

CURVES = KernelCurves(
    gemm={
        "fp16": GemmCurve(plateau=0.8, half_m=64, half_n=96, half_k=160, launch_seconds=3e-6),
        "fp8": GemmCurve(plateau=0.7, half_m=96, half_n=128, half_k=256, launch_seconds=5e-6),
    },
    attention={
        name: AttentionKernel(
            forward=AttentionCurve(plateau=fast, half_tokens=700, half_head_dim=20, launch_seconds=7e-6),
            backward=AttentionCurve(plateau=0.7 * fast, half_tokens=900, half_head_dim=30, launch_seconds=9e-6),
        )
        for name, fast in (("flash-2", 0.5), ("flash-3", 0.7))
    },
    sustained={"fp16": 0.9},
    hbm=0.85,
    launch_seconds=4e-6,
    collectives={
        name: CollectiveCurve(plateau=0.75, half_ranks=0.5, half_bytes=2e5, launch_seconds=1e-5, step_seconds=1e-6)
        for name in OPERATIONS
    },
    network=NetworkCurve(plateau=0.65, step_seconds=1.5e-5),
    source="made up",
)
GPU = HardwareProfile(
    name="round-numbers",
    memory_bytes=1e12,
    memory_bytes_per_second=2e12,
    peak_flops={"fp16": 1e14, "fp8": 2e14},
    scale_up_bytes_per_second=3e11,
    scale_up_domain=8,
    scale_out_bytes_per_second=5e10,
    host_bytes_per_second=6e10,
    kernels=CURVES,
)
IDEAL = FrameworkProfile(name="ideal")
BUSY = FrameworkProfile(
    name="busy",
    attention="flash-2",
    kernel_rate=0.9,
    elementwise_traffic=1.4,
    tensor_overlap=0.3,
    data_overlap=0.6,
    data_bandwidth=0.8,
    expert_overlap=0.2,
    pipeline_overlap=0.4,
    host_seconds_per_layer=1e-4,
    host_seconds_per_routed_layer=3e-4,
    host_seconds_per_step=0.01,
    context_bytes=1e9,
    communication_bytes=5e8,
    slack=0.1,
)
"""Something of everything that a profile can say."""
OLD = evolve(BUSY, name="old", attention="unfused", dropout=True, fused_accumulation=False, optimizer_extra_bytes=4.0)
SHARING = evolve(BUSY, name="sharing", alternates=True, balanced_context=False, keeps_operands=True)
FRAMEWORKS = (IDEAL, BUSY, OLD, SHARING)

FP16 = DTypeRule(name="sixteen", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16",),))
FP8 = evolve(FP16, name="eight", weight_bits=8, training_weight_bits=16, gemm_formats=(("fp8",),))
ADAM = Optimizer(name="adam", state_bytes=8.0)
MUON = Optimizer(name="muon", state_bytes=4.0, ends_state_bytes=8.0, newton_schulz_steps=5)
PAGED = evolve(ADAM, name="paged", paged=True)

PLAIN = Transformer(
    name="plain",
    layers=8,
    hidden=512,
    heads=8,
    kv_heads=8,
    head_dim=64,
    ffn_hidden=2048,
    gated_mlp=False,
    vocab=4000,
    tied_embeddings=True,
    norm="layer",
)
GROUPED = evolve(PLAIN, name="grouped", kv_heads=2, gated_mlp=True, tied_embeddings=False, norm="rms", qk_norm="head")
SPARSE = evolve(
    GROUPED,
    name="sparse",
    moe=MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=512, n_shared_experts=1, first_dense_layers=1),
)
LATENT = evolve(
    SPARSE,
    name="latent",
    qk_norm="none",
    kv_heads=8,
    head_dim=96,
    mla=LatentAttention(q_lora_rank=96, kv_lora_rank=32, qk_nope_head_dim=64, qk_rope_head_dim=32, v_head_dim=64),
)
MODELS = (PLAIN, GROUPED, SPARSE, LATENT)


def flat(**changes):
    """Curves without shape, start or step: all that they reach is a fraction."""
    kernel = AttentionKernel(forward=AttentionCurve(plateau=1.0), backward=AttentionCurve(plateau=1.0))
    curves = {
        "gemm": {"fp16": GemmCurve(plateau=1.0), "fp8": GemmCurve(plateau=1.0)},
        "attention": {"flash-2": kernel, "flash-3": kernel},
        "hbm": 1.0,
        "collectives": dict.fromkeys(OPERATIONS, CollectiveCurve(plateau=1.0)),
        "network": NetworkCurve(plateau=1.0),
        "source": "made up",
    }
    return KernelCurves(**{**curves, **changes})


def plan(model=PLAIN, curves=CURVES, **changes):
    """A plan of one micro-batch on one GPU, but for the changes, of plan and layout alike."""
    layout = {name: changes.pop(name) for name in SIZES[1:] if name in changes}
    for name in ("sequence_parallel", "zero_group"):
        if name in changes:
            layout[name] = changes.pop(name)
    sizes = [layout.get(name, 1) for name in ("tp", "pp", "dp", "cp")]
    run = {
        "hardware": GPU,
        "dtype": FP16,
        "framework": IDEAL,
        "optimizer": ADAM,
        "micro_batch": 1,
        "gradient_accumulation": 1,
        "seq_len": 1024,
        "tokens": 1e9,
        "recompute": Recompute.NONE,
        "schedule": ONE_F_ONE_B,
        **changes,
    }
    return TrainingPlan(
        model=model,
        gemm=run.pop("gemm", None) or run["dtype"].gemm_format(run["hardware"]),
        layout=Layout(gpus=sizes[0] * sizes[1] * sizes[2] * sizes[3], **layout),
        efficiency=Efficiency(curves=curves),
        cost_model="megatron",
        **run,
    )


def price(*args, **changes):
    """The estimate of `plan` with the same arguments."""
    return MEGATRON.train(plan(*args, **changes))


def with_curves(given, **changes):
    """The same plan on kernels that reach something else."""
    return evolve(given, efficiency=evolve(given.efficiency, curves=evolve(given.efficiency.curves, **changes)))


@st.composite
def layouts(draw, model):
    """Sizes that go together: vpp divides the layers of a stage, ep the experts and the ranks that share them."""
    sizes = st.sampled_from([1, 2, 4, 8])
    tp, dp, cp, pp = draw(sizes), draw(st.sampled_from([1, 2, 3, 8, 16])), draw(sizes), draw(st.integers(1, 8))
    experts = 1 if model.moe is None else model.moe.n_routed_experts
    eps = [ep for ep in (1, 2, 4, 8) if experts % ep == 0 and dp * cp % ep == 0]
    vpps = [vpp for vpp in (1, 2, 4) if vpp == 1 or (pp > 1 and model.layers % (pp * vpp) == 0)]
    vpp = draw(st.sampled_from(vpps))
    rounds = draw(st.integers(1, 20))
    feeds = pp == 1 or (pp % 2 == 0 and rounds >= 2 * pp)
    schedules = [schedule for schedule in SCHEDULES if feeds or not schedule.both_ways]
    return {
        "tp": tp,
        "pp": pp,
        "dp": dp,
        "cp": cp,
        "ep": draw(st.sampled_from(eps)),
        "vpp": vpp,
        "zero": draw(st.integers(0, 3)),
        "sequence_parallel": draw(st.booleans()),
        "micro_batch": draw(st.integers(1, 6)),
        "gradient_accumulation": rounds * pp if vpp > 1 else rounds,
        "recompute": draw(st.sampled_from(list(Recompute))),
        "schedule": draw(st.sampled_from(schedules)) if vpp == 1 else ONE_F_ONE_B,
    }


@st.composite
def runs(draw):
    """What is no number, or not one that an array of plans holds."""
    tuning = draw(st.sampled_from([Tuning.FULL, Tuning.FULL, Tuning.LORA, Tuning.QLORA]))
    return {
        "zero_group": draw(st.sampled_from([None, 2, 8])),
        "seq_len": draw(st.sampled_from([512, 1536, 4096])),
        "framework": draw(st.sampled_from(FRAMEWORKS)),
        "optimizer": draw(st.sampled_from([ADAM, MUON, PAGED])),
        "dtype": draw(st.sampled_from([FP16, FP8])),
        "gradient_bits": draw(st.sampled_from([16.0, 32.0])),
        "master_weights": draw(st.booleans()),
        "tuning": tuning,
        "lora_rank": 0 if tuning is Tuning.FULL else draw(st.sampled_from([8, 64])),
        "offload_optimizer": draw(st.booleans()),
        "offload_activations": draw(st.booleans()),
        "settings": {
            "expert_imbalance": draw(st.sampled_from([1.0, 1.5])),
            "cross_entropy": draw(st.sampled_from([None, *LOSSES])),
            **({} if tuning is Tuning.FULL else {"frozen_bits": draw(st.sampled_from([4.5, 8.0, 16.0]))}),
        },
    }


@st.composite
def plans(draw, models=MODELS, **fixed):
    """Plans that the cost model has no reason to refuse, but for what is fixed."""
    model = draw(st.sampled_from(models))
    given = plan(model, **{**draw(layouts(model)), **draw(runs()), **fixed})
    gathers = given.layout.pp == 1 and (given.layout.dp * given.layout.cp == 1 or given.layout.zero == 3)
    if "offload_parameters" not in fixed and gathers and given.offload_optimizer:
        given = evolve(given, offload_parameters=draw(st.booleans()))
    MEGATRON.check(given)
    return given


def random_plans(model, random, count, **run):
    """A plan of arrays: so many random plans, legal or not, with the rest of the run in common."""
    pick = {name: random.choice(values, count) for name, values in DIMENSIONS.items()}
    pick["ep"] = np.where(random.random() < 0.5 and model.moe is None, 1, pick["ep"])
    pick["gpus"] = pick["tp"] * pick["pp"] * pick["dp"] * pick["cp"]
    pick["gradient_accumulation"] *= np.where(random.random(count) < 0.5, pick["pp"], 1)
    columns = {name: values if values.dtype == bool else values.astype(float) for name, values in pick.items()}
    return _with_columns(plan(model, **run), columns)


def _with_columns(given, columns):
    layout = evolve(given.layout, **{name: columns[name] for name in columns if name in LAYOUT})
    run = {name: columns[name] for name in columns if name not in LAYOUT}
    return evolve(given, layout=layout, **{**run, "schedule": Schedules(SCHEDULES, 0.0).at(run["schedule"])})


def columns_of(together):
    """The arrays of a plan of arrays."""
    held = {name: getattr(together.layout if name in LAYOUT else together, name) for name in (*DIMENSIONS, "gpus")}
    return {**held, "schedule": together.schedule.which}


def kept(together, which):
    """Those of its plans that a mask or positions name."""
    return _with_columns(together, {name: values[which] for name, values in columns_of(together).items()})


def one_of(together, index):
    """One of its plans, of numbers."""
    values = {name: column[index].item() for name, column in columns_of(together).items()}
    numbers = {
        name: value if isinstance(value, bool) else int(value) for name, value in values.items() if value < np.inf
    }
    return _with_columns(together, {"zero_group": None, **numbers})


def broken(cost_model, together):
    """Where one of its plans breaks a rule."""
    return np.any(np.broadcast_arrays(together.layout.tp < 0, *cost_model.illegal(together).values()), axis=0)


def legal_plans(model, random, count, **run):
    """So many random plans that `MEGATRON` prices."""
    together = random_plans(model, random, 40 * count, **run)
    legal = np.flatnonzero(~broken(MEGATRON, together))[:count]
    assert len(legal) == count
    return kept(together, legal)


DIMENSIONS = {
    "tp": [1, 2, 4, 8],
    "pp": [1, 2, 3, 4, 5, 8],
    "dp": [1, 2, 3, 8, 16],
    "cp": [1, 2, 4],
    "ep": [1, 1, 2, 4],
    "vpp": [1, 1, 2, 4],
    "zero": [0, 1, 2, 3],
    "zero_group": [np.inf, np.inf, 2, 8],
    "micro_batch": [1, 2, 3, 6],
    "gradient_accumulation": [1, 2, 7, 20],
    "recompute": list(Recompute),
    "schedule": [0, 0, 1],
    "sequence_parallel": [False, True],
    "offload_optimizer": [False, True],
    "offload_activations": [False, True],
    "offload_parameters": [False, False, True],
}
LAYOUT = (*SIZES, "sequence_parallel", "zero_group")
