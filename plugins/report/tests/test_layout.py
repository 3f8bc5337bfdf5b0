"""What reports are written to: a terminal, a file beside one, a file of a given width."""

from __future__ import annotations

import os
import pty

import pytest
from rich.text import Text

from llmplan.catalogues.guard import hushed
from llmplan.output.console import rendered
from llmplan_report.terminal.console import console_of, wide_console


def test_no_name_is_a_command_to_the_terminal():
    """A model could clear the screen, or name the window."""
    assert rendered(console_of(40), [Text("a\x1b[2J b")]) == "a?[2J b\n"


@pytest.mark.parametrize("console", [lambda: console_of(None), wide_console], ids=["report", "table"])
def test_what_is_written_to_a_file_has_no_colours_although_stderr_is_a_terminal(console, tmp_path, monkeypatch):
    """``llmplan train ... > report.txt`` at a terminal would write escape sequences into the file."""
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    behind, terminal = pty.openpty()
    with (tmp_path / "report.txt").open("w") as file, os.fdopen(terminal, "w") as screen:
        monkeypatch.setattr("sys.stderr", screen)
        for stdout, coloured in ((file, False), (screen, True)):
            monkeypatch.setattr("sys.stdout", stdout)
            with hushed():
                found = console()
            assert (rendered(found, [Text("bold", style="bold")]) == "\x1b[1mbold\x1b[0m\n") is coloured
    os.close(behind)
