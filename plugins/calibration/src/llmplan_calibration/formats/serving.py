"""Results of ``vllm bench serve --save-result`` and ``sglang.bench_serving``: JSON, a run a file or a line.

Keys are those of vllm/benchmarks/serve.py and of python/sglang/bench_serving.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.records import ValidationRow
from llmplan_calibration.formats.steps import merged

_NEEDED = ("completed", "total_input_tokens", "total_output_tokens", "output_throughput")
_MS = 1e3
_LARGEST = 1e15
_LOADS = {"rate", "concurrency", "trace", "batch"}
_Metric = tuple[str, Callable[[Any], Any], Callable[[Any], Any]]


def _known(seconds: float | None) -> float:
    if seconds is None:
        raise BadInputError("more requests come than are answered, by published rates: latencies grow without end")
    return _MS * seconds


def _inverted(estimate: Any) -> Any:
    found = estimate.next_token_spread
    return None if found is None else found.inverted()


_METRICS: Mapping[str, _Metric] = {
    "mean_tpot_ms": ("tpot_ms", lambda one: _known(one.next_token_seconds), lambda one: one.next_token_spread),
    "mean_ttft_ms": ("ttft_ms", lambda one: _known(one.first_token_seconds), lambda one: one.first_token_spread),
    "output_throughput": ("tokens_per_s", lambda one: one.tokens_per_second, _inverted),
}
"""By key: what it is called, how an estimate says it, and its range."""


@frozen
class ServingResult:
    """One program's results: both write the same keys, and others that tell them apart."""

    name: str
    description: str
    engine: str
    own_keys: tuple[str, ...]
    """Any of which only this program writes."""

    def recognises(self, text: str) -> bool:
        """By the keys of its first run."""
        first = _object(text) or _object(text.lstrip().partition("\n")[0]) or {}
        return all(key in first for key in _NEEDED) and any(key in first for key in self.own_keys)

    def rows(self, path: str, text: str, options: Mapping[str, Any]) -> Iterator[ValidationRow]:
        """One to two figures a run."""
        for line, run in _runs(path, text):
            where = f"{path}: line {line}" if line else path
            facts = self._facts(where, run)
            given = merged({name: value for name, value in facts.items() if not _replaced(name, options)}, options)
            for key in _telling(run, given):
                if _counts(run.get(key)):
                    yield _row(where, key, float(run[key]), given)

    def _facts(self, where: str, run: Mapping[str, Any]) -> dict[str, Any]:
        missing = [key for key in _NEEDED if not _counts(run.get(key))]
        if missing:
            raise BadInputError(f"{where}: {missing[0]}: {run.get(missing[0])!r} is not a positive number")
        requests = run["completed"]
        facts = {
            "engine": self.engine,
            "prompt_tokens": max(1, round(run["total_input_tokens"] / requests)),
            "output_tokens": max(1, round(run["total_output_tokens"] / requests)),
        }
        if run.get("model_id"):
            facts["model"] = run["model_id"]
        rate, users = run.get("request_rate"), run.get("max_concurrency")
        if users is not None and not _counts(users):
            raise BadInputError(f"{where}: max_concurrency: {users!r} is not a positive number")
        if _counts(rate) and not users:
            return {**facts, "rate": rate, "requests": 0}
        return {**facts, "concurrency": max(1, int(min(users or requests, requests))), "requests": 0}


VLLM = ServingResult(
    name="vllm-bench",
    description="the JSON of vllm bench serve --save-result",
    engine="vllm",
    own_keys=("num_prompts", "tokenizer_id"),
)
SGLANG = ServingResult(
    name="sglang-bench",
    description="the JSON lines of sglang.bench_serving",
    engine="sglang",
    own_keys=("total_output_tokens_retokenized", "mean_e2e_latency_ms"),
)


def _telling(run: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[str, ...]:
    """Latencies of requests that come at a rate, whose throughput is that rate; of users the throughput and the time of
    a token, but not of the first, since all of them begin at once; throughput alone where all requests do.
    """
    if "rate" in given:
        return ("mean_tpot_ms", "mean_ttft_ms")
    return ("mean_tpot_ms", "output_throughput") if run.get("max_concurrency") else ("output_throughput",)


def _counts(value: Any) -> bool:
    """Whether it is a number that something may be: above zero, and not beyond any run."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= _LARGEST


def _replaced(name: str, given: Mapping[str, Any]) -> bool:
    return name in ("rate", "concurrency", "requests") and bool(_LOADS & given.keys())


def _row(where: str, key: str, measured: float, options: Mapping[str, Any]) -> ValidationRow:
    metric, predict, spread = _METRICS[key]
    return ValidationRow(
        id=where,
        table="benchmarks",
        metric=metric,
        command="infer",
        options=dict(options),
        measured=measured,
        predict=predict,
        shown=float,
        spread=spread,
    )


def _runs(path: str, text: str) -> list[tuple[int | None, Mapping[str, Any]]]:
    """A file that is one object, or a line each, with its line."""
    whole = _object(text)
    if whole is not None:
        return [(None, whole)]
    found: list[tuple[int | None, Mapping[str, Any]]] = []
    for line, piece in enumerate(text.split("\n"), 1):
        if not piece.strip():
            continue
        run = _object(piece)
        if run is None:
            raise BadInputError(f"{path}: line {line}: is no object of JSON")
        found.append((line, run))
    if not found:
        raise BadInputError(f"{path}: is empty")
    return found


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
