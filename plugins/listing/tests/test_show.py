"""``llmplan show``: records by name and from files, and written as the files that make them."""

import json

import pytest
from attrs import asdict

from llmplan import registry
from llmplan.catalogues import KINDS
from llmplan.catalogues.record_file import read_record
from llmplan.cli.main import main
from llmplan_listing.record_text import record_text

IN_FILES = [kind for kind in KINDS if kind.in_files]


@pytest.fixture
def run(capsys):
    """Runs a command: exit code, standard output, standard error."""

    def ran(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return ran


@pytest.mark.parametrize("kind", IN_FILES, ids=lambda kind: kind.plural)
def test_every_record_is_read_as_it_was_written(kind, tmp_path):
    """If it fails, a record that is printed as a file, to change a number of it, changes others too."""
    path = tmp_path / "record.toml"
    for name, _, record in registry().catalogue(kind).entries():
        path.write_text(record_text(kind, record), encoding="utf-8")
        again = read_record(str(path), kind)
        assert asdict(again) == asdict(record), name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("llama-65b", "model"),
        ("A100", "gpu"),
        ("vllm", "engine"),
        ("megatron-core", "framework"),
        ("muon", "optimizer"),
    ],
)
def test_a_file_is_shown_as_its_record(run, tmp_path, name, kind):
    """If it fails, `show FILE.toml` takes a file for another kind, or prints other numbers than those it holds."""
    code, text, err = run("show", name, "--toml")
    assert (code, err) == (0, "")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    of_file, of_name = (json.loads(run("show", what, "--json")[1]) for what in (str(tmp_path / "mine.toml"), name))
    assert of_file["kind"] == of_name["kind"] == kind
    assert of_file.pop("provider") == str(tmp_path / "mine.toml")
    assert of_file == {key: value for key, value in of_name.items() if key != "provider"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("bf16", "--toml"),
            "toml: bf16 is a dtype, which has no form as a file; models, gpus, clusters, frameworks, engines and",
        ),
        (("t4", "--toml", "--json"), "toml: contradicts --json"),
        (("none.toml",), "none.toml: No such file or directory"),
        (("t44",), "show: 't44' is unknown; did you mean t4"),
    ],
)
def test_what_cannot_be_shown_is_said(run, arguments, message):
    """If it fails, the command ends in a traceback."""
    code, out, err = run("show", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"llmplan: {message}")
    assert err.partition("hint: ")[0].count("\n") == 1


def test_a_file_of_one_line_is_of_the_kind_that_it_is_like(run, tmp_path):
    """If it fails, an accelerator like another is read as a model that nobody knows."""
    for name, kind in (("h100-sxm-80gb", "gpu"), ("llama-7b", "model"), ("adam", "optimizer")):
        path = tmp_path / f"my-{kind}.toml"
        path.write_text(f'like = "{name}"\n', encoding="utf-8")
        code, out, err = run("show", str(path), "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["kind"] == kind
