"""Broken plugins, one file each in broken_plugins/: what is done with each, what it costs, and that it is one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from llmplan.catalogues import registry
from llmplan.cli.main import main

FOLDER = Path(__file__).parent / "broken_plugins"
BROKEN = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "delegating")
TRAIN = (
    *("train", "--model", "llama-7b", "--gpu", "h100-sxm-80gb", "--gpus", "8", "--tp", "1", "--pp", "1", "--cp", "1"),
    *("--vpp", "1", "--zero", "1", "--no-sequence-parallel", "--schedule", "1f1b", "--offload", "none"),
    *("--recompute", "none", "--micro-batch", "1"),
)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution on the path that has one of these modules for a plugin; all is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LLMPLAN_STRICT", "0")

    def installed(module, entry_points=None):
        folder = tmp_path / f"{module}-1.0.dist-info"
        folder.mkdir()
        (folder / "entry_points.txt").write_bytes(entry_points or f"[llmplan.plugins]\nbroken = {module}\n".encode())
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
        registry.cache_clear()

    yield installed
    registry.cache_clear()
    for name in (*BROKEN, "delegating"):
        sys.modules.pop(name, None)


def about(module):
    """What is asked with it, the exit code of that and of strict mode, and what stderr says: read, not imported."""
    stated = {"ASKS": (), "CODE": 1, "STRICT": 1}
    for line in (FOLDER / f"{module}.py").read_text("utf-8").splitlines():
        name, _, value = line.partition(" = ")
        if name in ("ASKS", "CODE", "STRICT", "SAID"):
            stated[name] = eval(value)
    return stated


@pytest.mark.parametrize("module", BROKEN)
def test_it_costs_one_line_and_strict_mode_notices(module, install, tmp_path, capfd, monkeypatch):
    """If it fails, a broken plugin ends in a traceback or in silence, or takes a sound command with it."""
    stated = about(module)
    install(module)
    asks = [word.replace("FOLDER", str(tmp_path)) for word in stated["ASKS"]]
    arguments = asks if asks[:1] == ["broken"] else [*TRAIN, *asks]
    if stated["CODE"] == 0 and "--reporter" not in asks:
        arguments.append("--json")
    code = main(arguments)
    out, err = capfd.readouterr()
    assert (code, "Traceback" in out + err) == (stated["CODE"], False), err
    assert [line for line in err.splitlines() if stated["SAID"] in line], err
    if code:
        assert (out, len(err.splitlines())) == ("", 1) or module == "reporter_returns_nothing"
    elif arguments[-1] == "--json":
        planned = json.loads(out)
        assert (planned["dtype"] in ("w16a16e16", "bf16"), planned["memory_capacity_bytes"] > 80e9) == (True, True)
    monkeypatch.setenv("LLMPLAN_STRICT", "1")
    assert main(arguments) == stated["STRICT"]
    capfd.readouterr()
    assert main(["plugins", "--json"]) in (0, 1)
    assert module.replace("_", "-") in capfd.readouterr().out


def test_what_came_second_is_reached_by_its_distribution(install, tmp_path, capfd):
    """If it fails, a record or format that lost its name to another is lost."""
    for module in ("reporter_named_table", "exporter_of_md"):
        install(module)
    plan = tmp_path / "plan.md"
    assert main([*TRAIN, "--reporter", "reporter-named-table:table", "--output", f"exporter-of-md:{plan}"]) == 0
    assert capfd.readouterr() == ("mine", "")
    assert plan.read_bytes() == b"mine"


@pytest.mark.parametrize(
    "lines", [b"no equals sign", b"\xff\xfe = \xff", b"a="], ids=["no equals sign", "not UTF-8", "no module"]
)
def test_entry_points_that_make_no_sense_cost_a_line(lines, install, capfd):
    """If it fails, one file that an installer left half written takes every command down, or goes unnoticed."""
    install("no_module_at_all", b"[llmplan.plugins]\n" + lines + b"\n")
    assert main([*TRAIN, "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["gpu"] == "h100-sxm-80gb"
    assert [line.partition(" ignored")[0] for line in err.splitlines()] == ["plugin no-module-at-all 1.0"]
    assert main(["plugins"]) == 0


def test_a_plugin_that_fails_is_a_failure_in_python(install):
    """If it fails, a script that prices plans ends without a word, as a success."""
    from llmplan import train
    from llmplan.errors import PluginFailedError

    install("cost_model_exits")
    with pytest.raises(PluginFailedError, match="SystemExit: 0"):
        train(model="llama-7b", gpu="h100-sxm-80gb", gpus=8, tp=1, pp=1, cost_model="broken")
