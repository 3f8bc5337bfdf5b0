"""How long llmplan takes to start and to price one plan: ``python -m tests.benchmarks.startup``.

Commands are run in turns, so that a busy machine slows all of them alike, and compared as ratios of medians.
"""

from __future__ import annotations

import os
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


MODEL_AND_GPU = "train --model llama-65b --gpu h100-sxm-80gb"
PINNED = (
    f"{MODEL_AND_GPU} --dtype w16a16e16 --gpus 512 --tp 2 --pp 4 --cp 1 --dp 64 --ep 1 --vpp 1 --zero 1 "
    "--schedule 1f1b --micro-batch 1 --global-batch 2048 --seq-len 2048 --tokens 1.4e12 --recompute none "
    "--offload none --sequence-parallel"
)
"""Every dimension given: nothing is searched for, and numpy not needed."""


def startup_seconds(commands: Sequence[Sequence[str]], folder: Path) -> list[float]:
    """Median wall time of each command, with bytecode cached as that of an installed package is."""
    times: list[list[float]] = [[] for _ in commands]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder)
    for number in range(ROUNDS + 1):
        for command, taken in zip(commands, times, strict=True):
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
            if number:  # the first round writes the caches
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
        llmplan = str(Path(sys.executable).with_name("llmplan"))
        commands = {
            "python -c pass": [*python, "-c", "pass"],
            "one-command Typer app": [*python, str(app)],
            "llmplan train, all sizes given, --json": [llmplan, *PINNED.split(), "--json"],
            "llmplan train, all sizes given": [llmplan, *PINNED.split()],
            "llmplan train --json": [llmplan, *MODEL_AND_GPU.split(), "--json"],
            "llmplan train": [llmplan, *MODEL_AND_GPU.split()],
        }
        taken = dict(zip(commands, startup_seconds(list(commands.values()), Path(folder)), strict=True))
    for words, seconds in taken.items():
        ratio = seconds / taken["one-command Typer app"]
        print(f"{words:40} {seconds * 1e3:6.0f} ms  {ratio:.2f} times the Typer app")

    options = {
        "model": registry().models["llama-65b"],
        "gpu": registry().gpus["a100-sxm-80gb"],
        "dtype": registry().dtypes["w16a16e16"],
        "cost_model": registry().cost_models["roofline"],
        "gpus": 2048,
        "tp": 8,
        "pp": 8,
        "cp": 1,
        "vpp": 1,
        "zero": 1,
        "micro_batch": 1,
        "schedule": "1f1b",
        "offload": "none",
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
