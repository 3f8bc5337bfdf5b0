"""``llmplan search``, and of it ``train``: the best plan out of all legal ones."""

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from llmplan.cli.options import annotations_of, with_annotations
from llmplan.cli.search_infer import add_search_infer
from llmplan.requests import SearchRequest, TrainRequest, options_of

DOES_NOT_FIT = 3
INTERRUPTED = 130
_RANGED = (
    "model", "gpu", "dtype", "gpus", "tp", "pp", "dp", "cp", "ep", "vpp", "sequence_parallel", "zero", "zero_group",
    "micro_batch", "gradient_accumulation", "recompute", "schedule", "offload", "price_per_gpu_hour",
)  # fmt: skip
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
            help="Write the best plan to a .toml file, all priced plans to .csv, .json or .parquet; may be repeated.",
        ),
    ],
    "executor": Annotated[
        str | None, typer.Option("--executor", metavar="NAME", help="Work in threads, processes or dask.")
    ],
    "workers": Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Of the executor; as many as cores by default.")
    ],
    "scheduler": Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster, like tcp://host:8786.")
    ],
}


def add_search(app: typer.Typer, summary: str) -> None:
    """Add ``llmplan search`` with its commands."""
    group = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

    @group.callback()
    def of_what() -> None:
        pass

    annotations = {**annotations_of(TrainRequest, _RANGED), **annotations_of(SearchRequest)}
    help_text = "The best training plan; what is left open of a layout is searched, or given as 1,2,4 or 1..16."
    group.command("train", help=help_text)(with_annotations(annotations, _EXTRA, _train))
    add_search_infer(group)
    app.add_typer(group, name="search", help=summary)


def _train(given: dict[str, Any], extra: dict[str, Any]) -> int | None:
    """Search, print and write what was found."""
    from llmplan.cli.progress import progress
    from llmplan.output.search_files import outputs
    from llmplan.search import TrainingSpace, search
    from llmplan.search.executors import executor_of

    options, looked_for = _options(given, extra["plan"])
    with ExitStack() as stack:
        files = stack.enter_context(outputs(extra["output"] or ()))
        space = TrainingSpace(**options)
        executor = stack.enter_context(executor_of(extra["executor"], extra["workers"], extra["scheduler"]))
        watch = stack.enter_context(progress())
        result = search(
            space, executor=executor, keep=False, sink=files.sink, watch=watch, interruptible=True, **looked_for
        )
        files.finish(result)
    _print(result, as_json=bool(extra["json"]))
    if not result.complete:
        return INTERRUPTED
    return None if result.feasible else DOES_NOT_FIT


def _options(given: dict[str, Any], plan: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those of the space, and those of the search; what is given on the command line wins over the plan file."""
    joined = {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}
    if plan is not None:
        from llmplan.cli.estimate import what_is_left
        from llmplan.files import read_plan

        joined = {**what_is_left(read_plan(plan, TrainRequest, SearchRequest), joined), **joined}
    of_search = options_of(SearchRequest)
    return (
        {name: value for name, value in joined.items() if name not in of_search},
        {name: value for name, value in joined.items() if name in of_search},
    )


def _print(result: Any, *, as_json: bool) -> None:
    if as_json:
        from llmplan.output.search_document import search_document

        print(json.dumps(search_document(result), indent=2))
        return
    from llmplan.output.search_report import search_report

    print(search_report(result), end="")
    if result.verdict is not None:
        print(f"llmplan: no plan is feasible: {result.verdict.constraint}", file=sys.stderr)
