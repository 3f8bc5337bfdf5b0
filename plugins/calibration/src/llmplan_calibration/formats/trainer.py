"""Logs of Hugging Face's Trainer: the line that it ends with, or train_results.json (`speed_metrics`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.records import ValidationRow
from llmplan_calibration.formats.steps import SECONDS, lines_of, number, row_of, size

_KEYS = ("train_runtime", "train_samples_per_second", "train_steps_per_second")
_STEPS = re.compile(r"\b(\d+)/\1 \[")
"""The bar at its end: ``998/998 [54:04<00:00``."""


@frozen
class TrainerLog:
    """Standard output, or the file of results."""

    name: str = "trainer"
    description: str = (
        "a log, or train_results.json, of Hugging Face's Trainer: train_runtime, steps and samples a second"
    )

    def recognises(self, text: str) -> bool:
        """Whether the last line is the summary that the Trainer prints."""
        return all(_number(text, key) is not None for key in _KEYS)

    def rows(self, path: str, text: str, options: Mapping[str, Any]) -> Iterator[ValidationRow]:
        """One run: its time over its steps, first ones included."""
        whole, samples, steps = (_number(text, key) for key in _KEYS)
        if not whole or not samples or not steps:
            raise BadInputError(f"{path}: holds no {', '.join(_KEYS)} above 0")
        counted = [found for line in lines_of(text) for said in _STEPS.findall(line) if (found := size(said))]
        seconds = 1.0 / steps
        if counted and abs(whole / counted[-1] / seconds - 1.0) < 0.1:  # noqa: PLR2004 - rates are rounded to 3 digits
            seconds = whole / counted[-1]
        facts = {"global_batch": max(1, round(samples * seconds)), "framework": "hugging-face-trainer"}
        yield row_of(path, SECONDS, [seconds], facts, options)


def _number(text: str, key: str) -> float | None:
    """Of the last time that it stands there, quoted or not."""
    found = re.findall(rf"['\"]?{key}['\"]?\s*[:=]\s*['\"]?([\d.]+)", text)
    return number(found[-1]) if found else None
