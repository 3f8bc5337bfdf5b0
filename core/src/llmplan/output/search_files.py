"""What a search writes: the best plan as a plan file; all priced plans as CSV, JSON or Parquet, part by part."""

from __future__ import annotations

import csv
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.estimate import Exporter
from llmplan.output.files import (
    beside,
    contents_of,
    exporter_of,
    painter_of,
    said_of,
    target_of,
    write_whole,
)
from llmplan.output.formats import plain_cell
from llmplan.request import given_options
from llmplan.search.result import SearchResult

_PLAN = ".toml"


@contextmanager
def outputs(paths: Sequence[str], pictures: Sequence[str] = ()) -> Iterator[Outputs]:
    """Files for what is found; what is not finished leaves nothing behind."""
    rest = [path for path in paths if Path(path).suffix not in (_PLAN, *_TABLES)]
    exports = [(path, "output", _of_searches(exporter_of(path, others=(_PLAN, *_TABLES)), "output")) for path in rest]
    exports += [(path, "picture", _of_searches(painter_of(path), "picture")) for path in pictures]
    plans = [path for path in paths if Path(path).suffix == _PLAN]
    with ExitStack() as opened:
        tables = [_TABLES[suffix](path, opened) for path in paths if (suffix := Path(path).suffix) in _TABLES]
        yield Outputs(plans, tables, exports)


def _of_searches(exporter: Exporter, option: str) -> Callable[[SearchResult], bytes]:
    if exporter.export_search is None:
        raise BadInputError(f"{option}: {exporter.suffix} has no form for what a search finds")
    return partial(contents_of, exporter, exporter.export_search)


@frozen(eq=False)
class Outputs:
    """Plan files, tables that are written as plans are priced, and what exporters make of the result."""

    plans: list[str]
    tables: list[_Table]
    exports: list[tuple[str, str, Callable[[SearchResult], bytes]]]
    """The file, the option that names it, and its contents."""

    @property
    def sink(self) -> Callable[[Mapping[str, Any]], None] | None:
        """Takes priced plans; None where no file wants them."""
        return self._add if self.tables else None

    def _add(self, columns: Mapping[str, Any]) -> None:
        for table in self.tables:
            table.add(columns)

    def finish(self, result: SearchResult) -> None:
        """Put the tables in their place; write the best plan, where there is one."""
        for table in self.tables:
            table.finish()
        for path, option, contents in self.exports:
            write_whole(path, contents(result), option)
        for path in self.plans if result.best else ():
            write_whole(path, plan_file(_all_options(result), Path(path).parent).encode())


def _all_options(result: SearchResult) -> dict[str, Any]:
    """What was given and what was found, and the names of what was taken by default."""
    plan = result.best[0].plan
    names = {"dtype": plan.dtype.name, "cost_model": plan.cost_model}
    defaults = [name for name in ("framework", "optimizer", "engine") if hasattr(plan, name)]
    names |= {name: getattr(plan, name).name for name in defaults if getattr(registry(), f"{name}s")}
    return {**names, **given_options(result.requests[0])}


class _Table(ABC):
    """A file beside the one that is wanted, renamed in the end."""

    def __init__(self, path: str, opened: ExitStack) -> None:
        self.path = path
        self.beside = opened.enter_context(beside(path, "output"))
        with self._said():
            self.beside.write_bytes(b"")

    def _said(self) -> AbstractContextManager[None]:
        return said_of(self.path, "output")

    def add(self, columns: Mapping[str, Any]) -> None:
        """Take the columns of further plans, all or none: a search that is ended has its best so far."""
        size = self.size
        with self._said():
            try:
                self._write(columns)
            except BaseException:
                self._take_back(size)
                raise

    @property
    def size(self) -> int:
        """Bytes that are written."""
        return self.beside.stat().st_size

    def _take_back(self, size: int) -> None:
        with suppress(OSError):
            os.truncate(self.beside, size)

    def finish(self) -> None:
        """Close the file and move it to its place."""
        with self._said():
            self._close()
            self.beside.replace(target_of(self.path))

    @abstractmethod
    def _write(self, columns: Mapping[str, Any]) -> None: ...

    def _close(self) -> None:  # noqa: B027 - not every format leaves something open
        pass


def _rows(columns: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.tolist() for column in columns.values()), strict=True)


class _Csv(_Table):
    def _write(self, columns: Mapping[str, Any]) -> None:
        begins = not self.size
        with self.beside.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if begins:
                writer.writerow(columns)
            writer.writerows([plain_cell(value) for value in row] for row in _rows(columns))


class _Json(_Table):
    def _write(self, columns: Mapping[str, Any]) -> None:
        names, separator = list(columns), "," if self.size else "["
        with self.beside.open("a", encoding="utf-8") as file:
            for row in _rows(columns):
                file.write(f"{separator}\n{json.dumps(dict(zip(names, row, strict=True)))}")
                separator = ","

    def _close(self) -> None:
        end = "\n]\n" if self.size else "[]\n"
        with self.beside.open("a", encoding="utf-8") as file:
            file.write(end)


class _Parquet(_Table):
    writer: Any = None

    def _take_back(self, size: int) -> None:
        """Its writer keeps account of groups of rows, each whole."""

    def __init__(self, path: str, opened: ExitStack) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise BadInputError(f"output: {path}: Parquet needs pip install 'llmplan-core[frames]'") from None
        super().__init__(path, opened)

    def _write(self, columns: Mapping[str, Any]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(dict(columns))
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.beside, table.schema)
        self.writer.write_table(table)

    def _close(self) -> None:
        if self.writer is None:
            import pyarrow as pa

            self._write({"model": pa.array([], pa.string())})
        self.writer.close()


_TABLES: Mapping[str, type[_Table]] = {".csv": _Csv, ".json": _Json, ".parquet": _Parquet}


def plan_file(options: Mapping[str, Any], beside: Path) -> str:
    """Options as a plan file in TOML; files that they name are found from where it lies."""
    lines = []
    for name, value in options.items():
        if isinstance(value, str) and value.endswith(".toml"):
            value = os.path.relpath(value, beside)  # noqa: PLW2901 - the same file, seen from there
        lines.append(f"{name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)
