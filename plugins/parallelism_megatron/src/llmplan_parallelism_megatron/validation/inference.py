"""Measured inference: inference.csv, one row a figure, each with its source, grade and what that leaves open."""

from __future__ import annotations

from pathlib import Path

from llmplan.records import ValidationSet

INFERENCE = ValidationSet(
    name="inference",
    description="measured inference engines: latency, throughput and memory",
    table=Path(__file__).with_name("inference.csv"),
    command="infer",
    source="11 publications, cited row by row in inference.csv",
)
