"""Points of InferenceX (InferenceMAX): servers at a fixed number of users, from a dump that the user has.

Of a dump those are taken that one replica on one node measured without speculation, without prompts read elsewhere and
without data parallel attention. TPOT and TTFT are rows of their own, by model and accelerator. The rows that stand here
by themselves are those of ai-dynamo/aiconfigurator's table, which were measured the same way.

A run is what InferenceX's client makes of a point (SemiAnalysisAI/InferenceX, utils/bench_serving/benchmark_serving.py,
and benchmarks, which call it): lengths are uniform from 0.8 of those that a point states, ten prompts come of each
user, and the first of all users at once, so that the mean TTFT holds a tenth of that burst.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import ceil, sqrt
from pathlib import Path
from typing import Any

from attrs import evolve

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate
from llmplan.records import HardwareProfile, ValidationRow, ValidationSet
from llmplan.text_file import read_text
from llmplan_validation.cells import Cells
from llmplan_validation.metrics import of_figures
from llmplan_validation.options import called
from llmplan_validation.row import serving_row
from llmplan_validation.serving_options import dtype_of, profile_of
from llmplan_validation.table import read_table

Point = Mapping[str, Any]
OWN, OWN_SOURCE = "inference", "aiconfigurator silicon_sample"
_FIGURES = {"tpot": "decode_ms_per_token", "ttft": "ttft_ms"}
_SHORT = {"70b": "llama-3.3-70b", "dsr1": "deepseek-r1", "gptoss": "gpt-oss-120b", "gptoss120b": "gpt-oss-120b"}
"""InferenceX's own words for models, where a dump has these alone."""
_PROGRAMS = {"trt": "trtllm"}
"""The same for engines."""
_FOUR_BITS = {"gpt-oss": ("mxfp4/bf16", "mxfp4/mxfp8"), "": ("nvfp4/nvfp4", "nvfp4/nvfp4")}
"""What FP4 means, by the model's name; before Blackwell and from it on."""
_WITH_FOUR_BITS = "blackwell"
_AFTER_THE_NAME = re.compile(r"-(instruct|fp8|fp4|nvfp4|mxfp4|bf16|kv|v\d+|\d{4}|preview|dynamic)(?=-|$)")
_NO = ("", "none", "off", "false", "0", "null")
_SHORTEST = 0.8
"""Of the lengths that a point states, where it says nothing else."""
_PROMPTS = 10
"""Of each user in a run."""
_RULE = "one replica on one node, no speculation, no disaggregation, no data parallel attention"


