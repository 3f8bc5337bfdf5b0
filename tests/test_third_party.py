"""Third parties' plugins, end to end: wheels built and installed into a bare environment, and the script run there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from threading import Timer

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
OURS = [ROOT / "core", *sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))]

HOOK = """
from llmplan import hookimpl


@hookimpl
def llmplan_hardware_profiles():
"""
PROFILE = """
    from llmplan.records import HardwareProfile

    yield HardwareProfile(
        name="{name}", memory_bytes=1e9, memory_bytes_per_second=1e9, peak_flops={{"fp16": 1e12}},
        scale_up_bytes_per_second=1e9,
    )
"""

BROKEN = {
    "llmplan-fails-to-import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "llmplan-exits-at-import": ("raise SystemExit('bye')", "SystemExit: bye"),
    "llmplan-misspelt-hook": (HOOK.replace("profiles", "profile") + "    return []", "did you mean llmplan_hardware_p"),
    "llmplan-unknown-argument": (HOOK.replace("()", "(vendor)") + "    return []", "{'vendor'}"),
    "llmplan-other-api": (
        "LLMPLAN_API = 99" + HOOK + "    return []",
        "built for plugin API 99, this llmplan offers 1",
    ),
    "llmplan-hook-raises": (HOOK + "    raise RuntimeError('no\\nluck')", "RuntimeError: no luck"),
    "llmplan-raises-half-way": (HOOK + PROFILE.format(name="half-way") + "    1 / 0", "ZeroDivisionError"),
    "llmplan-wrong-type": (HOOK + "    return ['a100']", "returned a str, not a HardwareProfile"),
    "llmplan-no-records": (HOOK + "    return 7", "returned int, not records"),
}
"""By distribution: the module, and what the line on stderr says."""

GOOD = {
    "llmplan-same-gpu": (HOOK + PROFILE.format(name="h100-sxm-80gb"), "same_gpu"),
    "llmplan-same-entry-point": (HOOK + PROFILE.format(name="another-gpu"), "hardware_nvidia"),
}
"""By distribution: the module, and the name of the entry point."""

DOCUMENTED = {
    "llmplan-acme-train": ("llmplan_framework_profiles", "framework", "acme-train"),
    "llmplan-acme-momentum": ("llmplan_optimizers", "optimizer", "acme-momentum"),
    "llmplan-acme-gpipe": ("llmplan_schedules", "schedule", "acme-gpipe"),
}
"""By distribution: the hook whose example it is, the option that names its record, and the record's name."""

SIZES = (
    "--tp",
    "8",
    "--pp",
    "8",
    "--vpp",
    "1",
    "--cp",
    "1",
    "--zero",
    "1",
    "--micro-batch",
    "1",
    "--recompute",
    "none",
)
TRAIN = ("train", "--model", "llama-65b", "--gpus", "2048", *SIZES, "--json", "--gpu")
A100 = (*TRAIN, "a100-sxm-80gb")
H100 = (*TRAIN, "h100-sxm-80gb")
INFER = ("infer", "--model", "llama-65b", "--gpu", "a100-sxm-80gb", "--tp", "2", "--json")
LIST_GPUS = ("list", "gpus", "--json")
PLUGINS = ("plugins", "--json")


ASKED = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from llmplan.cli.main import main

