"""The loader: what it finds, and how it keeps a broken plugin from the others."""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution
from types import ModuleType, SimpleNamespace

import pluggy
import pytest
import typer

from llmplan import hookimpl, hookspecs
from llmplan.catalogues import GPUS, Kind, Registry, TomlRecords
from llmplan.catalogues.plugins import PluginError, Plugins, load_plugins
from llmplan.cli.main import main
from llmplan.errors import PluginWarning
from llmplan.records import HardwareProfile

HOOK = "llmplan_hardware_profiles"


def gpu(name):
    """A GPU of this name."""
    return HardwareProfile(
        name=name,
        memory_bytes=1e9,
        memory_bytes_per_second=1e9,
        peak_flops={"fp16": 1e12},
        scale_up_bytes_per_second=1e9,
    )


def module_of(*implementations, **members):
    """A plugin module with these hook implementations."""
    module = ModuleType("fake")
    for implementation in implementations:
        setattr(module, implementation.__name__, hookimpl(implementation))
    vars(module).update(members)
    return module


def offering(*names, **members):
    """A plugin module that offers GPUs of these names."""

    def llmplan_hardware_profiles():
        return [gpu(name) for name in names]

    return module_of(llmplan_hardware_profiles, **members)


def raising(error):
    """A function that raises this."""

    def load():
        raise error

    return load


@pytest.fixture
def plugins():
    """A loader that has loaded nothing."""
    manager = pluggy.PluginManager("llmplan")
    manager.add_hookspecs(hookspecs)
    return Plugins(manager)


def add(plugins, distribution, module, entry_point="entry"):
    """Load a module as the plugin of a distribution."""
    plugins.add(distribution, "1.0", entry_point, lambda: module)


def offered(plugins):
    """Who offers which GPU."""
    asked = plugins.ask(HOOK, GPUS.check)
    return [(plugin.distribution, record.name) for plugin, record in asked if not isinstance(record, TomlRecords)]


def reason(plugins):
    """The reason of the only problem."""
    (problem,) = plugins.problems
    return problem.reason


# Loading


def test_a_plugin_is_loaded(plugins):
    """If it fails, what is installed is not found, or not told apart."""
    add(plugins, "good", offering("one"))
    (plugin,) = plugins.loaded
    assert (plugin.id, plugin.version, plugin.hooks) == ("good:entry", "1.0", (HOOK,))
    assert offered(plugins) == [("good", "one")]
    assert plugins.problems == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("no such thing"), "ImportError: no such thing"),
        (SystemExit(3), "SystemExit: 3"),
        (RuntimeError("two\n  lines"), "RuntimeError: two lines"),
        (ValueError(), "ValueError: no message"),
    ],
)
def test_a_module_that_does_not_import_is_one_problem(plugins, error, said):
    """If it fails, a plugin that breaks at import breaks llmplan, or is not named in one line."""
    add(plugins, "good", offering("one"))
    plugins.add("bad", "2.0", "entry", raising(error))
    add(plugins, "better", offering("two"))
    assert offered(plugins) == [("good", "one"), ("better", "two")]
    (problem,) = plugins.problems
    assert problem.line == f"plugin bad 2.0 ignored: {said} (llmplan plugins shows the traceback)"
    assert "in load" in problem.traceback


def test_an_interrupt_is_no_problem_of_a_plugin(plugins):
    """If it fails, Ctrl-C while plugins load is swallowed."""
    with pytest.raises(KeyboardInterrupt):
        plugins.add("slow", "1.0", "entry", raising(KeyboardInterrupt()))


def test_a_misspelt_hook_is_refused_with_the_right_spelling(plugins):
    """If it fails, a plugin with a misspelt hook silently contributes nothing."""

    def llmplan_hardware_profile():
        return []

    add(plugins, "bad", module_of(llmplan_hardware_profile))
    assert (
        reason(plugins) == "llmplan_hardware_profile is not a hook of llmplan (did you mean llmplan_hardware_profiles?)"
    )
    assert plugins.loaded == []


