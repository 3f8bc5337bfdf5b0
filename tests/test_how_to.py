"""The how-to pages, run as they are printed."""

import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / "tools"
PAGES = sorted((Path(__file__).parents[1] / "docs" / "how-to").glob("*.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_prints_what_its_commands_print(path, monkeypatch):
    """A newcomer would type a command of the page and see something else than it prints."""
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    import readme

    monkeypatch.delitem(sys.modules, "readme")
    text = path.read_text(encoding="utf-8")
    assert readme.page(text) == text
