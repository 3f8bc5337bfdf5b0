"""Logs of torchtitan (`MetricsProcessor.log` of torchtitan/components/metrics.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from attrs import frozen

from llmplan.records import ValidationRow
from llmplan_calibration.formats.steps import TOKENS, lines_of, needed, numbers, row_of, sizes

_STEP = re.compile(r"\bstep:\s*\d+\s+loss:\s*\S+.*?\b(?:tps|wps):\s*([\d,]+)")
_MESH = re.compile(r"Building \d+-D device mesh with (\[[^\]]*\]), (\[[\d, ]*\])")
_WORDED_MESH = re.compile(r"Building device mesh with parallelism: ((?:\w+=\d+,? ?)+)")
_BATCH = re.compile(
    r"local batch size (?P<local>\d+), global batch size (?P<whole>\d+)"
    r"(?:, gradient accumulation steps (?P<steps>\d+))?, sequence length (?P<length>\d+)"
)


@frozen
class TorchtitanLog:
    """Standard output, in colours or not."""

    name: str = "torchtitan"
    description: str = "a log of torchtitan: tokens a second of a device (tps), the mesh and the batch"

    def recognises(self, text: str) -> bool:
        """Whether a line looks like torchtitan's of a step."""
        return any(_STEP.search(line) for line in lines_of(text))

    def rows(self, path: str, text: str, options: Mapping[str, Any]) -> Iterator[ValidationRow]:
        """One run: the median of its steps."""
        lines = lines_of(text)
        rates = needed(path, numbers(lines, _STEP), "step, loss and tps")
        yield row_of(path, TOKENS, rates, {"framework": "torchtitan", **_facts(lines)}, options)


def _facts(lines: list[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for line in lines:
        if (mesh := _MESH.search(line)) is not None:
            names = re.findall(r"\w+", mesh[1])
            facts |= _sizes(sizes(dict(zip(names, re.findall(r"\d+", mesh[2]), strict=False))))
        elif (mesh := _WORDED_MESH.search(line)) is not None:
            facts |= _sizes(sizes(dict(re.findall(r"(\w+)=(\d+)", mesh[1]))))
        elif (batch := _BATCH.search(line)) is not None:
            said = {"global_batch": batch["whole"], "seq_len": batch["length"], "micro_batch": batch["local"]}
            facts |= sizes(said)
    if facts.get("pp", 1) > 1:  # the local batch is cut into micro-batches of another size
        facts.pop("micro_batch", None)
    return facts


def _sizes(mesh: Mapping[str, int]) -> dict[str, Any]:
    """Data parallel ranks that shard keep their weights in parts; expert parallel ones are among them."""
    shards = prod(size for name, size in mesh.items() if name.startswith("dp_shard"))
    found: dict[str, Any] = {name: mesh.get(name, 1) for name in ("tp", "pp", "cp")}
    dp = shards * mesh.get("dp_replicate", 1)
    found |= {"gpus": dp * prod(found.values()), "dp": dp}
    found["zero"] = 3 if shards > 1 else 0
    found["sequence_parallel"] = found["tp"] > 1
    if mesh.get("dp_replicate", 1) > 1 and shards > 1:
        found["zero_group"] = shards * found["cp"]
    return found
