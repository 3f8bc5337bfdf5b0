"""Laws that hold for every plan, whatever its figures are: what would be wrong whoever computes it."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from attrs import evolve
from hypothesis import assume, given, strategies as st
from law_plans import better, improved, serving, training, tried

from llmplan import compare, infer, train
from llmplan.catalogues import registry
from llmplan.cli.main import main
from llmplan.errors import BadInputError
from llmplan.search import TrainingSpace, search

NEARLY = 1 + 1e-9
"""For the last bits of sums."""


def priced(price, options, **changes):
    """The estimate; plans that are refused are of no interest here."""
    try:
        return price(**{**options, **changes})
    except BadInputError:
        assume(False)


@tried(60)
@given(training(), better())
def test_faster_hardware_is_never_slower_to_train_on(options, what):
    """If it fails, somebody who buys the better accelerator, or link, is told that he loses time."""
    before, after = priced(train, options), priced(train, options, gpu=improved(options["gpu"], *what))
    assert after.iteration_seconds <= before.iteration_seconds * NEARLY


@tried(60)
@given(serving(), better())
def test_faster_hardware_is_never_slower_to_serve_on(options, what):
    """The same of the first token, and of those after it."""
    before, after = priced(infer, options), priced(infer, options, gpu=improved(options["gpu"], *what))
    assert after.prefill_seconds <= before.prefill_seconds * NEARLY
    assert after.decode_seconds_per_token <= before.decode_seconds_per_token * NEARLY


@tried(15)
@given(st.sampled_from((2, 4, 8)), st.sampled_from((16, 64, 512)), st.floats(20e9, 64e9), st.floats(1.0, 10.0))
def test_a_faster_link_of_a_datasheet_is_never_slower(tp, tokens, link, times):
    """If it fails, links of nobody's timings lose time where they stop to go through the host."""
    untimed = evolve(registry().gpus["h100-sxm-80gb"], kernels=None, efficiency=None)
    cards = [evolve(untimed, scale_up_bytes_per_second=rate) for rate in (link, link * times)]
    sizes = {"model": "llama-7b", "tp": tp, "pp": 1, "dp": 1}
    run = {"gpus": tp, "cp": 1, "zero": 0, "offload": "none", "recompute": "none", "micro_batch": 1, "seq_len": tokens}
    before, after = (train(**sizes, **run, gpu=card).iteration_seconds for card in cards)
    assert after <= before * NEARLY
    batch = {"batch": 1, "prompt_tokens": tokens, "output_tokens": 16}
    before, after = (infer(**sizes, **batch, gpu=card) for card in cards)
    assert after.prefill_seconds <= before.prefill_seconds * NEARLY
    assert after.decode_seconds_per_token <= before.decode_seconds_per_token * NEARLY


@tried(25)
@given(training())
def test_lines_add_up_to_what_a_run_takes(options):
    """If it fails, a report has a time, or memory, that stands in no line, or one that is counted twice."""
    estimate = priced(train, options)
    seconds, held = estimate.iteration_seconds, estimate.memory_bytes_per_gpu
    assert sum(estimate.time_breakdown.values()) == pytest.approx(seconds)
    assert sum(estimate.memory_breakdown.values()) == pytest.approx(held)
    assert estimate.gpu_hours == pytest.approx(options["gpus"] * estimate.training_seconds / 3600)
    assert 0 < estimate.mfu <= 1


@tried(25)
@given(training(), st.sampled_from((2, 3, 8)))
def test_more_work_never_takes_less(options, times):
    """If it fails, a plan gets better by being given more to do."""
    once = priced(train, options)
    longer = priced(train, options, gradient_accumulation=options["gradient_accumulation"] * times)
    wider = priced(train, options, micro_batch=options["micro_batch"] * times)
    assert longer.iteration_seconds >= once.iteration_seconds / NEARLY
    assert longer.memory_bytes_per_gpu >= once.memory_bytes_per_gpu / NEARLY
    assert wider.memory_bytes_per_gpu >= once.memory_bytes_per_gpu / NEARLY
    assert wider.iteration_seconds >= once.iteration_seconds / NEARLY
    more = priced(train, options, tokens=options["tokens"] * times)
    assert more.training_seconds == pytest.approx(times * once.training_seconds, rel=1e-3)


@tried(25)
@given(serving(), st.sampled_from((2, 3, 8)))
def test_more_to_serve_never_takes_less(options, times):
    """If it fails, a larger batch, a longer prompt or a longer answer costs less memory or time."""
    once, batch = priced(infer, options), priced(infer, options, batch=options["batch"] * times)
    prompt = priced(infer, options, prompt_tokens=options["prompt_tokens"] + times)
    for more in (batch, prompt):
        assert more.memory_bytes_per_gpu >= once.memory_bytes_per_gpu / NEARLY
        assert more.prefill_seconds >= once.prefill_seconds / NEARLY
        assert more.decode_seconds_per_token >= once.decode_seconds_per_token / NEARLY


@tried(15)
@given(training())
def test_units_change_nothing(options):
    """If it fails, a number means something else where it is written in another unit."""
    words = {"tokens": "1T", "gpus": f"{options['gpus']:_}", "seq_len": str(options["seq_len"]), "micro_batch": "1"}
    plain = priced(train, options, micro_batch=1)
    assert priced(train, options, **words).training_seconds == plain.training_seconds


@tried(5)
@given(training())
def test_a_plan_costs_the_same_however_it_is_asked_for(tmp_path_factory, options):
    """If it fails, the command line, a plan file, Python, a comparison and a search disagree on one plan."""
    estimate = priced(train, options)
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    path.write_text("".join(f"{name} = {_toml(value)}\n" for name, value in options.items()), "utf-8")
    flags = [word for name, value in options.items() for word in _flag(name, value)]
    figures = [printed("train", *flags), printed("train", "--plan", str(path))]
    compared = compare(train, {}, **{**options, "micro_batch": [options["micro_batch"]]}).variants[0].estimate
    space = TrainingSpace(**options)
    found = search(space, memory_headroom=0.0).best if estimate.feasible else []
    for one in (compared, *found):
        assert one.iteration_seconds == pytest.approx(estimate.iteration_seconds, rel=1e-12)
        assert one.memory_bytes_per_gpu == pytest.approx(estimate.memory_bytes_per_gpu, rel=1e-12)
    for document in figures:
        assert document["iteration_seconds"] == pytest.approx(estimate.iteration_seconds, rel=1e-12)
        assert document["memory_bytes_per_gpu"] == pytest.approx(estimate.memory_bytes_per_gpu, rel=1e-12)


def printed(*arguments):
    """The JSON of a command."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert main([*arguments, "--json"]) in (0, 3)
    return json.loads(out.getvalue())


def _toml(value):
    return json.dumps(value) if not isinstance(value, float) else repr(value)


def _flag(name, value):
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return (option,) if value else (f"--no-{option[2:]}",)
    return (option, str(value))
