"""torchtitan: a TOML file, as its releases to 0.2.2 read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import tomli

from llmplan import registry
from llmplan.errors import BadInputError
from llmplan.estimate import Launcher, LaunchFile, LaunchOptions
from llmplan_launchers.formats.fsdp import Sharding, refuse, sharding
from llmplan_launchers.formats.nodes import gpus_per_node
from llmplan_launchers.formats.recompute import nearest
from llmplan_launchers.formats.settings import training
from llmplan_launchers.formats.table import Entry, called, left_over, said, table, understood, whole
from llmplan_launchers.formats.unsaid import unsaid
from llmplan_launchers.formats.words import comments, headline, priced_as
from llmplan_launchers.programs import PROGRAMS

if TYPE_CHECKING:
    from llmplan.estimate import Estimate

FLAVORS: Mapping[str, tuple[str, str]] = {
    "llama-3-8b": ("llama3", "8B"),
    "llama-3-70b": ("llama3", "70B"),
    "llama-3.1-8b": ("llama3", "8B"),
    "llama-3.1-70b": ("llama3", "70B"),
    "llama-3.1-405b": ("llama3", "405B"),
    "qwen3-0.6b": ("qwen3", "0.6B"),
    "qwen3-1.7b": ("qwen3", "1.7B"),
    "qwen3-4b": ("qwen3", "4B"),
    "qwen3-8b": ("qwen3", "8B"),
    "qwen3-14b": ("qwen3", "14B"),
    "qwen3-32b": ("qwen3", "32B"),
    "qwen3-30b-a3b": ("qwen3", "30B-A3B"),
    "qwen3-235b-a22b": ("qwen3", "235B-A22B"),
    "deepseek-v2-lite": ("deepseek_v3", "16B"),
    "deepseek-v2": ("deepseek_v3", "236B"),
    "deepseek-v3": ("deepseek_v3", "671B"),
    "gpt-oss-20b": ("gpt_oss", "20b"),
    "gpt-oss-120b": ("gpt_oss", "120b"),
}
"""Models that torchtitan defines, by their names here; of two names for one flavor the later is read back."""
_RECOMPUTE = {"none": "none", "attention-compute": "selective", "full": "full"}
_SINGLE = {"1f1b": "1F1B", "zero-bubble": "ZBVZeroBubble"}
_SEVERAL = {"1f1b": "Interleaved1F1B", "zero-bubble": "InterleavedZeroBubble"}
_CHUNKS_OF_SEVERAL = 2
PARALLELISM = (
    Entry("tensor_parallel_degree", "tp", default=1),
    Entry("pipeline_parallel_degree", "pp", default=1),
    Entry("context_parallel_degree", "cp", default=1),
    Entry("expert_parallel_degree", "ep", default=1),
)
TRAINING = (Entry("seq_len", "seq_len", default=2048),)
_FLOAT8 = ("quantize.linear.float8", "float8")
_CONVERTERS: Mapping[str, list[str]] = {
    "bf16": [],
    "fp32": [],
    "tf32": [],
    "fp8": [_FLOAT8[0], "quantize.grouped_mm.float8"],
}
_SECTIONS = ("model", "optimizer", "training", "parallelism", "activation_checkpoint")


def _write(estimate: Estimate) -> LaunchFile:
    priced, settings = training("torchtitan", estimate)
    plan, shards = priced.plan, sharding("torchtitan", "torchtitan", settings)
    refuse("torchtitan", "torchtitan", settings, {"tuning": "full"})
    if plan.model.name not in FLAVORS:
        raise BadInputError(f"torchtitan: model {plan.model.name}: torchtitan defines {', '.join(FLAVORS)}")
    if settings["precision"] not in _CONVERTERS:
        raise BadInputError(f"torchtitan: dtype {plan.dtype.name}: torchtitan trains in {', '.join(_CONVERTERS)}")
    divisor = settings["tp"] * (2 * settings["cp"] if settings["cp"] > 1 else 1)
    if settings["seq_len"] % divisor:
        raise BadInputError(f"torchtitan: seq-len {settings['seq_len']}: is no multiple of tp x 2 cp = {divisor}")
    name, flavor = FLAVORS[plan.model.name]
    mode, remarks = nearest("torchtitan", settings["recompute"], _RECOMPUTE)
    optimizer = said("torchtitan", (Entry("name", "optimizer", {"adam": "AdamW"}),), settings)
    converters = [word for word in _CONVERTERS[settings["precision"]] if "grouped" not in word or settings["ep"] > 1]
    sections: dict[str, dict[str, Any]] = {
        "model": {"name": name, "flavor": flavor, **({"converters": converters} if converters else {})},
        "optimizer": optimizer,
        "training": _training(settings),
        "parallelism": _parallelism(settings, shards, plan.model.layers),
        "activation_checkpoint": {"mode": mode, **({"selective_ac_option": "op"} if mode == "selective" else {})},
    }
    node = gpus_per_node(plan.hardware, settings["gpus"])
    start = (
        f"torchrun --nnodes {settings['gpus'] // node} --nproc-per-node {node} --rdzv-backend c10d "
        "--rdzv-endpoint HOST:29500 -m torchtitan.train --job.config_file FILE"
    )
    notes = [*headline("torchtitan", estimate), "Learning rate, data and checkpoints are not of the plan.", start]
    figures = priced_as("framework", settings["framework"], "torchtitan")
    text = comments(notes) + "".join(f"\n[{section}]\n{_toml(keys)}" for section, keys in sections.items())
    return LaunchFile(text, (*shards.remarks, *remarks, *_remarks(settings), *figures))


def _training(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A pipeline takes all its micro-batches as one local batch; without one they are accumulated."""
    local = settings["micro_batch"] * (settings["gradient_accumulation"] if settings["pp"] > 1 else 1)
    keys = {
        "local_batch_size": local,
        "global_batch_size": settings["global_batch"],
        "seq_len": settings["seq_len"],
        "steps": settings["iterations"],
    }
    if settings["precision"] in ("fp32", "tf32"):
        keys["mixed_precision_param"] = "float32"
    if not settings["master_weights"]:
        keys["dtype"] = "bfloat16"
    if settings["offload_optimizer"]:
        keys["enable_cpu_offload"] = True
    return keys


