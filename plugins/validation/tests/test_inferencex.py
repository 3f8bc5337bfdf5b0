"""Points of an InferenceX dump: which are taken, and as what. All figures are made up."""

import json
from math import ceil

import pytest

from llmplan import infer, registry
from llmplan.errors import BadInputError
from llmplan_validation import validate
from llmplan_validation.inferencex import points_of, read, row_of

POINT = {
    "hw": "h200-cw_0",
    "tp": 4,
    "ep": 1,
    "conc": 16,
    "model": "nvidia/Llama-3.3-70B-Instruct-FP8",
    "framework": "trt",
    "precision": "fp8",
    "isl": 1024,
    "osl": 512,
    "mean_tpot": 0.01,
    "mean_ttft_ms": 150,
    "spec_decoding": "none",
    "dp_attention": "false",
    "is_multinode": False,
}


def written(path, contents):
    """A file of a dump."""
    path.write_text(contents if isinstance(contents, str) else json.dumps(contents), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "contents",
    [[POINT, POINT], {"runs": [POINT], "more": {"of it": [POINT]}}, f"{json.dumps(POINT)}\n\n{json.dumps(POINT)}\n"],
    ids=["list", "by name", "lines"],
)
def test_points_are_found_in_every_form_of_a_dump(tmp_path, contents):
    """If it fails, a dump that somebody has is read as if it held nothing, or one point."""
    assert points_of(written(tmp_path / "dump.json", contents)) == [POINT, POINT]


@pytest.mark.parametrize(
    "other",
    [{"is_multinode": True}, {"disagg": "true"}, {"dp_attention": "true"}, {"spec_decoding": "mtp"}, {"mtp": "on"}],
    ids=lambda other: next(iter(other)),
)
def test_what_is_not_one_replica_without_speculation_is_left_out(tmp_path, other):
    """If it fails, a server is held against another one's figures."""
    rows = dict(read(written(tmp_path / "dump.json", [{**POINT, **other}, POINT])))
    assert list(rows) == ["point 2 tpot", "point 2 ttft"]
    assert rows["point 2 tpot"]().note.startswith("1 of 2 points")


def test_a_point_is_the_server_that_it_measured():
    """If it fails, seconds are taken for milliseconds, or another load, layout or model is priced."""
    tpot, ttft = (row_of(POINT, 1, figure) for figure in ("tpot", "ttft"))
    assert (tpot.measured, ttft.measured) == (10.0, 150.0)
    options = {name: getattr(value, "name", value) for name, value in tpot.options.items()}
    assert options == {
        "model": "llama-3.3-70b",
        "gpu": "h200-sxm-141gb",
        "dtype": "fp8-inference",
        "engine": "tensorrt-llm",
        "tp": 4,
        "pp": 1,
        "dp": 1,
        "ep": 1,
        "prompt_tokens": 922,
        "output_tokens": 461,
        "prompt_lengths": "uniform:0.0642",
        "output_lengths": "uniform:0.0642",
        "concurrency": 16,
        "requests": 0,
    }


def test_lengths_are_those_of_the_client():
    """If it fails, prompts are as long as the longest, or vary where a run says that they do not."""
    even = row_of({**POINT, "random_range_ratio": 1.0}, 1, "tpot").options
    assert (even["prompt_tokens"], even["output_tokens"], even["prompt_lengths"]) == (1024, 512, "fixed")
    with pytest.raises(BadInputError, match="random_range_ratio: 0"):
        row_of({**POINT, "random_range_ratio": 0}, 1, "tpot")


def test_a_tenth_of_first_tokens_waits_for_all_users_at_once():
    """If it fails, a server at its ease is held against a run that begins with a burst."""
    row = row_of({**POINT, "conc": 32}, 1, "ttft")
    estimate = infer(**row.options)
    steady, read = estimate.closed_form.first_token_seconds, estimate.decode
    passes = ceil(32 * 922 / estimate.server.step_tokens)
    burst = float(read.first_token) * 32 / read.plan.batch * (passes + 1) / (2 * passes)
    assert passes == 4
    assert burst > 3 * steady
    assert row.predict(estimate) == pytest.approx(1e3 * (0.9 * steady + 0.1 * burst))


@pytest.mark.parametrize(
    ("model", "hw", "dtype"),
    [
        ("openai/gpt-oss-120b", "h100", "mxfp4-experts"),
        ("openai/gpt-oss-120b", "b200-trt", "mxfp4-experts-mxfp8"),
        ("nvidia/DeepSeek-R1-0528-FP4", "b200", "nvfp4"),
    ],
)
def test_four_bits_are_what_the_model_and_the_accelerator_make_of_them(model, hw, dtype):
    """If it fails, experts in MXFP4 are priced as NVFP4 everywhere, or in formats that a GPU does not have."""
    row = row_of({**POINT, "model": model, "hw": hw, "precision": "fp4"}, 1, "tpot")
    assert row.options["dtype"].name == dtype


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hw": "abacus"}, "accelerator: 'abacus'"),
        ({"model": "nobody/knows"}, "model: 'nobody/knows'"),
        ({"conc": 0}, "conc: 0"),
        ({"isl": "long"}, "isl: 'long'"),
        ({"tp": 2.5}, "tp: 2.5"),
        ({"framework": None}, "framework: None"),
        ({"mean_tpot": -1}, "mean_tpot"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_word_that_nobody_knows_is_named(wrong, said):
    """If it fails, a point that cannot be read ends the whole comparison, or is compared as something else."""
    with pytest.raises(BadInputError, match=said):
        row_of({**POINT, **wrong}, 1, "tpot")


@pytest.mark.parametrize("contents", ["", "[]", "{}", "[1, 2]", "no json"], ids=repr)
def test_a_file_without_points_is_refused(tmp_path, contents):
    """If it fails, an empty comparison looks like a good one."""
    with pytest.raises(BadInputError, match=r"dump\.json"):
        points_of(written(tmp_path / "dump.json", contents))


def test_a_dump_is_priced_row_by_row(tmp_path):
    """If it fails, what the command prints of a dump is not its points by model and GPU, TPOT and TTFT apart."""
    dump = written(tmp_path / "dump.json", [POINT, {**POINT, "model": "nobody/knows"}])
    result = validate(registry().validation_sets["inferencex"], dump)
    assert {checked.row.source for checked in result.checked} == {
        "llama-3.3-70b, h200-sxm-141gb: TPOT",
        "llama-3.3-70b, h200-sxm-141gb: TTFT",
    }
    assert [row_id for row_id, _ in result.skipped] == ["point 2 tpot", "point 2 ttft"]
    assert all(0.2 < checked.predicted / checked.row.measured < 5 for checked in result.checked)
