"""Megatron-Bridge, NeMo's way to Megatron-Core: a recipe in Python that torchrun starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate import Launcher, LaunchFile
from llmplan_launchers.formats.nodes import gpus_per_node
from llmplan_launchers.formats.recompute import nearest
from llmplan_launchers.formats.settings import training
from llmplan_launchers.formats.table import Entry, called, said
from llmplan_launchers.formats.unsaid import unsaid
from llmplan_launchers.formats.words import comments, headline, priced_as, repository
from llmplan_launchers.training.megatron_limits import refuse

if TYPE_CHECKING:
    from llmplan.estimate import Estimate

_NAME = "Megatron-Bridge"
FIELDS = (
    Entry("model.tensor_model_parallel_size", "tp"),
    Entry("model.pipeline_model_parallel_size", "pp"),
    Entry("model.context_parallel_size", "cp"),
    Entry("model.expert_model_parallel_size", "ep"),
    Entry("model.expert_tensor_parallel_size", "expert_tp"),
    Entry("model.sequence_parallel", "sequence_parallel"),
    Entry("model.seq_length", "seq_len"),
    Entry("dataset.seq_length", "seq_len"),
    Entry("train.micro_batch_size", "micro_batch"),
    Entry("train.global_batch_size", "global_batch"),
    Entry("train.train_iters", "iterations"),
    Entry("optimizer.optimizer", "optimizer", {"adam": "adam", "sgd": "sgd", "muon": "muon"}),
)
_PRECISIONS = {
    "bf16": "bf16_mixed",
    "fp16": "fp16_mixed",
    "fp8": "bf16_with_fp8_current_scaling_mixed",
    "fp4": "bf16_with_nvfp4_mixed",
}
_SHARDING = {0: "no_shard", 1: "optim", 2: "optim_grads", 3: "optim_grads_params"}
_RECOMPUTE = {"none": "", "attention-compute": "selective", "full": "full"}
_FSDP_FROM = 2


def _write(estimate: Estimate) -> LaunchFile:
    priced, settings = training("megatron-bridge", estimate)
    plan, repo = priced.plan, repository(priced.plan.model)
    if repo is None:
        raise BadInputError(f"megatron-bridge: model {plan.model.name}: no repository on Hugging Face is known of it")
    if settings["precision"] not in _PRECISIONS:
        raise BadInputError(f"megatron-bridge: dtype {plan.dtype.name}: {_NAME} trains in {', '.join(_PRECISIONS)}")
    if settings["tuning"] == "qlora":
        raise BadInputError(f"megatron-bridge: tuning qlora: {_NAME} keeps frozen weights in 16 bits; lora would do")
    refuse("megatron-bridge", settings, plan.model)
    recompute, remarks = nearest(_NAME, settings["recompute"], _RECOMPUTE)
    keys = {
        **said("megatron-bridge", FIELDS, settings),
        "model.virtual_pipeline_model_parallel_size": settings["vpp"] if settings["vpp"] > 1 else None,
        **_recompute(recompute),
        **_sharding(settings),
        "ddp.grad_reduce_in_fp32": settings["gradient_bits"] > 16,  # noqa: PLR2004 - bits
        "mixed_precision": _PRECISIONS[settings["precision"]],
        "optimizer.optimizer_cpu_offload": settings["offload_optimizer"],
        **({"model.cross_entropy_loss_fusion": True} if settings["cross_entropy"] == "fused" else {}),
    }
    text = _recipe(estimate, settings, repo, keys)
    said_of_figures = priced_as("framework", settings["framework"], "megatron-core")
    return LaunchFile(text, (*remarks, *_remarks(settings, plan.model.layers), *said_of_figures))


def _recipe(estimate: Estimate, settings: Mapping[str, Any], repo: str, keys: Mapping[str, Any]) -> str:
    tunes = settings["tuning"] == "lora"
    base, run = ("_peft_common", "finetune") if tunes else ("_pretrain_common", "pretrain")
    node = gpus_per_node(estimate.plan.hardware, settings["gpus"])
    start = f"torchrun --nnodes {settings['gpus'] // node} --nproc-per-node {node} FILE"
    lines = [
        comments([*headline(_NAME, estimate), "Data, learning rate and checkpoints are not of the plan.", start]),
        "from megatron.bridge import AutoBridge\n",
        "from megatron.bridge.peft.lora import LoRA\n" if tunes else "",
        f"from megatron.bridge.recipes.common import {base}\n",
        f"from megatron.bridge.training.{run} import {run}\n" if not tunes else "",
        "from megatron.bridge.training.finetune import finetune\n" if tunes else "",
        "from megatron.bridge.training.gpt_step import forward_step\n\n",
        f"cfg = {base}()\n",
        f'cfg.model = AutoBridge.from_hf_pretrained("{repo}").to_megatron_provider(load_weights={tunes})\n',
        f'cfg.tokenizer.tokenizer_model = "{repo}"\n',
        f"cfg.peft = LoRA(dim={settings['lora_rank']})\n" if tunes else "",
        *(f"cfg.{key} = {value!r}\n" for key, value in keys.items()),
        f'\nif __name__ == "__main__":\n    {run}(config=cfg, forward_step_func=forward_step)\n',
    ]
    return "".join(lines)


def _recompute(granularity: str) -> dict[str, Any]:
    if not granularity:
        return {"model.recompute_granularity": None}
    if granularity == "selective":
        return {"model.recompute_granularity": "selective", "model.recompute_modules": ["core_attn"]}
    return {
        "model.recompute_granularity": "full",
        "model.recompute_method": "uniform",
        "model.recompute_num_layers": 1,
    }


def _sharding(settings: Mapping[str, Any]) -> dict[str, Any]:
    """ZeRO 1 is the distributed optimizer, 2 and 3 Megatron's FSDP."""
    zero = settings["zero"]
    keys: dict[str, Any] = {
        "ddp.use_distributed_optimizer": zero > 0,
        "optimizer.use_distributed_optimizer": zero > 0,
        "ddp.overlap_param_gather": zero > 0,
        "optimizer.overlap_param_gather": zero > 0,
    }
    if zero >= _FSDP_FROM:
        keys |= {"ddp.use_megatron_fsdp": True, "ddp.data_parallel_sharding_strategy": _SHARDING[zero]}
        keys |= {"dist.use_megatron_fsdp": True, "checkpoint.ckpt_format": "fsdp_dtensor"}
    if settings["zero_group"] is not None and zero:
        instances = settings["dp"] * settings["cp"] // settings["zero_group"]
        keys["ddp.num_distributed_optimizer_instances"] = instances
    return keys


def _remarks(settings: Mapping[str, Any], layers: int) -> Iterator[str]:
    if settings["schedule"] != "1f1b":
        yield f"schedule {settings['schedule']}: {_NAME} runs 1F1B, whose bubble is longer than expected"
    if not settings["master_weights"]:
        yield "no master weights: the optimizer keeps them in 32 bits, 4 bytes a parameter"
    if settings["offload_activations"]:
        yield "offload of activations: set cfg.model.fine_grained_activation_offloading"
    if settings["lora_targets"]:
        yield f"lora-targets {'+'.join(settings['lora_targets'])}: set cfg.peft.target_modules, all by default"
    yield from unsaid(_NAME, settings, ("plain", "fused"), fills=True)
    stages = settings["pp"] * settings["vpp"]
    if layers % stages:
        yield f"{layers} layers over {stages} stages: set cfg.model.pipeline_model_parallel_layout"


LAUNCHER = Launcher(
    name="megatron-bridge",
    command="train",
    write=_write,
    suffix=".py",
    description="Megatron-Bridge (NeMo): a recipe in Python that torchrun starts",
    words=called(*FIELDS),
)
