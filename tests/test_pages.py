"""The README, run as it is printed; scripts of all pages, and links. CI runs the commands of docs/ too."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import readme  # noqa: E402 - scripts beside the others
import regenerate  # noqa: E402

sys.path.remove(str(ROOT / "tools"))
ALL = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = readme.pages()
SCRIPTS = [(page, code) for page in PAGES for code in readme.PYTHON.findall(page.read_text(encoding="utf-8"))]


def name(path):
    """Of a page, from the root of the repository."""
    return str(path.relative_to(ROOT))


def test_the_pages_have_something_to_run():
    """The blocks would no longer be found, and nothing of the book would be tested."""
    assert {"README.md", "docs/tutorial.md", "docs/how-to/scripts.md"} <= set(map(name, PAGES))
    assert SCRIPTS


def test_the_readme_prints_what_its_commands_print(monkeypatch):
    """A newcomer would type a command of the README and see something else than it prints."""
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.page(text) == text


def test_ci_prints_every_page_anew():
    """A page would show what its commands no longer print, and nobody would hear of it."""
    assert "readme" in regenerate.GENERATORS.keys() - set(regenerate.NOT_CHECKED)
    assert "tools/regenerate.py --check" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize(("path", "code"), SCRIPTS)
def test_a_script_of_a_page_runs(path, code, monkeypatch, tmp_path):
    """A script copied from the page would fail, or an assertion in it not hold."""
    readme.write_files(path.read_text(encoding="utf-8"), tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, name(path), "exec"), {})


@pytest.mark.parametrize("path", ALL, ids=map(name, ALL))
def test_links_lead_somewhere(path):
    """A link would point at a file, or at a heading of this book, that is not there."""
    for link in re.findall(r"\]\((?!https?:)([^)]+)", path.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        page = (path.parent / target) if target else path
        assert page.exists(), link
        headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in map(anchor_of, headings), link


def anchor_of(heading):
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_readme_is_short_and_its_way_in_is_two_commands():
    """A newcomer would scroll, the way in would not be two commands, or CI would not run exactly these."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert [line for block in blocks for line in block.strip().split("\n")] == [
        "python3 -m pip install . && llmplan train --model llama-65b --gpu h100-sxm-80gb",
        "python3 -m pip install '.[test]' && python3 -m pytest -n auto",
    ]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "readme_command 'llmplan train'" in ci
    assert "readme_command 'pytest'" in ci


def test_every_page_is_in_the_index():
    """A page would be there that nobody finds."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page != "README.md" and f"({page}" not in index] == []
