"""The registry: records found by name, and what is said where they are not."""

from __future__ import annotations

import re
from types import ModuleType, SimpleNamespace

import pluggy
import pytest
from attrs import evolve

from llmplan import hookimpl, hookspecs
from llmplan.catalogues import (
    ADVISERS,
    CLUSTERS,
    COMMAND_OPTIONS,
    COST_MODELS,
    DTYPES,
    ENGINES,
    EXECUTORS,
    EXPORTERS,
    FRAMEWORKS,
    GPUS,
    KINDS,
    LAUNCHERS,
    LAYER_KINDS,
    MODEL_FORMS,
    MODEL_READERS,
    MODELS,
    OPTIMIZERS,
    PLAN_OPTIONS,
    REPORTERS,
    RUN_READERS,
    SCHEDULES,
    SERVER_MODELS,
    SITES,
    VALIDATION_SETS,
    Catalogue,
    LazyRecord,
    Registry,
    registry,
)
from llmplan.catalogues.forms import ModelForm
from llmplan.catalogues.plugins import PluginError, Plugins
from llmplan.errors import BadInputError, PluginFailedError, UnknownNameError
from llmplan.estimate import Adviser, CommandOption, Exporter, Launcher, LaunchFile, PlanOptions, Reporter
from llmplan.output.files import exporter_of
from llmplan.records import (
    Cluster,
    DTypeFamily,
    DTypeRule,
    EngineProfile,
    FrameworkProfile,
    HardwareProfile,
    LayerKind,
    Level,
    ModelReader,
    Optimizer,
    Schedule,
    SearchExecutor,
    ValidationSet,
)
from llmplan_layers import Transformer


def gpu(name, memory_bytes=1e9):
    """A GPU of this name."""
    return HardwareProfile(
        name=name,
        memory_bytes=memory_bytes,
        memory_bytes_per_second=1e9,
        peak_flops={"fp16": 1e12},
        scale_up_bytes_per_second=1e9,
    )


def model(name):
    """A model of this name."""
    return Transformer(
        name=name, layers=1, hidden=8, heads=1, kv_heads=1, head_dim=8, ffn_hidden=8, gated_mlp=False, vocab=9
    )


def dtype(name, bits=8):
    """A dtype of this name."""
    return DTypeRule(name=name, weight_bits=bits, activation_bits=bits, embedding_bits=16, gemm_formats=(("fp16",),))


def cost_model(name):
    """A cost model of this name, as far as the registry looks."""
    members = ("description", "default", "efficiency", "check", "remarks", "train", "infer")
    return SimpleNamespace(name=name, **dict.fromkeys(members))


def family(pattern, listed, bits=8):
    """A family of dtypes."""
    return DTypeFamily(pattern=re.compile(pattern), build=lambda match: dtype(match.group(), bits), listed=listed)


RECORDS = {
    MODELS: model,
    MODEL_READERS: lambda name: ModelReader(name=name, claims=bool, read=print),
    MODEL_FORMS: lambda name: ModelForm(name=name, make=list),
    LAYER_KINDS: lambda name: LayerKind(name=name, cls=list),
    GPUS: gpu,
    CLUSTERS: lambda name: Cluster(name=name, levels=(Level(size=8),)),
    DTYPES: dtype,
    COST_MODELS: cost_model,
    SERVER_MODELS: lambda name: SimpleNamespace(name=name, description="", default=False, serve=print),
    FRAMEWORKS: lambda name: FrameworkProfile(name=name),
    ENGINES: lambda name: EngineProfile(name=name),
    OPTIMIZERS: lambda name: Optimizer(name=name, state_bytes=8.0),
    SCHEDULES: lambda name: Schedule(name=name),
    EXECUTORS: lambda name: SearchExecutor(name=name, open=print),
    PLAN_OPTIONS: lambda name: PlanOptions(name=name),
    RUN_READERS: lambda name: SimpleNamespace(name=name, description="", recognises=bool, rows=print),
    SITES: lambda name: SimpleNamespace(name=name, at=print, said=print),
    VALIDATION_SETS: lambda name: ValidationSet(name=name, description="", rows=list),
    EXPORTERS: lambda name: Exporter(name=name, suffix=f".{name}", export=str.encode),
    REPORTERS: lambda name: Reporter(name=name, render=str),
    ADVISERS: lambda name: Adviser(name=name),
    LAUNCHERS: lambda name: Launcher(name=name, command="train", write=LaunchFile),
    COMMAND_OPTIONS: lambda name: CommandOption(name=name, metavar="FILE", help="A file."),
}
BY_HOOK = {kind.hook: kind for kind in KINDS}


