"""Logs of NeMo: lines of version 2, ``train_step_timing in s: 7.1``, and progress bars of Lightning, ``...=7.1``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from llmplan.records import ValidationRow
from llmplan_calibration.formats.steps import SECONDS, lines_of, needed, numbers, row_of

_STEP = re.compile(r"train_step_timing in s[:=]\s*([\d.]+)")
_BATCH = re.compile(r"global_batch_size[:=]\s*([\d.]+)")


@frozen
class NemoLog:
    """What NeMo prints while it trains, with or without its progress bar."""

    name: str = "nemo"
    description: str = "a log of NeMo: train_step_timing in s"

    def recognises(self, text: str) -> bool:
        """Whether a line looks like NeMo's of a step."""
        return _STEP.search(text) is not None

    def rows(self, path: str, text: str, options: Mapping[str, Any]) -> Iterator[ValidationRow]:
        """One run: the median of its steps."""
        lines = lines_of(text)
        seconds = needed(path, numbers(lines, _STEP), "train_step_timing in s")
        batches = numbers(lines, _BATCH)
        facts = {"framework": "megatron-core", **({"global_batch": int(batches[-1])} if batches[-1:] > [0.0] else {})}
        yield row_of(path, SECONDS, seconds, facts, options)
