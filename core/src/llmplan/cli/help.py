"""``--help`` of the commands that plan: examples, and options in groups with what is taken where one is not given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typer.core import TyperCommand

from llmplan.catalogues import registry
from llmplan.space.dimensions import DIMENSIONS, SIZES, of_step

_GROUPS: Mapping[str, str] = {
    "What and on what": ("model assume_transformer gpu gpus dtype framework engine optimizer cost_model"),
    "What is looked for": (
        "objective finish_within budget ttft tpot latency percentile pareto top memory_headroom confidence"
    ),
    "Work": "tokens seq_len global_batch global_batch_tokens batch prompt_tokens output_tokens max_batch max_context",
    "Data set": "samples epochs sample_tokens sample_lengths packing",
    "Load on a server": "rate peak concurrency trace prompt_lengths output_lengths requests seed server_model",
    "Layout": " ".join([*SIZES, *(one.name for one in of_step("shared"))]),
    "Memory against time": (
        "micro_batch max_micro_batch gradient_accumulation recompute offload master_weights gradient_bits "
        "reduction_bits kv_bits"
    ),
    "Fine-tuning": "tuning lora_rank lora_targets",
    "How the server works": (
        "step_tokens max_sequences memory_utilization max_model_len chunked_prefill prefix_hit_rate "
        "speculative_tokens acceptance_rate draft_model prefill_replicas prefill_tp prefill_pp"
    ),
    "Network and nodes": "cluster nic_gbits gpus_per_node oversubscription host_memory",
    "Efficiency": "mfu flops_efficiency hbm_efficiency scale_up_efficiency scale_out_efficiency ideal",
    "Money and energy": "price_per_gpu_hour pue",
    "Failures": "failures_per_gpu_day checkpoint_seconds checkpoint_gb_per_s checkpoint_interval restart_seconds",
    "Several plans": "compare",
    "In and out": "plan json reporter output picture explain sources",
    "How it is run": "time_limit prune executor workers scheduler",
}
"""The names of options by the heading that they stand under; what is in none stands under the last."""
_OTHERS = "More"
_SEARCHED = "the best of all that fit"
_NOT_SAID = ("gpus", "zero_group", "gradient_accumulation")
"""Dimensions whose help says it, or that follow from others."""
DEFAULTS: Mapping[str, str] = {
    "tokens": "what the model was trained on",
    "seq_len": "the model's own",
    "epochs": "1",
    "sample_lengths": "lognormal:0.7",
    "global_batch": "about 4M tokens",
    "batch": "1",
    "prompt_tokens": "512",
    "output_tokens": "128",
    "seed": "0",
    "confidence": "0.9",
    "pue": "1",
    "tuning": "full",
    "gradient_bits": "32",
    "prefix_hit_rate": "0",
    **{
        f"{kind.replace('-', '_')}": f"marked by llmplan list {kind}s"
        for kind in ("dtype", "cost-model", "framework", "engine", "optimizer", "schedule", "reporter")
    },
    **{one.name: _SEARCHED for one in DIMENSIONS if one.name not in _NOT_SAID},
}
"""What is taken where nothing is given, in words; where it is said in the help of an option already it is in none."""
EXAMPLES: Mapping[str, Sequence[str]] = {
    "train": (
        "llmplan train {model} --gpu {gpu} --gpus 64 --tokens 1T",
        "llmplan train {model} --gpu {gpu} --gpus 64,128 --tokens 1T",
        "llmplan train {model} --gpu {gpu} --tuning lora --tokens 20M",
    ),
    "infer": (
        "llmplan infer {model} --gpu {gpu} --batch 8",
        "llmplan infer {model} --gpu {gpu} --tp 8 --pp 1 --batch 1..8",
        "llmplan infer {model} --gpu {gpu} --tp 8 --pp 1 --rate 1/s",
    ),
    "search train": (
        "llmplan search train {model} --gpu {gpu} --gpus 64 --tokens 1T",
        "llmplan search train {model} --gpu {gpu} --gpus 64,128 --top 3",
    ),
    "search infer": (
        "llmplan search infer {model} --gpu {gpu} --ttft 1s --tpot 100ms",
        "llmplan search infer {model} --gpu {gpu} --rate 1/s",
    ),
}
"""Of each command some that answer a question each, with names of what is installed."""
_NODE = 8
"""Accelerators that a node has at least, where an example asks for whole ones."""


def examples(command: str) -> list[str]:
    """Commands that run here: with the first model, and the accelerator that most published runs were on."""
    known = registry().gpus
    gpus = known.entries("training_run") or known.entries()  # all of them take 60 ms to read
    gpus = sorted(gpus, key=lambda entry: _known_well(entry[2]), reverse=True)
    names = {"model": next(iter(registry().models), "MODEL"), "gpu": gpus[0][0] if gpus else "GPU"}
    return [example.format(**names) for example in EXAMPLES.get(command, ())]


def _known_well(gpu: Any) -> tuple[bool, int, float]:
    """Of whole nodes, with many published runs, with much memory."""
    runs = getattr(getattr(gpu.efficiency, "training_run", None), "runs", None) or 0
    return gpu.scale_up_domain >= _NODE, int(runs), float(gpu.memory_bytes)


class PlanningCommand(TyperCommand):
    """A command with so many options that a list of them is no help."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Examples first, which are what most people look for, then the options by what they are about."""
        command = ctx.command_path.removeprefix("llmplan ")
        with formatter.section("Examples"):
            for example in examples(command):
                formatter.write(f"  {example}\n")
        for heading, records in _in_groups(self.get_params(ctx), ctx):
            with formatter.section(heading):
                formatter.write_dl(records)


def _in_groups(parameters: Sequence[Any], ctx: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Headings with what stands under each; those of other commands are left out."""
    from llmplan.request import InferRequest, TrainRequest
    from llmplan.request.options import joined_options

    left = {parameter.name: parameter for parameter in parameters if parameter.get_help_record(ctx)}
    arguments = [left.pop(name) for name in list(left) if left[name].param_type_name == "argument"]
    yield "Argument", [parameter.get_help_record(ctx) for parameter in arguments]
    joined = {**joined_options(TrainRequest), **joined_options(InferRequest)}
    added = [(of["heading"], name) for name, of in joined.items()]
    added += [(one.heading, one.parameter) for one in registry().command_options.values()]
    for heading, names in _GROUPS.items():
        joining = [parameter for above, parameter in added if above == heading]
        shown = [left.pop(name) for name in (*names.split(), *joining) if name in left]
        if shown:
            yield heading, [_record(parameter, ctx) for parameter in shown]
    if left:
        yield _OTHERS, [_record(parameter, ctx) for parameter in left.values()]


def _record(parameter: Any, ctx: Any) -> tuple[str, str]:
    """The option, its help, and what is taken without it."""
    names, text = parameter.get_help_record(ctx)
    default = DEFAULTS.get(parameter.name)
    return names, text if default is None or "by default" in text else f"{text} [default: {default}]"
