"""Files, numbers and streams that no plan is made of: one line and the right exit code, in bounded time and memory."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from llmplan.cli.main import main

LLMPLAN = (sys.executable, "-m", "llmplan")
PLAIN = ("--model", "llama-7b", "--gpu", "h100-sxm-80gb", "--gpus", "8", "--tp", "1", "--pp", "1")
TRAIN = ("train", *PLAIN)
INFER = ("infer", *PLAIN[:4])
SEARCH = ("search", *TRAIN)
GPUS = ("--gpu", "h100-sxm-80gb", "--gpus", "8")

FILES = {
    "digits.toml": b"gpus = " + b"9" * 5_000,
    "nested.toml": b"model = " + b"[" * 400 + b"]" * 400,
    "parts.toml": b"[" + b".".join([b"a"] * 3_000) + b"]\nx = 1",
    "nameless.toml": b'"" = 1',
    "nul.toml": b'model = "a\\u0000b.toml"\ngpu = "h100-sxm-80gb"\ngpus = 8',
    "long.toml": b'model = "' + b"m" * 10_000_000 + b'"',
    "binary.toml": b"\xff\xfe\x00",
    "deep.toml": b'name = "deep"\nlayers = 1_000_000_000\nhidden = 64\nheads = 8\nkv_heads = 8\nhead_dim = 8\n'
    b"ffn_hidden = 64\ngated_mlp = true\nvocab = 1_000\nmax_seq_len = 2_048\n",
    "deep.json": b'{"model_type": "llama", "num_hidden_layers": 1000000000, "hidden_size": 64,'
    b' "num_attention_heads": 8, "intermediate_size": 64, "vocab_size": 1000, "architectures": ["LlamaForCausalLM"]}',
    "groups.toml": b'name = "odd"\n[[levels]]\nsize = 8\nbandwidth_gb_per_s = 450\nsmaller_groups = {x = 1}\n'
    b"[[levels]]\nbandwidth_gb_per_s = 50\n",
    "bits.json": b'{"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 8,'
    b' "intermediate_size": 64, "vocab_size": 1000, "architectures": ["LlamaForCausalLM"], "quantization_config":'
    b' {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": "x"}}}}}',
    "digits.json": b'{"request": ' + b"9" * 5_000 + b"}",
    "nested.json": b"[" * 100_000,
    "wide.csv": b"arrival,prompt,output\n0,100," + b"1" * 200_000,
    "huge.csv": b"arrival,prompt,output\n0,1e30,1",
    "empty.csv": b"",
    "wide-letters.csv": "arrival,prompt,output\n0,100,1\n".encode("utf-16"),
    "latin.csv": b"arrival,prompt,output\n0,100,1\xe9\n",
    "columns.parquet": b"PAR1\x15\x04\xffPAR1",
    "trace.jsonl": b'{"timestamp": 0, "input_length": 100, "output_length": 1}\n',
    "flags.csv": b"arrival,prompt,output\n0,true,1\n",
    "measured.csv": b"id,layers\n" + b"x" * 200_000 + b",1",
}
"""What stands in each."""

REFUSED = [
    (("train", "--plan", "digits.toml"), "holds a number of thousands of digits"),
    (("train", "--plan", "nested.toml"), "is not a name or a table"),
    (("train", "--plan", "parts.toml"), "nested too deeply"),
    (("train", "--plan", "nameless.toml"), "'' is not an option"),
    (("train", "--plan", "nul.toml"), "is not a name"),
    (("train", "--plan", "long.toml"), "is not a name"),
    (("train", "--plan", "binary.toml"), "is not UTF-8 text"),
    (("train", "--plan", "digits.json"), "is no JSON"),
    (("train", "--model", "deep.toml", *GPUS), "layers: 1,000,000,000 is more than 10,000 layers"),
    (("train", "--model", "./deep.json", *GPUS), "num_hidden_layers: 1000000000 is more than 10,000 layers"),
    (("infer", "--model", "./bits.json", "--gpu", "h100-sxm-80gb"), "num_bits: 'x' is no number of bits"),
    ((*TRAIN, "--cluster", "groups.toml"), "smaller_groups: 'x' is not a number of devices"),
    ((*INFER, "--rate", "2/s", "--requests", "1e12"), "is not a whole number, 0 to 100000"),
    (("train", "--plan", "nested.json"), "is no JSON"),
    (("train", "--model", "nameless.toml", *GPUS), "'': not a field"),
    (("train", "--model", "nested.toml", *GPUS), "model: not a field"),
    (("train", "--model", "llama-7b", "--gpu", "digits.toml", "--gpus", "8"), "holds a number of thousands of digits"),
    (("show", "parts.toml"), "nested too deeply"),
    (("show", "endless.toml"), "holds more than 0 MiB"),
    (("show", "pipe.toml"), "nobody writes to it"),
    (("train", "--plan", "endless.toml"), "holds more than 0 MiB"),
    (("train", "--plan", "pipe.toml"), "nobody writes to it"),
    (("train", "--model", "pipe.toml", *GPUS), "nobody writes to it"),
    (("train", "--from", "pipe.toml", *GPUS[:2]), "nobody writes to it"),
    (("train", "--from", "endless.toml", *GPUS[:2]), "holds more than 0 MiB"),
    (("train", "--plan", "."), "."),
    ((*INFER, "--trace", "wide.csv"), "line 2: field larger than field limit"),
    ((*INFER, "--trace", "huge.csv"), "prompt_tokens"),
    ((*INFER, "--trace", "endless.csv"), "holds more than 0 MiB"),
    ((*INFER, "--trace", "empty.csv"), "no requests; wanted are lines of arrival_seconds"),
    ((*INFER, "--trace", "wide-letters.csv"), "is not UTF-8 text"),
    ((*INFER, "--trace", "latin.csv"), "is not UTF-8 text"),
    ((*INFER, "--trace", "columns.parquet"), "is not UTF-8 text"),
    ((*INFER, "--trace", "trace.jsonl"), "is JSON; wanted is CSV with columns arrival_seconds"),
    ((*INFER, "--trace", "flags.csv"), "line 2: prompt_tokens: 'true' is not a whole number"),
    ((*INFER, "--trace", "circle.csv"), "Too many levels of symbolic links"),
    ((*INFER, "--trace", "."), "Is a directory"),
    (("show", "circle.toml"), "Too many levels of symbolic links"),
    ((*TRAIN, "--output", "circle.csv"), "Too many levels of symbolic links"),
    ((*INFER, "--trace", "pipe.csv"), "nobody writes to it"),
    (("validate", "training", "--rows", "measured.csv"), "field larger than field limit"),
    (("validate", "training", "--rows", "pipe.csv"), "nobody writes to it"),
    ((*TRAIN, "--output", "pipe.csv"), "is no file that could be replaced"),
    ((*TRAIN, "--output", "endless.csv"), "is no file that could be replaced"),
    ((*SEARCH, "--output", "pipe.csv"), "is no file that could be replaced"),
    ((*TRAIN, "--output", "nowhere/plan.csv"), "No such file or directory"),
    (("train", "--model", "m" * 100_000, *GPUS), "is not a name"),
    ((*TRAIN, "--flops-efficiency", "1e-300"), "is not a fraction of at least 1e-09"),
    ((*TRAIN, "--mfu", "1e-300"), "is not a fraction of at least 1e-09"),
    ((*TRAIN, "--gpus", "9" * 18), "is not a whole number of at most 10,000,000"),
    ((*TRAIN, "--gpus", "9" * 5_000), "gpus: "),
    ((*SEARCH, "--micro-batch", "1T"), "is not a whole number of at most 10,000,000"),
    ((*TRAIN, "--global-batch", "1..1000000000+1"), "is more than 10,000 values"),
    ((*INFER, "--batch", "9" * 17), "is not a whole number of at most"),
    ((*SEARCH, "--gpus", "1..1000000000000000000"), "is not a whole number of at most 10,000,000"),
    ((*SEARCH, "--top", "4096"), "is not a whole number, 1 to 1000"),
    ((*SEARCH, "--executor", "processes", "--workers", "100000000"), "is more than the 1,024"),
    ((*SEARCH, "--executor", "dask", "--scheduler", "tls://127.0.0.1:1"), "no Dask scheduler answers there"),
    ((*SEARCH, "--executor", "dask", "--scheduler", "nowhere://x"), "no Dask scheduler answers there"),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with such files, pipes that nobody writes to, and devices without an end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("llmplan.text_file._PATIENCE_SECONDS", 0.05)
    for name in ("pipe.toml", "pipe.csv"):
        os.mkfifo(name)
    for name in ("endless.toml", "endless.csv"):
        (tmp_path / name).symlink_to("/dev/zero")
    for name in ("circle.toml", "circle.csv"):
        (tmp_path / name).symlink_to(name)
    return tmp_path


@pytest.mark.parametrize(("arguments", "said"), REFUSED, ids=lambda one: " ".join(one)[:60] if len(one) < 40 else "")
def test_it_is_refused_in_one_short_line(arguments, said, here, capfd, monkeypatch):
    """If it fails, input that makes no sense hangs, fills memory, ends in a traceback or is taken."""
    if "endless" in " ".join(arguments) and "--output" not in arguments:
        monkeypatch.setattr("llmplan.text_file.MOST_BYTES", 1_000)
    for name in FILES.keys() & {word.removeprefix("./") for word in arguments}:
        (here / name).write_bytes(FILES[name])
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("hint: ")]
    assert (out, len(lines), len(err) < 2_200) == ("", 1, True), err
    assert said in err
    assert not list(Path().glob(".*.tmp"))


NOTHING = {
    "from": (*TRAIN, "--from", ""),
    "reporter": (*TRAIN, "--reporter", " "),
    "gpu": ("train", "--gpu=", *PLAIN[:2]),
    "plan": ("search", "infer", "--plan", ""),
    "scheduler": (*SEARCH, "--executor", "dask", "--scheduler", ""),
    "port": ("serve", "--port", ""),
    "kind": ("plugins", "new", "acme-x1", "--kind", ""),
    "explain": ("explain", ""),
    "calibrate": ("calibrate", "--", ""),
}
"""By option or command: where a variable of a script that nobody has set stands."""


@pytest.mark.parametrize("option", NOTHING)
def test_no_word_says_nothing(option, capsys):
    """If it fails, an option given as nothing counts as one left out, or no line names it."""
    assert main(NOTHING[option]) == 2
    said = capsys.readouterr().err.splitlines()[0]
    assert said == f"llmplan: {option}: '' says nothing: give a value, or leave it out"


@pytest.mark.usefixtures("here")
def test_a_pipe_is_read_once_it_says_something(capfd):
    """If it fails, --trace <(generate) is no trace, or only of the first plan that is looked at."""
    writing = subprocess.Popen(["sh", "-c", "printf 'arrival,prompt,output\\n0,64,8\\n0,64,8\\n0,64,8\\n' > pipe.csv"])
    assert main([*INFER, "--trace", "pipe.csv", "--dp", "1", "--tp", "1", "--json"]) in (0, 3)
    assert writing.wait(10) == 0
    assert "pipe.csv" in capfd.readouterr().out


@pytest.mark.usefixtures("here")
def test_two_files_with_long_names_are_two(capfd):
    """If it fails, two outputs share one unfinished file, and one of them holds the rows of both."""
    names = [f"{'a' * 100}-{number}.csv" for number in range(2)]
    assert main([*SEARCH, "--recompute", "none", "--output", names[0], "--output", names[1]]) == 0
    capfd.readouterr()
    first, second = (Path(name).read_bytes() for name in names)
    assert first == second
    assert first.count(b"model,") == 1


def test_a_link_stays_a_link(here, capfd):
    """If it fails, --output replaces the link, and what it leads to stays as it was."""
    (here / "link.json").symlink_to("real.json")
    assert main([*TRAIN, "--output", "link.json"]) == 0
    capfd.readouterr()
    assert (here / "link.json").is_symlink()
    assert b"llmplan.train" in (here / "real.json").read_bytes()


def test_names_are_no_formulas_and_no_markup():
    """If it fails, a spreadsheet runs what a name says, or a name ends a cell of a table."""
    from llmplan.output.formats import plain_cell
    from llmplan_report.columns import escaped

    assert [plain_cell(value) for value in ("=1+1", "+1", "-x", "@a", "a=1", -1.5)] == [
        *("'=1+1", "'+1", "'-x", "'@a", "a=1", -1.5),
    ]
    assert escaped("a|b <b> `c` [d](e)\n\x1b[31m") == r"a\|b &lt;b> \`c\` \[d\](e) \[31m"
    assert escaped("h100-sxm_80gb_x 2*3") == "h100-sxm_80gb_x 2*3"


WORDS = '=1+1|<script>alert(1)</script><svg onload="x">`$(touch it)`[a](javascript:x)\\x1b[31m\\x07 $x^2$'
HOSTILE = f"""
from llmplan import hookimpl
from llmplan.estimate import Kind, Line
from llmplan.records import Efficiency
from planted_mistakes import sound

