"""``llmplan plugins new`` and ``check``: what is written keeps the contracts as it is, and what is broken is named."""

from __future__ import annotations

import runpy
import sys
from types import ModuleType

import pytest
from attrs import fields

from llmplan import records
from llmplan.cli.main import main
from llmplan.estimate import Line
from llmplan_kit.record_fields import record_fields
from llmplan_kit.skeleton import FOUND, package


@pytest.fixture
def forgotten():
    """Modules of written packages are not there for the next test."""
    yield
    for name in [name for name in sys.modules if name.startswith("llmplan_planted_")]:
        del sys.modules[name]


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("kind", FOUND)
def test_a_package_passes_its_own_tests_as_it_is_written(kind, tmp_path, capsys, monkeypatch):
    """If it fails, who starts from the skeleton starts with a failure."""
    name = f"planted-{kind}"
    assert main(["plugins", "new", name, "--kind", kind, "--folder", str(tmp_path)]) == 0
    folder = tmp_path / f"llmplan-{name}"
    assert capsys.readouterr().out.startswith(f"{folder}\n")
    assert main(["plugins", "check", str(folder)]) == 0
    assert capsys.readouterr().out == f"llmplan-{name}: ok\n"
    monkeypatch.syspath_prepend(str(folder / "src"))
    (tests,) = (folder / "tests").iterdir()
    for test in [value for key, value in runpy.run_path(str(tests)).items() if key.startswith("test_")]:
        test()
    assert (folder / ".github" / "workflows" / "test.yml").exists()
    assert (
        "@" not in "".join(text for path, text in package(name, kind).items() if path.endswith((".py", ".toml")))[:200]
    )


def test_help_names_every_kind(capsys):
    """If it fails, nobody learns that there is a package of a kind to start from."""
    assert main(["plugins", "new", "--help"]) == 0
    said = capsys.readouterr().out
    assert [kind for kind in FOUND if kind not in said] == []


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("gpu", records.HardwareProfile),
        ("dtype", records.DTypeRule),
        ("engine", records.EngineProfile),
        ("cluster", records.Cluster),
    ],
)
def test_every_field_of_a_record_stands_in_its_skeleton(kind, record):
    """If it fails, an author has to read our sources to learn of a field."""
    text = "".join(package("x1", kind).values())
    assert [field.name for field in fields(record) if field.init and f"{field.name}=" not in text] == []


def test_fields_carry_their_meaning():
    """If it fails, a skeleton or a page names a field without what it means."""
    said = {field.name: field for field in record_fields(records.HardwareProfile)}
    assert said["tdp_watts"].type == "float | None"
    assert said["memory_bytes"].default == ""
    assert "driver" in said["memory_bytes"].meaning


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("new", "X1", "--kind", "gpu"), "name: 'X1' is to be of small letters, digits and hyphens, like acme-x1"),
        (("new", "x" * 300, "--kind", "gpu"), "name: 'xxx"),
        (("new", "prices", "--kind", "gpu"), "name: 'prices' is a package of llmplan itself"),
        (("new", "x1", "--kind", "gpu", "--folder", "/dev/null"), "folder: /dev/null: Not a directory"),
        (("new", "x1", "--kind", "gpu", "--folder", "a\x00b"), "folder: a?b/llmplan-x1: embedded null"),
        (("new", "x1", "--kind", "gpus"), "kind: 'gpus' is none of gpu, model, dtype, "),
        (
            ("check", "no-such-plugin"),
            "check: 'no-such-plugin' is no folder, no file and none of ",
        ),
    ],
)
def test_bad_input_is_one_line(arguments, says, capsys):
    """If it fails, a slip of the pen costs a traceback, or half a package."""
    assert main(["plugins", *arguments]) == 2
    assert capsys.readouterr().err.splitlines()[0].startswith(f"llmplan: {says}")


def test_a_folder_is_not_overwritten(tmp_path, capsys):
    """If it fails, work is lost by a second call."""
    arguments = ["plugins", "new", "x1", "--kind", "reporter", "--folder", str(tmp_path)]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "is there already" in capsys.readouterr().err


