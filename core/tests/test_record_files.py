"""Records in TOML files: what one takes from another, folders of a plugin's, and files that are written again."""

from __future__ import annotations

import pytest
from attrs import asdict, evolve

from llmplan import registry
from llmplan.catalogues import ENGINES, GPUS, MODELS, OPTIMIZERS, REPORTERS, Registry, TomlRecords
from llmplan.catalogues.record_file import read_record
from llmplan.errors import BadInputError, UnknownNameError
from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    CalibratedEfficiency,
    CollectiveCurve,
    GemmCurve,
    HardwareProfile,
    KernelCurves,
    NetworkCurve,
)
from llmplan.testing import ContractError, check_plugin

from test_catalogues import plugins_of  # isort: skip

FLASH = AttentionCurve(plateau=0.6, half_tokens=300.0)
OLD = HardwareProfile(
    name="old",
    vendor="Acme",
    memory_bytes=40 * 2.0**30,
    memory_bytes_per_second=1e12,
    peak_flops={"fp16": 1e14, "fp8": 2e14},
    scale_up_bytes_per_second=3e11,
    scale_out_bytes_per_second=25e9,
    efficiency=CalibratedEfficiency(flops={"fp16": 0.8}, hbm=0.9, scale_up=0.7, scale_out=0.6, source="Acme's timings"),
    kernels=KernelCurves(
        gemm={"fp16": GemmCurve(plateau=0.8, half_k=100.0)},
        attention={"flash-2": AttentionKernel(forward=FLASH, backward=FLASH)},
        hbm=0.9,
        collectives={"all_reduce": CollectiveCurve(plateau=0.75)},
        network=NetworkCurve(plateau=0.6),
        source="Acme's curves",
    ),
    aliases=("OLD-40",),
    sources={"memory_bytes": "Acme datasheet", "peak_flops.fp16": "Acme datasheet", "peak_flops.fp8": "a blog"},
)
PCIE = evolve(
    OLD, name="pcie", kernels=evolve(OLD.kernels, collectives={"all_reduce": CollectiveCurve(plateau=0.2)}, hbm=0.5)
)
KNOWN = {"old": OLD, "pcie": PCIE}


@pytest.fixture
def read(tmp_path):
    """Reads a text as the file of a GPU that is called new; `old` and `pcie` can be found."""

    def reading(text: str) -> HardwareProfile:
        path = tmp_path / "new.toml"
        path.write_text(text)
        return read_record(str(path), GPUS, lambda name: KNOWN[name])

    return reading


def test_like_keeps_all_that_is_not_said(read):
    """If it fails, somebody who changes one number of a GPU loses its curves, or is not told whose they are."""
    new = read('like = "old"\nmemory_gib = 80\n')
    assert (new.name, new.vendor, new.aliases) == ("new", "Acme", ())
    assert (new.memory_bytes, new.peak_flops) == (80 * 2**30, OLD.peak_flops)
    assert new.sources == {
        "memory_bytes": "new.toml",
        "peak_flops.fp16": "as old: Acme datasheet",
        "peak_flops.fp8": "as old: a blog",
    }
    assert asdict(new.kernels) == asdict(OLD.kernels) | {"source": "as old: Acme's curves"}
    assert asdict(new.efficiency) == asdict(OLD.efficiency) | {"source": "as old: Acme's timings"}


def test_none_is_not_even_taken(read):
    """If it fails, a GPU without FP8 units cannot be like one that has them."""
    new = read('like = "old"\nfp8_tflops = "none"\nscaleout_nic_gbits_per_gpu = "none"\n')
    assert new.peak_flops == {"fp16": 1e14}
    assert new.scale_out_bytes_per_second is None


REQUIRED = "memory_gib = 80\nmemory_bandwidth_gb_per_s = 2000\nfp16_tflops = 312\nscaleup_bandwidth_gb_per_s = 300\n"


def test_a_table_may_be_like_that_of_another(read):
    """If it fails, curves cannot be taken without the numbers of the datasheet, or their source is lost."""
    new = read(
        REQUIRED
        + '[kernels]\nlike = "old"\ncollectives.like = "pcie"\nhbm.like = "pcie"\n'
        + '[kernels.gemm.fp16]\nplateau = 0.5\nsource = "a guess"\n'
    )
    assert new.kernels.collectives["all_reduce"].plateau == 0.2
    assert new.kernels.hbm == 0.5
    assert (new.kernels.gemm["fp16"].plateau, new.kernels.gemm["fp16"].half_k) == (0.5, 100.0)
    assert new.kernels.source == "gemm: fp16: a guess; collectives, hbm as pcie; the rest as old: Acme's curves"
    assert new.efficiency is None
    assert new.scale_out_bytes_per_second is None