WORDS = '{WORDS}'
sound.COMPUTE = Line(WORDS, Kind.COMPUTE, WORDS, WORDS)


class Hostile(sound.Sound):
    def efficiency(self, hardware, gemm, phase):
        return Efficiency(flops=0.5, hbm=0.8, source=WORDS)

    def check(self, plan):
        return (WORDS,)

    remarks = check


@hookimpl
def llmplan_parallelism_models():
    return [Hostile("planted", WORDS)]
"""


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A plan whose lines, warnings and sources have words that programs take for commands."""
    from planted_mistakes import sound

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sound, "COMPUTE", sound.COMPUTE)
    Path("hostile_words.py").write_text(HOSTILE, "utf-8")
    sizes = ("--gpus", "8", "--tp", "8", "--pp", "1", "--cp", "1", "--zero", "1", "--recompute", "none")
    yield (
        "train",
        "llama-7b",
        "--gpu",
        "h100-sxm-80gb",
        *sizes,
        "--cost-model",
        "planted",
        "--plugin",
        "hostile_words.py",
    )
    sys.modules.pop("hostile_words", None)


def test_words_of_plugins_are_no_commands_to_a_terminal(hostile, capsys):
    """If it fails, what a plugin calls a line recolours or renames the terminal of whoever reads the report."""
    for more in ((), ("--sources",), ("--micro-batch", "1,2")):
        assert main([*hostile, *more]) == 0
        said = "".join(capsys.readouterr())
        assert "alert(1)" in said
        assert not set(map(chr, (*range(9), *range(11, 32), 127))) & set(said)


