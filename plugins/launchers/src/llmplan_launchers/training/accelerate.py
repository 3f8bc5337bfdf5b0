"""Accelerate: the YAML of ``accelerate launch --config_file``, with FSDP 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate import Launcher, LaunchFile
from llmplan_launchers.formats.fsdp import Sharding, accelerate_sharding, refuse
from llmplan_launchers.formats.nodes import gpus_per_node
from llmplan_launchers.formats.recompute import nearest
from llmplan_launchers.formats.settings import training
from llmplan_launchers.formats.unsaid import unsaid
from llmplan_launchers.formats.words import comments, headline, priced_as
from llmplan_launchers.formats.yaml import yaml
from llmplan_launchers.programs import PROGRAMS

if TYPE_CHECKING:
    from llmplan.estimate import Estimate

_PROGRAM = "Accelerate's FSDP"
_PRECISIONS = {"bf16": "bf16", "fp16": "fp16", "fp32": "no", "tf32": "no", "fp8": "fp8"}
RECOMPUTE = {"none": "", "full": "full"}


def document(launcher: str, estimate: Estimate, own: str = "fsdp") -> tuple[dict[str, Any], list[str]]:
    """The configuration, and what it has no words for; TRL takes the same file."""
    priced, settings = training(launcher, estimate)
    refuse(launcher, _PROGRAM, settings, {"pp": 1, "ep": 1})
    shards = accelerate_sharding(launcher, _PROGRAM, settings)
    if settings["precision"] not in _PRECISIONS:
        raise BadInputError(f"{launcher}: dtype {priced.plan.dtype.name}: {_PROGRAM} has {', '.join(_PRECISIONS)}")
    recomputes, remarks = nearest(_PROGRAM, settings["recompute"], RECOMPUTE)
    gpus = settings["gpus"]
    sharded = shards.shards or settings["cp"] * settings["tp"] > 1
    config: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "FSDP" if sharded else "MULTI_GPU" if gpus > 1 else "NO",
        "mixed_precision": _PRECISIONS[settings["precision"]],
        "num_machines": gpus // gpus_per_node(priced.plan.hardware, gpus),
        "num_processes": gpus,
    }
    if sharded:
        config["fsdp_config"] = _fsdp(settings, shards, recomputes=bool(recomputes))
    if sharded and (settings["tp"] * settings["cp"] > 1 or shards.replicate > 1):
        config["parallelism_config"] = {
            "parallelism_config_dp_replicate_size": shards.replicate,
            "parallelism_config_dp_shard_size": shards.shard,
            "parallelism_config_tp_size": settings["tp"],
            "parallelism_config_cp_size": settings["cp"],
        }
    figures = priced_as("framework", settings["framework"], own)
    return config, [*shards.remarks, *remarks, *_remarks(settings), *figures]


def _fsdp(settings: Mapping[str, Any], shards: Sharding, *, recomputes: bool) -> dict[str, Any]:
    return {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_reshard_after_forward": shards.reshard,
        "fsdp_activation_checkpointing": recomputes,
        "fsdp_offload_params": settings["offload_optimizer"] or settings["offload_parameters"],
        "fsdp_cpu_ram_efficient_loading": settings["tuning"] != "qlora",  # it hangs with 4-bit weights
        "fsdp_state_dict_type": "SHARDED_STATE_DICT",
    }


def _remarks(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["offload_optimizer"] and not settings["offload_parameters"]:
        yield f"offload of the optimizer: {_PROGRAM} moves weights and gradients to the host with it"
    if settings["offload_activations"]:
        yield f"offload of activations: {_PROGRAM} has none"
    if settings["sequence_parallel"] and settings["tp"] > 1:
        yield "sequence parallelism: the model's own tensor parallel plan decides on it"


def _write(estimate: Estimate) -> LaunchFile:
    config, remarks = document("accelerate", estimate)
    _, settings = training("accelerate", estimate)
    script = (
        f"micro-batch {settings['micro_batch']}, gradient-accumulation {settings['gradient_accumulation']}, "
        f"seq-len {settings['seq_len']}, optimizer {settings['optimizer']}, {settings['iterations']} iterations: "
        "of the training script"
    )
    tuning = [f"tuning {settings['tuning']}: the training script adds the adapters"] * (settings["tuning"] != "full")
    remarks = [*remarks, *unsaid("Accelerate", settings)]
    notes = [*headline("Accelerate", estimate), "accelerate launch --config_file FILE SCRIPT"]
    return LaunchFile(comments(notes) + yaml(config), (script, *tuning, *remarks))


LAUNCHER = Launcher(
    name="accelerate",
    command="train",
    write=_write,
    suffix=".yaml",
    programs=PROGRAMS["accelerate"],
    description="Accelerate: YAML of FSDP 2 for accelerate launch --config_file",
)