def points_of(path: Path) -> list[Point]:
    """Of a JSON file: a list of objects, lists of them by name, or an object a line."""
    text = read_text(path, "rows")
    try:
        found = json.loads(text)
    except ValueError:
        found = [_line(path, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    points = list(_objects(found))
    if not points:
        raise BadInputError(f"rows: {path}: has no points, objects with hw and conc")
    return points


def _line(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise BadInputError(f"rows: {path}: line {number} is no JSON") from None


def _objects(found: Any) -> Iterator[Point]:
    if isinstance(found, list):
        for one in found:
            yield from _objects(one)
    elif isinstance(found, dict):
        if "conc" in found:
            yield found
        else:
            yield from _objects([one for one in found.values() if isinstance(one, (list, dict))])


def is_selected(point: Point) -> bool:
    """By the rule at the top of this page."""
    elsewhere = any(_said(point, name) for name in ("is_multinode", "multinode", "disagg", "dp_attention"))
    return not elsewhere and not any(_said(point, name) for name in ("spec_decoding", "mtp"))


def _said(point: Point, name: str) -> bool:
    return str(point.get(name, "")).lower() not in _NO


def read(path: Path) -> Iterator[tuple[str, Callable[[], ValidationRow]]]:
    """Two rows a point; a table of measurements where the file is no dump."""
    if path.suffix == ".csv":
        for cells in read_table(path, "infer"):
            yield cells["id"], partial(serving_row, cells)
        return
    points = points_of(path)
    chosen = [(number, point) for number, point in enumerate(points, 1) if is_selected(point)]
    note = f"{len(chosen)} of {len(points)} points: {_RULE}"
    for number, point in chosen:
        for figure in _FIGURES:
            yield f"point {number} {figure}", partial(row_of, point, number, figure, note)


def row_of(point: Point, number: int, figure: str, note: str = "") -> ValidationRow:
    """A figure of a point; BadInputError where one of its words or numbers makes no sense."""
    program = _word(point, "framework")
    hardware = called(re.split(r"[-_]", _word(point, "hw"))[0], [one for _, _, one in registry().gpus.entries()])
    model = _model(point)
    metric = _FIGURES[figure]
    return ValidationRow(
        id=f"point {number} {figure}",
        table=f"{model.name}, {hardware.name}: {figure.upper()}",
        metric=metric,
        command="infer",
        options={
            "model": model,
            "gpu": hardware,
            "dtype": _dtype(point, model.name, hardware),
            "engine": profile_of(_PROGRAMS.get(program, program), hardware),
            "tp": _whole(point, "tp"),
            "pp": 1,
            "dp": 1,
            "ep": _whole(point, "ep", 1),
            **_lengths(_whole(point, "isl"), _whole(point, "osl"), _shortest(point)),
            "concurrency": _whole(point, "conc"),
            "requests": 0,
        },
        measured=_milliseconds(point, figure),
        predict=_over_a_run(metric),
        shown=float,
        note=note,
        source=f"{model.name}, {hardware.name}: {figure.upper()}",
        provenance="file",
        grade="B",
    )


def _lengths(prompt: float, answer: float, shortest: float) -> Mapping[str, Any]:
    """Uniform from the shortest to the longest, by their mean and their deviation from it."""
    mean, vary = (1.0 + shortest) / 2.0, (1.0 - shortest) / (1.0 + shortest) / sqrt(3.0)
    shape = f"uniform:{vary:.4f}" if vary else "fixed"
    lengths = {"prompt_tokens": max(1, round(mean * prompt)), "output_tokens": max(1, round(mean * answer))}
    return {**lengths, "prompt_lengths": shape, "output_lengths": shape}


def _shortest(point: Point) -> float:
    value = point.get("random_range_ratio", _SHORTEST)
    if not isinstance(value, (int, float)) or not 0.0 < value <= 1.0:
        raise BadInputError(f"random_range_ratio: {value!r} is not above 0 and at most 1")
    return float(value)


def _over_a_run(metric: str) -> Callable[[Any], float]:
    """The mean over all prompts of a run, the first of all users among them."""
    steady = of_figures("infer")[metric]({})
    if metric != _FIGURES["ttft"]:
        return steady
    return lambda estimate: ((_PROMPTS - 1) * steady(estimate) + 1e3 * _burst_seconds(estimate)) / _PROMPTS


def _burst_seconds(estimate: ServerEstimate) -> float:
    """Until the first tokens of prompts that come at once, on average: passes read them one after the other."""
    server, read = estimate.server, estimate.decode
    users = float(server.workload.concurrency or 1)
    together = float(read.first_token or 0.0) * users / float(read.plan.batch)
    passes = ceil(users * estimate.mean_lengths[0] / server.step_tokens)
    return together * (passes + 1.0) / (2.0 * passes)


def _word(point: Point, name: str) -> str:
    value = point.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadInputError(f"{name}: {value!r} is no word")
    return value.strip().lower()


def _whole(point: Point, name: str, default: int | None = None) -> int:
    value = point.get(name, default)
    number = float(value) if isinstance(value, (int, float)) else 0.0
    if number < 1 or number != int(number):
        raise BadInputError(f"{name}: {value!r} is not a whole number from 1")
    return int(number)


def _milliseconds(point: Point, figure: str) -> float:
    """The mean, which dumps have in seconds, or in milliseconds where the name says so."""
    for name, unit in ((f"mean_{figure}_ms", 1.0), (f"mean_{figure}", 1e3)):
        value = point.get(name)
        if isinstance(value, (int, float)) and value > 0:
            return value * unit
    raise BadInputError(f"mean_{figure}: none that is above 0")


def _model(point: Point) -> Any:
    """By its id, by that without what was done to the checkpoint, or by InferenceX's own word."""
    models, tried = registry().models, []
    for name in ("model", "infmax_model_prefix", "model_prefix"):
        word = str(point.get(name) or "").lower()
        bare = _AFTER_THE_NAME.sub("", word.rpartition("/")[2])
        tried += [one for one in (word, bare, _SHORT.get(word, ""), bare.removeprefix("meta-")) if one]
    found = next((one for one in tried if one in models), None)
    if found is None:
        raise BadInputError(f"model: {point.get('model')!r} is no model that is registered")
    return models[found]


def _dtype(point: Point, model: str, hardware: HardwareProfile) -> Any:
    word = _word(point, "precision")
    if word.endswith(("fp4", "int4")):
        older, newer = next(words for start, words in _FOUR_BITS.items() if model.startswith(start))
        word = newer if hardware.architecture.startswith(_WITH_FOUR_BITS) else older
    weight, _, activation = word.partition("/")
    return dtype_of(weight, activation or weight, hardware)


def _own() -> Sequence[ValidationRow]:
    """Of the published set, by model and accelerator."""
    published = registry().validation_sets[OWN]
    table = read_table(published.table, published.command) if published.table else []
    return sorted((_by_kind(cells) for cells in table if cells["source"] == OWN_SOURCE), key=lambda row: row.table)


def _by_kind(cells: Cells) -> ValidationRow:
    row = serving_row(cells)
    figure = next(name.upper() for name, metric in _FIGURES.items() if metric == row.metric)
    where = f"{row.options['model'].name}, {row.options['gpu'].name}: {figure}"
    lengths = _lengths(row.options["prompt_tokens"], row.options["output_tokens"], _SHORTEST)
    options, predict = {**row.options, **lengths}, _over_a_run(row.metric)
    return evolve(row, table=where, source=where, grade="B", options=options, predict=predict)


INFERENCEX = ValidationSet(
    name="inferencex",
    description=f"servers at a fixed number of users, or an InferenceX dump with --rows FILE.json: {_RULE}",
    rows=_own,
    read=read,
    command="infer",
    source="ai-dynamo/aiconfigurator (Apache 2.0), silicon_sample.csv, cited row by row in inference.csv",
)
