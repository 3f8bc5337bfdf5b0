"""Measured training runs, one row a figure, each with its source and what that leaves open."""

from __future__ import annotations

from pathlib import Path

from llmplan.records import ValidationSet

TRAINING = ValidationSet(
    name="training",
    description="measured training runs: time, throughput and memory",
    table=Path(__file__).with_name("training.csv"),
    source="20 publications, cited row by row in training.csv",
)
UNFITTED_TRAINING = ValidationSet(
    name="training-unfitted",
    description="further measured training runs; profiles of fine-tuning were chosen with their rows in sight",
    table=Path(__file__).with_name("training_unfitted.csv"),
    source="10 publications, cited row by row in training_unfitted.csv",
)
