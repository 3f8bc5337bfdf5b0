"""Contracts of what writes: reporters and exporters, each of them executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from llmplan.catalogues import EXPORTERS, REPORTERS
from llmplan.errors import LlmplanError
from llmplan.estimate import Comparison, Exporter, InferenceEstimate, Reporter, Variant
from llmplan_kit.contracts import ContractError, checked_name, require
from llmplan_kit.sample_outputs import sample_search, sample_server

_TIMES = 2
_LONGER = 1.5
"""Times as long that a text may become when it is written again."""


def check_reporter(reporter: Reporter, estimates: Sequence[Any]) -> None:
    """Estimates, a comparison of several and what a search found become text."""
    name = checked_name(REPORTERS, reporter)
    _check_again(f"{name}: render", reporter.render, estimates[0])
    for estimate in [*_each(estimates), *_servers(estimates)]:
        _written(f"{name}: render", reporter.render, estimate, str)
    if reporter.render_comparison is not None:
        _written(f"{name}: render_comparison", reporter.render_comparison, _comparison(estimates), str)
    if reporter.render_search is not None:
        _written(f"{name}: render_search", reporter.render_search, sample_search(estimates), str)


def check_exporter(exporter: Exporter, estimates: Sequence[Any]) -> None:
    """The same as bytes, for an ending that is one."""
    name, suffix = checked_name(EXPORTERS, exporter), exporter.suffix
    dotted = suffix.startswith(".") and len(suffix) > 1 and suffix == suffix.lower()
    require(dotted, f"{name}: suffix: {suffix!r} is none in small letters like .csv")
    if exporter.check is not None:
        exporter.check()
    for estimate in _each(estimates):
        _written(f"{name}: export", exporter.export, estimate, bytes)
    if exporter.export_comparison is not None:
        _written(f"{name}: export_comparison", exporter.export_comparison, _comparison(estimates), bytes)
    if exporter.export_search is not None and not _servers(estimates):  # which pictures would price again
        _written(f"{name}: export_search", exporter.export_search, sample_search(estimates), bytes)


def _each(estimates: Sequence[Any]) -> list[Any]:
    """One plan, and the same too large for its memory."""
    return [estimates[0], too_large(estimates[0])]


def _servers(estimates: Sequence[Any]) -> list[Any]:
    """Of serving, one under its load."""
    return [sample_server(estimates[0])] if isinstance(estimates[0], InferenceEstimate) else []


def too_large(estimate: Any) -> Any:
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
        before = _lines_of(found)
        made = write(found)
    except LlmplanError:  # it says why it has no form for this
        return
    except Exception as error:
        raise ContractError(f"{what}: {type(found).__name__}: {type(error).__name__}: {error}") from error
    require(isinstance(made, kind), f"{what}: returned a {type(made).__name__}, not {kind.__name__}")
    require(made, f"{what}: returned nothing at all")
    require(_lines_of(found) == before, f"{what}: changes the estimate that it is given")


def _check_again(what: str, write: Callable[[Any], str], found: Any) -> None:
    try:
        one, two = (len(write(found)) for _ in range(_TIMES))
    except Exception:  # noqa: BLE001 - what is written once is checked apart
        return
    require(two <= _LONGER * one, f"{what}: {one} letters, then {two} of the same: it keeps what it wrote before")


def _lines_of(found: Any) -> list[dict[str, Any]]:
    """The lines of an estimate, as they are now."""
    names = ("time_breakdown", "prefill_breakdown", "decode_breakdown", "memory_breakdown")
    return [dict(getattr(found, name)) for name in names if hasattr(found, name)]
