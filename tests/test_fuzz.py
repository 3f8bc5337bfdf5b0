"""Command lines and files that nobody would write: an exit code, a line or an answer, and never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fuzzing.files import ACCIDENTS, ASKED, spoil, write_all
from fuzzing.running import Folder, answered, kept_apps
from fuzzing.web import asked, requests
from fuzzing.words import command_lines
from hypothesis import given, strategies as st
from law_plans import tried


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where commands run, with one of each file that they read."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("fuzz"))
    with kept_apps():
        yield Folder(write_all(Path()))
    os.chdir(before)


@tried(20)
@given(command_lines())
def test_any_command_line(folder, words):
    """If it fails, a slip of the pen ends in a traceback, a hang, or an answer that is none."""
    answered(words)
    folder.tidied()


@tried(30)
@given(st.sampled_from(sorted(ASKED)), ACCIDENTS)
def test_any_file(folder, name, accidents):
    """If it fails, a file that was edited in haste ends in a traceback, or is planned with as if it made sense."""
    text = folder.files[name].decode("utf-8", "surrogateescape")
    for accident in accidents:
        text = spoil(text, *accident)
    Path(name).write_bytes(text.encode("utf-8", "surrogateescape"))
    answered([*ASKED[name], "--json"])
    folder.tidied()


@tried(30)
@given(request_=requests())
def test_any_request_to_the_page(request_):
    """If it fails, whoever can reach the page's port ends it in a traceback, or has it compute for minutes."""
    asked(*request_)
