"""Files of measured runs: the reader of each, by name or by what the file looks like, and its rows as samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.records import RunReader, ValidationRow
from llmplan.request import InferRequest, TrainRequest, option_name, options_of
from llmplan.text_file import read_text
from llmplan_calibration.sample import Sample, sample_of

_REQUESTS = {"train": TrainRequest, "infer": InferRequest}


@frozen(eq=False, repr=False)
class Read:
    """What files hold."""

    samples: list[Sample] = field(factory=list)
    skipped: list[tuple[str, str]] = field(factory=list)
    """Figures that cannot be predicted, or tell nothing of rates, with the reason."""


def read(paths: Sequence[str], options: Mapping[str, Any], named: str | None = None) -> Read:
    """All files; BadInputError where one cannot be read, or none holds a run that can be priced."""
    found = Read()
    for path in paths:
        text = read_text(path)
        reader = reader_of(path, text, named)
        for row in reader.rows(path, text, options):
            if isinstance(row, Sample):
                found.samples.append(row)
            else:
                _add(found, path, row, options)
    if not found.samples:
        first = next((f"{where}: {why}" for where, why in found.skipped), "")
        raise BadInputError(first or f"{', '.join(paths)}: holds no run that tells of rates")
    return found


def reader_of(path: str, text: str, named: str | None) -> RunReader:
    """By name, or the one that recognises the text."""
    readers = registry().run_readers
    if named is not None:
        return readers[named]
    if not text.strip():
        raise BadInputError(f"{path}: is empty")
    found = next((reader for reader in readers.values() if reader.recognises(text)), None)
    if found is None:
        raise BadInputError(f"{path}: is none of {', '.join(readers)}; --format says which")
    return found


def _add(found: Read, path: str, row: ValidationRow, options: Mapping[str, Any]) -> None:
    _check_options(path, row, options)
    try:
        found.samples.append(sample_of(row, path))
    except BadInputError as error:
        found.skipped.append((row.id if row.id.startswith(path) else f"{path}: {row.id}", str(error)))


def _check_options(path: str, row: ValidationRow, options: Iterable[str]) -> None:
    known = options_of(_REQUESTS[row.command])
    for name in options:
        if name not in known:
            doing = "training" if row.command == "train" else "serving"
            raise BadInputError(f"{option_name(name)}: is no option of {doing}, which {path} is a measurement of")