def test_words_of_plugins_are_no_markup_in_any_file(hostile, capsys):
    """If it fails, a line ends a table, runs a script in a browser, or makes a picture that no program opens."""
    files = ("plan.md", "plan.csv", "plan.svg", "plan.html")
    assert main([*hostile, *(word for name in files for word in ("--output", name))]) == 0
    capsys.readouterr()
    rows = [line for line in Path("plan.md").read_text("utf-8").split("\n") if "alert" in line]
    assert rows
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 3
        assert "<" not in row
    tags = {element.tag.rpartition("}")[2] for element in ET.parse("plan.svg").iter()}
    assert not tags & {"script", "foreignObject"}
    text = Path("plan.html").read_text("utf-8")
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert "<svg onload" not in text
    cells = [cell for row in csv.reader(io.StringIO(Path("plan.csv").read_text("utf-8"))) for cell in row]
    assert not [cell for cell in cells if cell.startswith("=")]


STREAMS = [
    ("list gpus > /dev/full", 1, "llmplan: stdout: No space left on device\n"),
    ("list gpus >&-", 1, "llmplan: stdout: is closed\n"),
    ("list nothing 2> /dev/full", 2, ""),
    ("list nothing 2>&-", 2, ""),
]


@pytest.mark.parametrize(("command", "code", "said"), STREAMS, ids=[command for command, _, _ in STREAMS])
def test_streams_that_take_nothing(command, code, said):
    """If it fails, what could not be written counts as a success, or ends in a traceback."""
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    shell = ["sh", "-c", f"{' '.join(LLMPLAN)} {command}"]
    done = subprocess.run(shell, check=False, capture_output=True, text=True, env=usual)
    assert (done.returncode, done.stderr) == (code, said)


