"""Megatron-LM: arguments of ``pretrain_gpt.py`` in a script that torchrun or srun starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate import Launcher, LaunchFile, LaunchOptions
from llmplan_launchers.formats.nodes import torchrun
from llmplan_launchers.formats.settings import training
from llmplan_launchers.formats.shell import flag_lines, flags
from llmplan_launchers.formats.table import Entry, as_number, called, left_over, said, understood
from llmplan_launchers.formats.unsaid import unsaid
from llmplan_launchers.formats.words import comments, headline, priced_as
from llmplan_launchers.programs import PROGRAMS
from llmplan_launchers.training.megatron_limits import refuse
from llmplan_launchers.training.shape import OF_A_SHAPE, OTHER_LAYERS, arguments, model_of

if TYPE_CHECKING:
    from llmplan.estimate import Estimate
    from llmplan.records import ModelArchitecture

_NAME = "Megatron-LM"
LAYOUT = (
    Entry("--tensor-model-parallel-size", "tp", default=1),
    Entry("--pipeline-model-parallel-size", "pp", default=1),
    Entry("--num-virtual-stages-per-pipeline-rank", "vpp", default=1, quiet=True),
    Entry("--context-parallel-size", "cp", default=1, quiet=True),
    Entry("--expert-model-parallel-size", "ep", default=1, quiet=True),
    Entry("--expert-tensor-parallel-size", "expert_tp"),
    Entry("--sequence-parallel", "sequence_parallel", {True: True, False: False}, default=False),
)
BATCH = (
    Entry("--micro-batch-size", "micro_batch"),
    Entry("--global-batch-size", "global_batch"),
    Entry("--seq-length", "seq_len"),
    Entry("--train-iters", "iterations"),
)
OPTIMIZERS = {"adam": "adam", "sgd": "sgd", "lion": "lion", "muon": "muon"}
_PRECISIONS: Mapping[str, Mapping[str, Any]] = {
    "bf16": {"--bf16": True},
    "fp16": {"--fp16": True},
    "fp8": {"--bf16": True, "--fp8-format": "hybrid"},
    "fp4": {"--bf16": True, "--fp4-format": "e2m1"},
    "fp32": {},
    "tf32": {},
}
_SHARDING = {"optim": 1, "optim_grads": 2, "optim_grads_params": 3}
_NOT_OF_A_PLAN = (
    "--lr", "--min-lr", "--weight-decay", "--clip-grad", "--adam-", "--data-", "--tokenizer", "--save", "--load",
    "--log", "--eval", "--tensorboard", "--wandb", "--init-method", "--attention-dropout", "--hidden-dropout",
    "--rotary", "--use-rotary", "--norm-epsilon", "--seed", "--split", "--mock-data", "--num-workers", "--master",
    "--node", "--rdzv", "--vocab-file", "--merge-file", "--distributed-", "--use-mcore-models", "--transformer-impl",
    "--job-name", "--output", "--error", "--time", "--partition", "--account", "--exclusive", "--ntasks", "--cpus",
    "--ckpt-format", "--no-load", "--no-save", "--attention-backend", "--moe-token-dispatcher-type", "--exit", "--mem",
    "--override-opt", "--timing", "--overlap-", "--no-create-attention", "--use-flash-attn", "--manual-gc",
    "--optimizer-offload-fraction", "--use-precision-aware", "--recompute-method", "--recompute-num-layers",
    "--standalone",
)  # fmt: skip
"""Beginnings of flags that change nothing of what a plan says."""


def _write(estimate: Estimate) -> LaunchFile:
    priced, settings = training("megatron", estimate)
    plan = priced.plan
    if settings["tuning"] != "full":
        raise BadInputError(
            f"megatron: tuning {settings['tuning']}: {_NAME} trains all weights; axolotl and trl do not"
        )
    refuse("megatron", settings, plan.model)
    shape, remarks = arguments("megatron", plan.model)
    keys = {
        **shape,
        **said("megatron", LAYOUT, settings),
        **_stages(plan.model, settings),
        **_experts(settings),
        **said("megatron", BATCH, settings),
        **said("megatron", (Entry("--optimizer", "optimizer", OPTIMIZERS),), settings),
        **_precision(settings["precision"]),
        **_sharding(settings, overlaps=plan.framework.data_overlap > 0),
        **_memory(settings),
    }
    text = (
        "#!/bin/bash\n"
        + comments(
            [
                *headline(_NAME, estimate),
                "Given behind this file's name, as no plan has them: learning rate, rotary base, data, tokenizer;",
                "to try it: --mock-data --tokenizer-type NullTokenizer --lr 1e-4",
            ]
        )
        + "set -euo pipefail\n"
        + ("" if keys.get("--use-megatron-fsdp") else "export CUDA_DEVICE_MAX_CONNECTIONS=1\n")
        + f"ARGUMENTS=(\n{flag_lines(keys)})\n"
        + torchrun(plan.hardware, settings["gpus"], 'pretrain_gpt.py "${ARGUMENTS[@]}" "$@"')
    )
    return LaunchFile(
        text, (*remarks, *_remarks(settings), *priced_as("framework", settings["framework"], "megatron-core"))
    )


def _precision(precision: str) -> Mapping[str, Any]:
    if precision not in _PRECISIONS:
        raise BadInputError(f"megatron: dtype: multiplies in {precision}; {_NAME} trains in {', '.join(_PRECISIONS)}")
    return _PRECISIONS[precision]


def _stages(model: ModelArchitecture, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Layers that pipeline stages do not divide evenly are laid out one by one."""
    chunks = settings["pp"] * settings["vpp"]
    if model.layers % chunks == 0:
        return {}
    each, more = divmod(model.layers, chunks)
    stages = ["t" * (each + (chunk < more)) for chunk in range(chunks)]
    layout = "|".join(["E" + stages[0], *stages[1:]]) + "L"
    return {"--pipeline-model-parallel-layout": layout, "--num-virtual-stages-per-pipeline-rank": None}