def test_a_hook_like_no_other_is_refused_without_advice(plugins):
    """If it fails, the advice is wild."""

    def xyz():
        return []

    add(plugins, "bad", module_of(xyz))
    assert reason(plugins) == "xyz is not a hook of llmplan"


def test_an_unknown_argument_is_refused(plugins):
    """If it fails, the plugin is loaded, and fails when it is asked; or part of it stays registered."""

    def llmplan_hardware_profiles(vendor):
        return [vendor]

    def llmplan_dtype_rules():
        return []

    add(plugins, "bad", module_of(llmplan_dtype_rules, llmplan_hardware_profiles))
    assert "{'vendor'}" in reason(plugins)
    assert plugins.manager.get_plugins() == set()
    assert plugins.manager.hook.llmplan_dtype_rules.get_hookimpls() == []


@pytest.mark.parametrize(("members", "problems"), [({}, 0), ({"LLMPLAN_API": 1}, 0), ({"LLMPLAN_API": 2}, 1)])
def test_api_version_is_checked_where_it_is_stated(plugins, members, problems):
    """If it fails, a plugin that was built for another API runs, or one that states none does not."""
    add(plugins, "plugin", offering("one", **members))
    assert [problem.reason for problem in plugins.problems] == ["built for plugin API 2, this llmplan offers 1"][
        :problems
    ]


def test_entry_points_of_the_same_name_do_not_shadow_each_other(plugins):
    """If it fails, the second plugin vanishes, as with pluggy's own loader."""
    add(plugins, "one", offering("a"))
    add(plugins, "two", offering("b"))
    assert offered(plugins) == [("one", "a"), ("two", "b")]


def test_one_module_behind_two_entry_points_is_loaded_once(plugins):
    """If it fails, such a package conflicts with itself."""
    module = offering("a")
    add(plugins, "one", module, "first")
    add(plugins, "one", module, "second")
    assert offered(plugins) == [("one", "a")]
    assert reason(plugins).startswith("ValueError: Plugin already registered under a different name")


def test_an_entry_point_that_is_there_twice_keeps_the_first(plugins):
    """If it fails, a package whose metadata lists an entry point twice takes its own plugin away."""
    add(plugins, "one", offering("a"))
    add(plugins, "one", offering("b"))
    assert offered(plugins) == [("one", "a")]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put distributions on the path, each of one module that offers a GPU of its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name, metadata="Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n"):
        (tmp_path / f"{name}.py").write_text(
            f"from core_tests_offering import offering\nvars().update(vars(offering({name!r})))\n"
        )
        folder = tmp_path / f"{name}-1.5.dist-info"
        folder.mkdir()
        (folder / "entry_points.txt").write_text(f"[llmplan.plugins]\nentry = {name}\n")
        if metadata:
            (folder / "METADATA").write_text(metadata.format(name=name))

    monkeypatch.setitem(sys.modules, "core_tests_offering", SimpleNamespace(offering=offering))
    return install


def test_installed_plugins_are_found_in_the_order_of_their_names(installed):
    """If it fails, installing a plugin is not enough, or listings depend on the order of installation."""
    for name in ("zz2", "zz1"):
        installed(name)
    found = load_plugins()
    assert offered(found)[-2:] == [("zz1", "zz1"), ("zz2", "zz2")]
    assert [(plugin.id, plugin.version) for plugin in found.loaded][-2:] == [("zz1:entry", "1.5"), ("zz2:entry", "1.5")]


def test_a_distribution_without_metadata_breaks_nothing(installed):
    """If it fails, what an interrupted uninstallation left behind breaks every command."""
    installed("zz1", metadata=None)
    assert len(load_plugins().loaded) > 0


