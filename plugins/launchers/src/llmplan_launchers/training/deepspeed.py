"""DeepSpeed: the JSON that ``deepspeed.initialize`` and ``deepspeed --deepspeed_config`` take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate import Launcher, LaunchFile, LaunchOptions
from llmplan_launchers.formats.settings import training
from llmplan_launchers.formats.table import Entry, as_number, called, left_over, said, table, understood
from llmplan_launchers.formats.unsaid import unsaid
from llmplan_launchers.formats.words import priced_as
from llmplan_launchers.programs import PROGRAMS

if TYPE_CHECKING:
    from llmplan.estimate import Estimate

BATCH = (
    Entry("train_batch_size", "global_batch"),
    Entry("train_micro_batch_size_per_gpu", "micro_batch"),
    Entry("gradient_accumulation_steps", "gradient_accumulation"),
)
OPTIMIZERS = {"adam": "AdamW", "lion": "Lion", "muon": "Muon"}
_READ_OPTIMIZERS = {"adam": "adam", "adamw": "adam", "lion": "lion", "muon": "muon", "sgd": "sgd"}
_REDUCED = {"fp32": 32, "fp16": 16, "bf16": 16, "bfp16": 16}
_WIDTHS = {32.0: "fp32", 16.0: "bf16"}
_HYBRID = "mics_shard_size"
_DIVIDED = (
    ("tensor_parallel", "autotp_size", "tp"), ("pipeline", "stages", "pp"), ("expert_parallel", "autoep_size", "ep"),
)  # fmt: skip
"""A table, its key, and the option that it says."""
_OFFLOADED = {"offload_optimizer": "optimizer", "offload_param": "parameters"}
"""What waits in host memory; parameters never without the optimizer."""


def _write(estimate: Estimate) -> LaunchFile:
    _, settings = training("deepspeed", estimate)
    precision = settings["precision"]
    if precision not in ("bf16", "fp16", "fp32", "tf32"):
        raise BadInputError(f"deepspeed: dtype: multiplies in {precision}; DeepSpeed trains in bf16, fp16, fp32")
    document: dict[str, Any] = said("deepspeed", BATCH, settings)
    if settings["optimizer"] in OPTIMIZERS:
        document["optimizer"] = {"type": OPTIMIZERS[settings["optimizer"]]}
    if precision in ("bf16", "fp16"):
        document[precision] = {"enabled": True}
        if settings["gradient_bits"] in _WIDTHS:
            document["data_types"] = {"grad_accum_dtype": _WIDTHS[settings["gradient_bits"]].replace("bf16", precision)}
    document["zero_optimization"] = _zero(settings)
    if settings["tp"] > 1:
        document["tensor_parallel"] = {"autotp_size": settings["tp"]}
    if settings["pp"] > 1:
        document["pipeline"] = {"stages": settings["pp"]}
    return LaunchFile(json.dumps(document, indent=2) + "\n", tuple(_remarks(settings)))


def _zero(settings: Mapping[str, Any]) -> dict[str, Any]:
    zero: dict[str, Any] = {"stage": settings["zero"]}
    if settings["offload_optimizer"] and settings["zero"]:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    if settings["offload_parameters"]:
        zero["offload_param"] = {"device": "cpu", "pin_memory": True}
    return zero


def _remarks(settings: Mapping[str, Any]) -> Iterator[str]:
    gpus = settings["gpus"]
    yield f"{gpus} GPUs: started by deepspeed --num_nodes and --num_gpus, or by torchrun"
    yield f"seq-len {settings['seq_len']}, {settings['iterations']} iterations, learning rate: of the training script"
    scripts = {
        "cp": "the training script divides sequences",
        "pp": "the training script makes a PipelineModule",
        "ep": "the training script makes MoE layers of that ep_size",
    }
    yield from (f"{name} {settings[name]}: {words}" for name, words in scripts.items() if settings[name] > 1)
    odd = {
        f"vpp {settings['vpp']}: DeepSpeed has no interleaved schedule": settings["vpp"] > 1,
        f"schedule {settings['schedule']}: DeepSpeed's pipeline runs 1F1B": (
            settings["schedule"] != "1f1b" and settings["pp"] > 1
        ),
        "sequence parallelism over tensor parallel ranks: DeepSpeed's tensor parallelism has none": (
            settings["sequence_parallel"] and settings["tp"] > 1
        ),
        f"recompute {settings['recompute']}: the training script checkpoints its layers": settings["recompute"]
        != "none",
        f"optimizer {settings['optimizer']}: the training script makes it": settings["optimizer"] not in OPTIMIZERS,
        f"tuning {settings['tuning']}: the training script adds the adapters": settings["tuning"] != "full",
        f"zero-group {settings['zero_group']}: DeepSpeed divides over all ranks; releases before 0.19.8 had {_HYBRID} "
        "for ZeRO 3": settings["zero_group"] is not None and settings["zero"] > 0,
        "offload of activations: the training script sets cpu_checkpointing up": settings["offload_activations"],
        "offload of the optimizer: DeepSpeed has it with ZeRO": settings["offload_optimizer"] and not settings["zero"],
        "no master weights: DeepSpeed keeps them in 32 bits, 4 bytes a parameter": not settings["master_weights"],
    }
    yield from (words for words, has in odd.items() if has)
    if settings["offload_parameters"] and settings["zero"] < 3:  # noqa: PLR2004 - ZeRO stages
        yield f"zero {settings['zero']}: DeepSpeed moves parameters to the host in ZeRO 3 alone; set stage to 3"
    yield from unsaid("DeepSpeed", settings)
    yield from priced_as("framework", settings["framework"], "deepspeed")


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _recognised(text: str) -> bool:
    document = _parsed(text)
    return "zero_optimization" in document or "train_micro_batch_size_per_gpu" in document


def _read(text: str) -> LaunchOptions:
    found = _parsed(text)
    if not found:
        raise BadInputError("deepspeed: the file is no JSON object")
    options: dict[str, Any] = understood(BATCH, found)
    options |= _zero_read(found) | _precision_read(found)
    kind = str(table("deepspeed", found, "optimizer").get("type", "")).lower()
    if kind in _READ_OPTIMIZERS:
        options["optimizer"] = _READ_OPTIMIZERS[kind]
    elif kind:
        found[f"optimizer {kind}"] = kind
    for key, size, option in _DIVIDED:
        ranks = as_number(table("deepspeed", dict(found), key).get(size))
        if ranks is not None:
            options[option] = max(1, int(ranks))
            del found[key]
    if (reduced := str(found.get("communication_data_type"))) in _REDUCED:
        options["reduction_bits"] = _REDUCED[reduced]
        del found["communication_data_type"]
    if all((options.get(name) or 0) >= 1 for name in ("global_batch", "micro_batch", "gradient_accumulation")):
        options["dp"] = options["global_batch"] // (options["micro_batch"] * options["gradient_accumulation"])
        del options["gradient_accumulation"]
    left = [key for key in found if key not in _NOT_OF_A_PLAN]
    return LaunchOptions(options, left_over(left))


_NOT_OF_A_PLAN = (
    "steps_per_print", "wall_clock_breakdown", "gradient_clipping", "scheduler", "tensorboard", "wandb", "csv_monitor",
    "flops_profiler", "comms_logger", "dump_state", "zero_allow_untested_optimizer", "prescale_gradients",
)  # fmt: skip


def _zero_read(found: dict[str, Any]) -> dict[str, Any]:
    zero = table("deepspeed", found, "zero_optimization")
    stage = as_number(zero.get("stage", 0))
    options: dict[str, Any] = {} if stage is None else {"zero": int(stage)}
    for key, what in _OFFLOADED.items():
        device = table("deepspeed", dict(zero), key).get("device", "none")
        if device == "nvme":
            raise BadInputError(
                f"deepspeed: zero_optimization.{key}: waits on drives, nvme; host memory is priced, cpu"
            )
        if device != "none":
            options["offload"] = what
    group = as_number(zero.get(_HYBRID))
    if group is not None and group > 0:
        options["zero_group"] = int(group)
    odd = [key for key in ("zero_quantized_weights", "zero_quantized_gradients") if zero.get(key)]
    found.update({f"zero_optimization.{key}": True for key in odd})
    return options


def _precision_read(found: dict[str, Any]) -> dict[str, Any]:
    on = [name for name in ("bf16", "bfloat16", "fp16") if table("deepspeed", found, name).get("enabled")]
    options: dict[str, Any] = {"dtype": "fp32" if not on else "fp16" if on[0] == "fp16" else "bf16"}
    width = table("deepspeed", found, "data_types").get("grad_accum_dtype")
    if on and width is not None:
        options["gradient_bits"] = 32 if width == "fp32" else 16
    return options


LAUNCHER = Launcher(
    name="deepspeed",
    command="train",
    write=_write,
    suffix=".json",
    programs=PROGRAMS["deepspeed"],
    read=_read,
    recognises=_recognised,
    comment=None,
    description="DeepSpeed: its JSON, of batch, precision, ZeRO and offload",
    words=called(*BATCH),
)