def started(*arguments, until=""):
    """A process that runs, and whether a file is there that it writes beside the one that is wanted."""
    process = subprocess.Popen([*LLMPLAN, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while until and not list(Path().glob(f".*{until}")):
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


_SOON = """
import gc, os, sys, threading
from _signal import SIGINT
from llmplan.__main__ import run
gc.disable = threading.Timer({seconds}, os.kill, (os.getpid(), SIGINT)).start  # the first that is done, at once
sys.argv[1:] = {arguments!r}
sys.exit(run())
"""


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_ctrl_c_while_it_starts_is_one_line(seconds):
    """If it fails, whoever changes his mind at once gets a traceback of an import."""
    code = _SOON.format(seconds=seconds, arguments=["search", *TRAIN])
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) in ((130, "llmplan: interrupted\n"), (130, ""))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_search_that_is_ended_leaves_no_unfinished_file(number, code):
    """If it fails, a batch system that ends a job leaves a folder of temporary files."""
    everything = ("search", *TRAIN[:5], "--gpus", "8..8192+8", "--no-prune", "--output", "all.csv")
    process = started(*everything, until=".tmp")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (code, -number)  # the same to a shell: a process that was done is ended by the signal
    assert "Traceback" not in err
    assert not list(Path().glob(".*.tmp"))
