"""``llmplan search infer``: the best server out of all layouts and loads, within latencies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmplan.cli.options import annotations_of, with_annotations
from llmplan.cli.searching import exit_code, exports_of, extra_options, launched, say_why_not, split
from llmplan.request import InferRequest, InferSearchRequest

if TYPE_CHECKING:
    from llmplan.search.result import SearchResult

_RANGED = (
    "model", "gpu", "dtype", "engine", "gpus", "tp", "pp", "dp", "ep", "kv_bits", "concurrency", "price_per_gpu_hour",
    "step_tokens", "max_sequences", "speculative_tokens", "draft_model", "prefill_replicas", "prefill_tp", "prefill_pp",
)  # fmt: skip
_NOT_OF_SERVERS = ("batch", "max_batch", "max_context")
_EXTRA: Mapping[str, Any] = {
    **extra_options("loads"),
    "picture": Annotated[
        str | None,
        typer.Option("--picture", metavar="FILE", help="Draw throughput against latency: .png, .svg or .pdf."),
    ],
}


def add_search_infer(group: typer.Typer) -> None:
    """Add it to ``llmplan search``."""
    asked = annotations_of(InferRequest, _RANGED)
    options = {name: of for name, of in asked.items() if name not in _NOT_OF_SERVERS}
    help_text = "The best server within latencies; what is left open is searched, or given as 1,2,4 or 1..16."
    group.command("infer", help=help_text)(
        with_annotations({**options, **annotations_of(InferSearchRequest)}, _EXTRA, _infer)
    )


def _infer(given: dict[str, Any], extra: dict[str, Any]) -> int | None:
    """Search, print and write what was found."""
    from llmplan.cli.progress import progress
    from llmplan.output.search_files import outputs
    from llmplan.search.serving.searching import search_inference
    from llmplan.search.serving.space import InferenceSpace

    exports = exports_of(extra, "infer")
    options, looked_for = split(given, extra["plan"], InferRequest, InferSearchRequest)
    picture = extra["picture"]
    artist = _artist(picture) if picture else None
    with ExitStack() as stack:
        files = stack.enter_context(outputs(extra["output"] or ()))
        watch = stack.enter_context(progress(_said))
        result = search_inference(
            InferenceSpace(**options), keep=artist is not None, sink=files.sink, watch=watch, interruptible=True,
            **looked_for,
        )  # fmt: skip
        files.finish(result)
    if artist is not None:
        from llmplan.output.whole import write_whole

        write_whole(picture, artist(result), "picture")
    if launched(exports, result):
        return exit_code(result)
    return _printed(result, as_json=bool(extra["json"]))


def _artist(picture: str) -> Any:
    from llmplan.output.serving_search_picture import serving_artist

    return serving_artist(picture)


def _said(state: Any, _elapsed: float) -> str:
    return f"{state.layouts:,} layouts, {state.plans:,} loads, {state.confirmed:,} plans confirmed"


def _printed(result: SearchResult, *, as_json: bool) -> int | None:
    if as_json:
        from llmplan.output.serving_search_document import serving_search_document

        print(json.dumps(serving_search_document(result), indent=2))
    else:
        from llmplan.output.serving_search_report import serving_search_report

        print(serving_search_report(result), end="")
    if result.verdict is not None:
        from llmplan.output.serving_search_report import change_words, says_why_not

        say_why_not(says_why_not(result.verdict), map(change_words, result.verdict.changes))
    return exit_code(result)
