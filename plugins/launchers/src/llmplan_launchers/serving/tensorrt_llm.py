"""TensorRT-LLM: a script of ``trtllm-serve`` with a YAML file beside it."""

from __future__ import annotations

from typing import Any

from llmplan.errors import BadInputError
from llmplan.estimate import Estimate, Launcher
from llmplan_launchers.formats.nodes import gpus_per_node
from llmplan_launchers.formats.settings import serving
from llmplan_launchers.formats.table import Entry, called, said
from llmplan_launchers.formats.words import priced_as, repository
from llmplan_launchers.programs import PROGRAMS
from llmplan_launchers.serving.precision import cache_word, checkpoint, quantised, stored_so
from llmplan_launchers.serving.server import MODEL, Server, over_nodes, replicas, scripted, several

LAYOUT = (
    Entry("--tp_size", "world"),
    Entry("--pp_size", "pp", default=1, quiet=True),
    Entry("--ep_size", "ep", default=1, quiet=True),
)
BATCH = (
    Entry("--max_seq_len", "longest"),
    Entry("--max_batch_size", "max_sequences"),
    Entry("--max_num_tokens", "step_tokens"),
)


def server(estimate: Estimate, *, apart: bool = False) -> Server:  # noqa: ARG001 - replicas always stand apart
    """Of a plan; replicas that share experts are ranks that divide requests, not heads."""
    plan, settings = serving("tensorrt-llm", estimate)
    groups = replicas("tensorrt-llm", plan, settings)
    if groups.together > 1 and settings["tp"] > 1:
        raise BadInputError(
            f"tensorrt-llm: ep {settings['ep']} over replicas of tp {settings['tp']}: its attention is divided by "
            "requests or by heads, not by both"
        )
    settings["world"] = settings["tp"] * groups.together
    gpus = settings["world"] * settings["pp"]
    keys = {
        "--backend": "pytorch",
        **said("tensorrt-llm", LAYOUT, settings),
        "--gpus_per_node": gpus_per_node(plan.hardware, gpus),
        **said("tensorrt-llm", BATCH, settings),
        "--kv_cache_free_gpu_memory_fraction": settings["memory_share"],
        "--enable_chunked_prefill": settings["chunked_prefill"],
    }
    config = _config(settings, groups.together)
    nodes, figures = over_nodes(plan, gpus), priced_as("engine", settings["engine"], "tensorrt-llm")
    spanning = [f"{nodes} nodes: started under Slurm by srun --mpi pmix, a task a GPU, behind trtllm-llmapi-launch"]
    remarks = (*several(groups.copies, gpus), *_quantised(plan, settings), *spanning * (nodes > 1), *figures)
    return Server(
        program="TensorRT-LLM",
        words=("trtllm-serve", MODEL),
        keys=keys,
        gpus=gpus,
        copies=groups.copies,
        remarks=remarks,
        config=config or None,
        config_flag="--extra_llm_api_options",
        image="nvcr.io/nvidia/tensorrt-llm/release",
        port=8000,
    )


def _config(settings: dict[str, Any], together: int) -> dict[str, Any]:
    """What options of the command line cannot say."""
    config: dict[str, Any] = {}
    if (cache := cache_word("tensorrt-llm", settings["kv_bits"])) != "auto":
        config["kv_cache_config"] = {"dtype": cache}
    if together > 1:
        config["enable_attention_dp"] = True
    if not settings["cuda_graphs"]:
        config["cuda_graph_config"] = None
    return config | _speculation(settings)


def _quantised(plan: Any, settings: dict[str, Any]) -> list[str]:
    """TensorRT-LLM loads quantised checkpoints, and quantises nothing itself."""
    said_already = checkpoint(plan, settings)
    if said_already or not quantised(plan) or stored_so(plan):
        return said_already
    return [f"weights in {settings['precision']}: MODEL has to be a checkpoint of that kind"]


def _speculation(settings: dict[str, Any]) -> dict[str, Any]:
    tokens, draft = settings["speculative_tokens"], settings["draft"]
    if tokens is None:
        return {}
    kind: dict[str, Any] = {"decoding_type": "NGram"}
    if draft is not None:
        kind = {"decoding_type": "DraftTarget", "speculative_model_dir": repository(draft) or draft.name}
    if getattr(draft, "drafts", False):
        return {"speculative_config": {"decoding_type": "MTP", "num_nextn_predict_layers": tokens}}
    return {"speculative_config": {**kind, "max_draft_len": tokens}}


LAUNCHER = Launcher(
    name="tensorrt-llm",
    command="infer",
    write=scripted(server),
    programs=PROGRAMS["tensorrt-llm"],
    description="TensorRT-LLM: a script of trtllm-serve",
    words=called(*LAYOUT, *BATCH),
)
