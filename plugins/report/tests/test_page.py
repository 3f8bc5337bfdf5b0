"""The report as a page: it holds what the report holds, needs nothing beside it, and escapes what others named."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from attrs import evolve

from llmplan import compare, infer, train
from llmplan.cli.main import main
from llmplan.output.files import exporter_of
from llmplan.search import TrainingSpace, search
from llmplan_report.subject import layout_words
from llmplan_report.terminal.sections import figure_facts

NAMES = {"model": "llama-7b", "gpu": "a100-sxm-80gb"}
VOID = {"meta", "img", "br", "link"}


class Reader(HTMLParser):
    """Texts and addresses of a page, and whether its tags close in order."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.addresses, self.open = [], [], []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        """Each tag that has an end waits for it."""
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """In the order in which they began."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """What is read."""
        self.texts.append(data)


def read(page):
    """A page that is whole and reaches for nothing."""
    reader = Reader(page)
    assert reader.open == []
    assert all(address.startswith("data:image/svg+xml;base64,") for address in reader.addresses)
    assert not re.search(rb"@import|url\(", page)
    return "\n".join(reader.texts)


@pytest.fixture(scope="module")
def exporter():
    """What writes pages."""
    return exporter_of("a.html")


@pytest.fixture
def undrawn(monkeypatch):
    """Without pictures, which take nine tenths of a page's time, where its text alone is read."""
    monkeypatch.setattr("llmplan_report.page._drawn", lambda *_: [])


def test_a_page_of_a_plan_has_its_figures_formulas_and_alternatives(exporter):
    """If it fails, who reads the page decides by less than who reads the terminal."""
    estimate = train(**NAMES, gpus=8, tp=2, pp=2, global_batch=64, tokens="1B")
    page = exporter.export(estimate)
    said = read(page)
    assert all(words in said for words in figure_facts(estimate).values())
    assert all(line in said for line in (*estimate.plan.assumptions, *estimate.warnings))
    for title in ("Formulas", "What moves the answer", "The best plans with the layout left open", "line by line"):
        assert title in said
    assert exporter.export(estimate) == page


@pytest.mark.usefixtures("undrawn")
def test_a_page_says_that_a_plan_does_not_fit(exporter):
    """If it fails, a page hides that its plan runs out of memory."""
    estimate = infer(model="llama-65b", gpu="a100-sxm-80gb", tp=1, pp=1, dp=1)
    page = exporter.export(estimate)
    assert b'<dd class="no">' in page
    assert "too much" in read(page)
    assert "does not fit" in read(page)


def test_pages_of_comparisons_servers_and_searches(exporter):
    """If it fails, a page of several plans lacks one of them."""
    compared = compare(infer, **NAMES, tp=1, pp=1, batch=[1, 4096])
    assert {"batch", "4,096"} <= set(read(exporter.export_comparison(compared)).split("\n"))
    assert "Latency over load" in read(exporter.export(infer(**NAMES, tp=1, pp=1, rate="1/s", requests=20)))
    found = search(TrainingSpace(**NAMES, gpus=8, tp=[1, 2], pp=1, cp=1), top=3)
    said = read(exporter.export_search(found))
    assert all(layout_words(estimate) in said for estimate in found.best)


@pytest.mark.usefixtures("undrawn")
def test_names_are_escaped(exporter):
    """If it fails, a model file that somebody sends runs a script in the reader's browser."""
    estimate = infer(**NAMES, tp=1, pp=1)
    plan = evolve(estimate.plan, assumptions=("<script>alert(1)</script>",))
    page = exporter.export(evolve(estimate, plan=plan))
    assert b"<script>" not in page
    assert b"&lt;script&gt;" in page


@pytest.mark.usefixtures("undrawn")
def test_the_command_writes_a_page_and_says_where(tmp_path, capsys, monkeypatch):
    """If it fails, llmplan report prints the report that it was to write, or takes a command that it cannot run."""
    monkeypatch.chdir(tmp_path)
    assert main(["report", "infer", "--model", "llama-7b", "--gpu", "a100-sxm-80gb"]) == 0
    assert capsys.readouterr().out == "report.html\n"
    read((tmp_path / "report.html").read_bytes())
    assert main(["report", "list", "models"]) == 2
    assert capsys.readouterr().err == "llmplan: report: 'list' is none of train, infer, search\n"
    assert main(["report", "train", "--model", "llama-7b", "--output", "a.pdf"]) == 2
    assert capsys.readouterr().err == "llmplan: output: 'a.pdf' does not end in .html\n"
    assert main(["report", "train", "--model", "lama-7b", "--gpu", "a100-sxm-80gb"]) == 2
    assert "lama-7b" in capsys.readouterr().err
