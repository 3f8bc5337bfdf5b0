"""Axolotl: the YAML of ``axolotl train``, for fine-tuning on FSDP 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate import Launcher, LaunchFile
from llmplan_launchers.formats.adapters import modules_of
from llmplan_launchers.formats.fsdp import Sharding, accelerate_sharding, refuse
from llmplan_launchers.formats.nodes import gpus_per_node
from llmplan_launchers.formats.recompute import nearest
from llmplan_launchers.formats.settings import training
from llmplan_launchers.formats.table import Entry, called, said
from llmplan_launchers.formats.trainer import optimizer
from llmplan_launchers.formats.unsaid import INT8_BITS, unsaid
from llmplan_launchers.formats.words import comments, headline, priced_as, repository
from llmplan_launchers.formats.yaml import yaml
from llmplan_launchers.programs import PROGRAMS

if TYPE_CHECKING:
    from llmplan.estimate import Estimate

BATCH = (
    Entry("sequence_len", "seq_len"),
    Entry("micro_batch_size", "micro_batch"),
    Entry("gradient_accumulation_steps", "gradient_accumulation"),
    Entry("max_steps", "iterations"),
)
_LOSSES: Mapping[str, Mapping[str, Any]] = {
    "fused": {"plugins": ["axolotl.integrations.liger.LigerPlugin"], "liger_cross_entropy": True},
    "linear": {"plugins": ["axolotl.integrations.liger.LigerPlugin"], "liger_fused_linear_cross_entropy": True},
    "cut": {"plugins": ["axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin"], "cut_cross_entropy": True},
    "chunked": {"chunked_cross_entropy": True},
}
"""By the word of ``--cross-entropy``; the plain one is what Axolotl has without any."""
_PRECISIONS = ("bf16", "fp16", "fp8", "fp32", "tf32")


def _write(estimate: Estimate) -> LaunchFile:
    priced, settings = training("axolotl", estimate)
    refuse("axolotl", "Axolotl", settings, {"pp": 1})
    plan, shards = priced.plan, accelerate_sharding("axolotl", "Axolotl", settings)
    if settings["ep"] > 1:
        raise BadInputError(f"axolotl: ep {settings['ep']}: Axolotl shares experts by a plugin that is not set up here")
    if settings["precision"] not in _PRECISIONS:
        raise BadInputError(f"axolotl: dtype {plan.dtype.name}: Axolotl trains in {', '.join(_PRECISIONS)}")
    recomputes, remarks = nearest("Axolotl", settings["recompute"], {"none": "", "full": "full"})
    sharded = shards.shards or settings["tp"] * settings["cp"] > 1
    repo = repository(plan.model)
    config = {
        "base_model": repo or "PATH",
        **_adapter(settings),
        **said("axolotl", BATCH if settings["epochs"] is None else BATCH[:-1], settings),
        **said("axolotl", (optimizer("optimizer", sharded=bool(sharded), muon="muon"),), settings),
        **_precision(settings["precision"]),
        **_samples(settings),
        **({"bf16": "full"} if settings["optimizer"] == "adam-bf16" else {}),
        **_LOSSES.get(settings["cross_entropy"], {}),
        **_activations(settings, recomputes=bool(recomputes), sharded=sharded),
        "datasets": [{"path": "DATASET", "type": "chat_template"}],
        "output_dir": "./outputs",
        **(_fsdp(settings, shards, recomputes=bool(recomputes)) if sharded else {}),
    }
    unknown = [f"the weights of {plan.model.name}: fill base_model in"] if repo is None else []
    said_of_figures = priced_as("framework", settings["framework"], "axolotl")
    text = comments([*headline("Axolotl", estimate), *_how_to_start(estimate)]) + yaml(
        {key: value for key, value in config.items() if value is not None}
    )
    return LaunchFile(text, (*shards.remarks, *remarks, *_remarks(settings), *unknown, *said_of_figures))


def _how_to_start(estimate: Estimate) -> list[str]:
    gpus = int(estimate.plan.layout.gpus)
    node = gpus_per_node(estimate.plan.hardware, gpus)
    several = f" --launcher torchrun -- --nnodes {gpus // node} --nproc-per-node {node} --rdzv-endpoint HOST:29500"
    start = f"axolotl train FILE{several if gpus > node else ''}"
    return ["datasets and learning_rate are not of the plan: fill them in.", start]


def _samples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of a plan whose data set is given in samples: epochs in place of steps."""
    if settings["epochs"] is None:
        return {}
    packed = settings["packing"]
    return {
        "max_steps": None,
        "num_epochs": settings["epochs"],
        "sample_packing": packed,
        "pad_to_sequence_len": packed,
    }