answers = sys.stdout
for line in sys.stdin:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]), file=answers, flush=True)
"""


class Environment:
    """A virtual environment with the dependencies of llmplan-core, those of this environment, and nothing else."""

    asked = None
    """The process in it that answers commands, one after the other: a start for each of them takes most of the time."""

    def __init__(self, path):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
        self.scripts = path / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / "python"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LLMPLAN"))}
        self.variables = {**kept, "COLUMNS": "200", "NO_COLOR": "1"}
        site = Path(self.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
        for name in needed_by("llmplan-core"):
            link_distribution(name, site)

    def run(self, *command, **variables):
        """The result of one of its scripts."""
        script = shutil.which(command[0], path=str(self.scripts))
        environment = {**self.variables, **variables}
        return subprocess.run(
            [script, *command[1:]],
            cwd=self.scripts,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )

    def llmplan(self, *arguments):
        """The result of a llmplan command."""
        if self.asked is None:
            self.asked = subprocess.Popen(
                [self.python, "-c", ASKED],
                cwd=self.scripts,
                env=self.variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        overdue = Timer(60, self.asked.kill)
        overdue.start()
        print(json.dumps(arguments), file=self.asked.stdin, flush=True)
        answer = self.asked.stdout.readline()
        overdue.cancel()
        return subprocess.CompletedProcess(arguments, *json.loads(answer))

    def close(self):
        """End the process in it, which knows what was installed when it began."""
        if self.asked is not None:
            self.asked.communicate(timeout=60)
            self.asked = None

    def install(self, wheels):
        """Install wheels and nothing else."""
        self.close()
        pip = [sys.executable, "-m", "pip", "--python", self.python] if find_spec("pip") else ["uv", "pip"]
        target = [] if find_spec("pip") else ["--python", self.python]
        subprocess.run([*pip, "install", *target, "--quiet", "--no-index", "--no-deps", *wheels], check=True)


def needed_by(name):
    """The distributions that this one depends on, and those that they depend on."""
    found = {}
    requirements = [Requirement(text) for text in distribution(name).requires or ()]
    while requirements:
        requirement = requirements.pop()
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and requirement.name not in found:
            found[requirement.name] = distribution(requirement.name)
            requirements.extend(Requirement(text) for text in found[requirement.name].requires or ())
    return list(found)


def link_distribution(name, site):
    """An installed distribution here too, but for its scripts: 1,800 files would take long to copy and to delete."""
    installed = distribution(name)
    for part in {file.parts[0] for file in installed.files} - {"..", "__pycache__"}:
        (site / part).symlink_to(Path(installed.locate_file(part)).resolve())


def build(folder, wheels):
    """Build the wheel of a project, with the backend that pip would call."""
    return next(WheelBuilder(str(folder)).build(directory=str(wheels), versions=["standard"]))


def build_plugin(folder, name, source, entry_point):
    """Build a plugin of one module."""
    module = name.replace("-", "_")
    project = folder / name
    project.mkdir()
    (project / f"{module}.py").write_text(source, "utf-8")
    (project / "pyproject.toml").write_text(
        f"""
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"
        [project]
        name = "{name}"
        version = "1.0"
        [project.entry-points."llmplan.plugins"]
        {entry_point} = "{module}"
        """,
        "utf-8",
    )
    return build(project, folder)


@pytest.fixture(scope="module")
def environment(tmp_path_factory, documented_plugin, documented_hooks):
    """All of llmplan, the plugin of docs/plugins.md and its framework and optimizer, as written there."""
    folder = tmp_path_factory.mktemp("documented")
    for path, text in documented_plugin.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    environment = Environment(tmp_path_factory.mktemp("environment") / "venv")
    environment.install([build(project, folder) for project in (*OURS, folder / "llmplan-acme")])
    examples = ((name, documented_hooks[hook], "acme") for name, (hook, _, _) in DOCUMENTED.items())
    environment.install([build_plugin(folder, *example) for example in examples])
    yield environment
    environment.close()


@pytest.fixture(scope="module")
def before(environment):
    """What commands answer while all is well."""
    answers = {command: environment.llmplan(*command) for command in (A100, H100, INFER, LIST_GPUS)}
    return {**answers, "strict": environment.run("llmplan", *A100, LLMPLAN_STRICT="1")}


@pytest.fixture(scope="module")
def after(environment, before, tmp_path_factory):
    """The same environment with every plugin of BROKEN and GOOD, and what its commands answer."""
    assert all(result.returncode == 0 for result in before.values())
    folder = tmp_path_factory.mktemp("plugins")
    plugins = {name: (source, name.replace("-", "_")) for name, (source, _) in BROKEN.items()} | GOOD
    environment.install([build_plugin(folder, name, *plugin) for name, plugin in plugins.items()])
    answers = {command: environment.llmplan(*command) for command in (A100, H100, INFER, LIST_GPUS, PLUGINS)}
    return {**answers, "strict": environment.run("llmplan", *A100, LLMPLAN_STRICT="1")}


@pytest.fixture(scope="module")
def plugins(after):
    """What ``llmplan plugins --json`` says with everything installed."""
    return json.loads(after[PLUGINS].stdout)


def figures(result):
    """What is printed, but for the words in which it was asked."""
    return {**json.loads(result.stdout), "request": None}


def lines_about(result, name):
    """The lines on stderr that name a distribution."""
    return [line for line in result.stderr.splitlines() if f" {name} " in line]


def test_the_environment_is_bare(environment):
    """If it fails, the tests below see packages of the test environment, and miss what a wheel lacks."""
    assert environment.run("python", "-c", "import pytest").returncode == 1
    assert environment.run("python", "-c", "import llmplan_acme").returncode == 0


@pytest.mark.parametrize(("kind", "name"), [("gpus", "acme-x1"), ("models", "acme-1b")])
def test_documented_plugin_is_listed(environment, kind, name):
    """If it fails, what a third party installs cannot be found."""
    result = environment.llmplan("list", kind, "--json")
    assert [row["provider"] for row in json.loads(result.stdout) if row["name"] == name] == ["llmplan-acme"]


def test_documented_plugin_is_shown(environment):
    """If it fails, the numbers of a third party's records, or their sources, do not reach the user."""
    gpu = json.loads(environment.llmplan("show", "acme-x1", "--json").stdout)
    assert (gpu["kind"], gpu["provider"], gpu["memory_bytes"]) == ("gpu", "llmplan-acme", 96 * 2**30)
    assert gpu["sources"]["memory_bytes"] == "ACME X1 datasheet, 2026"
    model = json.loads(environment.llmplan("show", "acme-1b", "--json").stdout)
    # 16 layers of 2 h^2 + 2 h h/4 + 3 h 4h + 2 h, one more norm, two tables of 64,000 h; h = 2048
    assert model["parameters"] == 16 * (2.5 * 2048**2 + 12 * 2048**2 + 2 * 2048) + 2048 + 2 * 64_000 * 2048