def test_a_word_names_a_neighbour(read):
    """If it fails, a format that nobody timed cannot take the curve of another without a copy of its numbers."""
    new = read(REQUIRED + '[kernels]\nlike = "old"\n[kernels.gemm]\nbf16 = "tf32"\ntf32 = "fp16"\n')
    for name in ("bf16", "tf32"):
        assert asdict(new.kernels.gemm[name]) == asdict(OLD.kernels.gemm["fp16"])


def test_a_lower_clock_slows_what_it_drives(read):
    """If it fails, a power cap changes the memory, or leaves the multiplications alone."""
    new = read('like = "old"\nclock = 0.5\n')
    assert new.kernels.gemm["fp16"].plateau == 0.4
    assert new.kernels.attention["flash-2"].backward.plateau == 0.3
    assert (new.kernels.hbm, new.kernels.collectives["all_reduce"].plateau) == (0.9, 0.75)
    assert new.kernels.source == "multiplications and attention times 0.500: new.toml; as old: Acme's curves"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("like = 3\n", "line 1: like: 3 is not a name"),
        ('[efficiency]\nlike = "bare"\n', "line 2: efficiency.like: bare has no efficiency"),
        (
            REQUIRED + '[kernels]\nlike = "old"\n[kernels.gemm]\nbf16 = "fp61"\n',
            "line 8: kernels.gemm.bf16: 'fp61' is neither a number nor one of fp16",
        ),
        (
            REQUIRED + '[kernels]\nlike = "old"\n[kernels.gemm.fp16]\nplato = 0.5\n',
            "line 8: kernels.gemm.fp16.plato: not a field (did you mean plateau?)",
        ),
        (
            REQUIRED + '[kernels]\nlike = "old"\n[kernels.gemm.fp16]\nplateau = 1.5\n',
            "line 8: kernels.gemm.fp16.plateau: 1.5 is not a fraction above 0 and at most 1",
        ),
        (
            REQUIRED + '[kernels]\nlike = "old"\n[kernels.sustained]\nfp16 = -0.5\n',
            "line 8: kernels.sustained.fp16: -0.5 is not a positive number",
        ),
        ("source = 3\n" + REQUIRED, "line 1: source: 3 is not text in quotes"),
        (REQUIRED + "[sources]\nmemory_gib = 3\n", "line 6: sources.memory_gib: 3 is not text in quotes"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(read, text, message):
    """If it fails, a slip among a hundred numbers has to be searched for."""
    KNOWN["bare"] = evolve(OLD, name="bare", efficiency=None)
    with pytest.raises(BadInputError) as caught:
        read(text)
    assert str(caught.value).partition("new.toml: ")[2] == message


# Folders


def folder(tmp_path, **texts):
    """A folder of files by name, ``_`` for a dash."""
    for name, text in texts.items():
        (tmp_path / f"{name.replace('_', '-')}.toml").write_text(text)
    return TomlRecords(tmp_path)


def offering(records, kind=GPUS):
    """The registry with one plugin, and what it knows of problems."""
    plugins = plugins_of(acme={kind.hook: records})
    return Registry(plugins).catalogue(kind), plugins


def test_a_folder_is_listed_without_reading_a_file(tmp_path, monkeypatch):
    """If it fails, every command pays for all records of all plugins."""
    catalogue, plugins = offering([folder(tmp_path, new=REQUIRED, broken="x ="), OLD])
    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.read_text", None)
        assert catalogue.names() == ["broken", "new", "old"]
        assert "broken" in catalogue
        assert catalogue.offers()[0] == ("broken", "acme")
    assert catalogue["new"].memory_bytes == 80 * 2**30
    assert catalogue["new"] is catalogue["acme:new"]
    assert plugins.problems == []


def test_a_broken_file_breaks_nothing_else(tmp_path):
    """If it fails, one bad file takes a plugin's other records down, or costs more than a line."""
    catalogue, plugins = offering(folder(tmp_path, bad=REQUIRED.replace("80", "'80'"), new=REQUIRED))
    for _ in range(2):
        assert [name for name, _, _ in catalogue.entries()] == ["new"]
    said = f"{tmp_path}/bad.toml: line 1: memory_gib: '80' is not a number"
    assert [problem.line for problem in plugins.problems] == [
        f"gpu bad of plugin acme 1.0 ignored: {said} (llmplan plugins shows the traceback)"
    ]
    with pytest.raises(BadInputError) as caught:
        catalogue["bad"]
    assert str(caught.value) == said


def test_files_may_be_like_each_other_and_found_by_alias(tmp_path):
    """If it fails, a folder cannot hold variants of one device, or a file's aliases are not found."""
    catalogue, _ = offering(
        [folder(tmp_path, one=REQUIRED, two='like = "one"\nmemory_gib = 96\naliases = ["TWO-96GB"]\n'), OLD]
    )
    assert catalogue["two-96gb"].name == "two"
    assert catalogue["TWO"].memory_bytes_per_second == 2e12


def test_a_file_that_is_like_itself_is_refused(tmp_path):
    """If it fails, two files that are like each other end in a traceback of a thousand lines."""
    catalogue, _ = offering(folder(tmp_path, one='like = "two"\n', two='like = "one"\n'))
    with pytest.raises(BadInputError, match=r"one.toml: line 1: like: .*two.toml: line 1: like: takes after itself"):
        catalogue["one"]


def test_a_file_is_called_as_its_record(tmp_path):
    """If it fails, a record is listed under one name and priced under another."""
    catalogue, _ = offering(folder(tmp_path, one='name = "another"\n' + REQUIRED))
    with pytest.raises(BadInputError, match=r"one.toml: line 1: name: 'another' is not the name of the file"):
        catalogue["one"]


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda path: folder(path, My_GPU=REQUIRED), GPUS, "My-GPU.toml: 'My-GPU' is not a lower-case name"),
        (lambda path: TomlRecords(path / "none"), GPUS, "none: No such file or directory"),
        (lambda path: [folder(path, old=REQUIRED), OLD], GPUS, "offers old twice"),
        (
            lambda path: folder(path, x=REQUIRED),
            REPORTERS,
            "returned a folder of files; reporters are records in Python",
        ),
    ],
)
def test_a_folder_that_cannot_be_offered_is_one_problem(tmp_path, make, kind, said):
    """If it fails, a folder that is not there takes every record of its kind down."""
    catalogue, plugins = offering(make(tmp_path), kind)
    assert catalogue.names() == []
    (problem,) = plugins.problems
    assert said in problem.reason


