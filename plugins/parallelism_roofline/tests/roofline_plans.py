"""Plans of round numbers for ``roofline``."""

from attrs import evolve

from llmplan.records import (
    DTypeRule,
    Efficiency,
    FrameworkProfile,
    HardwareProfile,
    InferencePlan,
    Layout,
    NumberFormat,
    Optimizer,
    Recompute,
    TrainingPlan,
)
from llmplan_layers import Transformer
from llmplan_parallelism_roofline.model import Roofline

ROOFLINE = Roofline()
GPU = HardwareProfile(
    name="round-numbers",
    memory_bytes=1e12,
    memory_bytes_per_second=1e12,
    peak_flops={"fp16": 1e14},
    scale_up_bytes_per_second=1e11,
    scale_up_domain=8,
    scale_out_bytes_per_second=1e10,
    host_bytes_per_second=2e10,
)
MODEL = Transformer(
    name="small",
    layers=4,
    hidden=64,
    heads=8,
    kv_heads=8,
    head_dim=8,
    ffn_hidden=256,
    gated_mlp=False,
    vocab=1000,
    tied_embeddings=True,
)
GROUPED = evolve(MODEL, name="grouped", kv_heads=2, gated_mlp=True, tied_embeddings=False)
DTYPE = DTypeRule(
    name="sixteen", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16",),), default=True
)
FORMAT = NumberFormat("fp16", 1e14)
ADAM = Optimizer(name="adam", state_bytes=8.0)
FRAMEWORK = FrameworkProfile(name="framework", default=True)


def training(model=MODEL, efficiency=None, recompute=Recompute.ATTENTION_COMPUTE, **changes):
    layout = {"gpus": 1, "tp": 1, "pp": 1, "dp": 1, "sequence_parallel": False, "zero": 0, "cp": 1, "ep": 1, "vpp": 1}
    layout |= {name: changes.pop(name) for name in layout.keys() & changes.keys()}
    layout["gpus"] = layout["tp"] * layout["pp"] * layout["dp"]
    run = {"micro_batch": 2, "gradient_accumulation": 4, "seq_len": 128, "tokens": 1e9, **changes}
    return TrainingPlan(
        model=model,
        hardware=run.pop("hardware", GPU),
        dtype=run.pop("dtype", DTYPE),
        gemm=run.pop("gemm", FORMAT),
        layout=Layout(**layout),
        efficiency=efficiency or Efficiency(),
        cost_model="roofline",
        recompute=recompute,
        framework=run.pop("framework", FRAMEWORK),
        optimizer=run.pop("optimizer", ADAM),
        **run,
    )


def inference(model=MODEL, **changes):
    layout = {"tp": 1, "pp": 1, "dp": 1, "sequence_parallel": False}
    layout |= {name: changes.pop(name) for name in layout.keys() & changes.keys()}
    run = {"batch": 3, "prompt_tokens": 100, "output_tokens": 20, "kv_bits": 16, **changes}
    return InferencePlan(
        model=model,
        hardware=run.pop("hardware", GPU),
        dtype=run.pop("dtype", DTYPE),
        gemm=FORMAT,
        layout=Layout(gpus=layout["tp"] * layout["pp"] * layout["dp"], **layout),
        efficiency=run.pop("efficiency", Efficiency()),
        cost_model="roofline",
        **run,
    )
