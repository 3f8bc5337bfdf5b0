"""Contracts of what writes and of what is compared: reporters, exporters, validation rows, each of them executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from llmplan.catalogues import EXPORTERS, REPORTERS, VALIDATION_SETS
from llmplan.errors import LlmplanError
from llmplan.estimate import Comparison, Exporter, Reporter, Variant
from llmplan.records import ValidationSet
from llmplan_kit.contracts import ContractError, checked_name, require

_MOST_ROWS = 3
"""Of a set, that are looked at."""


def check_reporter(reporter: Reporter, estimates: Sequence[Any]) -> None:
    """An estimate, and a comparison of several, become text."""
    name = checked_name(REPORTERS, reporter)
    for estimate in (estimates[0], _too_large(estimates[0])):
        _written(f"{name}: render", reporter.render, estimate, str)
    if reporter.render_comparison is not None:
        _written(f"{name}: render_comparison", reporter.render_comparison, _comparison(estimates), str)


def check_exporter(exporter: Exporter, estimates: Sequence[Any]) -> None:
    """The same as bytes, for an ending that is one."""
    name = checked_name(EXPORTERS, exporter)
    require(exporter.suffix.startswith(".") and len(exporter.suffix) > 1, f"{name}: suffix: {exporter.suffix!r}")
    if exporter.check is not None:
        exporter.check()
    for estimate in (estimates[0], _too_large(estimates[0])):
        _written(f"{name}: export", exporter.export, estimate, bytes)
    if exporter.export_comparison is not None:
        _written(f"{name}: export_comparison", exporter.export_comparison, _comparison(estimates), bytes)


def check_validation_set(published: ValidationSet) -> None:
    """It has rows or a table that is there; a row's figure is one, and its prediction is called."""
    name = checked_name(VALIDATION_SETS, published)
    require((published.rows is None) != (published.table is None), f"{name}: has rows and a table, or neither")
    if published.table is not None:
        require(published.table.is_file(), f"{name}: table: {published.table} is no file")
        return
    rows = list(published.rows() if published.rows is not None else ())
    require(rows, f"{name}: has no row")
    require(len({row.id for row in rows}) == len(rows), f"{name}: two rows have one id")
    for row in rows[:_MOST_ROWS]:
        require(row.command in ("train", "infer"), f"{name}: {row.id}: command: {row.command!r}")
        require(row.measured == row.measured and row.measured > 0, f"{name}: {row.id}: measured: {row.measured!r}")


def _too_large(estimate: Any) -> Any:
    """The same plan on a device whose memory does not hold it: people ask for such plans first."""
    small = evolve(estimate.plan.hardware, memory_bytes=estimate.memory_bytes_per_gpu / 2)
    return evolve(estimate, plan=evolve(estimate.plan, hardware=small))


def _comparison(estimates: Sequence[Any]) -> Comparison:
    command = "train" if hasattr(estimates[0], "time_breakdown") else "infer"
    variants = tuple(Variant(varied={"tp": place}, estimate=one) for place, one in enumerate(estimates, start=1))
    refused = Variant(varied={"tp": 0}, estimate=None, refused="tp: 0 is not a whole number of at least 1")
    return Comparison(command=command, varied={"tp": tuple(range(len(variants) + 1))}, variants=(*variants, refused))


def _written(what: str, write: Callable[[Any], Any], found: Any, kind: type) -> None:
    try:
        made = write(found)
    except LlmplanError:  # it says why it has no form for this
        return
    except Exception as error:
        raise ContractError(f"{what}: {type(error).__name__}: {error}") from error
    require(isinstance(made, kind), f"{what}: returned a {type(made).__name__}, not {kind.__name__}")
    require(made, f"{what}: returned nothing at all")
