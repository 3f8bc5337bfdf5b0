"""What reports are laid out with: text, columns, colours, and the terminal that they are for."""

from __future__ import annotations

import os
import pty

import pytest

from llmplan.catalogues.guard import hushed
from llmplan_report.terminal.blocks import Grid, Text
from llmplan_report.terminal.console import Console, console_of, heading, rendered, wide_console


def drawn(block, width=40, **how):
    return rendered(Console(width, **how), [block]).removesuffix("\n").split("\n")


def test_text_is_broken_between_words():
    """A line would leave the terminal, or a word be cut that has room on a line of its own."""
    assert drawn(Text("one two three four", indent=2), 16) == ["  one two three", "  four"]
    assert drawn(Text("one\n\ntwo")) == ["one", "", "two"]
    assert drawn(Text("pre-training of a-very-long-word"), 16) == ["pre-training of", "a-very-long-word"]
    assert drawn(Text("x" * 20), 16) == ["x" * 16, "x" * 4]


def test_columns_stand_side_by_side_and_the_last_is_broken():
    """Facts would run into their names, or figures not end below each other."""
    rows = [("a", "9", "one two three four five six seven"), ("bcd", "10", "")]
    assert drawn(Grid(rows, right=(False, True), indent=2), 30) == [
        "  a     9  one two three four",
        "           five six seven",
        "  bcd  10",
    ]


def test_letters_of_east_asia_take_two_columns():
    """What stands behind a name in Chinese would be one letter further to the right for each of its own."""
    assert drawn(Grid([("千问", "x"), ("qwen", "y"), ("e\u0301", "z")])) == ["千问  x", "qwen  y", "e\u0301     z"]


def test_a_style_goes_with_its_letters_over_a_break():
    """The wrong words would be yellow."""
    text = Text("one two ", "bold").append("three", "bold yellow").append(" four")
    assert drawn(text, 12, coloured=True) == ["\x1b[1mone two\x1b[0m", "\x1b[1;33mthree\x1b[0m four"]
    assert drawn(text, 12) == ["one two", "three four"]


def test_a_terminal_without_colours_gets_none(monkeypatch):
    """Who asks for no colour would get some."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert drawn(heading("Warnings", "bold yellow"), coloured=True) == ["", "\x1b[1mWarnings\x1b[0m"]
    monkeypatch.setenv("TERM", "dumb")
    assert drawn(heading("Warnings", "bold yellow"), coloured=True) == ["", "Warnings"]


def test_no_name_is_a_command_to_the_terminal():
    """A model could clear the screen, or name the window."""
    assert drawn(Grid([("a\x1b[2J", Text("b\rc", "dim"))])) == ["a?[2J  b?c"]


@pytest.mark.parametrize("console", [console_of, wide_console])
def test_what_is_written_to_a_file_has_no_colours_although_stderr_is_a_terminal(console, tmp_path, monkeypatch):
    """``llmplan train ... > report.txt`` at a terminal would write escape sequences into the file."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    behind, terminal = pty.openpty()
    with (tmp_path / "report.txt").open("w") as file, os.fdopen(terminal, "w") as screen:
        monkeypatch.setattr("sys.stderr", screen)
        for stdout, coloured in ((file, False), (screen, True)):
            monkeypatch.setattr("sys.stdout", stdout)
            with hushed():
                found = console(None) if console is console_of else console()
            assert (drawn_by(found) == "\x1b[1mbold\x1b[0m\n") is coloured
    os.close(behind)


def drawn_by(console):
    return rendered(console, [Text("bold", "bold")])
