"""Launchers by name and by file, and what one that fails costs."""

from __future__ import annotations

from types import SimpleNamespace

import pluggy
import pytest
from attrs import evolve

from llmplan import hookspecs, train
from llmplan.catalogues import Registry
from llmplan.catalogues.plugins import Plugins
from llmplan.errors import BadInputError, PluginFailedError
from llmplan.estimate import Launcher, LaunchFile, LaunchOptions
from llmplan.hookspecs import hookimpl
from llmplan_launchers import asked, reading, writing

FITTING = train(
    model="llama-7b", gpu="a100-sxm-80gb", tp=1, pp=1, dp=8, cp=1, zero=1, micro_batch=1, recompute="full", seq_len=2048
)


def read(text):
    words = text.split()
    return LaunchOptions({"tp": int(words[words.index("--tp") + 1]), "dp": int(words[words.index("--dp") + 1])})


ACME = Launcher(
    name="acme",
    command="train",
    write=lambda _: LaunchFile("acme\n"),
    read=read,
    recognises=lambda text: "acme" in text,
    description="ACME's trainer",
)


def refuse(_estimate):
    raise BadInputError("acme: tp 1: no")


def _manager():
    manager = pluggy.PluginManager("llmplan")
    manager.add_hookspecs(hookspecs)
    return manager


@pytest.fixture
def installed(monkeypatch):
    """Makes plugins of launchers, by distribution, the installed ones."""

    def install(**launchers):
        registry = Registry(Plugins(_manager()))
        for name, launcher in launchers.items():
            offering = SimpleNamespace(llmplan_launchers=hookimpl(lambda launcher=launcher: [launcher]))
            registry.plugins.add(name, "1.0", "entry", lambda offering=offering: offering)
        for module in (asked, reading, writing):
            monkeypatch.setattr(module, "registry", lambda: registry)

    return install


def test_a_file_that_two_launchers_know(installed, tmp_path):
    """One of them would be taken at random."""
    path = tmp_path / "run"
    path.write_text("acme --tp 2 --dp 4\n")
    installed(one=ACME, two=evolve(ACME, name="other"))
    with pytest.raises(BadInputError) as refused:
        reading.options_from(str(path), "train")
    assert str(refused.value) == f"from: {path} may be a file of acme or other; write acme:{path}"
    assert reading.options_from(f"other:{path}", "train") == {"tp": 2, "dp": 4}


def test_two_plugins_with_one_name(installed, tmp_path):
    """Neither could be named."""
    path = tmp_path / "run"
    path.write_text("acme --tp 2 --dp 4\n")
    installed(one=ACME, two=evolve(ACME, recognises=lambda _: False))
    assert reading.options_from(str(path), "train") == {"tp": 2, "dp": 4}
    assert reading.options_from(f"two:acme:{path}", "train") == {"tp": 2, "dp": 4}
    assert writing.exports_of(["one:acme:x"], "train", as_json=True)[0].path == "x"


def test_no_launcher_of_a_command(installed):
    """The message would list nothing."""
    installed(one=ACME)
    with pytest.raises(BadInputError, match="acme takes the plans of llmplan train; none takes those of infer"):
        writing.exports_of(["acme"], "infer", as_json=False)


def test_a_launcher_that_reads_nothing(installed, tmp_path):
    """A file would be read by nobody without a word."""
    path = tmp_path / "run"
    path.write_text("acme\n")
    installed(one=evolve(ACME, read=None, recognises=None))
    with pytest.raises(
        BadInputError, match="no launcher knows this file; no plugin that reads such files is installed"
    ):
        reading.options_from(str(path), "train")


def test_a_launcher_that_fails_is_named():
    """A fault of a plugin would be a traceback that says nothing to its user."""
    broken = writing.Export("acme", evolve(ACME, write=lambda _: 1 / 0), None)
    with pytest.raises(PluginFailedError, match="launcher: acme failed: ZeroDivisionError: division by zero") as failed:
        writing.launch([broken], FITTING)
    assert failed.value.exit_code == 1


def test_a_launcher_that_refuses_says_so_itself():
    """A refusal would look like a fault."""
    export = writing.Export("acme", evolve(ACME, write=refuse), None)
    with pytest.raises(BadInputError, match=r"^acme: tp 1: no$"):
        writing.launch([export], FITTING)