def plugins_of(**hooks_by_distribution):
    """Plugins by distribution, each ``{hook: records}``; an exception in place of records is raised."""
    manager = pluggy.PluginManager("llmplan")
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    for distribution, hooks in hooks_by_distribution.items():
        module = ModuleType(distribution)
        for hook, records in hooks.items():
            setattr(module, hook, hookimpl(_answer(records)))
        plugins.add(distribution, "1.0", "entry", lambda module=module: module)
    return plugins


def _answer(records):
    def implementation():
        if isinstance(records, Exception):
            raise records
        return records

    return implementation


def gpus_of(**records_by_distribution):
    """The catalogue of GPUs with these plugins."""
    hooks = {distribution: {GPUS.hook: records} for distribution, records in records_by_distribution.items()}
    return Catalogue(GPUS, plugins_of(**hooks))


def dtypes_of(**records_by_distribution):
    """The catalogue of dtypes with these plugins."""
    hooks = {distribution: {DTYPES.hook: records} for distribution, records in records_by_distribution.items()}
    return Catalogue(DTYPES, plugins_of(**hooks))


# Kinds


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_every_kind_is_collected(kind):
    """If it fails, a kind of record can be contributed and never found."""
    offered = Registry(plugins_of(one={kind.hook: [RECORDS[kind]("first")]}))
    assert list(offered.catalogue(kind)) == ["first"]
    assert offered.catalogue(kind) is offered.catalogue(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_every_kind_refuses_other_records(kind):
    """If it fails, a record of another kind is found under a name and fails where nobody expects it."""
    other = gpu("a-gpu") if kind is not GPUS else model("a-model")
    with pytest.raises(PluginError, match=f"returned a {type(other).__name__}, not a "):
        kind.check(other)


def test_a_record_without_a_proper_name_is_refused():
    """If it fails, a record is there that no command line can name."""
    with pytest.raises(BadInputError, match="name: 'My Cost Model' is not a lower-case name"):
        COST_MODELS.check(cost_model("My Cost Model"))


def test_the_registry_of_a_process_is_one():
    """If it fails, plugins are loaded more than once."""
    assert registry() is registry()


def test_a_hook_is_called_once_and_only_when_it_is_needed():
    """If it fails, every command pays for the records of all of them."""
    calls = []

    def counted():
        calls.append(GPUS)
        return [gpu("one")]

    plugins = plugins_of()
    module = ModuleType("lazy")
    setattr(module, GPUS.hook, hookimpl(counted))
    plugins.add("lazy", "1.0", "entry", lambda: module)
    offered = Registry(plugins)
    assert list(offered.models) == []
    assert calls == []
    assert offered.gpus["one"] is offered.gpus["one"]
    assert calls == [GPUS]


# Looking up


def test_a_lazy_record_is_made_when_it_is_looked_up():
    """A command would import what it does not need, or what mentions a word would not be found by it."""
    made = []

    def lazy(name, *mentions, as_name=None):
        return LazyRecord(name, lambda: made.append(name) or gpu(as_name or name), mentions)

    gpus = gpus_of(acme=[lazy("one"), lazy("two", "Default"), lazy("three", as_name="drei"), LazyRecord("four", dict)])
    assert list(gpus) == ["one", "two", "three", "four"]
    assert not made
    assert [name for name, _, _ in gpus.entries("default")] == ["two"]
    assert gpus["two"] is gpus["acme:two"]
    assert made == ["two"]
    with pytest.raises(BadInputError, match="gpu: three is made as drei"):
        gpus["three"]
    with pytest.raises(PluginError, match="returned a dict, not a HardwareProfile"):
        gpus["four"]
    assert [name for name, _, _ in gpus.entries()] == ["one", "two"]


def test_what_fails_in_a_lazy_record_names_its_plugin():
    """A module that cannot be imported would be a traceback of llmplan."""
    gpus = gpus_of(acme=[LazyRecord("one", lambda: 1 / 0)])
    with pytest.raises(PluginFailedError, match="gpu: one of acme failed: ZeroDivisionError"):
        gpus["one"]


def test_a_record_is_found_by_name_and_by_distribution():
    """If it fails, the ways to name a record that the documentation shows do not work."""
    record = gpu("one")
    catalogue = gpus_of(here=[record])
    assert catalogue["one"] is record
    assert catalogue["here:one"] is record
    assert catalogue.providers("one") == ["here"]


def test_a_catalogue_is_a_mapping_in_the_order_of_the_offers():
    """If it fails, listings are in disorder."""
    catalogue = gpus_of(b=[gpu("y"), gpu("x")], a=[gpu("z")])
    assert list(catalogue) == catalogue.names() == ["y", "x", "z"]
    assert len(catalogue) == 3
    assert "x" in catalogue
    assert "w" not in catalogue
    assert [(name, by, record.name) for name, by, record in catalogue.entries()] == [
        ("y", "b", "y"),
        ("x", "b", "x"),
        ("z", "a", "z"),
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("h100-sxm-80", "gpu: 'h100-sxm-80' is unknown; did you mean h100-sxm-80gb?"),
        ("H100-SXM-80", "gpu: 'H100-SXM-80' is unknown; did you mean h100-sxm-80gb?"),
        ("zzz", "gpu: 'zzz' is unknown; llmplan list gpus shows what there is"),
        ("there:h100-sxm-80gb", "gpu: 'there:h100-sxm-80gb' is unknown; did you mean h100-sxm-80gb?"),
        ("", "gpu: '' is unknown; llmplan list gpus shows what there is"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name, said):
    """If it fails, a slip of the finger costs a search through the documentation."""
    with pytest.raises(UnknownNameError) as caught:
        gpus_of(here=[gpu("h100-sxm-80gb"), gpu("t4")])[name]
    assert str(caught.value) == said


def test_a_slip_in_an_alias_gets_its_record():
    """If it fails, somebody who types H1000 for H100 has to read the list of all accelerators."""
    known = evolve(gpu("h100-sxm-80gb"), aliases=("H100",))
    with pytest.raises(UnknownNameError, match=r"did you mean h100-sxm-80gb\?$"):
        gpus_of(here=[known, gpu("t4")])["h1000"]


def test_no_plugin_of_a_kind_is_said():
    """If it fails, a user without plugins is told of a typing error."""
    with pytest.raises(UnknownNameError, match=r"^gpu: no plugin that offers gpus is installed, and '.*' is no file"):
        gpus_of()["h100"]


def test_a_failed_plugin_is_hinted_at():
    """If it fails, a user looks for a typing error where a plugin is broken."""
    catalogue = gpus_of(one=RuntimeError("broken"), two=[gpu("t4")])
    with pytest.raises(
        UnknownNameError, match=r"shows what there is \(1 plugin\(s\) failed and might have offered it\)$"
    ):
        catalogue["zzz"]
    with pytest.raises(UnknownNameError, match=r"in \.toml \(1 plugin\(s\) failed and might have offered it\)$"):
        gpus_of(one=RuntimeError("broken"))["zzz"]


def test_a_plugin_that_failed_twice_is_counted_once():
    """If it fails, the hint speaks of more plugins than there are."""
    broken = RuntimeError("broken")
    offered = Registry(plugins_of(one={GPUS.hook: broken, MODELS.hook: broken}))
    assert not offered.models
    with pytest.raises(UnknownNameError, match=r"1 plugin\(s\) failed"):
        offered.gpus["zzz"]


def test_a_name_is_found_in_any_case_and_by_its_aliases():
    """If it fails, somebody who writes A100-SXM4-80GB, as tables do, is told that there is no such accelerator."""
    one, two = evolve(gpu("a100-80gb"), aliases=("A100-SXM4-80GB", "A100")), evolve(gpu("a100-40gb"), aliases=("A100",))
    catalogue = gpus_of(here=[one], there=[two, gpu("t4")])
    assert catalogue["A100-SXM4-80gb"] is catalogue["A100-80GB"] is catalogue["here:a100-sxm4-80gb"] is one
    assert catalogue["T4"].name == "t4"
    assert catalogue["A100"] is one
    assert catalogue["there:a100"] is two
    with pytest.raises(UnknownNameError, match="'there:a100-sxm4-80gb' is unknown"):
        catalogue["there:a100-sxm4-80gb"]


# Conflicts


def test_of_two_that_offer_a_name_the_first_has_it():
    """If it fails, what somebody installs beside it changes what a name means, or cannot be used itself."""
    plugins = plugins_of(two={GPUS.hook: [gpu("t4", 2e9)]}, one={GPUS.hook: [gpu("t4", 1e9), gpu("a10")]})
    catalogue = Catalogue(GPUS, plugins)
    assert catalogue["t4"].memory_bytes == catalogue["one:t4"].memory_bytes == 1e9
    assert list(plugins.clashes) == ["gpu: t4 is that of one; there is two:t4, too"]
    assert catalogue["two:t4"].memory_bytes == 2e9
    assert catalogue["a10"].name == "a10"
    assert catalogue.providers("t4") == ["one", "two"]
    assert [(name, by) for name, by, _ in catalogue.entries()] == [("t4", "one"), ("t4", "two"), ("a10", "one")]


def test_what_is_of_this_project_keeps_its_name_and_its_aliases():
    """If it fails, a third party whose name sorts first takes an accelerator over, by its name or as people call it."""
    theirs, mine = [gpu("t4", 1e9), gpu("t4-16gb", 1e9)], [evolve(gpu("t4", 2e9), aliases=("T4-16GB",))]
    plugins = plugins_of(acme={GPUS.hook: theirs}, ours={GPUS.hook: mine})
    plugins.own = frozenset({"ours"})
    catalogue = Catalogue(GPUS, plugins)
    assert catalogue["t4"].memory_bytes == catalogue["T4-16GB"].memory_bytes == catalogue["t4-16gb"].memory_bytes == 2e9
    assert catalogue["acme:t4"].memory_bytes == catalogue["acme:t4-16gb"].memory_bytes == 1e9


def test_a_catalogue_with_a_conflict_is_a_mapping_still():
    """If it fails, one plugin that offers a taken name breaks whatever goes through all records."""
    catalogue = gpus_of(one=[gpu("t4", 1e9), gpu("a10")], two=[gpu("t4", 2e9)])
    assert catalogue.names() == ["t4", "two:t4", "a10"]
    assert [(name, record.memory_bytes) for name, record in catalogue.items()] == [
        ("t4", 1e9),
        ("two:t4", 2e9),
        ("a10", 1e9),
    ]
    assert len(catalogue) == len(list(catalogue)) == 3


def test_a_name_that_two_plugins_offer_is_there():
    """If it fails, asking whether there is such a name raises."""
    assert "t4" in gpus_of(one=[gpu("t4")], two=[gpu("t4")])


def test_exporters_that_conflict_leave_the_others_alone(monkeypatch):
    """If it fails, two plugins that offer the same file format break --output for every other format."""
    one, two = ({EXPORTERS.hook: [RECORDS[EXPORTERS]("tsv")]} for _ in range(2))
    three = {EXPORTERS.hook: [RECORDS[EXPORTERS]("csv")]}
    offered = Registry(plugins_of(one=one, two=two, three=three))
    monkeypatch.setattr("llmplan.output.files.registry", lambda: offered)
    assert exporter_of("plan.csv").name == "csv"


# Dtype families


def test_a_family_serves_more_names_than_it_lists():
    """If it fails, a dtype is refused that follows the pattern, or listings are as long as the pattern is wide."""
    catalogue = dtypes_of(one=[family(r"x\d+", ("x1", "x2"))])
    assert list(catalogue) == ["x1", "x2"]
    assert catalogue["x1"].name == "x1"
    assert catalogue["x77"].name == "x77"
    assert catalogue["one:x77"].name == "x77"
    assert catalogue.providers("x77") == ["one"]
    with pytest.raises(UnknownNameError, match="dtype: 'y1' is unknown"):
        catalogue["y1"]


def test_a_family_may_say_why_there_is_no_such_dtype():
    """If it fails, a user learns that a name is unknown, but not why."""

    def build(match):
        if match.group() == "x0":
            raise BadInputError("dtype: x0 holds nothing")
        return dtype(match.group())

    catalogue = dtypes_of(one=[DTypeFamily(pattern=re.compile(r"x\d+"), build=build, listed=("x1",))])
    with pytest.raises(BadInputError, match="dtype: x0 holds nothing"):
        catalogue["x0"]


@pytest.mark.parametrize("name", ["x1", "x7"], ids=["listed", "not listed"])
def test_of_families_that_share_a_name_the_first_has_it(name):
    """If it fails, the order of installation decides how wide a tensor is."""
    catalogue = dtypes_of(two=[family(r"x.", ("x1",), 4)], one=[family(r"x\d+", ("x1",), 8)])
    assert catalogue[name].weight_bits == 8
    assert catalogue[f"two:{name}"].weight_bits == 4


@pytest.mark.parametrize("name", ["x1", "x7"], ids=["listed", "not listed"])
def test_a_rule_does_not_replace_that_of_a_family(name):
    """If it fails, a plugin that is installed later changes what a name of a family means."""
    catalogue = dtypes_of(one=[family(r"x\d+", ("x1",), 8)], two=[dtype(name, 4)])
    assert catalogue[name].weight_bits == 8
    assert catalogue[f"two:{name}"].weight_bits == 4


def test_a_family_that_cannot_make_what_it_lists_is_one_problem():
    """If it fails, one plugin's family takes every dtype down."""

    def build(_match):
        raise RuntimeError("no rule")

    broken = DTypeFamily(pattern=re.compile("y"), build=build, listed=("y",))
    plugins = plugins_of(one={DTYPES.hook: [broken]}, two={DTYPES.hook: [dtype("x1")]})
    catalogue = Catalogue(DTYPES, plugins)
    for _ in range(2):
        assert [name for name, _, _ in catalogue.entries()] == ["x1"]
    assert [problem.line for problem in plugins.problems] == [
        "dtype y of plugin one 1.0 ignored: RuntimeError: no rule (llmplan plugins shows the traceback)"
    ]


def test_a_family_that_lists_what_is_off_its_pattern_is_one_problem():
    """If it fails, a name is listed that is no dtype, and planning with it ends in a traceback."""
    plugins = plugins_of(one={DTYPES.hook: [family(r"x\d+", ("y1",))]}, two={DTYPES.hook: [dtype("x1")]})
    assert list(Catalogue(DTYPES, plugins)) == ["x1"]
    assert [problem.distribution for problem in plugins.problems] == ["one"]


def test_a_family_that_raises_does_not_spoil_the_names_of_others():
    """If it fails, one plugin's family takes down a lookup that another one could answer."""

    def build(_match):
        raise RuntimeError("no rule")

    greedy = DTypeFamily(pattern=re.compile(".*"), build=build, listed=())
    catalogue = dtypes_of(one=[greedy], two=[family(r"x\d+", ("x1",))])
    assert catalogue["x7"].name == "x7"


@pytest.mark.parametrize("typed", ["ACME 1 80GB", "acme1-80gb", "Acme_1 (80GB)", "ACME Big One", "big-one", "bigone"])
def test_names_are_found_as_people_spell_them(typed):
    """If it fails, a newcomer is asked whether the only thing that can be meant is what was meant."""
    offered = gpus_of(one=[evolve(gpu("acme-1-80gb"), vendor="ACME", aliases=("Big-One",)), gpu("acme-2-80gb")])
    assert offered[typed].name == "acme-1-80gb"


def test_letters_that_two_names_share_are_not_guessed():
    """If it fails, one of two records is taken by chance."""
    offered = gpus_of(one=[gpu("acme-11"), gpu("acme-1-1")])
    with pytest.raises(UnknownNameError, match="may be acme-1-1 or acme-11"):
        offered["ACME 1 1"]
