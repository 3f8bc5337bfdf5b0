"""One decider: left open, with any of it pinned, or searched for, it is the same plan."""

from __future__ import annotations

import json
import random
import re
from functools import cache

import pytest

from llmplan import train
from llmplan.errors import BadInputError
from llmplan.request import TrainRequest, given_options, option_name
from llmplan.request.plan_file import read_plan
from llmplan.search import TrainingSpace, search
from llmplan.search.choose import given_values
from llmplan.space.dimensions import BY_NAME, DIMENSIONS, described, is_idle, row_of
from llmplan_report.advice.would_fit import OPEN, would_fit
from llmplan_report.terminal.otherwise import otherwise
from llmplan_report.terminal.report import report

HEADROOM = 0.05
DENSE, SPARSE, TUNED = "dense", "sparse", "tuned"
MODELS = {
    DENSE: ("gpt2", "qwen2-0.5b", "llama-3.2-1b", "olmo-2-1b"),
    SPARSE: ("deepseek-v2-lite", "qwen3-30b-a3b"),
    TUNED: ("llama-3.2-3b", "llama-3.1-8b", "qwen2-7b"),
}
ROUNDS, OF_A_ROUND = 21, 10
"""210 requests in all, a kind in turn."""
GIVEN = {
    "tp": (1, 2), "pp": (1, 2), "cp": (1, 2), "zero": (0, 1, 2, 3), "recompute": ("none", "attention", "full"),
    "sequence_parallel": (True, False), "schedule": ("1f1b", "zero-bubble"), "offload": ("none", "optimizer"),
    "micro_batch": (1, 2), "vpp": (1, 2),
}  # fmt: skip
"""What a request may give, beside its records, GPUs and batch."""
BEYOND = ("offload", "vpp")
"""Of these a request may give what is not tried unasked: what the framework has not, uneven chunks of layers."""


def request_of(rng, kind):
    """Options in the words of the command line."""
    options = {
        "model": rng.choice(MODELS[kind]),
        "gpu": rng.choice(("a100-sxm-80gb", "h100-sxm-80gb", "rtx-4090", "l40s")),
        "gpus": rng.choice((1, 2, 4, 4, 8)),
        "seq_len": rng.choice((512, 1024)),
        "global_batch": rng.choice((4, 8, 16)),
        "tokens": "1G" if kind == TUNED else "20G",
        "dtype": "bf16",
        "framework": rng.choice(("megatron-core", "fsdp", "megatron-lm-2022", "torchtitan")),
    }
    if kind == TUNED:
        options["tuning"] = rng.choice(("lora", "qlora"))
    options["confidence"] = rng.choice((0.5, 0.8, 0.9, 0.9, 0.9))
    given = rng.sample(sorted(GIVEN), rng.randint(0, 4))
    return {**options, **{name: rng.choice(GIVEN[name]) for name in given}}


def sure(estimate, figure):
    """The upper end of its range."""
    spread = estimate.memory_spread if figure == "memory_bytes_per_gpu" else estimate.time_spread
    return getattr(estimate, figure) * spread.upper(estimate.plan.confidence)


def rank(estimate):
    """What plans are ranked by: those that fit by time, those that do not by memory."""
    memory, capacity = estimate.memory_bytes_per_gpu, estimate.memory_capacity_bytes
    fits = memory <= (1 - HEADROOM) * capacity and sure(estimate, "memory_bytes_per_gpu") <= capacity
    return (0, sure(estimate, "training_seconds")) if fits else (1, sure(estimate, "memory_bytes_per_gpu"))


def chosen(estimate):
    """The plan and all of its figures."""
    lines = {str(line): value for line, value in estimate.time_breakdown.items()}
    return described(estimate.plan), lines, estimate.memory_bytes_per_gpu, estimate.training_seconds


def pins(estimate):
    """Every dimension that changes anything, as an option would give it."""
    row, plan = row_of(estimate.plan), described(estimate.plan)
    values = {one.name: plan[option_name(one.name)] for one in DIMENSIONS if not is_idle(one, row)}
    return {name: value for name, value in values.items() if value is not None}


