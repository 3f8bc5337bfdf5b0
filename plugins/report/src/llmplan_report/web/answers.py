"""What the page asks and gets: the options of a command as words, its document, its figures and its command line."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from llmplan.catalogues import registry
from llmplan.errors import BadInputError, LlmplanError
from llmplan.estimate import TrainingEstimate
from llmplan.estimate.figures import INFER, limits, objectives
from llmplan.estimate.line import kind_of
from llmplan.output.document import document
from llmplan.output.words import gib, seconds
from llmplan.request import InferRequest, TrainRequest, given_options, of_server, option_name, options_of
from llmplan.search.infer import infer
from llmplan.search.train import train
from llmplan.watching import heard_by
from llmplan_report.drawing import looks, words_of
from llmplan_report.page import command_line
from llmplan_report.terminal import headline
from llmplan_report.terminal.sections import figure_facts, layout

COMMANDS: Mapping[str, type[TrainRequest | InferRequest]] = {"train": TrainRequest, "infer": InferRequest}
_CHOICES = ("models", "gpus", "dtypes", "engines", "frameworks")
MOST_SECONDS = 10.0
"""Of work that one request may ask for."""
_MOST_REQUESTS = 5_000
"""That a simulation may be of."""
_MOST_LETTERS = 200
_FILES = (".toml", ".json", ".csv")
"""What a word ends with that would be read as a file."""
_BATCHES = tuple(2**power for power in range(11))
"""Of the frontier."""
_SIZES = ("tp", "cp", "pp", "vpp", "dp", "ep")


def offered() -> dict[str, Any]:
    """What there is to choose from: records by kind, and the options of each command."""
    kinds: Mapping[str, Iterable[str]] = {kind: getattr(registry(), kind) for kind in _CHOICES}
    return {
        **{kind: sorted(catalogue) for kind, catalogue in kinds.items()},
        "options": {
            command: {name: {"help": option["help"], "metavar": option["metavar"], "flag": option["flag"]}
                      for name, option in options_of(request).items() if is_offered(option)}
            for command, request in COMMANDS.items()
        },
    }  # fmt: skip


def answer(command: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """One plan: its document, its figures in words, its bars, the command line that gives the same."""
    request = _request(command, given)
    watch = _patience()
    with heard_by(watch):
        estimate: Any = train(request, watch=watch) if isinstance(request, TrainRequest) else infer(request)
    times = ("time_breakdown",) if isinstance(estimate, TrainingEstimate) else ("prefill_breakdown", "decode_breakdown")
    return {
        "document": document(estimate),
        "title": headline.sentence(estimate).plain,
        "feasible": bool(estimate.feasible),
        "layout": layout(estimate),
        "facts": [*headline.answer(estimate).items(), *figure_facts(estimate).items()],
        "bars": [*(_bar(estimate, name) for name in times), _memory_bar(estimate)],
        "warnings": list(estimate.warnings),
        "assumptions": list(estimate.plan.assumptions),
        "chosen": _chosen(estimate),
        "command": command_line((command,), given_options(request)),
    }


def frontier(given: Mapping[str, Any]) -> dict[str, Any]:
    """Throughput against the time per token of a static batch that grows, as far as it fits."""
    request = _request("infer", {name: value for name, value in given.items() if name != "batch"})
    if of_server(request):
        raise BadInputError("frontier: is of a static batch; leave out rate and concurrency")
    options = given_options(request)
    points = []
    for batch in _BATCHES:
        try:
            estimate: Any = infer(**{**options, "batch": batch})
        except LlmplanError:
            continue
        if estimate.fits:
            figures = (limits(INFER)["tpot"], objectives(INFER)["throughput"])
            points.append({"batch": batch} | {figure.key: float(figure.value(estimate)) for figure in figures})
    return {"points": points}


def _request(command: str, given: Mapping[str, Any]) -> Any:
    """The request, checked as the command line checks it, without a way to a file of this machine."""
    kind = COMMANDS.get(command)
    if kind is None:
        raise BadInputError(f"command: {command!r} is none of {', '.join(COMMANDS)}")
    options = options_of(kind)
    for name, value in given.items():
        option = options.get(name)
        if option is None:
            raise BadInputError(f"{option_name(str(name)[:_MOST_LETTERS])}: is no option of {command}")
        if not isinstance(value, (str, int, float, bool)) or len(str(value)) > _MOST_LETTERS:
            raise BadInputError(f"{option_name(name)}: is to be a word or a number")
        if not is_offered(option):
            raise BadInputError(f"{option_name(name)}: names a file, which this page does not read")
        if isinstance(option["names"], str) and value not in getattr(registry(), _attribute(option["names"])):
            raise BadInputError(f"{option_name(name)}: {value!r} is none that is installed; files are not read here")
        if str(value).strip().endswith(_FILES):
            raise BadInputError(f"{option_name(name)}: {value!r} is a file, and files are not read here")
    asked: Any = kind(**given)
    if getattr(asked, "requests", None) and asked.requests > _MOST_REQUESTS:
        raise BadInputError(
            f"requests: {asked.requests:,} are more than the {_MOST_REQUESTS:,} that a page may ask for"
        )
    return asked


def _attribute(plural: str) -> str:
    return plural.replace("-", "_")


def is_offered(option: Mapping[str, Any]) -> bool:
    """Whether the page takes an option: those that name a file alone it does not."""
    return "FILE" not in option["metavar"]


def _patience() -> Any:
    """What ends a search that takes too long."""
    end = time.monotonic() + MOST_SECONDS

    def watch(*_: Any) -> None:
        if time.monotonic() > end:
            raise BadInputError(
                f"this takes more than {MOST_SECONDS:g} s: fix more of the layout, or ask llmplan train on a terminal"
            )

    return watch


def _chosen(estimate: Any) -> dict[str, Any]:
    """The layout as options, so that what is changed next keeps it."""
    plan = estimate.plan
    sizes = {name: int(getattr(plan.layout, name)) for name in _SIZES}
    if not isinstance(estimate, TrainingEstimate):
        return {name: sizes[name] for name in ("tp", "pp", "dp", "ep")}
    said = document(estimate)
    return {**sizes, "zero": said["layout"]["zero"], "micro_batch": said["layout"]["micro_batch"],
            "recompute": said["recompute"], "sequence_parallel": bool(plan.layout.sequence_parallel)}  # fmt: skip


_TITLES = {"time_breakdown": "one iteration", "prefill_breakdown": "prefill", "decode_breakdown": "a decode step"}


def _bar(estimate: Any, name: str) -> dict[str, Any]:
    parts = {line: float(size) for line, size in getattr(estimate, name).items() if size > 0}
    return {"title": f"{_TITLES[name]}: {seconds(sum(parts.values()))}", "parts": _parts(parts, seconds), "end": None}


def _memory_bar(estimate: Any) -> dict[str, Any]:
    parts = {line: float(size) for line, size in estimate.memory_breakdown.items() if size > 0}
    room = float(estimate.memory_capacity_bytes)
    title = f"memory of the fullest GPU: {gib(sum(parts.values()))} of {gib(room)}"
    return {"title": title, "parts": _parts(parts, gib), "end": room}


def _parts(parts: Mapping[str, float], words: Any) -> list[dict[str, Any]]:
    shown = looks(parts)
    return [
        {"line": words_of(line), "size": size, "words": words(size), "colour": shown[line]["facecolor"],
         "kind": getattr(kind_of(line), "value", "")}
        for line, size in parts.items()
    ]  # fmt: skip
