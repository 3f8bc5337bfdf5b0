"""What nccl-tests and rccl-tests print: sizes with times and bus bandwidths (doc/PERFORMANCE.md of nccl-tests)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan_calibration.formats.steps import lines_of
from llmplan_calibration.kernel import Bench
from llmplan_calibration.sample import Sample

_ROW = re.compile(r"(?:^|[\s:>])(\d{1,15})\s+(\d+)\s+((?:u?int|float|half|double|bfloat|fp|f)\w*)\s+(.+)$")
_RANK = re.compile(r"#\s+Rank\s+(\d{1,9})\s[^#]*?\bPid\s+\d+ on\s+(\S+)\s+device\s+\d+\s+\[[^\]]*\](.*)$")
_NAMES = {
    "all_reduce": "all_reduce",
    "all_gather": "all_gather",
    "reduce_scatter": "reduce_scatter",
    "alltoall": "all_to_all",
}
_LEAST_BYTES = 16 << 20
"""Of a message that tells of bandwidth: smaller ones tell of latencies, of which a site has no factor."""
_TIMINGS = 4
"""Columns of one way to run it: time, algorithm and bus bandwidth, errors."""
_LIKE = 0.05


@frozen
class NcclTests:
    """Standard output of one test or several, whatever `mpirun` puts before its lines."""

    name: str = "nccl-tests"
    description: str = "the output of nccl-tests or rccl-tests: all_reduce_perf and its like"

    def recognises(self, text: str) -> bool:
        """By the heads of its columns."""
        return "busbw" in text and "algbw" in text

    def rows(self, path: str, text: str, options: Mapping[str, Any]) -> Iterator[Sample]:
        """A sample a size: the time out of place."""
        lines = lines_of(text)
        ranks = {int(found[1]): (found[2], found[3].strip()) for line in lines if (found := _RANK.search(line))}
        if len(ranks) < 2:  # noqa: PLR2004 - one rank has nobody to talk to
            raise BadInputError(
                f"{path}: names no ranks: lines like '#  Rank  0 ... on HOST device  0 [0x1b] NVIDIA H100'"
            )
        bench = Bench.of(options, **_facts(path, ranks, options))
        operation, any_row = "", False
        for number, line in enumerate(lines, 1):
            operation = next((name for word, name in _NAMES.items() if f"{word}_perf" in line), operation)
            timing = None if line.lstrip().startswith("#") else _timing(line)
            if timing is None:
                continue
            size, seconds, factor = timing
            kernel = operation or _operation(factor, len(ranks), path, number)
            any_row = True
            if size >= _LEAST_BYTES:
                sizes = {"bytes": float(size), "ranks": float(len(ranks))}
                yield bench.sample(f"{kernel} {_in_words(size)} x {len(ranks)}", path, kernel, sizes, seconds)
        if not any_row:
            raise BadInputError(f"{path}: holds no line with size, count, type, time, algbw and busbw")


def _facts(path: str, ranks: Mapping[int, tuple[str, str]], options: Mapping[str, Any]) -> dict[str, Any]:
    """The accelerator by the driver's name, and how many share a host."""
    hosts = [host for host, _ in ranks.values()]
    facts: dict[str, Any] = {}
    if "gpu" not in options:
        facts["gpu"] = gpu_called(ranks[min(ranks)][1], path)
    if len(set(hosts)) > 1:
        facts["gpus_per_node"] = max(hosts.count(host) for host in hosts)
    return facts


def gpu_called(name: str, path: str) -> str:
    """The accelerator that a driver calls so; BadInputError where none is known by that name."""
    words = name.lower().replace("nvidia", "").replace("amd", "").replace("instinct", "").strip()
    spellings = (words, words.replace(" ", "-"), "-".join(words.split()[:2]))
    known = {
        alias.lower(): profile.name
        for _, _, profile in registry().gpus.entries()
        for alias in (profile.name, *profile.aliases)
    }
    found = next((known[one] for one in spellings if one in known), None)
    if found is None:
        raise BadInputError(f"{path}: the accelerator {name!r} is none that is known by this name; --gpu says which")
    return found


def _timing(line: str) -> tuple[int, float, float] | None:
    """Bytes, seconds, and bus over algorithm bandwidth."""
    row = _ROW.search(line)
    if row is None:
        return None
    words = row[4].split()
    if words and not re.fullmatch(r"-?[\d.]+(?:e[+-]?\d+)?", words[0]):
        words = words[1:]  # the reduction, or "none"
    if len(words) % _TIMINGS == 1:
        words = words[1:]  # the root
    try:
        microseconds, algorithm, bus = map(float, words[:3])
    except ValueError:
        return None
    return (int(row[1]), microseconds / 1e6, bus / algorithm if algorithm > 0 else 0.0) if microseconds > 0 else None


def _operation(factor: float, ranks: int, path: str, line: int) -> str:
    """By the factor of the bus bandwidth, where the output does not name the test."""
    if abs(factor / (2.0 * (ranks - 1) / ranks) - 1.0) < _LIKE:
        return "all_reduce"
    if abs(factor / ((ranks - 1) / ranks) - 1.0) < _LIKE:
        return "all_gather"
    raise BadInputError(
        f"{path}: line {line}: no word says which collective it is; put all_reduce_perf or its like above"
    )


def _in_words(size: int) -> str:
    return f"{size >> 30:,} GiB" if size >= 1 << 30 else f"{size >> 20:,} MiB"