def asked(rng, options, tmp_path):
    """The same in one of three ways: in Python, in a plan file, as a request."""
    way = rng.randrange(3)
    if way == 0:
        return train(**options)
    if way == 1:
        return train(TrainRequest(**options))
    path = tmp_path / "plan.toml"
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items()))
    return train(**read_plan(str(path), TrainRequest))


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_plan_is_the_same_however_it_is_asked_for(number, tmp_path, monkeypatch):
    """If it fails, pinning what was chosen prices another plan, a search finds another, or more freedom is worse.

    All 210 requests are tried every day.
    """
    monkeypatch.setattr("llmplan.search.training.verdict", lambda _dead: None)  # what else would do is not asked here
    rng, kind = random.Random(number), (DENSE, SPARSE, TUNED)[number % 3]
    priced = 0
    while priced < OF_A_ROUND:
        options = request_of(rng, kind)
        try:
            free = train(**options)
        except BadInputError:
            continue
        priced += 1
        held = pins(free)
        share = rng.choice((0.3, 0.6, 1.0))
        some = {name: value for name, value in held.items() if rng.random() < share}
        assert chosen(asked(rng, {**options, **some}, tmp_path)) == chosen(free), (options, some)
        fewer = {
            name: value for name, value in options.items() if name not in GIVEN or name in BEYOND or rng.random() < 0.5
        }
        assert fewer == options or rank(train(**fewer)) <= rank(free), (options, fewer)
        found = search(TrainingSpace(**options), top=1)
        assert found.feasible == (rank(free)[0] == 0), options
        if found.feasible:
            assert chosen(found.best[0]) == chosen(free), options


CASES = {
    "mixtral-8x22b on 64": {"model": "mixtral-8x22b", "gpu": "h100-sxm-80gb", "gpus": 64},
    "mixtral-8x7b on 64": {"model": "mixtral-8x7b", "gpu": "h100-sxm-80gb", "gpus": 64},
    "llama-65b on 2,048 A100": {"model": "llama-65b", "gpu": "a100-sxm-80gb", "gpus": 2048},
    "llama-3-70b on 512": {"model": "llama-3-70b", "gpu": "h100-sxm-80gb", "gpus": 512},
    "mixtral-8x22b on 512": {"model": "mixtral-8x22b", "gpu": "h100-sxm-80gb", "gpus": 512},
    "llama-3.1-70b on 1,024": {"model": "llama-3.1-70b", "gpu": "h100-sxm-80gb", "gpus": 1024},
    "llama-3.1-8b on 64": {"model": "llama-3.1-8b", "gpu": "h100-sxm-80gb", "gpus": 64},
    "qwen3-32b on 256, tp 2": {"model": "qwen3-32b", "gpu": "h100-sxm-80gb", "gpus": 256, "tp": 2},
    "gpt3-175b on 512": {"model": "gpt3-175b", "gpu": "h100-sxm-80gb", "gpus": 512},
}
"""The requests of which `train` once answered another way when its own sizes were pinned."""


@cache
def open_plan(name):
    return train(**CASES[name])


ALL_BUT_MICRO_BATCH = tuple(name for name in BY_NAME if name != "micro_batch")


@pytest.mark.parametrize("sizes", [("tp", "cp", "pp", "dp"), ("tp", "pp"), tuple(BY_NAME), ALL_BUT_MICRO_BATCH])
@pytest.mark.parametrize("name", CASES)
def test_what_was_chosen_may_be_pinned(name, sizes):
    """If it fails, "52.7 s, fits" becomes "does not fit, 375 %" for whoever writes down what was proposed."""
    free = open_plan(name)
    held = {size: value for size, value in pins(free).items() if size in sizes}
    assert chosen(train(**{**CASES[name], **held})) == chosen(free)


TOO_MUCH = {
    "some sizes": {
        "model": "llama-3.1-8b", "gpu": "a100-sxm-80gb", "gpus": 8, "tp": 1, "pp": 1, "zero": 0, "offload": "none",
    },
    "all sizes": {"model": "llama-65b", "gpu": "a100-sxm-80gb", "gpus": 8, "tp": 2, "pp": 2, "offload": "none"},
    "a long sequence": {
        "model": "llama-3.1-8b", "gpu": "rtx-4090", "gpus": 1, "seq_len": 65_536, "tuning": "qlora", "offload": "none",
    },
}  # fmt: skip


