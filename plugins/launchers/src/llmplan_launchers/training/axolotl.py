"""Axolotl: the YAML of ``axolotl train``, for fine-tuning on FSDP 2."""

from __future__ import annotations

from typing import Any

from llmplan.errors import BadInputError
from llmplan.estimate import Estimate, Launcher, LaunchFile
from llmplan_launchers.formats.fsdp import refuse, sharding
from llmplan_launchers.formats.nodes import gpus_per_node
from llmplan_launchers.formats.recompute import nearest
from llmplan_launchers.formats.settings import training
from llmplan_launchers.formats.table import Entry, said
from llmplan_launchers.formats.words import comments, headline, priced_as, repository
from llmplan_launchers.formats.yaml import yaml

BATCH = (
    Entry("sequence_len", "seq_len"),
    Entry("micro_batch_size", "micro_batch"),
    Entry("gradient_accumulation_steps", "gradient_accumulation"),
    Entry("max_steps", "iterations"),
)
OPTIMIZERS = {
    "adam": "adamw_torch_fused",
    "adam-8bit": "adamw_8bit",
    "adafactor": "adafactor",
    "lion": "lion_32bit",
    "muon": "muon",
    "sgd": "sgd",
}
_PRECISIONS = ("bf16", "fp16", "fp8", "fp32", "tf32")


def _write(estimate: Estimate) -> LaunchFile:
    priced, settings = training("axolotl", estimate)
    plan, shards = priced.plan, sharding("axolotl", "Axolotl", settings)
    refuse("axolotl", "Axolotl", settings, {"pp": 1, "ep": 1})
    precision = settings["precision"]
    if precision not in _PRECISIONS:
        raise BadInputError(f"axolotl: dtype {plan.dtype.name}: Axolotl trains in {', '.join(_PRECISIONS)}")
    recomputes, remarks = nearest("Axolotl", settings["recompute"], {"none": "", "full": "full"})
    repo = repository(plan.model)
    config: dict[str, Any] = {
        "base_model": repo or "PATH",
        **_adapter(settings),
        **said("axolotl", BATCH, settings),
        **said("axolotl", (Entry("optimizer", "optimizer", OPTIMIZERS),), settings),
        **{name: True for name in ("fp16", "fp8", "tf32") if precision == name},
        "bf16": precision in ("bf16", "fp8"),
        "gradient_checkpointing": bool(recomputes) and not shards.shards,
    }
    if settings["offload_activations"]:
        config["activation_offloading"] = True
    config |= {"datasets": [{"path": "DATASET", "type": "chat_template"}], "output_dir": "./outputs"}
    sizes = {
        "dp_shard_size": shards.shard,
        "dp_replicate_size": shards.replicate,
        "tensor_parallel_size": settings["tp"],
        "context_parallel_size": settings["cp"],
    }
    if shards.shards or settings["tp"] * settings["cp"] > 1:
        config |= {name: size for name, size in sizes.items() if size > 1}
        config |= {
            "fsdp_version": 2,
            "fsdp_config": _fsdp(settings, reshard=shards.reshard, recomputes=bool(recomputes)),
        }
    node = gpus_per_node(plan.hardware, settings["gpus"])
    nodes = settings["gpus"] // node
    several = f" --launcher torchrun -- --nnodes {nodes} --nproc-per-node {node} --rdzv-endpoint HOST:29500"
    start = f"axolotl train FILE{several if nodes > 1 else ''}"
    notes = [*headline("Axolotl", estimate), "datasets and learning_rate are not of the plan: fill them in.", start]
    unknown = [f"the weights of {plan.model.name}: fill base_model in"] if repo is None else []
    text = comments(notes) + yaml(config)
    return LaunchFile(
        text, (*shards.remarks, *remarks, *unknown, *priced_as("framework", settings["framework"], "fsdp"))
    )


def _adapter(settings: dict[str, Any]) -> dict[str, Any]:
    """LoRA on all linear layers, as the plan counts it."""
    if settings["tuning"] == "full":
        return {}
    keys = {"adapter": settings["tuning"], "lora_r": settings["lora_rank"], "lora_target_linear": True}
    return keys | ({"load_in_4bit": True} if settings["tuning"] == "qlora" else {})


def _fsdp(settings: dict[str, Any], *, reshard: bool, recomputes: bool) -> dict[str, Any]:
    return {
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "reshard_after_forward": reshard,
        "activation_checkpointing": recomputes,
        "offload_params": settings["offload_optimizer"],
        "state_dict_type": "SHARDED_STATE_DICT",
        "cpu_ram_efficient_loading": True,
    }


LAUNCHER = Launcher(
    name="axolotl",
    command="train",
    write=_write,
    description="Axolotl: YAML for fine-tuning, of all weights or of LoRA adapters",
)
