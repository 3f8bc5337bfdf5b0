"""Both searches take the reporters and exporters of plugins, like the other commands."""

from __future__ import annotations

import pytest

from llmplan import registry
from llmplan.cli.main import main
from llmplan.errors import BadInputError
from llmplan.estimate import Exporter, Reporter

COMMANDS = {
    "train": (
        "search",
        "train",
        "--model",
        "llama-7b",
        "--gpu",
        "a100-sxm-80gb",
        "--gpus",
        "8",
        "--tp",
        "1,2",
        "--pp",
        "1",
    ),
    "infer": (
        *("search", "infer", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--tp", "1", "--pp", "1"),
        *("--max-sequences", "4", "--requests", "0"),
    ),
}


class Exporters:
    """A catalogue of one."""

    def __init__(self, exporter):
        self.exporter = exporter

    def entries(self):
        """Name, provider, record."""
        return [(self.exporter.name, "llmplan-acme", self.exporter)]


@pytest.fixture
def offered(monkeypatch):
    """Offers a reporter and an exporter as a plugin would."""

    def offer(reporter=None, exporter=None):
        if reporter is not None:
            monkeypatch.setitem(vars(registry()), "reporters", {**registry().reporters, reporter.name: reporter})
        if exporter is not None:
            monkeypatch.setitem(vars(registry()), "exporters", Exporters(exporter))

    return offer


@pytest.mark.parametrize("command", COMMANDS)
def test_a_plugins_reporter_and_exporter_are_used(command, offered, capsys, tmp_path):
    """If it fails, what a third party contributes works for single plans alone."""

    def one_line(result):
        return f"{result.command}: {len(result.best)} by {result.objective}\n"

    offered(
        Reporter(name="terse", render=str, render_search=one_line),
        Exporter(name="acme", suffix=".acme", export=bytes, export_search=lambda result: one_line(result).encode()),
    )
    path = tmp_path / "found.acme"
    assert main((*COMMANDS[command], "--reporter", "terse", "--output", str(path))) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{command}: ")
    assert path.read_text() == out


@pytest.mark.parametrize("command", COMMANDS)
def test_one_without_a_form_for_searches_says_so_before_it_searches(command, offered, capsys):
    """If it fails, a minute of searching ends in a traceback."""

    def check():
        raise BadInputError("acme: needs a licence")

    offered(Reporter(name="terse", render=str), Exporter(name="acme", suffix=".acme", export=bytes, check=check))
    assert main((*COMMANDS[command], "--reporter", "terse")) == 2
    assert capsys.readouterr().err == "llmplan: reporter: terse has no form for what a search finds\n"
    assert main((*COMMANDS[command], "--output", "a.acme")) == 2
    assert capsys.readouterr().err == "llmplan: acme: needs a licence\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_sources_are_printed_in_full(command, capsys):
    """If it fails, --sources of a search hides what was assumed of its best plan."""
    assert main((*COMMANDS[command], "--sources")) == 0
    out = capsys.readouterr().out
    assert "Assumed, in full" in out
    assert "aiconfigurator" in out.split("Assumed, in full")[1]
    assert main((*COMMANDS[command], "--sources", "--json")) == 2
