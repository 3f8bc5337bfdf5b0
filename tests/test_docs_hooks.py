"""docs/plugins.md against the hooks: signatures, and examples that run."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import types
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pluggy
import pytest
from typer import Typer
from typer.testing import CliRunner

from llmplan import hookimpl, hookspecs, infer, registry, train
from llmplan.catalogues import Registry, plugged
from llmplan.catalogues.plugins import Plugins
from llmplan.cli.main import main
from llmplan.errors import BadInputError
from llmplan.estimate import Asking
from llmplan.output.document import document
from llmplan.search import InferenceSpace, TrainingSpace, search
from llmplan.search.executors import executor_of
from llmplan.space import schedules
from llmplan.testing import SAMPLE_MODEL, check_model, check_plugin
from llmplan_layers import DenseMlp, Layer, LayeredModel
from llmplan_prices.figures import carbon_tonnes
from llmplan_report.terminal.formats import to_text
from llmplan_validation import validate

DOCUMENT = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text("utf-8")
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("llmplan_")}
HOOKS |= {kind.hook: lambda: None for kind in registry().plugins.kinds}
HEADINGS = dict(re.findall(r"^### (llmplan_\w+)\((.*)\)$", DOCUMENT, re.MULTILINE))
EXAMPLES = dict(re.findall(r"^### (llmplan_\w+)\(.*?\)$.*?^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL))

PLAN = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "dtype": "w16a16e16", "cost_model": "roofline", "tp": 1, "pp": 1}
TRAIN = {**PLAN, "dp": 8, "micro_batch": 1, "gradient_accumulation": 4, "seq_len": 2048, "tokens": 1e9}


def module_of(source, name="example"):
    """A module made of text."""
    module = types.ModuleType(name)
    exec(compile(source, f"docs/plugins.md, {name}", "exec"), vars(module))
    return module


SEARCHED = search(TrainingSpace(model="llama-7b", gpu="a100-sxm-80gb", gpus=8, tp=[1, 2], pp=1, cp=1), top=2)


def use_hardware(profile):
    """Train on it."""
    assert train(**TRAIN | {"gpu": profile}).plan.gemm.name == "bf16"


def use_dtype(rule):
    """Compute with it where there are FP8 units, and where there are none."""
    assert infer(**PLAN | {"gpu": "h100-sxm-80gb", "dtype": rule}).plan.gemm.name == "fp8"
    assert infer(**PLAN | {"dtype": rule}).plan.gemm.fallback_from == "fp8"


def use_model(model):
    """24 layers of 2048 x (4 + 2048) and two tables of 1000 x 2048, each twice in a multiply-add."""
    estimate = train(**TRAIN | {"model": model})
    assert estimate.model_flops == 3 * 2 * (24 * 2048 * 2052 + 1000 * 2048) * estimate.tokens_per_iteration


def use_layer_kind(kind):
    """2 layers of 4 x 64^2 weights and of 128 more for each of 64 channels, 2 x 2 x 64 x 16 FLOPs of what is seen."""
    mixer = kind.cls(hidden=64, heads=4)
    layer = Layer(mixer=mixer, mlp=DenseMlp(hidden=64, ffn_hidden=64, gated=False))
    model = LayeredModel(name="fading", hidden=64, vocab=10, order=(layer, layer))
    check_model(model)
    estimate = train(**TRAIN | {"model": model})
    of_a_token = 2 * (2 * 6 * 64**2 + 4 * 64 * 16) + 2 * 10 * 64
    assert estimate.model_flops == 3 * of_a_token * estimate.tokens_per_iteration
    assert (kind.key, kind.role) == ("retention", "mixer")


def use_model_form(form):
    """Twice the layers of the sample, and no file of another way."""
    way = form.make()
    assert way.keys() == {"name", form.key}
    assert way.record(way.cls(name="twice", times=2)).layers == 2 * SAMPLE_MODEL.layers


def use_model_reader(reader):
    """Made of three words: 2 x (12 x 64^2) weights of layers and two tables of 10 x 64, norms beside them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.shape"
        path.write_text("2 64 10")
        assert reader.claims(str(path))
        assert not reader.claims("llama-7b")
        estimate = train(**TRAIN | {"model": reader.read(str(path), False), "dtype": None})
    assert estimate.model_flops == 3 * 2 * (2 * (12 * 64**2 + 2 * 64 * 2048) + 10 * 64) * estimate.tokens_per_iteration
    assert estimate.plan.dtype.name == "fp16"
    assert "heads of 64, an MLP of 4 x hidden" in estimate.plan.assumptions