@pytest.mark.parametrize("options", TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_said_to_fit_fits(options):
    """If it fails, the way out of a plan that does not fit is another that does not."""
    estimate = train(**options)
    assert not estimate.feasible
    changes = would_fit(TrainRequest(**options), estimate)
    assert changes
    for change in changes:
        if change.option == OPEN:
            sizes = {name: value for name, value in options.items() if name not in BY_NAME or name == "gpus"}
            assert train(**sizes).feasible
        else:
            assert train(**{**options, change.option.replace("-", "_"): change.value}).feasible


def test_a_longer_sequence_is_never_faster():
    """If it fails, twice the tokens of a sequence open a space that half of them could have had."""
    options = {
        "model": "qwen3-32b", "gpu": "rtx-4090", "gpus": 2, "tokens": "200M", "global_batch": 16, "tuning": "qlora",
    }  # fmt: skip
    times = [sure(train(**options, seq_len=seq_len), "training_seconds") for seq_len in (2048, 4096, 8192, 16384)]
    assert times == sorted(times)


def test_a_deadline_holds_with_the_confidence():
    """If it fails, --finish-within recommends a plan that may as well be late."""
    space = TrainingSpace(model="llama-7b", gpu="h100-sxm-80gb", gpus=64, tokens="1T")
    best = search(space, top=1).best[0]
    between = (best.training_seconds + sure(best, "training_seconds")) / 2
    late = search(space, finish_within=between)
    assert not late.feasible
    assert late.verdict.constraint == "finish-within"
    even = TrainingSpace(model="llama-7b", gpu="h100-sxm-80gb", gpus=64, tokens="1T", confidence=0.5)
    assert search(even, finish_within=between, top=1).feasible


@pytest.mark.parametrize("framework", ["megatron-lm-2022", "llm-c", "torchtitan"])
def test_what_a_framework_has_not_is_not_chosen_unasked(framework):
    """If it fails, a plan is proposed that the program cannot run."""
    options = {"model": "llama-3.2-3b", "gpu": "rtx-4090", "gpus": 2, "framework": framework, "global_batch": 8}
    plan = train(**options).plan
    assert not plan.offload_activations
    assert not plan.offload_optimizer or {"optimizer", "parameters"}.intersection(plan.framework.offloads)
    assert not plan.offload_parameters or "parameters" in plan.framework.offloads
    asked_for = train(**options, offload="activations")
    assert asked_for.plan.offload_activations
    assert asked_for.host_bytes_per_gpu > 0
    assert any("of memory for each GPU, which nobody stated" in said for said in asked_for.warnings)
    assert train(**options, offload="none").host_bytes_per_gpu is None


def test_what_waits_in_host_memory_has_room_there(tmp_path):
    """If it fails, a plan is proposed whose host, of which everything is known, runs out of memory."""
    options = {"model": "llama-65b", "gpu": "h100-sxm-80gb", "gpus": 8, "tp": 8}
    path = tmp_path / "hall.toml"
    found = {}
    for gib in (512, 2048):
        path.write_text(f"host_memory_gib = {gib}\n[[levels]]\nsize = 8\n")
        found[gib] = train(**options, cluster=str(path))
        for offload in ("optimizer", "all"):
            if gib == 512:
                with pytest.raises(BadInputError, match=f"offload: {offload} needs .* of host memory for each GPU"):
                    train(**options, cluster=str(path), offload=offload)
    assert found[512].host_bytes_per_gpu is None
    assert not found[512].feasible
    assert found[2048].feasible
    assert 0 < found[2048].host_bytes_per_gpu <= 2048 / 8 * 2**30
    assert not any("nobody stated" in said for said in found[2048].warnings)


def test_what_the_estimates_alone_would_choose_is_said():
    """If it fails, nobody sees what a plan that nobody has run might gain."""
    sure_of, alone = (open_plan("llama-65b on 2,048 A100"), train(**CASES["llama-65b on 2,048 A100"], confidence=0.5))
    assert alone.training_seconds < sure_of.training_seconds
    assert rank(sure_of)[1] < alone.training_seconds * alone.time_spread.high
    assert alone.training_seconds <= sure_of.by_estimate.training_seconds < sure_of.training_seconds
    row = otherwise(sure_of, sure_of.by_estimate)["otherwise"]
    assert re.fullmatch(r"the point estimate alone would choose .+: [\d.]+ days \(-\d+% to \+\d+%\)", row)
    assert row in " ".join(report(sure_of, width=100).split())
    assert alone.by_estimate is None
    assert otherwise(alone, alone) == {}


def test_options_are_those_of_the_dimensions():
    """If it fails, a dimension has no option to pin it by, or an option of a layout is no dimension."""
    named = set(given_options(TrainRequest(**{one.name: _word(one) for one in DIMENSIONS})))
    assert named == set(BY_NAME)
    assert len(given_values(TrainRequest())) == len(DIMENSIONS)


def _word(one):
    """A value as an option takes it."""
    return 1 if one.plainest is None else one.word(one.plainest)
