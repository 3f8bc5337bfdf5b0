"""``llmplan calibrate``: own measurements made a site."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmplan.cli.options import annotations_of, completer, with_annotations
from llmplan.errors import BadInputError
from llmplan.request import InferRequest, TrainRequest

if TYPE_CHECKING:
    from llmplan_calibration.calibrating import Calibration
    from llmplan_calibration.sample import Sample

_EXTRA = {
    "files": Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE[:PLAN]...",
            help="Logs, tables and results of own runs, each with a plan file where it does not say its plan.",
            show_default=False,
        ),
    ],
    "measure": Annotated[
        bool,
        typer.Option("--measure", help="Time kernels and collectives here, with PyTorch and a GPU; files may join."),
    ],
    "format_": Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Of the files, where they are not recognised: llmplan list run-readers.",
            autocompletion=completer("run-readers"),
        ),
    ],
    "name": Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of the site; that of the output by default.")
    ],
    "output": Annotated[
        str | None, typer.Option("--output", metavar="FILE.toml", help="Write the site here, for --site.")
    ],
    "json_": Annotated[bool, typer.Option("--json", help="Print one JSON object.")],
}


def add_calibrate(app: typer.Typer, summary: str) -> None:
    """Add ``llmplan calibrate`` to the app."""
    options = {**annotations_of(InferRequest), **annotations_of(TrainRequest)}
    for made in ("site", "model"):
        options.pop(made)
    model = {"model": annotations_of(TrainRequest)["model"]}
    command = with_annotations(options, {**_EXTRA, **model}, _run)
    app.command("calibrate", help=f"{summary} What files do not say, the options of train and infer do.")(command)


def _run(given: dict[str, Any], extra: dict[str, Any]) -> int | None:
    files, model, output = extra["files"], extra["model"], extra["output"]
    options = {**given, **({} if model is None else {"model": model})}
    if not files and not extra["measure"]:
        raise BadInputError("calibrate: no file; llmplan calibrate FILE... reads logs, tables and results of own runs")
    name = _name(extra["name"], output)
    from llmplan_calibration.calibrating import calibrate
    from llmplan_calibration.reading import Read, read

    timed = _measured(options) if extra["measure"] else []
    found = read(files, options, extra["format_"]) if files else Read()
    found.samples.extend(timed)
    made = calibrate(found.samples, name)
    if output is not None:
        _write(made, output)
    if extra["json_"]:
        print(json.dumps({**made.document(), "skipped": [list(one) for one in found.skipped]}, indent=2))
        return None
    from llmplan_calibration.report import print_calibration

    print_calibration(made, found.skipped)
    print(f"written: {output}; --site {output} goes by it" if output else "nothing written: --output site.toml would")
    return None


def _measured(options: dict[str, Any]) -> "list[Sample]":
    """With a bar, as it takes a minute."""
    from llmplan.cli.progress import progress
    from llmplan_calibration.measuring import measure, torch_timer

    with progress(lambda state, _: state.name) as watch:
        return measure(torch_timer(), options, watch)


def _name(named: str | None, output: str | None) -> str:
    from llmplan.records.checks import check_name

    if output is not None and not output.endswith(".toml"):
        raise BadInputError(f"output: {output!r} does not end in .toml")
    name = named or ("site" if output is None else Path(output).stem.lower().replace("_", "-"))
    check_name(name)
    return name


def _write(made: "Calibration", output: str) -> None:
    from llmplan.output.files import write_whole
    from llmplan_calibration.site_file import site_text

    write_whole(output, site_text(made.site).encode(), "output")
