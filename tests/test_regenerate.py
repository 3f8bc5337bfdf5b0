"""tools/regenerate.py: what is generated, and whether it is stale."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def regenerate():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("regenerate", ROOT / "tools" / "regenerate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def page(regenerate, monkeypatch, tmp_path):
    """A file that a generator of its own writes."""
    script, written = tmp_path / "script.py", tmp_path / "page.md"
    script.write_text(f"from pathlib import Path\ndef files():\n    return {{Path({str(written)!r}): 'new'}}\n")
    monkeypatch.setattr(regenerate, "ROOT", tmp_path)
    monkeypatch.setattr(regenerate, "GENERATORS", {"mine": "script.py"})
    return written


def test_a_stale_file_is_named_and_left_as_it_is(regenerate, page, capsys):
    """CI would pass with pages of an older cost model, or change the files that it checks."""
    page.write_text("old")
    assert regenerate.main(["--check"]) == 1
    assert capsys.readouterr().out == "stale: page.md\n"
    assert page.read_text() == "old"


def test_a_stale_file_is_written_once(regenerate, page, capsys):
    """A file would stay stale, or be touched each time."""
    assert regenerate.main(["mine"]) == 0
    assert page.read_text() == "new"
    assert regenerate.main(["mine", "--check"]) == 0
    assert capsys.readouterr().out == "written: page.md\n"


@pytest.mark.usefixtures("page")
def test_an_unknown_generator_is_answered_with_the_known(regenerate, capsys):
    """A misspelt name would check nothing."""
    with pytest.raises(SystemExit):
        regenerate.main(["yours", "--check"])
    assert "'yours' is none of mine" in capsys.readouterr().err


def test_every_generator_is_there(regenerate):
    """A script that was moved would be found out in CI alone."""
    for script in regenerate.GENERATORS.values():
        assert "def files() -> dict[Path, str]:" in (ROOT / script).read_text(encoding="utf-8")
