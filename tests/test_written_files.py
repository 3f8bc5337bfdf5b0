"""Files that cannot be written, and signals while they are: no file or a whole one, one line, nothing beside it."""

from __future__ import annotations

import contextlib
import csv
import gc
import io
import json
import os
import re
import resource
import signal
import sys
from pathlib import Path

import pytest
from fuzzing.files import VLLM_RUN
from hypothesis import given, strategies as st
from law_plans import tried

import llmplan.__main__ as entry
from llmplan.cli.main import main

SIZES = "--gpus 8 --tp 1 --pp 1 --cp 1 --zero 1 --offload none --recompute none"
TRAIN = ("train", "llama-7b", "--gpu", "h100-sxm-80gb", *SIZES.split(), "--micro-batch", "1")
SEARCH = ("search", *TRAIN[:-1], "1,2")
LOADED = ("search", "infer", *TRAIN[1:4], "--tp", "1", "--dp", "1", "--rate", "2/s", "--requests", "20")
WRITERS = {
    **{f"train{ending}": (*TRAIN, "--output", f"out{ending}") for ending in (".json", ".csv", ".md", ".txt")},
    "picture.svg": (*TRAIN, "--picture", "out.svg"),
    "report.html": ("report", *TRAIN, "--output", "out.html"),
    "launch.sh": (*TRAIN, "--export", "megatron:out.sh"),
    "launch.json": (*TRAIN, "--export", "deepspeed:out.json"),
    "compared.csv": (*TRAIN[:-1], "1,2", "--output", "out.csv"),
    **{f"search{end}": (*SEARCH, "--output", f"out{end}") for end in (".json", ".csv", ".parquet", ".toml", ".md")},
    **{f"served{ending}": (*LOADED, "--output", f"out{ending}") for ending in (".csv", ".toml")},
    "site.toml": ("calibrate", "vllm.json", "--model", *TRAIN[1:4], "--tp", "1", "--dp", "1", "--output", "out.toml"),
    "plugin": ("plugins", "new", "acme-x1", "--kind", "gpu"),
}
"""By what is written: the command that writes it."""
_WRITING = ("files.py", "search_files.py", "skeleton.py", "writing.py", "command.py")
"""Modules in whose lines files come to be."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where commands write, with a log that one of them reads."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("written"))
    Path("vllm.json").write_text(json.dumps(VLLM_RUN), "utf-8")
    yield
    os.chdir(before)


def said(run, *arguments):
    """Exit code and stderr of a command in this process."""
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        return run(*arguments), err.getvalue()


def file_of(words):
    """What a command writes."""
    return Path(words[-1].rpartition(":")[2]) if words[0] != "plugins" else Path("llmplan-acme-x1")


_COUNTED: dict[tuple[str, ...], int] = {}
"""By command: lines that write."""


def ended_at(words, share, number):
    """The same of a process that gets a signal when so much of the lines that write are done, where it does."""
    if words not in _COUNTED:
        _COUNTED[words] = _lines(words, 10**9, number)[2]
        _clear(file_of(words))
    after = 1 + int(share * (_COUNTED[words] - 1))
    code, err, done = _lines(words, after, number)
    return (code, err) if done >= after else None


def _lines(words, after, number):
    done = 0

    def line(_frame, event, _argument):
        nonlocal done
        done += event == "line"
        if done == after and event == "line":
            os.kill(os.getpid(), number)
        return line

    def call(frame, _event, _argument):
        return line if os.path.basename(frame.f_code.co_filename) in _WRITING else None  # noqa: PTH119

    traced, argv, threshold = sys.gettrace(), sys.argv, gc.get_threshold()
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background may ignore it
    sys.argv = ["llmplan", *words]
    sys.settrace(call)
    try:
        code, err = said(entry.run)
    finally:
        sys.settrace(traced)
        sys.argv = argv
        gc.unfreeze()
        gc.set_threshold(*threshold)
        for each, handler in handlers.items():
            signal.signal(each, handler)
    return code, err, done


def is_whole(path):
    """Whether a program can read it to its end."""
    if path.is_dir():
        return (path / "tests").is_dir() and (path / "pyproject.toml").is_file()
    if path.suffix == ".parquet":
        return path.read_bytes()[-4:] == b"PAR1"
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return isinstance(json.loads(text), (dict, list))
    if path.suffix == ".csv":
        return len({len(row) for row in csv.reader(io.StringIO(text))}) <= 1
    return text.endswith(("\n", "</html>"))


@pytest.mark.usefixtures("folder")
@tried(8)
@given(st.sampled_from(sorted(WRITERS)), st.floats(0.0, 1.0), st.sampled_from((signal.SIGTERM, signal.SIGINT)))
def test_a_signal_while_it_writes(name, share, number):
    """If it fails, who ends a command has half a file, a temporary one, or is told nothing."""
    words = WRITERS[name]
    file = file_of(words)
    _clear(file)
    ended = ended_at(words, share, number)
    if ended is None:  # some lines are gone through the first time alone
        return
    code, err = ended
    assert code == 128 + number
    stopped = words[0] == "search" and not err  # the best so far is printed
    assert stopped or _complaints(err) == ["llmplan: interrupted"]
    assert not file.exists() or is_whole(file)
    assert not list(Path().glob(".*.tmp"))


def _complaints(err):
    """Lines but for hints, and for what a launch file leaves to others."""
    return [line for line in err.splitlines() if not line.startswith(("hint: ", "llmplan: deepspeed: "))]


def _clear(file):
    if file.is_dir():
        import shutil

        shutil.rmtree(file)
    file.unlink(missing_ok=True)


def _folder(path):
    path.mkdir()


def _circle(path):
    path.symlink_to(path)


PLACES = {
    "full": None,  # where no more than 40 bytes go
    "folder": _folder,
    "circle": _circle,
    "vllm.json/out": None,
    "missing/out": None,
    "/proc/out": None,
    "x" * 300: None,
    "a\0b": None,
}
"""Where no file can be, and what to make there."""


@pytest.mark.usefixtures("folder")
@tried(16)
@given(st.sampled_from(sorted(set(WRITERS) - {"plugin"})), st.sampled_from(sorted(PLACES)))
def test_a_file_that_cannot_be_written(name, place):
    """If it fails, a full disk or a folder in the way ends in a traceback, half a file, or exit code 0."""
    words = WRITERS[name]
    before, _, out = words[-1].rpartition(":")
    path = f"{place}{Path(out).suffix}"
    make = PLACES[place]
    if make is not None:
        make(Path(path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if place == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (40, limits[1]))
    try:
        code, err = said(main, [*words[:-1], f"{before}:{path}" if before else path])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        if make is not None:
            Path(path).rmdir() if place == "folder" else Path(path).unlink()
    lines = _complaints(err)
    assert (code, len(lines)) == (2, 1), err
    assert re.match("llmplan: (output|picture|export|name): ", lines[0])  # a site has the name of its file
    assert not os.path.lexists("full" + Path(path).suffix)
    assert not list(Path().glob(".*.tmp"))