def use_cost_model(cost_model):
    """Half of the peak, as it says."""
    assert train(**TRAIN | {"cost_model": cost_model}).mfu == pytest.approx(0.5)
    assert infer(**PLAN | {"cost_model": cost_model}).max_batch_size > 0


def use_server_model(model):
    """Ten users wait nine times for one who is answered in their place; the search asks it, too."""
    served = PLAN | {
        "cost_model": "megatron",
        "dp": 1,
        "server_model": model,
        "prompt_tokens": 512,
        "output_tokens": 64,
    }
    alone, ten = (infer(**served, concurrency=users) for users in (1, 10))
    assert ten.total_seconds == pytest.approx(10 * alone.total_seconds)
    assert infer(**served, rate="1000/s").overloaded
    space = InferenceSpace(**{**served, "dp": None}, rate=2 / alone.total_seconds)
    best = search(space, "gpus", top=1).best[0]
    assert best.plan.layout.dp == 3
    assert best.means == infer(**{**served, "dp": 3}, rate=2 / alone.total_seconds).means


def use_framework(framework):
    """Its host idles the accelerator, and gradients take 2 bytes a parameter instead of 4."""
    plan = TRAIN | {"cost_model": "megatron", "recompute": "full"}
    estimate = train(**plan, framework=framework)
    assert estimate.time_breakdown["host"] == 0.05
    assert estimate.memory_breakdown["cuda_context"] == 1.5e9
    assert estimate.memory_breakdown["gradients"] == 2 * sum(estimate.plan.model.parameters_by_part().values())
    assert estimate.iteration_seconds != train(**plan).iteration_seconds


def use_engine(engine):
    """Its host idles the accelerator between steps, and its gaps stand between kernels of all 32 layers."""
    plan = PLAN | {"cost_model": "megatron", "engine": engine}
    estimate = infer(**plan)
    assert estimate.decode_breakdown["host"] == 0.002
    assert estimate.decode_breakdown["launch"] == pytest.approx(32 * 0.0001)
    assert estimate.memory_breakdown["cuda_context"] == pytest.approx(1e9 * 108 / 132)  # by the cores of an H100
    assert infer(**plan, rate=0.1, requests=0).server.max_sequences == 64


def use_optimizer(optimizer):
    """Master weights and momentum, 4 + 2 bytes a parameter, where Adam has 4 + 8."""
    plan = TRAIN | {"cost_model": "megatron", "recompute": "full"}
    adam, own = (train(**plan, optimizer=one).memory_breakdown["optimizer"] for one in ("adam", optimizer))
    assert own == pytest.approx(adam / 2, rel=1e-12)


def use_schedule(schedule):
    """As long a bubble as 1F1B on 4 stages, and 8 micro-batches held for 4."""
    plan = TRAIN | {
        "cost_model": "megatron",
        "pp": 4,
        "vpp": 1,
        "gradient_accumulation": 8,
        "dp": 1,
        "micro_batch": 1,
        "recompute": "none",
    }
    usual, own = (train(**plan, schedule=one) for one in ("1f1b", schedule))
    assert own.time_breakdown["pipeline_bubble"] == usual.time_breakdown["pipeline_bubble"] > 0
    activations = [one.memory_breakdown["activations"] for one in (own, usual)]
    assert activations[0] == pytest.approx(2 * activations[1], rel=1e-12)


def use_validation_set(published):
    """Every row is priced."""
    result = validate(published)
    assert [checked.row.id for checked in result.checked] == ["llama-65b.gpu_hours"]
    assert not result.skipped


def use_exporter(exporter):
    """One line for each part of the memory."""
    estimate = train(**TRAIN)
    assert exporter.suffix == ".mem"
    assert exporter.export(estimate).count(b"\n") == len(estimate.memory_breakdown)
    assert exporter.export_search(SEARCHED).count(b"\n\n") == len(SEARCHED.best) - 1


def use_reporter(reporter):
    """Both words, each for a plan that deserves it."""
    assert reporter.render(infer(**PLAN)) == "fits\n"
    assert reporter.render(infer(**PLAN | {"model": "llama-65b"})) == "too much\n"
    assert reporter.render_search(SEARCHED) == f"{len(SEARCHED.best)} plans by time\n"


def use_adviser(adviser):
    """It is heard about a GPU before ours is, and ours about the rest."""
    module = types.SimpleNamespace(__name__="acme", llmplan_advisers=hookimpl(lambda: [adviser]))
    with plugged(module), redirect_stderr(StringIO()) as said:
        assert main(["train", "llama-65b", "--gpu", "h1000"]) == main(["trian"]) == 2
    assert "; ACME's hall has a100-sxm-80gb\nhint: llmplan show a100-sxm-80gb\n" in said.getvalue()
    assert "hint: llmplan train" in said.getvalue()


