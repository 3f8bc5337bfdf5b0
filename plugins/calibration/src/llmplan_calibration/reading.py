"""Files of measured runs: the reader of each, by name or by what the file looks like, and its rows as samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from llmplan.catalogues import RUN_READERS, registry
from llmplan.catalogues.guard import Guard
from llmplan.errors import BadInputError
from llmplan.records import RunReader, ValidationRow
from llmplan.request import InferRequest, TrainRequest, option_name, options_of
from llmplan.text_file import read_text
from llmplan_calibration.sample import UNCHANGED, Sample, sample_of

_MOST = 100.0
"""Times that a figure may be off for it to be of the plan that is stated."""
_REQUESTS = {"train": TrainRequest, "infer": InferRequest}


@frozen(eq=False, repr=False)
class Read:
    """The measured figures that files hold, and what was left out of them."""

    samples: list[Sample] = field(factory=list)
    skipped: list[tuple[str, str]] = field(factory=list)
    """Figures that cannot be predicted, or tell nothing of rates, with the reason."""


def read(paths: Sequence[str], options: Mapping[str, Any], named: str | None = None) -> Read:
    """All files; BadInputError where one cannot be read, or none holds a run that can be priced."""
    found = Read()
    for path, given in ((path, {**planned, **options}) for path, planned in map(_with_plan, paths)):
        text = read_text(path)
        reader = reader_of(path, text, named)
        with Guard(RUN_READERS, reader.name):
            rows = list(reader.rows(path, text, given))
        for row in rows:
            _add(found, path, row, options)
    if not found.samples:
        first = next((f"{where}: {why}" for where, why in found.skipped), "")
        raise BadInputError(first or f"{', '.join(paths)}: holds no run that tells of rates")
    return found


def _with_plan(named: str) -> tuple[str, Mapping[str, Any]]:
    """A file, and the options of the plan that stands behind a colon: ``run.log:plan.toml``."""
    path, colon, plan = named.rpartition(":")
    if not colon or not plan.endswith((".toml", ".json")):
        return named, {}
    from llmplan.request.plan_file import read_plan

    options = read_plan(plan, _phase_of(plan))
    options.pop("site", None)
    return path, options


def _phase_of(plan: str) -> type[TrainRequest | InferRequest]:
    """A plan of serving has words that one of training has not."""
    from llmplan.catalogues.toml_source import TomlSource

    only = options_of(InferRequest).keys() - options_of(TrainRequest).keys()
    if plan.endswith(".json"):
        return InferRequest if '"schema": "llmplan.infer/' in read_text(plan) else TrainRequest
    return InferRequest if only & TomlSource.read(plan).values.keys() else TrainRequest


def reader_of(path: str, text: str, named: str | None) -> RunReader:
    """By name, or the one that recognises the text."""
    readers = registry().run_readers
    if named is not None:
        return readers[named]
    if not text.strip():
        raise BadInputError(f"{path}: is empty")
    found = next((reader for reader in readers.values() if _recognised(reader, text)), None)
    if found is None:
        raise BadInputError(f"{path}: is none of {', '.join(readers)}; --format says which")
    return found


def _recognised(reader: RunReader, text: str) -> bool:
    with Guard(RUN_READERS, reader.name):
        return bool(reader.recognises(text))


def _add(found: Read, path: str, row: ValidationRow | Sample, options: Mapping[str, Any]) -> None:
    where = row.id if row.id.startswith(path) else f"{path}: {row.id}"
    if isinstance(row, ValidationRow):
        _check_options(path, row, options)
    try:
        sample = row if isinstance(row, Sample) else sample_of(row, path)
        _check_measured(sample)
        found.samples.append(sample)
    except BadInputError as error:
        found.skipped.append((where, str(error)))


def _check_measured(sample: Sample) -> None:
    """That it is of the plan that is stated."""
    predicted, measured = sample.predict(UNCHANGED), sample.measured
    if not 1.0 / _MOST < predicted / measured < _MOST:
        raise BadInputError(
            f"{sample.metric}: {measured:.4g} is another plan's, or in another unit: published rates make it "
            f"{predicted:.4g}"
        )


def _check_options(path: str, row: ValidationRow, options: Iterable[str]) -> None:
    known = options_of(_REQUESTS[row.command])
    for name in options:
        if name not in known:
            doing = "training" if row.command == "train" else "serving"
            raise BadInputError(f"{option_name(name)}: is no option of {doing}, which {path} is a measurement of")
