"""SGLang: a script of ``python -m sglang.launch_server``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.estimate import Estimate, Launcher
from llmplan_launchers.formats.settings import serving
from llmplan_launchers.formats.table import Entry, called, said
from llmplan_launchers.formats.words import priced_as, repository
from llmplan_launchers.programs import PROGRAMS
from llmplan_launchers.serving.precision import cache_word, checkpoint, on_the_fly
from llmplan_launchers.serving.server import MODEL, Server, has_experts, over_nodes, replicas, scripted, several

LAYOUT = (
    Entry("--tp-size", "world"),
    Entry("--pp-size", "pp", default=1, quiet=True),
    Entry("--dp-size", "together", default=1, quiet=True),
    Entry("--ep-size", "ep", default=1, quiet=True),
)
BATCH = (
    Entry("--context-length", "longest"),
    Entry("--max-running-requests", "max_sequences"),
    Entry("--chunked-prefill-size", "step_tokens"),
)
_DTYPES = {"fp16": "float16", "fp32": "float32", "tf32": "float32"}
_GRAPHS = ("--cuda-graph-backend-decode", "--cuda-graph-backend-prefill")
_CACHES = {32.0: "auto", 16.0: "auto", 8.0: "fp8_e4m3"}


def server(estimate: Estimate, *, apart: bool = False) -> Server:
    """Of a plan; replicas that share experts divide attention alone, as SGLang's ranks count."""
    plan, settings = serving("sglang", estimate)
    groups = replicas("sglang", plan, settings)
    together, copies = groups.together, groups.copies
    shared = together > 1
    if not has_experts(plan.model) and not apart:
        together, copies = settings["dp"], 1
    gpus = settings["tp"] * settings["pp"] * together
    settings |= {"together": 1 if shared else together, "world": settings["tp"] * (together if shared else 1)}
    if shared:
        settings["max_sequences"] *= together  # SGLang divides it over them
    if not settings["chunked_prefill"] and settings["step_tokens"] is not None:
        settings["step_tokens"] = -1
    keys = {
        **said("sglang", LAYOUT, settings),
        "--attn-dp-size": groups.together if shared else None,
        **said("sglang", BATCH, settings),
        "--dtype": _DTYPES.get(settings["precision"], "bfloat16"),
        "--quantization": "fp8" if on_the_fly(plan, settings) else None,
        "--kv-cache-dtype": cache_word("sglang", settings["kv_bits"], _CACHES),
        **({} if settings["cuda_graphs"] else dict.fromkeys(_GRAPHS, "disabled")),
        **_speculation(settings),
    }
    nodes, figures = over_nodes(plan, gpus), priced_as("engine", settings["engine"], "")
    spanning = [f"{nodes} nodes: started on each with --nnodes {nodes}, --node-rank and --dist-init-addr"] * (nodes > 1)
    share = f"memory share {settings['memory_share']:g}: SGLang chooses its own, --mem-fraction-static sets it"
    return Server(
        program="SGLang",
        words=("python3", "-m", "sglang.launch_server", "--model-path", MODEL),
        keys=keys,
        gpus=gpus,
        copies=copies,
        remarks=(*several(copies, gpus), *checkpoint(plan, settings), *spanning, share, *figures),
        image="lmsysorg/sglang",
        port=30000,
    )


def _speculation(settings: Mapping[str, Any]) -> dict[str, Any]:
    tokens, draft = settings["speculative_tokens"], settings["draft"]
    if tokens is None:
        return {}
    if draft is None:
        return {"--speculative-algorithm": "NGRAM", "--speculative-num-draft-tokens": tokens}
    return {
        "--speculative-algorithm": "STANDALONE",
        "--speculative-draft-model-path": repository(draft) or draft.name,
        "--speculative-num-steps": tokens,
        "--speculative-eagle-topk": 1,
        "--speculative-num-draft-tokens": tokens + 1,
    }


LAUNCHER = Launcher(
    name="sglang",
    command="infer",
    write=scripted(server),
    description="SGLang: a script of python -m sglang.launch_server",
    words=called(*LAYOUT, *BATCH),
    programs=PROGRAMS["sglang"],
)