def use_launcher(launcher):
    """Written, read back, and one line for what it cannot say."""
    estimate = train(**TRAIN | {"tp": 2})
    launch = launcher.write(estimate)
    assert launch.text == "acme-train --tensor 2 --replicas 8\n"
    assert launcher.read(launch.text).options == {"tp": 2, "dp": 8, "pp": 1, "cp": 1}
    assert launcher.read("acme-train --tensor 2 --colour red").remarks == ("not understood: --colour",)
    with pytest.raises(BadInputError, match="pp 2: ACME's trainer has no pipelines"):
        launcher.write(train(**TRAIN | {"pp": 2}))


def use_command_option(option):
    """A ticket is written for the plan, and none for a comparison."""
    estimate = train(**TRAIN)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ticket"
        assert option.begin(str(path), Asking(command="train", given={}))(estimate)() == ""
        assert path.read_text() == "8 for train\n"
        with pytest.raises(BadInputError, match="a ticket is of one plan"):
            option.begin(str(path), Asking(command="train", given={}, several=True))


def use_commands(implementation):
    """Run the command: 65.3 billion weights of 2 bytes need two GPUs of 80 GiB."""
    app = Typer()
    implementation(app=app)
    result = CliRunner().invoke(app, ["llama-65b", "a100-sxm-80gb"])
    assert (result.exit_code, result.output) == (0, "2\n")


def use_cluster(cluster):
    """Its spine carries a quarter of what the accelerator's own network does."""
    plan = train(**TRAIN | {"cluster": cluster}).plan
    assert plan.hardware.cluster.link(2) == 25e9 / 4
    assert "cluster acme-hall" in " ".join(plan.assumptions)


def use_price_source(source):
    """Two dollars, and who says so; words of others are refused by the catalogue, not asked of it."""
    with plugged(types.SimpleNamespace(__name__="acme", llmplan_prices=hookimpl(lambda: [source]))):
        plan = train(**TRAIN | {"price": source.name}).plan
    assert (plan.price_per_gpu_hour, plan.parts["price"].provider) == (2.0, "ACME")


def use_executor(executor):
    """A search finds there what it finds here."""
    module = types.SimpleNamespace(__name__="acme", llmplan_executors=hookimpl(lambda: [executor]))
    space = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "gpus": 8, "tp": [1, 2], "pp": 1, "cp": 1}
    with plugged(module), executor_of(executor.name) as queue:
        assert queue._max_workers == 2  # noqa: SLF001 - of the example
        found = search(TrainingSpace(**space), top=2, executor=queue)
    assert [one.iteration_seconds for one in found.best] == [one.iteration_seconds for one in SEARCHED.best]


def use_grid(grid):
    """A tonne is 50 MWh of it."""
    estimate = train(**TRAIN | {"carbon": grid})
    assert carbon_tonnes(estimate) == pytest.approx(estimate.energy_kwh * 20e-6)


def use_plan_options(options):
    """A day in the queue stands in the report and the JSON, and is asked for in a plan file again."""
    with plugged(types.SimpleNamespace(__name__="acme", llmplan_plan_options=hookimpl(lambda: [options]))):
        estimate = train(**TRAIN, acme_queue_days=1)
        found = document(estimate)
        assert found["seconds_with_queue"] == estimate.training_seconds + 86_400
        assert found["request"]["acme_queue_days"] == 1
        assert "1 days in ACME's queue" in to_text(estimate).decode()
        assert document(train(**TRAIN))["seconds_with_queue"] is None


def use_kind(kind):
    """Others offer such records, though they were loaded before."""
    with plugged(types.SimpleNamespace(__name__="acme", llmplan_kinds=hookimpl(lambda: [kind]))) as offered:
        kind.classes = (types.SimpleNamespace,)
        record = types.SimpleNamespace(name="long")
        offering = types.SimpleNamespace(llmplan_acme_queues=hookimpl(lambda: [record]))
        offered.plugins.add("acme-night", "1", "entry", lambda: offering)
        assert offered.catalogue("acme-queues")["long"] is record
        assert kind in offered.kinds


def use_run_reader(reader):
    """Its log is read, and predicted from the options beside it."""
    text = "step 1 took 7.0 s\nstep 2 took 6.0 s\nstep 3 took 6.5 s\n"
    assert reader.recognises(text)
    row = next(iter(reader.rows("run.log", text, TRAIN)))
    assert row.measured == 6.5
    assert row.predict(train(**row.options)) == train(**TRAIN).iteration_seconds


def use_site(site):
    """Where multiplications are slower, a run is, by no more than they are."""
    there, published = train(**TRAIN | {"site": site}), train(**TRAIN)
    assert 1.0 < there.iteration_seconds / published.iteration_seconds <= 1 / 0.94 + 1e-9
    assert any("12 runs" in said for said in there.plan.assumptions)


