"""Logs of Megatron-LM, and of what is made of it (`training_log` and `_print_args` of megatron/training)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from llmplan.records import ValidationRow
from llmplan_calibration.formats.steps import SECONDS, lines_of, needed, number, row_of, size, sizes

_STEP = re.compile(r"elapsed time per iteration \(ms\):\s*([\d.]+)")
_BATCH = re.compile(r"global batch size:\s*(\d+)")
_ARGUMENT = re.compile(r"^(?:\S*:)?\s*(\w+) \.{3,} (\S+)\s*$")
_SIZES = {
    "tensor_model_parallel_size": "tp",
    "pipeline_model_parallel_size": "pp",
    "context_parallel_size": "cp",
    "expert_model_parallel_size": "ep",
    "micro_batch_size": "micro_batch",
    "seq_length": "seq_len",
    "world_size": "gpus",
}
_RECOMPUTE = {"full": "full", "selective": "attention-compute", "None": "none"}


@frozen
class MegatronLog:
    """Standard output of rank 0, or of the last one."""

    name: str = "megatron"
    description: str = "a log of Megatron-LM or megatron-core: elapsed time per iteration, and the arguments"

    def recognises(self, text: str) -> bool:
        """Whether a line looks like Megatron-LM's of an iteration."""
        return _STEP.search(text) is not None

    def rows(self, path: str, text: str, options: Mapping[str, Any]) -> Iterator[ValidationRow]:
        """One run: the median of its steps of the batch that most of them have, as batches may ramp up."""
        lines = lines_of(text)
        steps = [
            (milliseconds, batch and size(batch[1]))
            for line in lines
            if (step := _STEP.search(line)) and (milliseconds := number(step[1])) is not None
            for batch in [_BATCH.search(line)]
        ]
        needed(path, [milliseconds for milliseconds, _ in steps], "elapsed time per iteration (ms)")
        usual = Counter(batch for _, batch in steps).most_common(1)[0][0]
        seconds = [milliseconds / 1e3 for milliseconds, batch in steps if batch == usual]
        facts = {"framework": "megatron-core", **_facts(lines)}
        if usual:
            facts["global_batch"] = usual
        yield row_of(path, SECONDS, seconds, facts, options)


def _facts(lines: list[str]) -> dict[str, Any]:
    """What the printed arguments say."""
    said = {found[1]: found[2] for line in lines if (found := _ARGUMENT.match(line))}
    facts: dict[str, Any] = dict(sizes({option: said[name] for name, option in _SIZES.items() if name in said}))
    flags = {name: value == "True" for name, value in said.items() if value in ("True", "False")}
    if "sequence_parallel" in flags:
        facts["sequence_parallel"] = flags["sequence_parallel"]
    if "use_distributed_optimizer" in flags:
        facts["zero"] = int(flags["use_distributed_optimizer"])
    if (mode := said.get("recompute_granularity", "")) in _RECOMPUTE:
        facts["recompute"] = _RECOMPUTE[mode]
    chunks = size(said.get("virtual_pipeline_model_parallel_size", ""))
    if chunks is not None and facts.get("pp", 1) > 1:
        facts["vpp"] = chunks
    return facts
