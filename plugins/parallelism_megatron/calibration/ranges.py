"""Published rows in, their residuals and the tables of ranges out.

After any change to the model or its constants: ``python tools/regenerate.py ranges``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from math import exp
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

if not __package__:  # loaded by its path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from calibration import left_out
from calibration.frameworks import with_values
from llmplan import infer, registry, train
from llmplan.errors import BadInputError
from llmplan.records import HardwareProfile, ValidationRow
from llmplan_parallelism_megatron.ranges import serving, training
from llmplan_parallelism_megatron.ranges.csv_files import in_csv
from llmplan_parallelism_megatron.ranges.fit import fitted_by_figure
from llmplan_parallelism_megatron.ranges.kind import OTHER, Kind
from llmplan_parallelism_megatron.ranges.residuals import Residual, residuals_of, text_of
from llmplan_parallelism_megatron.ranges.table import TYPICAL, Halves, Ranges
from llmplan_validation import validate
from llmplan_validation.ranges import FALLS_WITH_TIME, IN_BYTES, OF_PREFILL
from llmplan_validation.run import priced as priced_row
from llmplan_validation.score import group_of

VALIDATION = Path(__file__).resolve().parents[1] / "src" / "llmplan_parallelism_megatron" / "validation"
_OF_SERVING = {**dict.fromkeys(OF_PREFILL, serving.PREFILL), IN_BYTES: serving.MEMORY}
"""By metric; all others are of decoding."""
WHOLE_RUNS = "gpu_hours"
"""Published with restarts and other stages inside, which no iteration has."""
EAGER = "eager-pytorch"
"""The engine of its class."""
SANITY_BOUND, RECALLED = "C", "memory"
ARCHITECTURE_BEFORE = {
    "volta": "a100-sxm-80gb",  # the one after, since none before it was timed
    "ampere": "v100-sxm2-32gb",
    "ada": "a100-sxm-80gb",
    "hopper": "a100-sxm-80gb",
    "blackwell": "h100-sxm-80gb",
    "blackwell-ultra": "h100-sxm-80gb",
}
"""Whose kernels an architecture would be priced with that nobody has timed yet."""


@frozen
class Command:
    """What ranges of training and of serving do not share."""

    name: str
    sets: tuple[str, ...]
    price: Callable[..., Any]
    program: str
    """The option that names it."""
    kind_of: Callable[[Any], Kind]
    figure_of: Callable[[ValidationRow], str]
    options_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """As the figure's plan is priced, without a load."""


def _batch(options: Mapping[str, Any]) -> Mapping[str, Any]:
    sequences = options.get("batch") or options.get("concurrency") or 1
    return {**options, "batch": sequences, "concurrency": None, "requests": None}


COMMANDS = (
    Command(
        "training", ("training", "training-unfitted"), train, "framework", training.kind_of,
        lambda row: group_of(row.metric), lambda options: options,
    ),
    Command(
        "inference", ("inference", "inference-unfitted"), infer, "engine", serving.kind_of,
        lambda row: _OF_SERVING.get(row.metric, serving.DECODE), _batch,
    ),
)  # fmt: skip


def files() -> dict[Path, str]:
    """What each file of ranges should hold now."""
    return {path: text for command in COMMANDS for path, text in _files_of(command).items()}


def _files_of(command: Command) -> dict[Path, str]:
    text = text_of(priced_rows(command))
    ranges = fitted_by_figure(residuals_of(text))  # as they are written, so that a table follows from its file
    return {
        VALIDATION / f"{command.name}_residuals.csv": text,
        VALIDATION / f"{command.name}_kinds.csv": kinds_text(ranges),
        VALIDATION / f"{command.name}_leaps.csv": leaps_text(ranges),
    }


def priced_rows(command: Command) -> Iterator[Residual]:
    """Of rows whose plan is known and that were looked up; of whole runs not their hours."""
    for name in command.sets:
        for checked in validate(registry().validation_sets[name]).checked:
            row = checked.row
            if row.grade == SANITY_BOUND or row.provenance == RECALLED or row.metric == WHOLE_RUNS:
                continue
            if command.name == "training" or group_of(row.metric) == "time" or row.metric == IN_BYTES:
                yield _residual(command, row, checked.predicted)


