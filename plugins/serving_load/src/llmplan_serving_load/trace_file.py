"""Traces of requests in CSV: when each came, how long prompt and answer are."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from llmplan.errors import BadInputError, shown
from llmplan.records import Request
from llmplan.text_file import read_text
from llmplan.watching import tell

_COLUMNS = {
    "arrival_seconds": ("arrivalseconds", "arrival", "arrivaltime", "arrivaltimes", "timestamp", "time"),
    "prompt_tokens": ("prompttokens", "prompt", "contexttokens", "requesttokens", "inputtokens", "inputlen"),
    "output_tokens": ("outputtokens", "output", "generatedtokens", "responsetokens", "answertokens", "outputlen"),
}
"""What a column means, and the words by which published traces call it, letters alone."""
_PLAIN = (0, 1, 2)
_TOLD = 10_000
"""Lines after which it is told how many are read."""
_SECONDS_DIGITS = 26
"""Characters of a date with microseconds; more digits are cut."""


def read_trace(path: str, context: int | None = None) -> tuple[Request, ...]:
    """In order of arrival. BadInputError names file, line and column of what makes no sense.

    A file that has not changed is read once, however many plans are asked about it, and so is a pipe.
    """
    found = _read(path, _stamp(path), context)
    if isinstance(found, BadInputError):
        raise found
    return found


def _stamp(path: str) -> tuple[int, ...]:
    """What is another where the file is."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return ()
    changes = (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else ()
    return (found.st_dev, found.st_ino, *changes)


@lru_cache(maxsize=4)
def _read(path: str, _stamp: tuple[int, ...], context: int | None) -> tuple[Request, ...] | BadInputError:
    try:
        text = read_text(path, "trace")
        if text.lstrip()[:1] in tuple("{["):
            return BadInputError(f"trace: {path}: is JSON; wanted is CSV with columns {', '.join(_COLUMNS)}")
        lines = text.splitlines()
        rows = csv.reader(lines)
        try:
            requests = sorted(_requests(path, rows, len(lines), context), key=lambda request: request.arrival_seconds)
        except csv.Error as error:
            return BadInputError(f"trace: {path}: line {rows.line_num}: {error}")
    except BadInputError as error:
        return error
    if not requests:
        return BadInputError(f"trace: {path}: no requests; wanted are lines of {', '.join(_COLUMNS)}")
    return tuple(requests)


def _requests(path: str, rows: Iterable[list[str]], many: int, context: int | None) -> Iterator[Request]:
    places: tuple[int, ...] | None = None
    for number, row in enumerate(rows, 1):
        if number % _TOLD == 0:
            tell(number, many, "lines of the trace read")
        if not any(map(str.strip, row)):
            continue
        if places is None:
            found = _places(path, row)
            places = found or _PLAIN
            if found is not None:
                continue
        request = _request(path, number, row, places)
        tokens = request.prompt_tokens + request.output_tokens
        if context is not None and tokens > context:
            raise BadInputError(
                f"trace: {path}: line {number}: prompt_tokens + output_tokens = {tokens} is beyond the context of the "
                f"model, {context}"
            )
        yield request


def _places(path: str, head: list[str]) -> tuple[int, ...] | None:
    """Where the columns stand by the words of the first line; None where that is a request already."""
    words = ["".join(letter for letter in word.lower() if letter.isalpha()) for word in head]
    if not any(words[1:]):  # of a request the first may be a date, or no number
        return None
    places = [next((words.index(name) for name in names if name in words), None) for names in _COLUMNS.values()]
    missing = [column for column, place in zip(_COLUMNS, places, strict=True) if place is None]
    if missing:
        raise BadInputError(f"trace: {path}: line 1: no column {missing[0]}; there are {', '.join(head)}")
    return tuple(place for place in places if place is not None)


def _request(path: str, number: int, row: list[str], places: tuple[int, ...]) -> Request:
    arrival, prompt, output = (row[place].strip() if place < len(row) else "" for place in places)
    try:
        return Request(_seconds(arrival), _tokens("prompt_tokens", prompt), _tokens("output_tokens", output))
    except BadInputError as error:
        raise BadInputError(f"trace: {path}: line {number}: {error}") from None


def _seconds(cell: str) -> float:
    """A number, or a date and a time."""
    try:
        seconds = float(cell)
    except ValueError:
        try:
            return datetime.fromisoformat(cell[:_SECONDS_DIGITS]).timestamp()
        except (ValueError, OverflowError):
            seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise BadInputError(f"arrival_seconds: {shown(cell)} is not a number of seconds of at least 0, nor a date")
    return seconds


def _tokens(column: str, cell: str) -> int:
    try:
        number = float(cell)
    except ValueError:
        number = 0.0
    if not 1 <= number < float("inf") or number != int(number):
        raise BadInputError(f"{column}: {shown(cell)} is not a whole number of at least 1")
    return int(number)
