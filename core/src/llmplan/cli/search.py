"""``llmplan search``, and of it ``train``: the best plan out of all legal ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from llmplan.cli.help import PlanningCommand
from llmplan.cli.options import annotations_of, not_run, with_annotations
from llmplan.cli.searching import extra_options, found, making, renderer_of, split
from llmplan.request import SearchRequest, TrainRequest
from llmplan.space.training_space import SEVERAL

_EXECUTORS: Mapping[str, Any] = {
    "executor": Annotated[
        str | None,
        typer.Option("--executor", metavar="NAME", help="Work in threads, processes, …: `llmplan list executors`."),
    ],
    "workers": Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Of the executor; as many as cores by default.")
    ],
    "scheduler": Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Of a cluster, like tcp://host:8786.")
    ],
}


def add_search(app: typer.Typer, summary: str, words: Sequence[str] = ()) -> None:
    """Add ``llmplan search`` with its commands; where one of them is called, the other is a stub."""
    group = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

    @group.callback()
    def of_what() -> None:
        pass

    called = next((word for word in words if word in ("train", "infer")), "")
    if called == "infer":
        group.command("train")(not_run)
    else:
        _add_train(group, words)
    if called == "train":
        group.command("infer")(not_run)
    else:
        from llmplan.cli.search_infer import add_search_infer

        add_search_infer(group, words)
    app.add_typer(group, name="search", help=summary)


def _add_train(group: typer.Typer, words: Sequence[str]) -> None:
    annotations = {**annotations_of(TrainRequest, SEVERAL), **annotations_of(SearchRequest)}
    help_text = "The best training plan. What is left open of a layout is searched, or given as 1,2,4 or 1..16."
    extra = {**extra_options("plans"), **_EXECUTORS}
    group.command("train", cls=PlanningCommand, help=help_text)(with_annotations(annotations, extra, _train, words))


def _train(given: dict[str, Any], extra: dict[str, Any]) -> int | None:
    """Search, print and write what was found."""
    from llmplan.api import search
    from llmplan.cli.progress import limit_of, progress
    from llmplan.output.search_files import outputs
    from llmplan.search.executors import executor_of
    from llmplan.space.training_space import TrainingSpace

    render, made = renderer_of(extra), making(extra, "train")
    options, looked_for = split(given, extra, TrainRequest, SearchRequest)
    with ExitStack() as stack:
        files = stack.enter_context(outputs(extra["output"] or (), extra["picture"] or ()))
        space = TrainingSpace(**options)
        executor = stack.enter_context(executor_of(extra["executor"], extra["workers"], extra["scheduler"]))
        watch = stack.enter_context(progress(limit=limit_of(extra)))
        result = search(
            space, executor=executor, keep=False, sink=files.sink, watch=watch, interruptible=True, **looked_for
        )
        files.finish(result)
    return found(result, render, made, extra, in_time=not watch.out_of_time)
