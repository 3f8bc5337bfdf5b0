"""Measured training runs: training.csv, one row a figure, each with its source and what that leaves open."""

from __future__ import annotations

from pathlib import Path

from llmplan.records import ValidationSet

TRAINING = ValidationSet(
    name="training",
    description="measured training runs: time, throughput and memory",
    table=Path(__file__).with_name("training.csv"),
    source="20 publications, cited row by row in training.csv",
)
