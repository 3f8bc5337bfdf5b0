"""How long llmplan takes to start and to price one plan: ``python -m tests.benchmarks.startup``.

Commands are run in turns, so that a busy machine slows all of them alike, and compared as ratios of medians.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from llmplan import registry, train

ROUNDS = 15
ESTIMATES = 2_000

ONE_COMMAND_APP = """
import typer

app = typer.Typer()


@app.command()
def main(name: str = "world") -> None:
    print(name)


app()
"""


def startup_seconds(commands: Sequence[Sequence[str]]) -> list[float]:
    """Median wall time of each command."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(ROUNDS):
        for command, taken in zip(commands, times, strict=True):
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            taken.append(time.perf_counter() - begin)
    return [median(taken) for taken in times]


def microseconds(action: Callable[[], object]) -> float:
    """Best of five, since noise only adds."""
    action()
    runs = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(ESTIMATES):
            action()
        runs.append((time.perf_counter() - begin) / ESTIMATES * 1e6)
    return min(runs)


def main() -> None:
    """Print the figures."""
    python = [sys.executable]
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app.py"
        app.write_text(ONE_COMMAND_APP, encoding="utf-8")
        llmplan = [
            str(Path(sys.executable).with_name("llmplan")),
            "train",
            "--model",
            "llama-65b",
            "--gpu",
            "h100-sxm-80gb",
        ]
        bare, one_command, as_json, as_table = startup_seconds(
            ([*python, "-c", "pass"], [*python, str(app)], [*llmplan, "--json"], llmplan)
        )
    print(f"python -c pass         {bare * 1e3:6.0f} ms")
    print(f"one-command Typer app  {one_command * 1e3:6.0f} ms")
    print(f"llmplan train --json   {as_json * 1e3:6.0f} ms  {as_json / one_command:.2f} times the Typer app")
    print(f"llmplan train          {as_table * 1e3:6.0f} ms  {as_table / one_command:.2f} times the Typer app")

    options = {
        "model": registry().models["llama-65b"],
        "gpu": registry().gpus["a100-sxm-80gb"],
        "dtype": registry().dtypes["w16a16e16"],
        "cost_model": registry().cost_models["roofline"],
        "gpus": 2048,
        "tp": 8,
        "pp": 8,
        "sequence_parallel": True,
        "recompute": "attention-compute",
        "global_batch": 2048,
        "tokens": 1.4e12,
        "flops_efficiency": 0.5,
    }
    plan = train(**options).plan
    roofline = registry().cost_models["roofline"]
    print(f"one estimate, options to GPU-hours  {microseconds(lambda: train(**options).gpu_hours):6.0f} µs")
    print(f"one estimate, plan to GPU-hours     {microseconds(lambda: roofline.train(plan).gpu_hours):6.0f} µs")


if __name__ == "__main__":
    main()
