"""``llmplan search infer``: the best server out of all layouts and loads, within latencies."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import typer

from llmplan.cli.help import PlanningCommand
from llmplan.cli.options import annotations_of, with_annotations
from llmplan.cli.searching import extra_options, found, making, renderer_of, split
from llmplan.request import InferRequest, InferSearchRequest
from llmplan.request.searches import NOT_OF_SERVERS
from llmplan.space.dimensions import SERVED

_RANGED = ("model", "gpu", "dtype", "engine", "price_per_gpu_hour", *SERVED)


def add_search_infer(group: typer.Typer, words: Sequence[str]) -> None:
    """Add ``infer`` to the commands of ``llmplan search``."""
    asked = annotations_of(InferRequest, _RANGED)
    options = {name: of for name, of in asked.items() if name not in NOT_OF_SERVERS}
    help_text = "The best server within latencies. What is left open is searched, or given as 1,2,4 or 1..16."
    group.command("infer", cls=PlanningCommand, help=help_text)(
        with_annotations({**options, **annotations_of(InferSearchRequest)}, extra_options("loads"), _infer, words)
    )


def _infer(given: dict[str, Any], extra: dict[str, Any]) -> int | None:
    """Search, print and write what was found."""
    from llmplan.cli.progress import limit_of, progress
    from llmplan.output.search_files import outputs
    from llmplan.search.servers import search_servers
    from llmplan.space.inference_space import InferenceSpace

    render, made = renderer_of(extra), making(extra, "infer")
    options, looked_for = split(given, extra, InferRequest, InferSearchRequest)
    with ExitStack() as stack:
        files = stack.enter_context(outputs(extra["output"] or (), extra["picture"] or ()))
        watch = stack.enter_context(progress(_said, limit_of(extra)))
        result = search_servers(
            InferenceSpace(**options), keep=bool(files.exports), sink=files.sink, watch=watch, interruptible=True,
            **looked_for,
        )  # fmt: skip
        files.finish(result)
    return found(result, render, made, extra, in_time=not watch.out_of_time)


def _said(state: Any, _elapsed: float) -> str:
    """Layouts, loads, plans that are confirmed, the best so far."""
    from llmplan.output.words import three_digits

    first, best = state.best(), ""
    if first is not None:
        speed = three_digits(first.tokens_per_second_per_gpu)
        best = f", best tp {first.sizes.tp} pp {first.sizes.pp} dp {first.dp} with {speed} tokens/s a GPU"
    return f"{state.layouts:,} layouts, {state.plans:,} loads, {state.confirmed:,} plans confirmed{best}"