def test_nor_does_one_that_another_finder_knows(monkeypatch):
    """If it fails, the same breaks every command of whoever has the backport of importlib.metadata, as Dask does."""

    class Left(Distribution):
        @property
        def metadata(self):
            raise FileNotFoundError("No package metadata was found.")

        def read_text(self, _filename):
            return None

        def locate_file(self, path):
            return path

    finder = SimpleNamespace(find_spec=lambda *_: None, find_distributions=lambda *_: [Left()])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    assert len(load_plugins().loaded) > 0


def test_entry_points_that_are_no_utf_8_cost_a_line_there_too(monkeypatch):
    """If it fails, a file that is half written ends every command in a traceback, behind such a finder."""

    class Torn(Distribution):
        metadata = {"Name": "torn", "Version": "1.0"}  # noqa: RUF012 - of the class that it stands for

        def read_text(self, _filename):
            return b"[llmplan.plugins]\n\xff = \xff\n".decode()

        def locate_file(self, path):
            return path

    finder = SimpleNamespace(find_spec=lambda *_: None, find_distributions=lambda *_: [Torn()])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    with pytest.warns(PluginWarning, match=r"^plugin torn 1.0 ignored: "):
        load_plugins()


# Asking


def test_a_generator_that_raises_half_way_contributes_nothing(plugins):
    """If it fails, half of a plugin is offered as if it were all."""

    def llmplan_hardware_profiles():
        yield gpu("half")
        raise RuntimeError("out of GPUs")

    add(plugins, "bad", module_of(llmplan_hardware_profiles))
    add(plugins, "good", offering("one"))
    assert offered(plugins) == [("good", "one")]
    assert reason(plugins) == "llmplan_hardware_profiles: RuntimeError: out of GPUs"


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (lambda: 7, "returned int, not records"),
        (lambda: None, "returned NoneType, not records"),
        (lambda: "h100", "returned a str, not a HardwareProfile"),
        (lambda: [gpu("one"), "two"], "returned a str, not a HardwareProfile"),
        (lambda: [gpu("one"), gpu("two"), gpu("one")], "offers one twice"),
        (lambda: [gpu("H100")], "name: 'H100' is not a lower-case name"),
        (raising(SystemExit("no licence")), "SystemExit: no licence"),
        (raising(OSError("no file")), "OSError: no file"),
    ],
)
def test_a_hook_that_answers_wrongly_contributes_nothing(plugins, returned, said):
    """If it fails, what is no record reaches the planner, or takes the other plugins down."""

    def llmplan_hardware_profiles():
        return returned()

    add(plugins, "bad", module_of(llmplan_hardware_profiles))
    add(plugins, "good", offering("one"))
    assert offered(plugins) == [("good", "one")]
    assert reason(plugins).startswith(f"llmplan_hardware_profiles: {said}")


def test_pluggys_wrappers_are_bypassed(plugins):
    """If it fails, one plugin can change or swallow what another one offers."""

    def swallow():
        yield
        return []

    swallow.__name__ = HOOK
    module = ModuleType("fake")
    setattr(module, HOOK, hookimpl(wrapper=True)(swallow))
    add(plugins, "good", offering("one"))
    add(plugins, "wrapper", module)
    assert offered(plugins) == [("good", "one")]
    assert reason(plugins) == "llmplan_hardware_profiles: returned a NoneType, not a HardwareProfile"


def test_tryfirst_changes_nothing(plugins):
    """If it fails, a plugin can push itself before others."""
    eager = ModuleType("fake")
    setattr(eager, HOOK, hookimpl(tryfirst=True)(lambda: [gpu("eager")]))
    add(plugins, "good", offering("one"))
    add(plugins, "late", eager)
    assert offered(plugins) == [("good", "one"), ("late", "eager")]


def test_an_error_of_llmplan_speaks_for_itself(plugins):
    """If it fails, the reason starts with a class of llmplan's that means nothing to the user."""
    plugins.add("bad", "1.0", "entry", raising(PluginError("is not to our liking")))
    assert reason(plugins) == "is not to our liking"