USES = {
    "llmplan_run_readers": use_run_reader,
    "llmplan_sites": use_site,
    "llmplan_clusters": use_cluster,
    "llmplan_hardware_profiles": use_hardware,
    "llmplan_dtype_rules": use_dtype,
    "llmplan_model_architectures": use_model,
    "llmplan_layer_kinds": use_layer_kind,
    "llmplan_model_forms": use_model_form,
    "llmplan_model_readers": use_model_reader,
    "llmplan_parallelism_models": use_cost_model,
    "llmplan_server_models": use_server_model,
    "llmplan_framework_profiles": use_framework,
    "llmplan_engine_profiles": use_engine,
    "llmplan_optimizers": use_optimizer,
    "llmplan_schedules": use_schedule,
    "llmplan_executors": use_executor,
    "llmplan_prices": use_price_source,
    "llmplan_plan_options": use_plan_options,
    "llmplan_kinds": use_kind,
    "llmplan_grids": use_grid,
    "llmplan_validation_sets": use_validation_set,
    "llmplan_exporters": use_exporter,
    "llmplan_reporters": use_reporter,
    "llmplan_advisers": use_adviser,
    "llmplan_launchers": use_launcher,
    "llmplan_command_options": use_command_option,
    "llmplan_commands": use_commands,
}


@pytest.fixture(autouse=True)
def _schedules_of_examples_are_forgotten():
    """A schedule that is given as a record stays known in its process, and one of a page cannot be sent to workers."""
    yield
    schedules.known.cache_clear()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_arguments(hook):
    """If it fails, a plugin author does not find a hook, or writes it with arguments that llmplan refuses."""
    assert HEADINGS[hook] == ", ".join(inspect.signature(HOOKS[hook]).parameters)


def test_every_documented_hook_exists():
    """If it fails, an author implements what llmplan never calls."""
    assert set(HEADINGS) <= set(HOOKS)


def test_every_hook_is_used_here():
    """If it fails, a hook joined llmplan without a test that contributes something through it."""
    assert set(USES) == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_example_of_a_hook_keeps_the_contract(hook):
    """If it fails, the example of the documentation is no plugin that llmplan accepts."""
    module = module_of(EXAMPLES[hook])
    check_plugin(module)
    assert hasattr(getattr(module, hook), "llmplan_impl")


@pytest.mark.parametrize("hook", HOOKS)
def test_example_of_a_hook_does_what_it_says(hook):
    """If it fails, what a plugin contributes through this hook cannot be used, or the documentation misleads."""
    implementation = getattr(module_of(EXAMPLES[hook]), hook)
    for record in [implementation] if hook == "llmplan_commands" else implementation():
        USES[hook](record)


def test_the_documented_test_passes(documented_plugin, monkeypatch):
    """If it fails, an author who copies the plugin and its test from the documentation starts with a red test."""
    plugin = module_of(documented_plugin["llmplan-acme/llmplan_acme.py"], "llmplan_acme")
    monkeypatch.setitem(sys.modules, "llmplan_acme", plugin)
    module_of(documented_plugin["llmplan-acme/test_llmplan_acme.py"]).test_contract()
    assert plugin.LLMPLAN_API == hookspecs.API_VERSION


def test_names_of_the_examples_are_free(documented_plugin):
    """If it fails, trying out the documentation collides with a record that llmplan comes with."""
    plugin = module_of(documented_plugin["llmplan-acme/llmplan_acme.py"], "llmplan_acme")
    assert not {record.name for record in plugin.llmplan_hardware_profiles()} & set(registry().gpus)
    assert not {record.name for record in plugin.llmplan_model_architectures()} & set(registry().models)


def test_the_folder_of_files_is_read(tmp_path, monkeypatch):
    """A plugin author would copy a folder of records that llmplan refuses."""
    section = DOCUMENT.split("\n## Records in files\n")[1].split("\n## ")[0]
    block = r"^`(llmplan_acme/.*?)`\n\n```\w+\n(.*?)^```$"
    files = dict(re.findall(block, section, re.MULTILINE | re.DOTALL))
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("llmplan_acme")
    check_plugin(module)
    manager = pluggy.PluginManager("llmplan")
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    plugins.add("llmplan-acme", "1.0", "acme", lambda: module)
    catalogue = Registry(plugins).gpus
    assert catalogue["acme-x2"] is catalogue["x2"]
    assert catalogue["x2"].kernels.source.startswith("as a100-sxm-80gb: ")
    assert train(**TRAIN | {"gpu": catalogue["x2"]}).feasible
