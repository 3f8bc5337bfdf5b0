"""What a command imports: modules, not milliseconds, since a busy machine has no opinion on them."""

import json
import subprocess
import sys
from functools import cache

import pytest
from typer.main import get_command

from llmplan.catalogues import registry
from llmplan.cli.app import build_app

SLOW = {"numpy", "pandas", "matplotlib", "plotly", "scipy", "pydantic", "click"}
"""Not needed by any of these commands."""

_MODULES = "import json, sys; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"


@cache
def modules(code):
    """Names of the modules that are loaded after this code."""
    done = subprocess.run([sys.executable, "-c", f"{code}\n{_MODULES}"], check=True, capture_output=True, text=True)
    return set(json.loads(done.stderr.strip().split("\n")[-1]))


def llmplan(*arguments):
    return f"from llmplan.cli.main import main\nmain({list(arguments)!r})"


OPEN = ("train", "--model", "llama-65b", "--gpu", "h100-sxm-80gb")
"""Without a layout, which is searched for: that takes numpy."""
SIZED = (*OPEN, "--gpus", "512", "--tp", "2", "--pp", "4")
TRAIN = (
    *SIZED, "--cp", "1", "--vpp", "1", "--zero", "1", "--sequence-parallel", "--schedule", "1f1b", "--offload", "none",
    "--recompute", "none", "--micro-batch", "1",
)  # fmt: skip
"""A space of one plan, which takes no arrays."""
PRICING = {
    "llmplan_costing", "llmplan_dtypes_float", "llmplan_dtypes_int", "llmplan_layers", "llmplan_parallelism_megatron",
    "llmplan_prices",
}  # fmt: skip
OF_OTHERS = {
    "llmplan.catalogues.cluster_file", "llmplan.estimate.advice", "llmplan.estimate.exporter",
    "llmplan.estimate.inference", "llmplan.estimate.server", "llmplan.records.inference_plan",
    "llmplan.records.samples", "llmplan.records.server", "llmplan.request.serving", "llmplan_layers.residual",
}  # fmt: skip
"""Records that this question is without: each class that attrs builds is a quarter of a millisecond."""
SEARCH = ("search", *SIZED, "--recompute", "none")


@pytest.mark.parametrize(
    "arguments", [("--help",), (*TRAIN, "--json"), (*TRAIN, "--gpus", "512,1024", "--json"), ("plugins", "--json")]
)
def test_nothing_slow_is_imported(arguments):
    """Every start would pay for a library that the command does not use."""
    loaded = modules(llmplan(*arguments))
    assert not loaded & (SLOW | {"rich", "cattrs"})


@pytest.mark.parametrize(("arguments", "more"), [(("--json",), set()), ((), {"llmplan_launchers", "llmplan_report"})])
def test_a_plan_that_is_given_imports_what_prices_it_and_prints_it_alone(arguments, more):
    """A start would take half as long again, for servers, launchers and cost models that nobody asked for."""
    loaded = modules(llmplan(*TRAIN, *arguments))
    inside = (name.split(".") for name in loaded if name.startswith("llmplan_"))
    assert {package for package, *module in inside if module and module != ["plugin"]} == PRICING | more
    assert not loaded & {*OF_OTHERS, "llmplan_launchers.serving", "llmplan_prices.quotes", "llmplan_prices.sources"}


def test_the_report_needs_rich_alone():
    """The report for people would import a plotting library, or numpy."""
    loaded = modules(llmplan(*TRAIN))
    assert "rich" in loaded
    assert not loaded & SLOW


@pytest.mark.parametrize("arguments", [("train", "--model", "gpt2", *OPEN[3:], "--json"), (*SEARCH, "--json")])
def test_a_search_needs_numpy_alone(arguments):
    """What writes files, an engine that is not used, or commands that are not called would be imported."""
    loaded = modules(llmplan(*arguments))
    assert "numpy" in loaded
    assert not {name for name in loaded if name.startswith("llmplan_") and name.endswith(".command")}
    assert "llmplan.cli.search_infer" not in loaded
    assert not loaded & (SLOW - {"numpy"} | {"rich", "cattrs", "pyarrow", "distributed", "concurrent.futures.process"})


def test_only_the_files_of_what_is_named_are_read():
    """A command would read, and check, a hundred records that nobody asked for."""
    code = f"""
from pathlib import Path
from llmplan.catalogues import toml_source
read, names = toml_source.TomlSource.read, []
toml_source.TomlSource.read = lambda path: names.append(Path(path).stem) or read(path)
{llmplan(*TRAIN, "--json")}
import sys
print(*sorted(names), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr.split() == ["adam", "h100-sxm-80gb", "llama-65b", "megatron-core"]


def test_the_options_that_are_given_are_made_alone():
    """A start would make a hundred options for the three that stand there, or one that is not known find no others."""

    def made(*words):
        return {
            option.name for option in get_command(build_app(registry(), ["train", *words])).commands["train"].params
        }

    assert made("llama-65b", "--gpu=a100", "--no-sequence-parallel", "--json") == {
        "model_argument", "gpu", "sequence_parallel", "json",
    }  # fmt: skip
    every = made("--help")
    assert every == made("--gpu", "a100", "--no-such-option") > made("--gpu", "a100")
    assert {"tp", "export_", "compare"} < every