def test_documented_plugin_is_planned_with(environment):
    """If it fails, a third party's GPU and model are listed, but of no use."""
    options = ("--model", "acme-1b", "--gpu", "acme-x1", "--json")
    trained = environment.llmplan("train", *options, "--gpus", "8", "--mfu", "0.5", "--tokens", "1e9")
    assert trained.returncode == 0
    document = json.loads(trained.stdout)
    assert (document["model"], document["gpu"], document["gemm_format"]) == ("acme-1b", "acme-x1", "fp16")
    assert document["mfu"] == pytest.approx(0.5)
    assert document["memory_capacity_bytes"] == 96 * 2**30
    served = environment.llmplan("infer", *options)
    assert served.returncode == 0
    assert json.loads(served.stdout)["total_seconds"] > 0


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_framework_and_optimizer_are_listed_and_shown(environment, name):
    """If it fails, a third party's trainer is installed, and nobody can see it."""
    _, kind, record = DOCUMENTED[name]
    listed = json.loads(environment.llmplan("list", f"{kind}s", "--json").stdout)
    assert [row["provider"] for row in listed if row["name"] == record] == [name]
    shown = json.loads(environment.llmplan("show", record, "--json").stdout)
    assert (shown["kind"], shown["provider"]) == (kind, name)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_framework_and_optimizer_are_planned_with(environment, before, name):
    """If it fails, a third party's trainer is listed, but --framework or --optimizer does not find it."""
    _, option, record = DOCUMENTED[name]
    result = environment.llmplan(*A100, f"--{option}", record)
    assert (result.returncode, result.stderr) == (0, "")
    changed, default = json.loads(result.stdout), json.loads(before[A100].stdout)
    assert not any(said.startswith(f"{option} ") for said in changed["assumptions"])
    assert changed["memory_breakdown"] != default["memory_breakdown"]
    qualified = environment.llmplan(*A100, f"--{option}", f"{name}:{record}")
    assert figures(qualified) == figures(result)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_misspelt_framework_or_optimizer_of_a_third_party_is_suggested(environment, name):
    """If it fails, a typing error in a third party's name is answered with llmplan's own alone."""
    _, option, record = DOCUMENTED[name]
    result = environment.llmplan(*A100, f"--{option}", record[:-1])
    assert result.returncode == 2
    assert f"{option}: '{record[:-1]}' is unknown; did you mean {record}" in result.stderr


def test_nothing_is_wrong_before(before):
    """If it fails, a healthy installation complains, or strict mode fails it."""
    assert {(result.returncode, result.stderr) for result in before.values()} == {(0, "")}
    assert before["strict"].stdout == before[A100].stdout


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_costs_one_line(after, name):
    """If it fails, a broken plugin goes unnoticed, or costs more than the one line that says which and why."""
    (line,) = lines_about(after[A100], name)
    assert line.startswith(f"plugin {name} 1.0 ignored: ")
    assert BROKEN[name][1] in line


@pytest.mark.parametrize("command", [A100, INFER], ids=["train", "infer"])
def test_broken_plugins_change_no_figure(before, after, command):
    """If it fails, a broken plugin takes the others with it, or changes what they say."""
    assert after[command].returncode == 0
    assert after[command].stdout == before[command].stdout
    assert len(after[command].stderr.splitlines()) == len(BROKEN)


