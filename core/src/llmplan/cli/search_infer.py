"""``llmplan search infer``: the best server out of all layouts and loads, within latencies."""

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from llmplan.cli.options import annotations_of, with_annotations
from llmplan.requests import InferRequest, InferSearchRequest, options_of

DOES_NOT_FIT = 3
INTERRUPTED = 130
_RANGED = (
    "model", "gpu", "dtype", "engine", "gpus", "tp", "pp", "dp", "ep", "kv_bits", "concurrency", "price_per_gpu_hour",
    "step_tokens", "max_sequences", "speculative_tokens", "draft_model", "prefill_replicas", "prefill_tp", "prefill_pp",
)  # fmt: skip
_NOT_OF_SERVERS = ("batch", "max_batch", "max_context")
_EXTRA: Mapping[str, Any] = {
    "plan": Annotated[
        str | None, typer.Option("--plan", metavar="FILE.toml", help="Any of these options from a file.")
    ],
    "json": Annotated[bool | None, typer.Option("--json", help="Print one JSON object.")],
    "output": Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Write the best plan to a .toml file, all priced loads to .csv, .json or .parquet; may be repeated.",
        ),
    ],
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
    from llmplan.search.inference.searching import search_inference
    from llmplan.search.inference.space import InferenceSpace

    options, looked_for = _options(given, extra["plan"])
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
    _print(result, as_json=bool(extra["json"]))
    if not result.complete:
        return INTERRUPTED
    return None if result.feasible else DOES_NOT_FIT


def _artist(picture: str) -> Any:
    from llmplan.output.serving_search_picture import serving_artist

    return serving_artist(picture)


def _options(given: dict[str, Any], plan: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those of the space, and those of the search; what is given on the command line wins over the plan file."""
    joined = {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}
    if plan is not None:
        from llmplan.cli.estimate import what_is_left
        from llmplan.files import read_plan

        joined = {**what_is_left(read_plan(plan, InferRequest, InferSearchRequest), joined), **joined}
    of_search = options_of(InferSearchRequest)
    return (
        {name: value for name, value in joined.items() if name not in of_search},
        {name: value for name, value in joined.items() if name in of_search},
    )


def _said(state: Any, _elapsed: float) -> str:
    return f"{state.layouts:,} layouts, {state.plans:,} loads, {state.confirmed:,} plans confirmed"


def _print(result: Any, *, as_json: bool) -> None:
    if as_json:
        from llmplan.output.serving_search_document import serving_search_document

        print(json.dumps(serving_search_document(result), indent=2))
    else:
        from llmplan.output.serving_search_report import serving_search_report

        print(serving_search_report(result), end="")
    if result.verdict is not None:
        from llmplan.output.serving_search_report import change_words, says_why_not

        changes = " or ".join(change_words(change) for change in result.verdict.changes)
        would = f"; {changes} would do" if changes else ""
        print(f"llmplan: no plan is feasible: {says_why_not(result.verdict)}{would}", file=sys.stderr)