def test_what_is_installed_and_what_is_broken_is_checked(tmp_path, capsys):
    """If it fails, a broken plugin is called ok, ends in a traceback, or hides the others."""
    assert main(["plugins", "check", "llmplan-dtypes-int"]) == 0
    assert capsys.readouterr().out == "llmplan-dtypes-int: ok\n"
    broken = tmp_path / "broken.py"
    broken.write_text("from llmplan import hookimpl\n\n@hookimpl\ndef llmplan_reporters():\n    raise SystemExit\n")
    assert main(["plugins", "check", str(broken)]) == 1
    assert capsys.readouterr().out.startswith(f"{broken}: llmplan_reporters: SystemExit")
    assert main(["plugins", "check", str(tmp_path)]) == 2
    assert "has no pyproject.toml" in capsys.readouterr().err


def test_a_folder_is_checked_as_it_is_and_not_as_it_was_installed(tmp_path, capsys):
    """If it fails, whoever mends a plugin that is installed is told of the old one for ever."""
    assert main(["plugins", "new", "planted-twice", "--kind", "optimizer", "--folder", str(tmp_path)]) == 0
    folder = tmp_path / "llmplan-planted-twice"
    sys.modules["llmplan_planted_twice"] = ModuleType("llmplan_planted_twice")
    module = folder / "src" / "llmplan_planted_twice" / "__init__.py"
    module.write_text(module.read_text().replace("state_bytes=2.0", "state_bytes=2.0e9"))
    capsys.readouterr()
    sys.modules["llmplan_planted_twice"].__file__ = "/elsewhere/llmplan_planted_twice.py"
    before = [*sys.path]
    assert main(["plugins", "check", str(folder)]) == 1
    assert "state_bytes: 2000000000.0 is not in" in capsys.readouterr().out
    assert sys.path == before
    assert sys.modules.pop("llmplan_planted_twice").__file__ == "/elsewhere/llmplan_planted_twice.py"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit(3)\n", "SystemExit: 3 (broken.py, line 1)"),
        ("\n1 / 0\n", "ZeroDivisionError: division by zero (broken.py, line 2)"),
        ("def (\n", "SyntaxError: invalid syntax (broken.py, line 1)"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_where(text, said, tmp_path, capsys):
    """If it fails, its author looks for the line himself, or the check is blamed."""
    (tmp_path / "broken.py").write_text(text)
    assert main(["plugins", "check", str(tmp_path / "broken.py")]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"llmplan: check: {tmp_path / 'broken.py'}: {said}"


def test_a_file_with_dataclasses_is_checked(tmp_path, capsys):
    """If it fails, a class that looks its own module up cannot be checked before it is installed."""
    (tmp_path / "classes.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        "from llmplan import hookimpl\n\n@dataclass\nclass Steps:\n    name: ClassVar[str] = 'acme'\n"
        "    description: str = 'x'\n\n    def recognises(self, text):\n        return text.startswith('step ')\n\n"
        "    def rows(self, path, text, options):\n        return []\n\n"
        "@hookimpl\ndef llmplan_run_readers():\n    return [Steps()]\n"
    )
    assert main(["plugins", "check", str(tmp_path / "classes.py")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'classes.py'}: ok\n"


def test_every_record_says_what_is_wrong_with_it(tmp_path, capsys):
    """If it fails, whoever has made three mistakes has to run the check four times to know of them."""
    module = tmp_path / "three.py"
    module.write_text(
        "from llmplan import hookimpl\nfrom llmplan.records import Optimizer\n\n@hookimpl\ndef llmplan_optimizers():\n"
        "    return [Optimizer(name=f'n{n}', state_bytes=8e9, source='a') for n in range(2)]\n\n"
        "@hookimpl\ndef llmplan_schedules():\n    return [7]\n"
    )
    assert main(["plugins", "check", str(module)]) == 1
    said = [line.removeprefix(f"{module}: ")[:14] for line in capsys.readouterr().out.splitlines()]
    assert said == ["llmplan_schedu", "n0: state_byte", "n1: state_byte"]


def test_the_table_of_plugins_is_as_before(capsys):
    """If it fails, the group hides the command that it grew from."""
    assert main(["plugins", "--json"]) == 0
    assert '"llmplan.plugins/1"' in capsys.readouterr().out


@pytest.mark.parametrize("record", [records.HardwareProfile, records.EngineProfile, records.GemmCurve, Line])
def test_every_field_means_something(record):
    """If it fails, a skeleton or docs/records.md has an empty cell, or a size without its unit."""
    for field in record_fields(record):
        assert field.meaning, field.name
        sized = field.name.endswith(("_bytes", "_bits", "seconds", "flops", "plateau"))
        assert field.unit or not sized or field.type == "bool", field.name