def test_the_contract_kit_reads_every_file(tmp_path):
    """If it fails, the author of a folder learns of a bad file from users."""
    plugins = plugins_of(acme={GPUS.hook: folder(tmp_path, bad="memory_gib = 80\n")})
    module = plugins.manager.get_plugin("acme:entry")
    with pytest.raises(ContractError, match=r"bad.toml: memory_bandwidth_gb_per_s: missing"):
        check_plugin(module)
    folder(tmp_path, bad='source = "a datasheet"\n' + REQUIRED)
    check_plugin(module)


def test_the_default_is_found_without_reading_the_others(tmp_path):
    """If it fails, a command that names no optimizer reads all of them, or takes none for the default."""
    catalogue, _ = offering(
        folder(tmp_path, adam="default = true\nstate_bytes = 8\n", broken="state_bytes ="), OPTIMIZERS
    )
    assert [record.name for _, _, record in catalogue.entries("default")] == ["adam"]
    with pytest.raises(UnknownNameError):
        catalogue["sgd"]


def test_models_are_files_too(tmp_path):
    """If it fails, a plugin's models cannot be data."""
    shape = 'layers = 2\nhidden = 64\nheads = 4\nffn_hidden = 256\ngated_mlp = true\nvocab = 1000\nsource = "a paper"\n'
    catalogue, _ = offering(folder(tmp_path, mini=shape, mini_iso='like = "mini"\ngated_mlp = false\n'), MODELS)
    assert catalogue["mini"].kv_heads == 4
    assert not catalogue["mini-iso"].gated_mlp
    assert catalogue["mini-iso"].sources["hidden"] == "as mini: a paper"


def test_none_may_be_a_word_of_the_field(tmp_path):
    """A model without positions would come out with rotary ones, its own or those of the model that it is like."""
    path = tmp_path / "still.toml"
    path.write_text('like = "llama-7b"\nposition = "none"\nqk_norm = "none"\n')
    model = read_record(str(path), MODELS, lambda _: registry().models["llama-7b"])
    assert (model.position, model.qk_norm) == ("none", "none")


def test_an_engine_of_before_is_read(tmp_path):
    """A user's file of an engine would be refused for a key that has another name since, or say it twice."""
    path = tmp_path / "mine.toml"
    for before, wanted in (("cuda_graphs = false", False), ("captures_launches = false\ncuda_graphs = true", True)):
        path.write_text(f"{before}\n")
        assert read_record(str(path), ENGINES).captures_launches is wanted
