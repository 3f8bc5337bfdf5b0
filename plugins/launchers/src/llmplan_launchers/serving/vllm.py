"""vLLM: a script of ``vllm serve``, and such lines read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmplan import registry
from llmplan.estimate import Estimate, Launcher, LaunchOptions
from llmplan_launchers.formats.settings import serving
from llmplan_launchers.formats.shell import flags, positional
from llmplan_launchers.formats.table import Entry, as_number, called, left_over, said, understood
from llmplan_launchers.formats.words import priced_as, repository
from llmplan_launchers.programs import PROGRAMS
from llmplan_launchers.serving.precision import cache_word, checkpoint, on_the_fly
from llmplan_launchers.serving.server import MODEL, Server, has_experts, over_nodes, replicas, scripted, several

LAYOUT = (
    Entry("--tensor-parallel-size", "tp", default=1),
    Entry("--pipeline-parallel-size", "pp", default=1),
    Entry("--data-parallel-size", "together", default=1, quiet=True),
)
BATCH = (
    Entry("--max-model-len", "longest"),
    Entry("--max-num-seqs", "max_sequences"),
    Entry("--max-num-batched-tokens", "step_tokens"),
)
_READ = (*BATCH[1:], Entry("--max-model-len", "max_model_len"), Entry("--gpu-memory-utilization", "memory_utilization"))
_TIMES = {"k": 1e3, "m": 1e6, "g": 1e9, "K": 1024, "M": 1024**2, "G": 1024**3}
_CHECKPOINTS = {"-fp8-kv": "fp8", "-fp8": "fp8", "-awq": "w4a16e16", "-gptq": "w4a16e16", "-gptq-int4": "w4a16e16"}
"""Endings of checkpoints of known models, and the dtype that they are stored in."""
_ITS_OWN = "mtp"
"""Speculation by layers that the model was trained with, in vLLM's word and in llmplan's."""
_SHORT = {"-tp": "--tensor-parallel-size", "-pp": "--pipeline-parallel-size", "-dp": "--data-parallel-size"}
_DTYPES = {"fp16": "float16", "fp32": "float32", "tf32": "float32"}


def server(estimate: Estimate, *, apart: bool = False) -> Server:
    """Of a plan; replicas that share nothing are data parallel inside it, unless they are to stand apart."""
    plan, settings = serving("vllm", estimate)
    groups = replicas("vllm", plan, settings)
    together, copies = groups.together, groups.copies
    if not has_experts(plan.model) and not apart:
        together, copies = settings["dp"], 1  # vLLM would divide experts over all of them
    settings["together"] = together
    gpus = settings["tp"] * settings["pp"] * together
    if settings["step_tokens"] is not None and not settings["chunked_prefill"]:
        # vLLM asks for room for the longest sequence where it cuts no prompts
        settings["step_tokens"] = max(settings["step_tokens"], settings["longest"])
    keys = {
        **said("vllm", LAYOUT, settings),
        "--enable-expert-parallel": settings["ep"] > 1,
        **said("vllm", BATCH, settings),
        "--gpu-memory-utilization": settings["memory_share"],
        "--dtype": _DTYPES.get(settings["precision"], "bfloat16"),
        "--quantization": "fp8" if on_the_fly(plan, settings) else None,
        "--kv-cache-dtype": cache_word("vllm", settings["kv_bits"]),
        "--enforce-eager": not settings["cuda_graphs"],
        "--no-enable-chunked-prefill": not settings["chunked_prefill"],
        "--enable-prefix-caching": settings.get("prefix_caching", False),
        **_speculation(settings),
    }
    nodes, figures = over_nodes(plan, gpus), priced_as("engine", settings["engine"], "vllm")
    if settings["tp"] * settings["pp"] > gpus // nodes:
        keys["--distributed-executor-backend"] = "ray"
    return Server(
        program="vLLM",
        words=("vllm", "serve", MODEL),
        keys=keys,
        gpus=gpus,
        copies=copies,
        remarks=(*several(copies, gpus), *checkpoint(plan, settings), *_spanning(settings, gpus, nodes), *figures),
        image="vllm/vllm-openai",
        port=8000,
    )


def _speculation(settings: Mapping[str, Any]) -> dict[str, Any]:
    tokens, draft = settings["speculative_tokens"], settings["draft"]
    if tokens is None:
        return {}
    config = {"method": "ngram"} if draft is None else {"model": repository(draft) or draft.name}
    if getattr(draft, "drafts", False):
        config = {"method": _ITS_OWN}
    return {"--speculative-config": json.dumps({**config, "num_speculative_tokens": tokens})}


def _spanning(settings: Mapping[str, Any], gpus: int, nodes: int) -> list[str]:
    if nodes == 1:
        return []
    if settings["tp"] * settings["pp"] > gpus // nodes:
        return [f"{nodes} nodes: a Ray cluster has to run over them first"]
    local = settings["together"] // nodes
    start = (
        f"{nodes} nodes: started on each with --data-parallel-size-local {local}, --data-parallel-address of the first"
    )
    return [f"{start} and, but for the first, --headless and --data-parallel-start-rank"]


def _read(text: str) -> LaunchOptions:
    for short, long in _SHORT.items():
        text = text.replace(f" {short} ", f" {long} ").replace(f" {short}=", f" {long}=")
    found = {flag.replace("_", "-"): value for flag, value in flags(text).items()}
    _written_out(found)
    options: dict[str, Any] = understood(LAYOUT, found) | understood(_READ, found)
    options["dp"] = options.pop("together")
    options["gpus"] = options["tp"] * options["pp"] * options["dp"]
    if found.pop("--enable-expert-parallel", None):
        options["ep"] = options["tp"] * options["dp"]
    if "vllm" in registry().engines:
        options["engine"] = "vllm"
    remarks = _model_read(text, found, options)
    options |= _precision_read(found, options.get("dtype")) | _switches(found) | _speculation_read(found, remarks)
    left = [flag for flag in found if not flag.startswith(_NOT_OF_A_PLAN)]
    return LaunchOptions(options, (*remarks, *left_over(left)))


def _written_out(found: dict[str, Any]) -> None:
    """Lengths as vLLM takes them: 32k are 32,000 and 32K are 32,768."""
    for flag in ("--max-model-len", "--max-num-batched-tokens"):
        value = str(found.get(flag, ""))
        number = as_number(value[:-1]) if value[:-1].replace(".", "", 1).isdigit() and value[-1] in _TIMES else None
        if number is not None:
            found[flag] = int(number * _TIMES[value[-1]])


_NOT_OF_A_PLAN = (
    "--host", "--gpus", "--ipc", "--shm-size", "--runtime", "--network", "--rm", "--volume", "--env", "--name",
    "--enable-prefix-caching", "--no-enable-prefix-caching", "--limit-mm-per-prompt", "--max-seq-len-to-capture",
    "--port", "--api-key", "--served-model-name", "--tokenizer", "--chat-template", "--trust-remote-code",
    "--enable-auto-tool", "--tool-call", "--reasoning-parser", "--download-dir", "--load-format", "--seed",
    "--uvicorn", "--disable-log", "--distributed-executor-backend", "--block-size",
)  # fmt: skip


def _model_read(text: str, found: dict[str, Any], options: dict[str, Any]) -> list[str]:
    asked = found.pop("--model", None) or positional(text, ("vllm", "serve"))
    name = None if asked is None or "$" in str(asked) else known_model(str(asked))
    for ending, dtype in _CHECKPOINTS.items():
        if name is None and asked and str(asked).rstrip("/").lower().endswith(ending):
            name = known_model(str(asked).rstrip("/")[: -len(ending)])
            options |= {} if name is None else {"dtype": dtype}
    if name is not None or _is_read(str(asked)):
        options["model"] = name or str(asked)
        return []
    return [f"model {asked}: no model is known by that name, give --model"] if asked else ["no model: give --model"]


def _is_read(reference: str) -> bool:
    """Whether a plugin makes models of such references, like folders and repositories."""
    return "$" not in reference and any(reader.claims(reference) for reader in registry().model_readers.values())


def known_model(path: str) -> str | None:
    """A model here, of a repository or a folder of that name; chat variants have the shape of the base."""
    name = path.rstrip("/").rpartition("/")[2].rpartition("--")[2].lower()
    for candidate in (name, *(name.removesuffix(ending) for ending in ("-instruct", "-chat", "-it", "-hf", "-base"))):
        if candidate in registry().models:
            return candidate
    repositories = {repository(model): known for known, _, model in registry().models.entries()}
    return repositories.get(path)


def _precision_read(found: dict[str, Any], stored: str | None) -> dict[str, Any]:
    """The dtype of the checkpoint, where its name says it, before that of the activations."""
    dtype, quantization = found.pop("--dtype", "auto"), found.get("--quantization")
    cache = str(found.pop("--kv-cache-dtype", "auto"))
    options: dict[str, Any] = {"kv_bits": 8} if cache.startswith("fp8") else {}
    names = {"float16": "fp16", "half": "fp16", "float32": "fp32", "float": "fp32", "bfloat16": "bf16"}
    if quantization in ("fp8", "awq", "gptq", "awq_marlin", "gptq_marlin"):
        del found["--quantization"]
        options["dtype"] = "fp8" if quantization == "fp8" else "w4a16e16"
    elif dtype in names and stored is None:
        options["dtype"] = names[str(dtype)]
    if "fp8" in (quantization, stored) and not options.get("kv_bits"):
        options["kv_bits"] = 16
    return options


def _switches(found: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if found.pop("--enforce-eager", None):
        options["cuda_graphs"] = False
    if found.pop("--no-enable-chunked-prefill", None):
        options["chunked_prefill"] = False
    elif found.pop("--enable-chunked-prefill", None):
        options["chunked_prefill"] = True
    return options


def _speculation_read(found: dict[str, Any], remarks: list[str]) -> dict[str, Any]:
    try:
        config = json.loads(found.get("--speculative-config", "{}"))
    except (TypeError, ValueError, RecursionError):
        return {}
    if not isinstance(config, dict):
        return {}
    tokens = as_number(config.get("num_speculative_tokens"))
    if tokens is None:
        return {}
    del found["--speculative-config"]
    options: dict[str, Any] = {"speculative_tokens": int(tokens)}
    draft = config.get("model")
    if config.get("method") == _ITS_OWN:
        options["draft_model"] = _ITS_OWN
    elif draft and (name := known_model(str(draft))):
        options["draft_model"] = name
    elif draft:
        remarks.append(f"draft {draft}: no model is known by that name, give --draft-model")
    return options


def _recognised(text: str) -> bool:
    return any(words in text for words in ("vllm serve", "vllm.entrypoints", "vllm/vllm-openai"))


LAUNCHER = Launcher(
    name="vllm",
    command="infer",
    write=scripted(server),
    programs=PROGRAMS["vllm"],
    read=_read,
    recognises=_recognised,
    description="vLLM: a script of vllm serve",
    words=called(
        *LAYOUT,
        *BATCH,
        enable_expert_parallel="ep",
        enable_chunked_prefill="chunked_prefill",
        kv_cache_dtype="kv_bits",
        max_concurrency="concurrency",
        num_speculative_tokens="speculative_tokens",
        random_input_len="prompt_tokens",
        random_output_len="output_tokens",
        speculative_model="draft_model",
    ),
)