# Commands


@pytest.fixture
def llmplan(plugins, monkeypatch, capsys):
    """Run the command line with these plugins; its exit code, stdout and stderr."""

    def run(*arguments):
        registry = Registry(plugins)
        monkeypatch.setattr("llmplan.cli.main.registry", lambda: registry)
        monkeypatch.setattr("llmplan.cli.plugins.registry", lambda: registry)
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def commands_of(fill):
    """A plugin module whose hook fills an app."""

    def llmplan_commands(app):
        fill(app)

    return module_of(llmplan_commands)


def greeting(name, text="hello"):
    """Fills an app with a command that greets."""

    def fill(app):
        @app.command(name)
        def greet():
            print(text)

    return fill


def test_a_command_of_a_plugin_is_mounted(plugins, llmplan):
    """If it fails, plugins cannot bring commands."""
    add(plugins, "polite", commands_of(greeting("greet")))
    assert llmplan("greet") == (0, "hello\n", "")
    assert "greet" in llmplan("--help")[1]


def test_a_group_of_commands_is_mounted(plugins, llmplan):
    """If it fails, plugins cannot bring commands under a name of their own."""

    def fill(app):
        group = typer.Typer()
        greeting("greet")(group)
        greeting("leave", "good-bye")(group)
        app.add_typer(group, name="polite")

    add(plugins, "polite", commands_of(fill))
    assert llmplan("polite", "leave") == (0, "good-bye\n", "")


def test_a_plugin_that_raises_half_way_leaves_no_command_behind(plugins, llmplan):
    """If it fails, a command is there whose plugin never finished setting up, or all commands are gone."""

    def fill(app):
        greeting("greet")(app)
        raise RuntimeError("no more words")

    add(plugins, "bad", commands_of(fill))
    add(plugins, "polite", commands_of(greeting("leave", "good-bye")))
    code, out, err = llmplan("leave")
    assert (code, out) == (0, "good-bye\n")
    assert err.splitlines() == [
        "plugin bad 1.0 ignored: llmplan_commands: RuntimeError: no more words (llmplan plugins shows the traceback)"
    ]
    assert "greet" not in llmplan("--help")[1]


@pytest.mark.parametrize("name", ["train", "plugins", "search"])
def test_a_command_of_llmplan_is_not_replaced(plugins, llmplan, name):
    """If it fails, a plugin takes over a command that people trust."""

    def fill(app):
        greeting("greet")(app)
        greeting(name, "mine now")(app)

    add(plugins, "bad", commands_of(fill))
    code, out, err = llmplan(name, "--help")
    assert code == 0
    assert "mine now" not in out
    assert f"plugin bad 1.0 ignored: llmplan_commands: the command {name} exists already" in err
    assert "greet" not in llmplan("--help")[1]


def test_the_first_of_two_plugins_keeps_a_command(plugins, llmplan):
    """If it fails, which plugin answers depends on luck, and nobody is told."""
    add(plugins, "first", commands_of(greeting("greet")))
    add(plugins, "second", commands_of(greeting("greet", "mine now")))
    code, out, err = llmplan("greet")
    assert (code, out) == (0, "hello\n")
    assert "plugin second 1.0 ignored" in err


def test_plugins_command_asks_every_hook(plugins, llmplan):
    """If it fails, a plugin is called well that breaks as soon as it is asked."""

    def llmplan_reporters():
        raise RuntimeError("no words")

    add(plugins, "good", offering("one"))
    add(plugins, "bad", module_of(llmplan_reporters))
    plugins.add("worse", "1.0", "entry", raising(ImportError("nothing")))
    code, out, err = llmplan("plugins", "--json")
    document = json.loads(out)
    rows = [(row["distribution"], row["status"], row["names"]) for row in document["plugins"]]
    assert rows == [("good", "ok", {"gpus": ["one"]}), ("bad", "failed", {}), ("worse", "failed", {})]
    assert {problem["distribution"] for problem in document["problems"]} == {"bad", "worse"}
    assert (code, len(err.splitlines())) == (0, 2)


