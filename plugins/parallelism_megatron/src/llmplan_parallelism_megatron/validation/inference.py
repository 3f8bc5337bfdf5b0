"""Measured inference, one row a figure, each with its source, grade and what that leaves open."""

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
UNFITTED_INFERENCE = ValidationSet(
    name="inference-unfitted",
    description="further measured inference, to which no constant of a cost model was fitted",
    table=Path(__file__).with_name("inference_unfitted.csv"),
    command="infer",
    source="6 publications, cited row by row in inference_unfitted.csv",
)
