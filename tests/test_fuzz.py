"""Command lines and files that nobody would write: an exit code, a line or an answer, and never a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import re
import resource
import time

import pytest
from hypothesis import given, strategies as st
from law_plans import tried

from llmplan.cli.main import main
from llmplan.request import InferRequest, SearchRequest, TrainRequest, option_name, options_of

SECONDS, BYTES = 20, 2 << 30
"""Within which every answer comes."""
SMALL = ("--model", "llama-7b", "--gpu", "h100-sxm-80gb")
COMMANDS = (
    (("train", *SMALL), (TrainRequest,)),
    (("infer", *SMALL), (InferRequest,)),
    (("search", "train", *SMALL, "--gpus", "8", "--tp", "1,2", "--zero", "1"), (TrainRequest, SearchRequest)),
)
OTHERS = (("list",), ("show",), ("plugins",), ("validate",), ("explain",), ("nothing",), ())

WORDS = (
    *(
        "",
        " ",
        "0",
        "1",
        "2",
        "8",
        "16",
        "-1",
        "1e3",
        "1e-300",
        "nan",
        "inf",
        "1T",
        "0.5",
        "50%",
        "8..64",
        "1,2",
        "1,,2",
    ),
    *("2..1", "1..1e18", "true", "none", "auto", "bf16", "fp8", "llama-7b", "mixtral-8x7b", "h100-sxm-80gb", "t4"),
    *("a.toml", "./x.json", "vllm", "megatron-core", "full", "2/s", "30d", "500ms", "cost", "time,cost", "../..", "*"),
    *("\x00", "\x1b[31m", "ü", "=1+1", "--", "-", "@", "9" * 40, "9" * 5000, "x" * 9000, "tp=1,2", "gpus+tp=8+1,16+2"),
)
FLAGS = ("--json", "--sources", "--explain", "--output", "--compare", "--plan", "--export", "--from", "--reporter")


@st.composite
def command_lines(draw):
    """A command with some of its options, well or badly given, in any order."""
    command, requests = draw(st.sampled_from(COMMANDS))
    if draw(st.integers(0, 9)) == 0:
        return [*draw(st.sampled_from(OTHERS)), *draw(st.lists(st.sampled_from((*WORDS, *FLAGS)), max_size=4))]
    names = [f"--{option_name(name)}" for request in requests for name in options_of(request)]
    words = list(command)
    if draw(st.booleans()):
        words += ["--gpus", "8", "--tp", "1", "--pp", "1"] if command[0] == "train" else ["--tp", "1"]
    for _ in range(draw(st.integers(0, 4))):
        words += [draw(st.sampled_from((*names, *FLAGS))), draw(st.sampled_from(WORDS))]
    if draw(st.integers(0, 4)) == 0:
        del words[draw(st.integers(0, len(words) - 1))]
    return words


@tried(20)
@given(command_lines())
def test_any_command_line(tmp_path_factory, words):
    """If it fails, a slip of the pen ends in a traceback, a hang, or an answer that is none."""
    with contextlib.chdir(tmp_path_factory.getbasetemp()) if hasattr(contextlib, "chdir") else contextlib.nullcontext():
        answered(words)


def answered(words):
    """Run a command; it keeps to what every command keeps to."""
    out, err, begin = io.StringIO(), io.StringIO(), time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    said = err.getvalue()
    assert time.process_time() - begin < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 < BYTES
    assert code in (0, 2, 3), said
    assert len(said) < 20_000
    assert "\x1b" not in said
    if code == 2:
        assert said.startswith("llmplan: ")
        assert out.getvalue() == ""
    elif "--json" in words and words[0] in ("train", "infer", "search") and out.getvalue().startswith("{"):
        json.loads(out.getvalue(), parse_constant=_refuse)
    return code


def _refuse(constant):
    raise AssertionError(f"{constant} in JSON")


SOUND = {
    "plan.toml": 'model = "llama-7b"\ngpu = "h100-sxm-80gb"\ngpus = 8\ntp = 1\npp = 1\nzero = 1\nglobal_batch = 64\n',
    "gpu.toml": "h100-sxm-80gb",
    "model.toml": "llama-7b",
    "trace.csv": "arrival,prompt,output\n0,100,10\n0.5,200,20\n1,300,30\n2,100,10\n",
    "config.json": json.dumps(
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": 256,
            "vocab_size": 1000,
            "num_hidden_layers": 4,
            "num_attention_heads": 8,
            "num_key_value_heads": 8,
            "intermediate_size": 512,
            "max_position_embeddings": 2048,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "torch_dtype": "bfloat16",
        }
    ),
}
ASKED = {
    "plan.toml": ("train", "--plan", "plan.toml"),
    "gpu.toml": ("train", "--model", "llama-7b", "--gpu", "gpu.toml", "--gpus", "8", "--tp", "1", "--pp", "1"),
    "model.toml": ("train", "--model", "model.toml", "--gpu", "h100-sxm-80gb", "--gpus", "8", "--tp", "1", "--pp", "1"),
    "trace.csv": ("infer", *SMALL, "--tp", "1", "--dp", "1", "--trace", "trace.csv"),
    "config.json": ("infer", "--model", "./config.json", "--gpu", "h100-sxm-80gb", "--tp", "1", "--dp", "1"),
}
VALUES = (
    "0",
    "-1",
    "1e308",
    "1e-308",
    "nan",
    "inf",
    '""',
    "[]",
    "{}",
    "true",
    "'x'",
    "[[1]]",
    "9" * 30,
    "0.1",
    "1",
    "null",
)


@st.composite
def spoilt(draw):
    """The name of a file, and its text after some accidents."""
    name = draw(st.sampled_from(sorted(SOUND)))
    return name, draw(
        st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10**6), st.sampled_from(VALUES)), max_size=4)
    )


def spoil(text, kind, where, value):
    """One accident: a line lost, doubled or moved, letters lost, a number or any value replaced."""
    lines = text.split("\n")
    at = where % len(lines)
    numbers = list(re.finditer(r"-?\d[\d.e+-]*", text))
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[at])
    elif kind == 2:
        lines[at] = lines[at][: where % (len(lines[at]) + 1)]
    elif kind == 3 and numbers:
        found = numbers[where % len(numbers)]
        return text[: found.start()] + value + text[found.end() :]
    elif kind == 4:
        key = lines[at].partition("=")[0]
        lines[at] = f"{key}= {value}" if "=" in lines[at] else value
    else:
        place = where % (len(text) + 1)
        return text[:place] + value + text[place:]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def sound():
    """The files as they are when nothing has happened to them yet."""
    found = dict(SOUND)
    for name in ("gpu.toml", "model.toml"):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert main(["show", SOUND[name], "--toml"]) == 0
        found[name] = out.getvalue()
    return found


@tried(20)
@given(spoilt())
def test_any_file(tmp_path_factory, sound, accidents):
    """If it fails, a file that was edited in haste ends in a traceback, or is planned with as if it made sense."""
    name, changes = accidents
    text = sound[name]
    for change in changes:
        text = spoil(text, *change)
    folder = tmp_path_factory.getbasetemp()
    (folder / name).write_text(text, "utf-8")
    answered([str(folder / word) if word.removeprefix("./") in SOUND else word for word in ASKED[name]] + ["--json"])