def _experts(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"--moe-token-dispatcher-type": "alltoall"} if settings["ep"] > 1 else {}


def _sharding(settings: Mapping[str, Any], *, overlaps: bool) -> dict[str, Any]:
    """ZeRO 1 is Megatron's distributed optimizer, 2 and 3 its FSDP; both on part of the ranks where ZeRO is."""
    zero = settings["zero"]
    keys: dict[str, Any] = {}
    if zero == 1:
        keys = {"--use-distributed-optimizer": True}
    elif zero > 1:
        strategy = next(word for word, stage in _SHARDING.items() if stage == zero)
        keys = {
            "--use-megatron-fsdp": True,
            "--use-distributed-optimizer": True,
            "--data-parallel-sharding-strategy": strategy,
            "--ckpt-format": "fsdp_dtensor",
        }
    if settings["zero_group"] is not None and zero:
        keys["--num-distributed-optimizer-instances"] = settings["dp"] * settings["cp"] // settings["zero_group"]
    if overlaps and settings["dp"] * settings["cp"] > 1:
        keys |= {"--overlap-grad-reduce": True, "--overlap-param-gather": bool(zero)}
    return keys


def _memory(settings: Mapping[str, Any]) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    if settings["recompute"] == "attention-compute":
        keys = {"--recompute-granularity": "selective"}
    elif settings["recompute"] != "none":
        keys = {"--recompute-granularity": "full", "--recompute-method": "uniform", "--recompute-num-layers": 1}
    if settings["offload_optimizer"]:
        keys |= {"--optimizer-cpu-offload": True, "--use-precision-aware-optimizer": True}
    if settings["cross_entropy"] == "fused":
        keys["--cross-entropy-loss-fusion"] = True
    if settings["gradient_bits"] == 16 and settings["precision"] in ("bf16", "fp8", "fp4"):  # noqa: PLR2004 - bits
        keys["--grad-reduce-in-bf16"] = True
    return keys


def _remarks(settings: Mapping[str, Any]) -> list[str]:
    schedule, recompute = settings["schedule"], settings["recompute"]
    odd = {
        f"schedule {schedule}: {_NAME} runs 1F1B, whose bubble is longer than expected": schedule != "1f1b",
        f"recompute {recompute}: {_NAME} recomputes attention's core or whole layers; written as whole layers": (
            recompute not in ("none", "attention-compute", "full")
        ),
        "offload of activations: give --cpu-offloading-num-layers where Transformer Engine has it": (
            settings["offload_activations"]
        ),
        "no master weights: the optimizer keeps them in 32 bits, 4 bytes a parameter": not settings["master_weights"],
    }
    return [*(words for words, has in odd.items() if has), *unsaid(_NAME, settings, ("plain", "fused"), fills=True)]


