"""Tables of matrix multiplications that were timed: columns m, n, k, and a time or a rate."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan_calibration.kernel import Bench
from llmplan_calibration.sample import Sample

_SIZES = ("m", "n", "k")
_TIMES = {"time_us": 1e-6, "us": 1e-6, "time_ms": 1e-3, "ms": 1e-3, "seconds": 1.0}
_RATES = {"tflops": 1e12, "tflop_per_s": 1e12, "gflops": 1e9}
_ALSO = {"gpu": "gpu", "accelerator": "gpu", "dtype": "dtype"}


@frozen
class GemmTable:
    """A CSV file of m x k times k x n."""

    name: str = "gemm-csv"
    description: str = "a table of matrix multiplications: m, n, k, and time_us, time_ms or tflops; gpu and dtype too"

    def recognises(self, text: str) -> bool:
        """Whether the first line names the columns m, n, k and a time."""
        columns = _columns(text)
        return set(_SIZES) <= columns and bool(columns & {*_TIMES, *_RATES})

    def rows(self, path: str, text: str, options: Mapping[str, Any]) -> Iterator[Sample]:
        """One sample for each row of the table."""
        reader = csv.DictReader(text.splitlines(), skipinitialspace=True, restval="")
        benches: dict[tuple[str, ...], Bench] = {}
        measured = next((name for name in reader.fieldnames or () if name.strip().lower() in {*_TIMES, *_RATES}), None)
        if measured is None or not set(_SIZES) <= _columns(text):
            raise BadInputError(f"{path}: line 1: wants columns m, n, k, and one of {', '.join((*_TIMES, *_RATES))}")
        for row in reader:
            cells = {(name or "").strip().lower(): cell for name, cell in row.items() if isinstance(cell, str)}
            where = f"{path}: line {reader.line_num}"
            m, n, k = (_positive(cells, name, where) for name in _SIZES)
            said = {option: cells[name].strip() for name, option in _ALSO.items() if cells.get(name, "").strip()}
            key = tuple(said.values())
            if key not in benches:
                benches[key] = _bench(where, options, said)
            column = measured.strip().lower()
            value = _positive(cells, column, where)
            seconds = value * _TIMES[column] if column in _TIMES else 2.0 * m * n * k / (value * _RATES[column])
            name = f"{m:,.0f} x {n:,.0f} x {k:,.0f}"
            yield benches[key].sample(name, path, "gemm", {"m": m, "n": n, "k": k}, seconds)


def _bench(where: str, options: Mapping[str, Any], said: Mapping[str, str]) -> Bench:
    try:
        return Bench.of(options, **said)
    except BadInputError as error:
        raise BadInputError(f"{where}: {error}") from error


def _columns(text: str) -> set[str]:
    return {cell.strip().lower() for cell in text.lstrip().partition("\n")[0].split(",")}


def _positive(cells: Mapping[str, str], column: str, where: str) -> float:
    try:
        value = float(cells.get(column, ""))
    except ValueError:
        value = 0.0
    if not isfinite(value) or value <= 0:
        raise BadInputError(f"{where}: {column}: {cells.get(column, '')!r} is not a positive number")
    return value
