"""TRL: a script that starts ``trl sft`` with an Accelerate configuration beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmplan.estimate import Launcher, LaunchFile
from llmplan_launchers.formats.adapters import modules_of
from llmplan_launchers.formats.nodes import gpus_per_node
from llmplan_launchers.formats.settings import training
from llmplan_launchers.formats.shell import flag_lines
from llmplan_launchers.formats.table import Entry, called, said
from llmplan_launchers.formats.trainer import optimizer
from llmplan_launchers.formats.unsaid import INT8_BITS, unsaid
from llmplan_launchers.formats.words import comments, headline, repository
from llmplan_launchers.formats.yaml import yaml
from llmplan_launchers.programs import PROGRAMS
from llmplan_launchers.training.accelerate import document

if TYPE_CHECKING:
    from llmplan.estimate import Estimate

BATCH = (
    Entry("--max_length", "seq_len"),
    Entry("--per_device_train_batch_size", "micro_batch"),
    Entry("--gradient_accumulation_steps", "gradient_accumulation"),
    Entry("--max_steps", "iterations"),
)


def _write(estimate: Estimate) -> LaunchFile:
    priced, settings = training("trl", estimate)
    config, remarks = document("trl", estimate, "trl")
    remarks = [*remarks, *unsaid("TRL", settings, ("linear",), int8=True)]
    model = repository(priced.plan.model)
    missing = ":?path of " + priced.plan.model.name
    text = (
        "#!/bin/bash\n"
        + comments([*headline("TRL", estimate), "Data and learning rate are given behind this file's name:"])
        + comments(["--dataset_name NAME --learning_rate RATE --output_dir FOLDER"])
        + "set -euo pipefail\n"
        + f'MODEL="${{MODEL{f":-{model}" if model else missing}}}"\n'
        + 'CONFIG="$(mktemp --suffix .yaml)"\n'
        + f"cat > \"$CONFIG\" <<'END'\n{yaml(config)}END\n"
        + f"ARGUMENTS=(\n{flag_lines(_flags(settings, config))})\n"
        + 'trl sft --accelerate_config "$CONFIG"'
        + _nodes(config)
        + ' "${ARGUMENTS[@]}" "$@"\n'
    )
    node = gpus_per_node(priced.plan.hardware, settings["gpus"])
    several = [f"{settings['gpus'] // node} nodes: start it on each, with MACHINE_RANK and MAIN_PROCESS_IP set"]
    return LaunchFile(text, (*remarks, *several[: config["num_machines"] > 1]))


def _flags(settings: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Of ``trl sft``; None where a flag is not written."""
    recomputes = config.get("fsdp_config", {}).get("fsdp_activation_checkpointing", settings["recompute"] != "none")
    return {
        "--model_name_or_path": '"$MODEL"',
        **said("trl", BATCH, settings),
        **said("trl", (optimizer("--optim", sharded="fsdp_config" in config),), settings),
        "--bf16": "true" if settings["precision"] in ("bf16", "fp8") else "false",
        "--fp16": "true" if settings["precision"] == "fp16" else "false",
        # FSDP checkpoints activations itself
        "--gradient_checkpointing": "true" if recomputes and "fsdp_config" not in config else "false",
        "--packing": "false" if settings["packing"] is False else "true",
        **({} if settings["epochs"] is None else {"--max_steps": None, "--num_train_epochs": settings["epochs"]}),
        "--activation_offloading": "true" if settings["offload_activations"] else None,
        "--dtype": "bfloat16" if settings["optimizer"] == "adam-bf16" else None,
        "--use_liger_kernel": "true" if settings["cross_entropy"] == "linear" else None,
        **_adapter(settings),
    }


def _nodes(config: dict[str, Any]) -> str:
    if config["num_machines"] == 1:
        return ""
    return ' --machine_rank "$MACHINE_RANK" --main_process_ip "$MAIN_PROCESS_IP"'


def _adapter(settings: Mapping[str, Any]) -> dict[str, Any]:
    """LoRA on the matrices of the plan."""
    if settings["tuning"] == "full":
        return {}
    modules: list[str] | str = modules_of(settings["lora_targets"]) or "all-linear"
    keys = {"--use_peft": True, "--lora_r": settings["lora_rank"], "--lora_target_modules": modules}
    if settings["frozen_bits"] == INT8_BITS:
        return keys | {"--load_in_8bit": True}
    return keys | ({"--load_in_4bit": True} if settings["tuning"] == "qlora" else {})


LAUNCHER = Launcher(
    name="trl",
    command="train",
    write=_write,
    programs=PROGRAMS["trl"],
    description="TRL: a script that starts trl sft on Accelerate, for fine-tuning",
    words=called(*BATCH),
)