def test_plugins_command_prints_tracebacks(plugins, llmplan):
    """If it fails, an author learns that a plugin is broken, but not where."""
    add(plugins, "good", offering("one"))
    plugins.add("bad", "1.0", "entry", raising(ImportError("nothing")))
    code, out, _ = llmplan("plugins")
    assert code == 0
    assert "1 gpus" in out
    assert "bad 1.0: ImportError: nothing\nTraceback (most recent call last):" in out


@pytest.mark.parametrize(("strict", "code"), [("1", 1), ("0", 0)])
def test_strict_mode_turns_a_problem_into_an_exit_code(plugins, llmplan, monkeypatch, strict, code):
    """If it fails, continuous integration does not notice a broken plugin, or everybody is bothered by one."""
    monkeypatch.setenv("LLMPLAN_STRICT", strict)
    assert llmplan("plugins")[0] == 0
    plugins.add("bad", "1.0", "entry", raising(ImportError("nothing")))
    assert llmplan("plugins")[0] == code
    assert llmplan("no-such-command")[0] == 2


def test_a_function_in_capitals_replaces_no_command(plugins, llmplan):
    """If it fails, a plugin takes over a command that people trust."""

    def fill(app):
        def Train():  # noqa: N802 - the point of the test
            print("mine now")

        app.command()(Train)

    add(plugins, "bad", commands_of(fill))
    assert "the command train exists already" in llmplan("train", "--help")[2]


def test_a_group_that_names_itself_replaces_no_command(plugins, llmplan):
    """If it fails, a plugin takes over a command that people trust."""

    def fill(app):
        group = typer.Typer(name="train")
        greeting("greet")(group)
        greeting("leave")(group)
        app.add_typer(group)

    add(plugins, "bad", commands_of(fill))
    assert "the command train exists already" in llmplan("train", "--help")[2]


def test_a_command_that_typer_cannot_read_breaks_no_other(plugins, llmplan):
    """If it fails, one plugin's command with an annotation that Typer does not know breaks every command."""

    def fill(app):
        def greet(whom):
            print(whom)

        greet.__annotations__["whom"] = object
        app.command()(greet)

    add(plugins, "bad", commands_of(fill))
    code, _, err = llmplan("train", "--help")
    assert code == 0
    assert "plugin bad 1.0 ignored" in err


def test_a_hook_of_a_plugin_may_come_after_those_who_implement_it(plugins):
    """Which distribution comes first by name would decide whether a price list is found."""

    def llmplan_acme_queues():
        return [SimpleNamespace(name="long")]

    def llmplan_kinds():
        return [Kind("acme-queues", "llmplan_acme_queues", "SimpleNamespace", package="types")]

    early, late = module_of(llmplan_acme_queues), module_of(llmplan_kinds)
    assert not plugins.add("acme-night", "1.0", "entry", lambda: early, may_wait=True)
    assert (plugins.loaded, plugins.problems) == ([], [])
    assert plugins.add("zeta", "1.0", "entry", lambda: late)
    assert plugins.add("acme-night", "1.0", "entry", lambda: early)
    assert [plugin.distribution for plugin in plugins.loaded] == ["zeta", "acme-night"]


def test_a_kind_of_a_plugin_takes_no_name_of_another(plugins):
    """``llmplan list gpus`` would list queues."""

    def llmplan_kinds():
        return [Kind("gpus", "llmplan_acme_queues", "SimpleNamespace", package="types")]

    add(plugins, "acme", module_of(llmplan_kinds))
    assert [problem.reason for problem in plugins.problems] == ["brings the kind gpus, which there is already"]