def _residual(command: Command, row: ValidationRow, predicted: float) -> Residual:
    kind = command.kind_of(command.price(**command.options_of(row.options)).plan)
    hardware: HardwareProfile = row.options["gpu"]
    program = row.options.get(command.program)
    before = ARCHITECTURE_BEFORE.get(hardware.architecture)

    def priced(**other: Any) -> float | None:
        try:
            checked = priced_row(evolve(row, options={**row.options, **other}), command.sets[0])
        except BadInputError:
            return None
        return _ratio(row, checked.predicted)

    known = program is not None and _is_registered(command, program.name)
    without = left_out.read().get(row.source) if command.name == "training" else None
    curves = None if before is None else {"gpu": evolve(hardware, kernels=registry().gpus[before].kernels)}
    datasheet = {"gpu": evolve(hardware, kernels=None, efficiency=None)}
    other = {command.program: _of_its_class(program)} if known and not _is_default(command, kind.program) else None
    return Residual(
        row=row.id,
        source=row.source,
        figure=command.figure_of(row),
        program=kind.program if known else OTHER,
        architecture=kind.architecture,
        accelerator=hardware.name,
        scale=float(kind.scale),
        sharded=bool(kind.sharded),
        traits=frozenset(trait for trait, has in kind.traits.items() if has),
        ratio=_ratio(row, predicted),
        refitted=None if without is None else priced(**with_values(row.options, without)),
        other_program=None if other is None else priced(**other),
        other_curves=None if curves is None else priced(**curves),
        datasheet=priced(**datasheet),
        other_curves_and_program=None if other is None or curves is None else priced(**other, **curves),
        datasheet_and_other_program=None if other is None else priced(**other, **datasheet),
    )


def _of_its_class(program: Any) -> str | None:
    """What a program is priced as that nobody knows: one of eager PyTorch is seen to be that; else the default."""
    return EAGER if getattr(program, "launches_per_layer", 0.0) else None


def _is_registered(command: Command, name: str) -> bool:
    return name in (registry().frameworks if command.program == "framework" else registry().engines)


def _is_default(command: Command, program: str) -> bool:
    profiles: Any = registry().frameworks if command.program == "framework" else registry().engines
    return bool(profiles[program].default)


def _ratio(row: ValidationRow, predicted: float) -> float:
    """Measured over predicted seconds or bytes."""
    return predicted / row.measured if row.metric in FALLS_WITH_TIME else row.measured / predicted


def kinds_text(ranges: Mapping[str, Ranges]) -> str:
    """The table of kinds as a CSV file."""
    columns = ("figure", "program", "architecture", "rows", "sources", "low", "high", "largest", "largest_sharded")
    return in_csv((*columns, "traits"), (row for figure, of in ranges.items() for row in _kinds(figure, of)))


def _kinds(figure: str, ranges: Ranges) -> Iterator[dict[str, Any]]:
    for (program, architecture), published in sorted(ranges.kinds.items()):
        row = {
            "figure": figure,
            "program": program,
            "architecture": architecture,
            "rows": published.rows,
            "sources": published.sources,
            **_ends(published.halves),
        }
        found = ranges.programs.get(program) if not architecture else None
        if found is not None:
            row["largest"], row["largest_sharded"] = f"{found.largest:g}", f"{found.largest_sharded:g}"
            row["traits"] = " ".join(sorted(found.traits))
        yield row


def leaps_text(ranges: Mapping[str, Ranges]) -> str:
    """The table of leaps as a CSV file."""
    rows = (
        {"figure": figure, "leap": name, **_ends(halves)}
        for figure, of in ranges.items()
        for name, halves in (*sorted(of.leaps.items()), (TYPICAL, of.typical))
    )
    return in_csv(("figure", "leap", "low", "high"), rows)


def _ends(halves: Halves) -> dict[str, str]:
    return {"low": f"{exp(-halves.low):.4f}", "high": f"{exp(halves.high):.4f}"}