def _parallelism(settings: Mapping[str, Any], shards: Sharding, layers: int) -> dict[str, Any]:
    keys = {
        "data_parallel_replicate_degree": shards.replicate,
        "data_parallel_shard_degree": shards.shard,
        "fsdp_reshard_after_forward": "always" if shards.reshard else "never",
        **said("torchtitan", PARALLELISM, settings),
    }
    if settings["ep"] > 1:
        keys["expert_tensor_parallel_degree"] = settings["tp"]
    if settings["pp"] == 1:
        return keys
    vpp, schedule = settings["vpp"], settings["schedule"]
    schedules = _SINGLE if vpp == 1 else _SEVERAL
    keys["pipeline_parallel_schedule"] = schedules.get(schedule, schedules["1f1b"])
    keys["pipeline_parallel_microbatch_size"] = settings["micro_batch"]
    # the plan divides layers evenly, without room for the embedding and the head
    keys |= {"pipeline_parallel_first_stage_less_layers": 0, "pipeline_parallel_last_stage_less_layers": 0}
    if vpp not in (1, _CHUNKS_OF_SEVERAL):
        each = -(-layers // (settings["pp"] * vpp))
        if -(-layers // each) != settings["pp"] * vpp:
            raise BadInputError(
                f"torchtitan: vpp {vpp}: {layers} layers make no {settings['pp'] * vpp} stages of {each}"
            )
        keys["pipeline_parallel_layers_per_stage"] = each
    return keys


def _remarks(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["schedule"] not in _SINGLE:
        yield f"schedule {settings['schedule']}: torchtitan has {', '.join(_SINGLE)}; written as 1f1b"
    elif settings["schedule"] != "1f1b" and settings["vpp"] == 1:
        yield "schedule zero-bubble: torchtitan's keeps two chunks of layers a stage (ZBV)"
    if settings["tp"] > 1 and not settings["sequence_parallel"]:
        yield "no sequence parallelism: torchtitan splits norms over tensor parallel ranks too"
    if settings["gradient_bits"] < 32 and settings["master_weights"]:  # noqa: PLR2004 - bits
        yield f"gradients in {settings['gradient_bits']:g} bits: torchtitan keeps and reduces them in 32"
    if settings["offload_activations"]:
        yield "offload of activations: torchtitan has none"
    yield from unsaid("torchtitan", settings, ("plain",), fills=True)
    if settings["offload_optimizer"] and not settings["offload_parameters"]:
        yield "offload of the optimizer: torchtitan moves weights and gradients to the host with it"


def _toml(keys: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in keys.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomli.loads(text)
    except (ValueError, RecursionError):  # a number may have thousands of digits
        return None


def _recognised(text: str) -> bool:
    values = _parsed(text) or {}
    marks = {"model": "flavor", "parallelism": "tensor_parallel_degree"}
    return any(isinstance(of := values.get(section), dict) and key in of for section, key in marks.items())


def _read(text: str) -> LaunchOptions:
    values = _parsed(text)
    if values is None:
        raise BadInputError("torchtitan: the file is no TOML")
    found = {section: table("torchtitan", values, section) for section in _SECTIONS}
    options = understood(PARALLELISM, found["parallelism"]) | understood(TRAINING, found["training"])
    options |= _batch_read(found, options)
    options |= _sharding_read(found["parallelism"], options)
    remarks = _model_read(found["model"], options)
    options |= _schedule_read(found["parallelism"], options)
    options["optimizer"] = "adam"
    found["optimizer"].clear()
    ac = found["activation_checkpoint"]
    modes = {word: mode for mode, word in _RECOMPUTE.items()}
    if (mode := modes.get(str(ac.get("mode", "selective")))) is not None:
        options["recompute"] = mode
        ac.clear()
    options["sequence_parallel"] = options["tp"] > 1
    left = [f"{section}.{key}" for section, keys in found.items() for key in keys if key not in _NOT_OF_A_PLAN]
    return LaunchOptions(options, (*remarks, *left_over(left)))


_NOT_OF_A_PLAN = (
    "dataset", "dataset_path", "max_norm", "hf_assets_path", "tokenizer_path", "dataloader", "disable_loss_parallel",
    "enable_async_tensor_parallel", "expert_tensor_parallel_degree", "pipeline_parallel_first_stage_less_layers",
    "pipeline_parallel_last_stage_less_layers", "context_parallel_rotate_method", "mixed_precision_reduce",
)  # fmt: skip


def _whole(keys: dict[str, Any], key: str, default: int) -> int:
    return whole("torchtitan", keys, key, default)


def _model_read(model: dict[str, Any], options: dict[str, Any]) -> tuple[str, ...]:
    asked = (str(model.pop("name", "llama3")), str(model.pop("flavor", "debugmodel")))
    known = {flavor: name for name, flavor in FLAVORS.items()}
    if "float8" in str(model.pop("converters", [])):
        options["dtype"] = "fp8"
    if asked in known:
        options["model"] = known[asked]
        return ()
    return (f"model {asked[0]} {asked[1]} has no name here: give --model",)


def _batch_read(found: dict[str, dict[str, Any]], layout: Mapping[str, Any]) -> dict[str, Any]:
    keys, parallel = found["training"], found["parallelism"]
    local = _whole(keys, "local_batch_size", 8)
    everywhere = _whole(keys, "global_batch_size", -1)
    micro = max(1, _whole(parallel, "pipeline_parallel_microbatch_size", 1))
    steps = _whole(keys, "steps", 0)
    options: dict[str, Any] = {"micro_batch": micro if layout["pp"] > 1 else local}
    if everywhere > 0:
        options["global_batch"] = everywhere
        if steps > 0:
            options["tokens"] = float(steps * everywhere * layout["seq_len"])
    else:
        options["gradient_accumulation"] = local // micro if layout["pp"] > 1 else 1
    options["dtype"] = "fp32" if keys.pop("mixed_precision_param", "bfloat16") == "float32" else "bf16"
    if keys.pop("dtype", "float32") == "bfloat16":
        options["master_weights"] = False
    if keys.pop("enable_cpu_offload", False):
        options["offload"] = "parameters"
    return options


def _sharding_read(parallel: dict[str, Any], layout: Mapping[str, Any]) -> dict[str, Any]:
    shard = _whole(parallel, "data_parallel_shard_degree", -1)
    replicate = _whole(parallel, "data_parallel_replicate_degree", 1)
    policy = parallel.pop("fsdp_reshard_after_forward", "default")
    sharded = shard != 1 or layout["cp"] > 1
    reshards = policy == "always" or (policy == "default" and layout["pp"] == 1)
    options: dict[str, Any] = {"zero": (3 if reshards else 2) if sharded else 0}
    if shard > 0:
        options["dp"] = shard * replicate
        options["gpus"] = options["dp"] * layout["tp"] * layout["pp"] * layout["cp"]
    if sharded and replicate > 1 and shard > 0:
        options["zero_group"] = shard * layout["cp"]
    return options


def _schedule_read(parallel: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Its name, and the chunks of a stage; an unknown one stays among what is not understood."""
    schedule = parallel.get("pipeline_parallel_schedule", "1F1B")
    single = {word: name for name, word in _SINGLE.items()}
    several = {word: name for name, word in _SEVERAL.items()}
    if options["pp"] > 1 and schedule not in (*single, *several):
        return {}
    parallel.pop("pipeline_parallel_schedule", None)
    if options["pp"] == 1:
        return {}
    if schedule in single:
        return {"schedule": single[schedule]}
    return {"schedule": several[schedule], **_chunks_read(parallel, options)}


def _chunks_read(parallel: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Two, or as many as layers of that number fill; open where the model has no name here."""
    if "pipeline_parallel_layers_per_stage" not in parallel:
        return {"vpp": _CHUNKS_OF_SEVERAL}
    if "model" not in options:
        return {}
    each = max(1, _whole(parallel, "pipeline_parallel_layers_per_stage", 1))
    ends = (_whole(dict(parallel), f"pipeline_parallel_{end}_stage_less_layers", 1) for end in ("first", "last"))
    return {"vpp": -(-(registry().models[options["model"]].layers + sum(ends)) // each) // options["pp"]}


LAUNCHER = Launcher(
    name="torchtitan",
    command="train",
    write=_write,
    suffix=".toml",
    programs=PROGRAMS["torchtitan"],
    read=_read,
    recognises=_recognised,
    description="torchtitan to 0.2.2: a TOML file of its job configuration",
    words=called(*PARALLELISM, *TRAINING),
)