def _precision(precision: str) -> dict[str, Any]:
    others: dict[str, Any] = {name: True for name in ("fp16", "fp8", "tf32") if precision == name}
    return {**others, "bf16": precision in ("bf16", "fp8")}


def _activations(settings: Mapping[str, Any], *, recomputes: bool, sharded: bool) -> dict[str, Any]:
    """FSDP recomputes itself; what waits in host memory is offloaded by the trainer's own recomputation."""
    offloads = settings["offload_activations"]
    keys: dict[str, Any] = {"gradient_checkpointing": offloads or (recomputes and not sharded)}
    if offloads:
        keys["activation_offloading"] = True
    if settings["cp"] > 1:
        keys["attn_implementation"] = "flash_attention_2"
    return keys


def _remarks(settings: Mapping[str, Any]) -> Iterator[str]:
    yield from unsaid("Axolotl", settings, ("plain", *_LOSSES), int8=True)
    if settings["offload_optimizer"] and not settings["offload_parameters"]:
        yield "offload of the optimizer: Axolotl's FSDP moves weights and gradients to the host with it"
    if settings["cp"] > 1:
        yield f"cp {settings['cp']}: Axolotl divides sequences with ring-flash-attn, which pip install brings"
    if settings["offload_activations"] and settings["recompute"] == "none":
        yield "offload of activations: Axolotl has it with recomputation alone"


def _adapter(settings: Mapping[str, Any]) -> dict[str, Any]:
    """LoRA on the matrices of the plan."""
    if settings["tuning"] == "full":
        return {}
    modules = modules_of(settings["lora_targets"])
    where: dict[str, Any] = {"lora_target_modules": modules} if modules else {"lora_target_linear": True}
    keys = {"adapter": settings["tuning"], "lora_r": settings["lora_rank"], **where}
    if settings["frozen_bits"] == INT8_BITS:
        return keys | {"load_in_8bit": True}
    return keys | ({"load_in_4bit": True} if settings["tuning"] == "qlora" else {})


def _fsdp(settings: Mapping[str, Any], shards: Sharding, *, recomputes: bool) -> dict[str, Any]:
    sizes = {
        "dp_shard_size": shards.shard,
        "dp_replicate_size": shards.replicate,
        "tensor_parallel_size": settings["tp"],
        "context_parallel_size": settings["cp"],
    }
    config = {
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "reshard_after_forward": shards.reshard,
        "activation_checkpointing": recomputes and not settings["offload_activations"],
        "offload_params": settings["offload_optimizer"] or settings["offload_parameters"],
        "state_dict_type": "SHARDED_STATE_DICT",
        "cpu_ram_efficient_loading": settings["tuning"] != "qlora",  # Axolotl refuses it with 4-bit weights
    }
    return {**{name: size for name, size in sizes.items() if size > 1}, "fsdp_version": 2, "fsdp_config": config}


LAUNCHER = Launcher(
    name="axolotl",
    command="train",
    write=_write,
    suffix=".yaml",
    programs=PROGRAMS["axolotl"],
    description="Axolotl: YAML for fine-tuning, of all weights or of LoRA adapters",
    words=called(*BATCH),
)
