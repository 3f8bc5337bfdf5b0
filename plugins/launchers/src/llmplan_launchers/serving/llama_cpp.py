"""The launcher of llama.cpp, which writes a script of ``llama-server``."""

from __future__ import annotations

from typing import Any

from llmplan.errors import BadInputError
from llmplan.estimate import Estimate, Launcher
from llmplan_launchers.formats.settings import serving
from llmplan_launchers.formats.table import Entry, called, said
from llmplan_launchers.formats.words import priced_as, repository
from llmplan_launchers.programs import PROGRAMS
from llmplan_launchers.serving.precision import cache_word, checkpoint
from llmplan_launchers.serving.server import MODEL, Server, over_nodes, scripted, several

BATCH = (
    Entry("--ctx-size", "context"),
    Entry("--parallel", "max_sequences"),
    Entry("--batch-size", "step_tokens"),
)
_CACHES = {32.0: "f32", 16.0: "f16", 8.0: "q8_0", 8.5: "q8_0", 5.0: "q5_0", 5.5: "q5_0", 4.0: "q4_0", 4.5: "q4_0"}


def server(estimate: Estimate, *, apart: bool = False) -> Server:  # noqa: ARG001 - replicas always stand apart
    """Of a plan: layers or tensors over GPUs of one machine."""
    plan, settings = serving("llama-cpp", estimate)
    tp, pp = settings["tp"], settings["pp"]
    gpus = tp * pp
    _refuse(plan, settings)
    settings["context"] = settings["longest"] * settings["max_sequences"]
    cache = cache_word("llama-cpp", settings["kv_bits"], _CACHES)
    keys: dict[str, Any] = {
        "--n-gpu-layers": "all",
        "--split-mode": "none" if gpus == 1 else "tensor" if tp > 1 else "layer",
        "--tensor-split": ",".join(["1"] * gpus) if gpus > 1 else None,
        **said("llama-cpp", BATCH, settings),
        "--cache-type-k": cache,
        "--cache-type-v": cache,
        "--flash-attn": "off" if plan.engine.attention == "unfused" and cache == "f16" else "on",
    }
    if settings["draft"] is not None:
        keys |= {
            "--model-draft": f"{settings['draft'].name}.gguf",
            "--spec-draft-n-max": settings["speculative_tokens"],
        }
    remarks = [*several(settings["dp"], gpus), *checkpoint(plan, settings)]
    if settings["speculative_tokens"] is not None and settings["draft"] is None:
        remarks.append(f"speculative-tokens {settings['speculative_tokens']}: llama-server takes a draft model alone")
    return Server(
        program="llama.cpp",
        words=("llama-server", "--model", MODEL),
        keys=keys,
        gpus=gpus,
        copies=settings["dp"],
        remarks=(*remarks, _file(plan.model), *priced_as("engine", settings["engine"], "llama.cpp")),
        image="ghcr.io/ggml-org/llama.cpp:server-cuda",
        port=8080,
        environment={} if settings["cuda_graphs"] else {"GGML_CUDA_DISABLE_GRAPHS": "1"},
    )


def _refuse(plan: Any, settings: dict[str, Any]) -> None:
    """What llama.cpp has no way to run."""
    tp, pp = settings["tp"], settings["pp"]
    if settings["ep"] > 1:
        raise BadInputError(f"llama-cpp: ep {settings['ep']}: llama.cpp divides no experts over GPUs")
    if tp > 1 and pp > 1:
        raise BadInputError(f"llama-cpp: tp {tp} with pp {pp}: llama.cpp splits layers or tensors, not both")
    if (nodes := over_nodes(plan, tp * pp)) > 1:
        raise BadInputError(f"llama-cpp: {tp * pp} GPUs on {nodes} nodes: llama-server runs on one")


def _file(model: Any) -> str:
    return f"MODEL has to be a GGUF file, converted from {repository(model) or model.name}"


LAUNCHER = Launcher(
    name="llama-cpp",
    command="infer",
    write=scripted(server),
    programs=PROGRAMS["llama-cpp"],
    description="llama.cpp: a script of llama-server",
    words=called(*BATCH),
)
