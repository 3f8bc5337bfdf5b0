"""Broken plugins, one file each in broken_plugins/: what is done with each, what it costs, and that it is one line."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from llmplan import train
from llmplan.catalogues import KINDS, plugged, register, registry, reload, unregister
from llmplan.cli.main import main
from llmplan.errors import PluginFailedError, PluginWarning, UnknownNameError

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
    monkeypatch.setattr("llmplan.search.run._FEW", 0)  # few plans are priced without their bounds

    def installed(module, entry_points=None):
        folder = tmp_path / f"{module}-1.0.dist-info"
        folder.mkdir()
        (folder / "entry_points.txt").write_bytes(entry_points or f"[llmplan.plugins]\nbroken = {module}\n".encode())
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
        reload()

    yield installed
    reload()
    for name in (*BROKEN, "delegating"):
        sys.modules.pop(name, None)


def about(module):
    """What is asked with it, the exit code of that and of strict mode, and what stderr says: read, not imported."""
    stated = {"ASKS": (), "CODE": 1}
    for statement in ast.parse((FOLDER / f"{module}.py").read_text("utf-8")).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id in ("ASKS", "CODE", "STRICT", "SAID"):
            stated[statement.targets[0].id] = ast.literal_eval(statement.value)
    return {"STRICT": stated["CODE"] or 1, **stated}


def surroundings():
    """What belongs to the whole process."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return os.getpid(), Path.cwd(), dict(os.environ), [*sys.path], handlers, sys.getrecursionlimit()


@pytest.mark.parametrize("module", BROKEN)
def test_it_costs_one_line_and_strict_mode_notices(module, install, tmp_path, capfd, monkeypatch):
    """If it fails, a broken plugin ends in a traceback or in silence, or takes a sound command with it."""
    stated = about(module)
    install(module)
    (tmp_path / "run.sh").write_text("torchrun x\n")
    asks = [word.replace("FOLDER", str(tmp_path)) for word in stated["ASKS"]]
    arguments = [*TRAIN, *asks] if not asks or asks[0].startswith("--") else asks
    if stated["CODE"] == 0 and "--reporter" not in asks and asks[:1] != ["search"]:
        arguments.append("--json")
    before = surroundings()
    code = main(arguments)
    out, err = capfd.readouterr()
    assert surroundings() == before
    assert (code, "Traceback" in out + err) == (stated["CODE"], False), err
    assert [line for line in err.splitlines() if stated["SAID"] in line], err
    if code:
        said = [line for line in err.splitlines() if " ignored: " not in line and not line.startswith("hint: ")]
        assert (out, len(said)) == ("", 1) or module == "reporter_returns_nothing"
    elif arguments[-1] == "--json":
        planned = json.loads(out)
        assert (planned["dtype"] in ("w16a16e16", "bf16"), planned["memory_capacity_bytes"] > 80e9) == (True, True)
    monkeypatch.setenv("LLMPLAN_STRICT", "1")
    assert main(arguments) == stated["STRICT"]
    capfd.readouterr()
    assert main(["plugins", "--json"]) in (0, 1)
    assert module.replace("_", "-") in capfd.readouterr().out


@pytest.mark.usefixtures("install")
def test_every_package_here_is_this_project_s():
    """If it fails, a package of ours is not in `llmplan.own` of core/pyproject.toml, and loses its names."""
    packages = (Path(__file__).parents[1] / "plugins").glob("*/pyproject.toml")
    names = {re.search(r'^name = "(.+)"', path.read_text("utf-8"), re.MULTILINE)[1] for path in packages}
    assert names <= registry().plugins.own


@pytest.mark.usefixtures("install")
def test_no_two_packages_here_offer_one_name():
    """If it fails, two of ours disagree on a record, and whoever names it is warned of a clash that he cannot mend."""
    catalogues = [registry().catalogue(kind) for kind in KINDS]
    offered = [(catalogue.kind.plural, name) for catalogue in catalogues for name, _ in catalogue.offers()]
    assert [name for name, many in Counter(offered).items() if many > 1] == []


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
    install("cost_model_exits")
    with pytest.raises(PluginFailedError, match="SystemExit: 0"):
        train(model="llama-7b", gpu="h100-sxm-80gb", gpus=8, tp=1, pp=1, cost_model="broken")


ACME = """
from attrs import evolve
from llmplan import hookimpl
from llmplan.catalogues import registry


@hookimpl
def llmplan_hardware_profiles():
    return [evolve(registry().gpus["h100-sxm-80gb"], name="h100-of-acme")]
"""