def _read(text: str) -> LaunchOptions:
    found = flags(text)
    options: dict[str, Any] = {}
    model = model_of(found)
    remarks: tuple[str, ...] = ()
    if model is not None:
        options["model"] = model
    elif OF_A_SHAPE & found.keys():
        odd = ", ".join(sorted(OTHER_LAYERS & found.keys()))
        why = f"has layers of its own, {odd}" if odd else "has no layers, hidden size, heads or vocabulary"
        remarks = (f"its model {why}: give --model",)
        found = {flag: value for flag, value in found.items() if flag not in OF_A_SHAPE}
    options |= _gpus(found)
    options |= _precision_read(found) | _sharding_read(found) | _memory_read(found)
    layout = understood(LAYOUT, found)
    if "--pipeline-model-parallel-layout" in found:
        layout["vpp"] = max(1, (str(found.pop("--pipeline-model-parallel-layout")).count("|") + 1) // layout["pp"])
    each = as_number(found.pop("--num-layers-per-virtual-pipeline-stage", None)) or 0
    if each >= 1 and model is not None:
        layout["vpp"] = max(1, model["layers"] // (layout["pp"] * each))
    options |= layout | understood(BATCH, found)
    options |= understood((Entry("--optimizer", "optimizer", OPTIMIZERS, default="adam"),), found)
    options |= _tokens(options, found)
    instances = as_number(found.pop("--num-distributed-optimizer-instances", None)) or 0
    if instances >= 1 and options.get("gpus"):
        ranks = options["gpus"] // (options["tp"] * options["pp"])
        options["zero_group"] = max(1, ranks // instances)
    if options["vpp"] == 1 or options["pp"] == 1:
        options.pop("vpp")
    left = [flag for flag in found if not flag.startswith(_NOT_OF_A_PLAN)]
    return LaunchOptions(options, (*remarks, *left_over(left)))


def _gpus(found: dict[str, Any]) -> dict[str, Any]:
    """Processes a node times nodes, of torchrun or of Slurm."""
    each = next((n for key in _EACH if (n := as_number(found.pop(key, None)))), None)
    nodes = next((n for key in ("--nnodes", "--nodes") if (n := as_number(found.pop(key, None)))), None)
    return {"gpus": int(each * (nodes or 1))} if each else {}


_EACH = ("--nproc-per-node", "--nproc_per_node", "--gpus-per-node")


def _precision_read(found: dict[str, Any]) -> dict[str, Any]:
    fp8, fp4 = found.pop("--fp8-format", None), found.pop("--fp4-format", None)
    bf16, fp16 = found.pop("--bf16", None), found.pop("--fp16", None)
    if fp4:
        return {"dtype": "nvfp4"}
    return {"dtype": "fp8" if fp8 else "bf16" if bf16 else "fp16" if fp16 else "fp32"}


def _sharding_read(found: dict[str, Any]) -> dict[str, Any]:
    fsdp, distributed = found.pop("--use-megatron-fsdp", None), found.pop("--use-distributed-optimizer", None)
    strategy = found.pop("--data-parallel-sharding-strategy", None)
    torch = found.pop("--use-torch-fsdp2", None)
    if fsdp:
        return {"zero": 3 if strategy is None else _SHARDING.get(str(strategy), 0)}
    return {"zero": 3 if torch else 1 if distributed else 0}


def _memory_read(found: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    granularity = found.pop("--recompute-granularity", None)
    if found.pop("--recompute-activations", None):
        granularity = "selective"
    modules = found.get("--recompute-modules")
    if granularity == "selective" and modules == "core_attn":
        del found["--recompute-modules"]
    options["recompute"] = {"selective": "attention-compute", "full": "full"}.get(str(granularity), "none")
    if found.pop("--optimizer-cpu-offload", None):
        options["offload"] = "optimizer"
    if found.pop("--cross-entropy-loss-fusion", None):
        options["cross_entropy"] = "fused"
    if found.pop("--grad-reduce-in-bf16", None):
        options["gradient_bits"] = 16
    found.pop("--accumulate-allreduce-grads-in-fp32", None)
    return options


def _tokens(options: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Tokens of all iterations, or of all samples."""
    iterations, samples = options.pop("iterations", None), as_number(found.pop("--train-samples", None))
    if samples and options.get("seq_len"):
        return {"tokens": float(samples * options["seq_len"])}
    if iterations and options.get("seq_len") and options.get("global_batch"):
        return {"tokens": float(iterations * options["global_batch"] * options["seq_len"])}
    return {}


LAUNCHER = Launcher(
    name="megatron",
    command="train",
    write=_write,
    programs=PROGRAMS["megatron"],
    read=_read,
    recognises=lambda text: "--tensor-model-parallel-size" in text or "--micro-batch-size" in text,
    description="Megatron-LM: a script that starts pretrain_gpt.py with torchrun or srun",
    words=called(
        *LAYOUT,
        *BATCH,
        num_layers_per_virtual_pipeline_stage="vpp",
        recompute_granularity="recompute",
        use_distributed_optimizer="zero",
    ),
)
