"""Whether one can count on a plan is one rule: of every command, exit code, JSON and Python."""

from __future__ import annotations

import json

import pytest

from llmplan import compare, infer, train
from llmplan.cli.main import main
from llmplan.search import TrainingSpace, search
from llmplan.space.dimensions import described

DOUBTED = {"model": "qwen3-32b", "gpu": "rtx-4090", "gpus": 2, "tuning": "qlora", "tokens": "200M", "global_batch": 16,
           "seq_len": 8192}  # fmt: skip
"""It fits by the estimate, and not with the range of its kind."""
LATE = {"model": "llama-3.1-8b", "gpu": "l40s", "tp": 1, "pp": 1, "dp": 1}


def argv(command, options):
    return [*command.split(), *(f"--{name.replace('_', '-')}={value}" for name, value in options.items())]


@pytest.mark.parametrize(("confidence", "feasible"), [(0.9, False), (0.5, True)])
def test_what_fits_by_the_estimate_alone_is_feasible_to_no_command(confidence, feasible, tmp_path, capsys):
    """If it fails, one command calls a plan good that another rules out, and a script books GPUs that are too small."""
    options = {**DOUBTED, "confidence": confidence}
    chosen = train(**options)
    layout = chosen.plan.layout
    assert chosen.fits
    assert chosen.feasible is feasible
    given = {**options, "tp": layout.tp, "pp": layout.pp, "cp": layout.cp, "zero": layout.zero, "recompute": "full",
             "micro_batch": chosen.plan.micro_batch, "offload": chosen.plan.offloaded or "none"}  # fmt: skip
    assert train(**given).feasible is feasible
    assert search(TrainingSpace(**options)).feasible is feasible
    assert search(TrainingSpace(**given)).feasible is feasible
    assert compare(train, {"tp": "1,2"}, **{**options, "seq_len": 8192}).feasible is feasible
    assert main([*argv("train", options), "--json"]) == (0 if feasible else 3)
    out = capsys.readouterr().out
    assert json.loads(out)["feasible"] is feasible
    again = tmp_path / "asked.json"
    again.write_text(out)
    assert main(["train", "--plan", str(again), "--export", "axolotl"]) == (0 if feasible else 3)
    assert ("may not fit: up to " in capsys.readouterr().err) is not feasible


def test_headroom_is_the_same_limit_of_a_plan_and_of_a_search():
    """If it fails, the winner of a search is called infeasible by itself, or the other way round."""
    options = {**DOUBTED, "seq_len": 1024}
    share = train(**options).memory_bytes_per_gpu / train(**options).memory_capacity_bytes
    for headroom in (1 - share - 0.01, 1 - share + 0.01):
        found = search(TrainingSpace(**options), "time", memory_headroom=headroom)
        same = train(**options, memory_headroom=headroom)
        assert found.feasible == same.feasible
        if found.feasible:
            assert described(found.best[0].plan) == described(same.plan)


def test_latencies_count_in_a_comparison_as_by_themselves(capsys):
    """If it fails, a table says of a server that it will do, and the server by itself that it will not."""
    late = infer(**LATE, ttft="1ms")
    assert late.fits
    assert not late.feasible
    some = compare(infer, {"batch": "1,2"}, **LATE, ttft="1ms")
    assert not some.feasible
    assert main(argv("infer", {**LATE, "batch": "1,2", "ttft": "1ms"})) == 3
    printed = capsys.readouterr()
    assert "too slow" in printed.out
    assert "none of 2 plans keeps to what was asked for" in printed.err
    assert main(argv("infer", {**LATE, "batch": "1,2", "ttft": "10s"})) == 0