def test_a_plugin_of_one_file_derives_a_record_from_one_of_others(tmp_path, capfd):
    """If it fails, a hook that looks a record up runs into itself, or a plugin has to be installed to be tried."""
    (tmp_path / "acme_file.py").write_text(ACME)
    file = str(tmp_path / "acme_file.py")
    assert main(["show", "h100-of-acme", "--json", "--plugin", file]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert (shown["provider"], shown["memory_bytes_per_second"]) == ("acme-file", 3.35e12)
    assert main(["show", "h100-of-acme"]) == 2
    assert main(["--plugin", str(tmp_path / "nothing.py"), "list"]) == 2
    assert "plugin: " in capfd.readouterr().err


def test_plugins_are_left_out(install, capfd, monkeypatch):
    """If it fails, the plugin that breaks cannot be found without uninstalling one after the other."""
    install("exits_at_import")
    assert main([*TRAIN, "--json", "--without-plugin", "exits-at-import"]) == 0
    assert capfd.readouterr().err == ""
    assert main(["list", "--without-plugin=exits-at-imprt"]) == 2
    assert "'exits-at-imprt' has no plugin; there are exits-at-import, " in capfd.readouterr().err
    monkeypatch.setenv("LLMPLAN_PLUGINS", "llmplan-hardware-nvidia,llmplan-listing")
    reload()
    assert main(["list", "--json"]) == 0
    listed = json.loads(capfd.readouterr().out)
    assert (bool(listed["gpus"]), listed["models"], bool(listed["reporters"])) == (True, [], True)


@pytest.mark.usefixtures("install")
def test_plugins_come_and_go_while_a_program_runs():
    """If it fails, a notebook has to be restarted for every change of a plugin, or a test of one changes the next."""
    module = ModuleType("acme_module")
    exec(ACME, vars(module))
    with plugged(module) as found:
        assert registry() is found
        assert "h100-of-acme" in registry().gpus
    assert "h100-of-acme" not in registry().gpus
    register(module)
    assert train(model="llama-7b", gpu="h100-of-acme", gpus=8, tp=1, pp=1).feasible
    unregister("acme-module")
    with pytest.raises(UnknownNameError):
        train(model="llama-7b", gpu="h100-of-acme", gpus=8, tp=1, pp=1)
    with plugged(without=("llmplan-models-open",)):
        assert "llmplan-models-open" not in {by for _, by in registry().models.offers()}


@pytest.mark.usefixtures("install")
def test_what_is_installed_is_plugged_in_once(monkeypatch):
    """If it fails, the tests that `plugins new` writes fail as soon as the plugin is installed, in its own workflow."""
    monkeypatch.setenv("LLMPLAN_STRICT", "1")
    module = registry().plugins.manager.get_plugin("llmplan-dtypes-int:dtypes_int")
    with plugged(module) as found:
        assert found.plugins.problems == []
        assert "w8a8e16" in found.dtypes


SITE = """
from llmplan import hookimpl


class Here:
    name = "here"

    def at(self, cost_model):
        return cost_model

    def said(self, hardware, phase):
        return "as published"


@hookimpl
def llmplan_sites():
    return [Here()]
"""


def test_a_record_of_any_class_stands_in_the_json_by_its_name(tmp_path, capfd):
    """If it fails, what keeps the members of a protocol and is no class of attrs cannot be asked for with --json."""
    (tmp_path / "acme_site.py").write_text(SITE)
    assert main([*TRAIN, "--site", "here", "--plugin", str(tmp_path / "acme_site.py"), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["site"] == "here"


@pytest.mark.usefixtures("install")
def test_threads_share_one_registry():
    """If it fails, two threads that ask first load every plugin twice, and hold different records of one name."""
    reload()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: registry().gpus, range(32)))
    assert len(set(map(id, found))) == 1


def test_a_script_hears_of_a_plugin_that_is_ignored(install, monkeypatch):
    """If it fails, a script goes on without a plugin and nobody notices; strict mode has to stop it."""
    install("exits_at_import")
    with pytest.warns(PluginWarning, match="plugin exits-at-import 1.0 ignored: SystemExit: 0"):
        registry()
    reload()
    monkeypatch.setenv("LLMPLAN_STRICT", "1")
    with pytest.raises(PluginFailedError, match="exits-at-import"):
        registry()
