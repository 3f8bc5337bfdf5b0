"""Constants of inference engines, from all published rows of each together.

They are moved as `descent` says, against the mean absolute error of the rows, those of open conditions counting half
and sanity bounds a fifth. What comes out is rounded and written into engines/*.toml by hand:
``python plugins/parallelism_megatron/calibration/engines.py`` prints it, and with ``--left-out`` writes how far off an
accelerator or a source is whose rows were left out. No engine is here whose rows come from one set-up alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

from attrs import evolve

if not __package__:  # run by its path: the folder stands in sys.path, not the one that it lies in
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from calibration.descent import descend
from llmplan import infer, registry
from llmplan.records import ValidationRow
from llmplan_parallelism_megatron.ranges.csv_files import in_csv
from llmplan_validation import validate
from llmplan_validation.score import group_of

RATES, GAPS = ("gemm_rate", "launch_share"), ("launch_seconds_per_layer", "host_seconds_per_step")
STAGES: Mapping[str, Sequence[str]] = {
    "vllm": (*RATES, "host_seconds_per_step", "rank_wait_seconds"),
    "tensorrt-llm": (*RATES, *GAPS, "host_seconds_per_sequence", "rank_wait_seconds"),
    "tensorrt-llm-0.9": (*RATES, *GAPS, "cycle_elements", "rank_wait_seconds"),
    "tensorrt-llm-0.5": (*RATES, *GAPS, "cycle_elements", "rank_wait_seconds"),
    "faster-transformer": (*RATES, "launch_seconds_per_layer", "elementwise_traffic", "rank_wait_seconds"),
    "text-generation-inference": (
        *("gemm_rate", "launch_seconds_per_layer", "elementwise_traffic"),
        "cache_token_cycles",
    ),
    "lmdeploy": (*RATES, "launch_seconds_per_layer"),
    "gpt-fast": ("memory_rate", "launch_share"),
    "llama.cpp": ("gemm_rate", "memory_rate", "launch_share"),
}
"""Constants of an engine that its rows say something of."""
LIMITS = {
    "gemm_rate": (0.4, 1.0),
    "memory_rate": (0.4, 1.0),
    "launch_share": (0.2, 2.0),
    "elementwise_traffic": (1.0, 4.0),
    "rereading": (0.05, 1.0),
}
WEIGHTS = {"A": 1.0, "": 1.0, "B": 0.5, "C": 0.2}
"""Of a row, by its grade."""
LEFT_OUT = "--left-out"
FILE = Path(__file__).with_name("engines_left_out.csv")
COLUMNS = ("engine", "left_out", "value", "rows", "fitted", "refitted")


def error(rows: Sequence[ValidationRow], values: Mapping[str, float]) -> float:
    """Mean absolute error of the rows with other constants, by weight."""
    weighed = weight = 0.0
    for row in rows:
        engine = evolve(row.options["engine"], **values)
        predicted = row.predict(infer(**{**row.options, "engine": engine}))
        weighed += WEIGHTS[row.grade] * abs(predicted / row.measured - 1.0)
        weight += WEIGHTS[row.grade]
    return weighed / weight


def refitted(name: str, names: Sequence[str], rows: Sequence[ValidationRow]) -> dict[str, float]:
    """The constants of an engine as these rows alone would have them."""
    engine = registry().engines[name]
    start = {constant: float(getattr(engine, constant)) for constant in names}
    return descend(start, lambda constant: LIMITS.get(constant, (0.0, float("inf"))), partial(error, rows))


def calibrate(name: str, names: Sequence[str], rows: Sequence[ValidationRow]) -> None:
    """Print what would change of an engine."""
    engine, found = registry().engines[name], refitted(name, names, rows)
    start = {constant: float(getattr(engine, constant)) for constant in names}
    changed = [abs(row.predict(infer(**row.options)) / row.measured - 1.0) for row in rows]
    print(f"{name}, {len(rows)} rows: mean {fmean(changed):.2%}, by weight {error(rows, start):.2%} -> ", end="")
    print(f"{error(rows, found):.2%}")
    for constant, value in found.items():
        print(f"  {constant}: {start[constant]:.3g} -> {value:.3g}")


def left_out(name: str, names: Sequence[str], rows: Sequence[ValidationRow]) -> Iterator[dict[str, str]]:
    """Each accelerator and each source in turn, priced with what the engine's other rows make of its constants."""
    for what, word in (("accelerator", _accelerator), ("source", lambda row: row.source)):
        values = dict.fromkeys(map(word, rows))
        for value in values if len(values) > 1 else ():
            own = [row for row in rows if word(row) == value]
            others = [row for row in rows if word(row) != value]
            before, after = error(own, {}), error(own, refitted(name, names, others))
            yield dict(zip(COLUMNS, (name, what, value, f"{len(own)}", f"{before:.4f}", f"{after:.4f}"), strict=True))


def _accelerator(row: ValidationRow) -> str:
    gpu: str = row.options["gpu"].name
    return gpu


def main() -> None:
    """Of the engines named, or of all; `--left-out` writes engines_left_out.csv anew."""
    asked = [word for word in sys.argv[1:] if word != LEFT_OUT]
    checked = [one.row for one in validate(registry().validation_sets["inference"]).checked]
    table: list[dict[str, str]] = []
    for name, constants in STAGES.items():
        engine = registry().engines[name]
        own = [row for row in checked if row.options.get("engine") is engine and group_of(row.metric) == "time"]
        if LEFT_OUT in sys.argv:
            table += left_out(name, constants, [row for row in own if row.counts])
        elif name in asked or not asked:
            calibrate(name, constants, own)
    if table:
        FILE.write_text(in_csv(COLUMNS, table), encoding="utf-8")


if __name__ == "__main__":
    main()