def test_broken_plugins_contribute_nothing(before, after):
    """If it fails, records vanish, or half of a plugin that broke is offered."""
    listed = {(row["name"], row["provider"]) for row in json.loads(after[LIST_GPUS].stdout)}
    assert listed - {(row["name"], row["provider"]) for row in json.loads(before[LIST_GPUS].stdout)} == {
        ("h100-sxm-80gb", "llmplan-same-gpu"),
        ("another-gpu", "llmplan-same-entry-point"),
    }
    assert listed > {(row["name"], row["provider"]) for row in json.loads(before[LIST_GPUS].stdout)}


def test_a_shared_entry_point_name_shadows_nobody(environment, plugins):
    """If it fails, one of two plugins that call their entry point the same vanishes without a word."""
    sharing = [plugin for plugin in plugins["plugins"] if plugin["entry_point"] == "hardware_nvidia"]
    assert [(plugin["distribution"], plugin["status"]) for plugin in sharing] == [
        ("llmplan-hardware-nvidia", "ok"),
        ("llmplan-same-entry-point", "ok"),
    ]
    assert environment.llmplan("show", "another-gpu").returncode == 0


def test_a_repeated_name_stays_what_it_was(before, after):
    """If it fails, an installation changes what a name means, or the user does not learn of the other record."""
    result = after[H100]
    assert (result.returncode, figures(result)) == (0, figures(before[H100]))
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("llmplan: ")]
    assert line.endswith(
        "h100-sxm-80gb is that of llmplan-hardware-nvidia; there is llmplan-same-gpu:h100-sxm-80gb, too"
    )


def test_a_repeated_name_is_no_error_where_it_is_not_used(after):
    """If it fails, two plugins that share a name break the plans of everybody who uses neither."""
    assert lines_about(after[A100], "llmplan-same-gpu") == []


@pytest.mark.usefixtures("after")
def test_distribution_and_name_say_which_is_meant(environment, before):
    """If it fails, the way out that the error names does not work."""
    one = environment.llmplan(*TRAIN, "llmplan-hardware-nvidia:h100-sxm-80gb")
    assert (one.returncode, figures(one)) == (0, figures(before[H100]))
    other = environment.llmplan("show", "llmplan-same-gpu:h100-sxm-80gb", "--json")
    assert json.loads(other.stdout)["memory_bytes"] == 1e9


def test_strict_mode_fails(before, after):
    """If it fails, continuous integration is green although a plugin is broken, or learns no figure."""
    assert (after["strict"].returncode, after["strict"].stdout) == (1, before[A100].stdout)


@pytest.mark.usefixtures("after")
def test_an_unknown_name_hints_at_broken_plugins(environment):
    """If it fails, a user looks for a typing error where a plugin is broken."""
    result = environment.llmplan(*TRAIN, "half-way")
    assert result.returncode == 2
    assert (
        f"'half-way' is unknown; llmplan list gpus shows what there is ({len(BROKEN)} plugin(s) failed" in result.stderr
    )


@pytest.mark.parametrize("name", BROKEN)
def test_plugins_command_shows_status_and_traceback(plugins, name):
    """If it fails, an author cannot see which of the plugins is broken, or where."""
    assert [plugin["status"] for plugin in plugins["plugins"] if plugin["distribution"] == name] == ["failed"]
    (problem,) = [problem for problem in plugins["problems"] if problem["distribution"] == name]
    assert BROKEN[name][1] in problem["reason"]
    assert problem["traceback"].startswith("Traceback (most recent call last)")


def test_plugins_command_says_who_is_well(plugins):
    """If it fails, a healthy plugin is called broken, or is missing from the list."""
    well = {plugin["distribution"]: plugin for plugin in plugins["plugins"] if plugin["status"] == "ok"}
    joining = [path for path in OURS if "llmplan.plugins" in (path / "pyproject.toml").read_text(encoding="utf-8")]
    ours = {f"llmplan-{path.name.replace('_', '-')}" for path in joining}
    assert set(well) == {*ours, "llmplan-acme", *DOCUMENTED, *GOOD}
    assert well["llmplan-acme"]["names"] == {"models": ["acme-1b"], "gpus": ["acme-x1"]}


@pytest.mark.usefixtures("after")
def test_plugins_command_is_readable(environment):
    """If it fails, the table or the tracebacks are missing where a person looks."""
    result = environment.llmplan("plugins")
    assert result.returncode == 0
    for name in BROKEN:
        assert name in result.stdout
    assert result.stdout.count("Traceback (most recent call last)") == len(BROKEN)
