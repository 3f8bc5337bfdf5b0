"""Several plans in one table: what varies, which ways out there are, and what happens to plans that do not fit."""

from __future__ import annotations

import csv
import io
import json
import re
from types import ModuleType

import pluggy
import pytest

from llmplan import LlmplanError, compare, hookimpl, hookspecs, infer, registry, train
from llmplan.catalogues import COST_MODELS, Catalogue
from llmplan.catalogues.plugins import Plugins
from llmplan.cli.main import main
from llmplan.estimate import Reporter
from llmplan.output import document as contract
from llmplan.search import choose

NAMES = {"model": "llama-3.1-8b", "gpu": "l40s", "cost_model": "roofline"}
INFER = ("infer", "--model", "llama-3.1-8b", "--gpu", "l40s", "--cost-model", "roofline")
TRAIN = ("train", "--model", "llama-7b", "--cost-model", "roofline", "--tp", "8", "--pp", "1")
BIG = ("infer", "--model", "llama-3.1-70b", "--cost-model", "roofline", "--tp", "1", "--pp", "1", "--dp", "1")


TIED = "prompt-tokens+output-tokens=" + ",".join(f"{512 + number}+{number}" for number in range(1, 202))


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a command on a terminal that is wide enough: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "200")

    def ran(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return ran


@pytest.fixture
def document(run):
    """Runs a command with --json: its one object."""

    def asked(*arguments: str, code: int = 0) -> dict:
        found, out, _ = run(*arguments, "--json")
        assert found == code
        return json.loads(out)

    return asked


def table(out):
    """The rows of the printed table as text, below its headings."""
    plans = int(re.search(r"(\d+) plans? by", out)[1])
    lines = out.split("\n\n")[1].partition("No room for")[0].strip().split("\n")
    return [line.split() for line in lines[-plans:]]


# What varies


def test_a_range_of_batches_is_one_table(run):
    """If it fails, the issue's own example prints something else than a line for each batch."""
    code, out, err = run(*INFER, "--batch", "1..256")
    assert (code, err) == (0, "")
    assert [row[0] for row in table(out)] == ["1", "2", "4", "8", "16", "32", "64", "128", "256"]
    assert all(row[-1] == "yes" for row in table(out))


def test_a_row_is_what_its_own_command_prints(document):
    """If it fails, a comparison shows other figures than the plan by itself."""
    compared = document(*INFER, "--compare", "dtype=w16a16e16,w8a8e16,w4a16e16", "--batch", "1,8")
    assert compared["schema"] == "llmplan.compare/2"
    assert compared["varied"] == {"dtype": ["w16a16e16", "w8a8e16", "w4a16e16"], "batch": [1, 8]}
    assert [row["varied"] for row in compared["rows"]][:3] == [
        {"dtype": "w16a16e16", "batch": 1}, {"dtype": "w16a16e16", "batch": 8}, {"dtype": "w8a8e16", "batch": 1},
    ]  # fmt: skip
    for row in compared["rows"]:
        alone = document(*INFER, "--dtype", row["varied"]["dtype"], "--batch", str(row["varied"]["batch"]))
        assert row == {"varied": row["varied"], "refused": None, **alone}


def test_training_is_compared_too(document, run):
    """If it fails, only serving can be compared."""
    gpus = ("--compare", "gpu=a100-sxm-80gb,h100-sxm-80gb", "--gpus", "64..256")
    compared = document(*TRAIN, *gpus)
    assert compared["command"] == "train"
    assert len(compared["rows"]) == 6
    times = [row["training_seconds"] for row in compared["rows"]]
    assert times[:3] == sorted(times[:3], reverse=True)
    _, out, _ = run(*TRAIN, *gpus)
    assert "training," in out
    assert len(table(out)) == 6


def test_a_price_is_no_reason_to_choose_again(monkeypatch):
    """If it fails, a sweep of prices takes a search each, or a row has the cost of another price."""
    asked = {"model": "llama-7b", "gpu": "h100-sxm-80gb", "gpus": 8, "tp": 1, "pp": 1}
    alone = [train(**asked, price_per_gpu_hour=price) for price in (1, 3)]
    searches = []
    monkeypatch.setattr(choose, "chosen", lambda *given, _of=choose.chosen: searches.append(given) or _of(*given))
    swept = compare(train, **asked, price_per_gpu_hour=[1, 3])
    assert len(searches) == 1
    for found, one in zip(swept.variants, alone, strict=True):
        assert contract.document(found.estimate) == contract.document(one)


def test_what_each_phase_waits_for_is_a_column(run, document):
    """If it fails, nobody sees from which batch on decoding is no longer bound by reading weights."""
    asked = ("infer", "--model", "llama-3.1-8b", "--gpu", "h100-sxm-80gb", "--tp", "1", "--pp", "1", "--batch", "1,4K")
    _, out, _ = run(*asked)
    for row, plan in zip(table(out), document(*asked)["rows"], strict=True):
        waits = plan["decode_bounds"]
        assert f" {max(waits, key=waits.get)} " in " ".join(row)
    assert "weights" in table(out)[0]


def test_options_that_change_together(document):
    """If it fails, GPUs cannot be compared at the price of each."""
    pairs = "gpu+price-per-gpu-hour=l40s+1,h100-sxm-80gb+2.5"
    compared = document("infer", "--model", "llama-3.1-8b", "--compare", pairs)
    assert compared["varied"] == {"gpu": ["l40s", "h100-sxm-80gb"], "price_per_gpu_hour": [1.0, 2.5]}
    for row, price in zip(compared["rows"], (1.0, 2.5), strict=True):
        expected = price * row["layout"]["gpus"] / row["tokens_per_second"] / 3600 * 1e6
        assert row["cost_per_million_tokens"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("given", "varied"),
    [
        (("--tp", "1..8"), {"tp": [1, 2, 4, 8]}),
        (("--pp", "1..4"), {"pp": [1, 2, 3, 4]}),
        (("--dtype", "bf16,fp16"), {"dtype": ["bf16", "fp16"]}),
        (("--compare", "prompt-tokens=128..512"), {"prompt_tokens": [128, 256, 512]}),
        (("--compare", "sequence_parallel=true,false"), {"sequence_parallel": [True, False]}),
        (("--compare", "hbm-efficiency=0.5,0.9"), {"hbm_efficiency": [0.5, 0.9]}),
        (("--compare", "dtype=bf16"), {"dtype": ["bf16"]}),
        (("--kv-bits", "8,16"), {"kv_bits": [8.0, 16.0]}),
    ],
)
def test_every_kind_of_option_varies(document, given, varied):
    """If it fails, some option takes one value only, or a range of it means something else."""
    assert document(*INFER, *given)["varied"] == varied


def test_words_vary_as_they_are_written(document):
    """If it fails, a mode of recomputation comes out as the number that stands for it."""
    compared = document(*TRAIN, "--gpu", "a100-sxm-80gb", "--gpus", "8", "--compare", "recompute=none,full")
    assert compared["varied"] == {"recompute": ["none", "full"]}
    assert [row["recompute"] for row in compared["rows"]] == ["none", "full"]


def test_a_plan_file_holds_several_values(document, tmp_path):
    """If it fails, what can be compared on the command line cannot be kept in a file."""
    (tmp_path / "my.toml").write_text(
        'name = "my-gpu"\nmemory_gib = 64\nmemory_bandwidth_gb_per_s = 4000\nbf16_tflops = 500\n'
        "scaleup_bandwidth_gb_per_s = 400\n"
    )
    plan = tmp_path / "plan.toml"
    plan.write_text('model = "llama-3.1-8b"\ngpu = ["my.toml", "l40s"]\nbatch = "1..4"\ntp = 1\ndtype = "bf16"\n')
    compared = document("infer", "--plan", str(plan))
    assert compared["varied"]["batch"] == [1, 2, 4]
    assert [row["gpu"] for row in compared["rows"]] == ["my-gpu"] * 3 + ["l40s"] * 3
    assert document("infer", "--plan", str(plan), "--batch", "8")["varied"].keys() == {"gpu"}
    overridden = document("infer", "--plan", str(plan), "--compare", "gpu=l4,l40s", "--batch", "8")
    assert overridden["varied"] == {"gpu": ["l4", "l40s"]}


def test_a_comparison_replaces_what_says_the_same_in_a_plan_file(document, tmp_path):
    """If it fails, an MFU is compared beside the efficiencies of a file, which contradict it."""
    plan = tmp_path / "plan.toml"
    plan.write_text('model = "llama-7b"\ngpu = "a100-sxm-80gb"\ngpus = 8\nflops_efficiency = 0.7\n')
    assert document("train", "--plan", str(plan), "--compare", "mfu=0.3,0.5")["varied"] == {"mfu": [0.3, 0.5]}


SERVER = ("infer", "--model", "llama-3.1-8b", "--gpu", "h100-sxm-80gb", "--tp", "1", "--requests", "20")


def test_servers_are_compared_by_rate(run, document):
    """If it fails, nobody sees at which rate requests begin to wait, or which is too much."""
    asked = (*SERVER, "--pp", "1", "--dp", "1", "--rate", "1/s,8/s,1000/s")
    code, out, err = run(*asked)
    assert (code, err) == (0, "")
    assert out.startswith("llama-3.1-8b on h100-sxm-80gb, server, 3 plans by rate")
    assert [row[-1] for row in table(out)] == ["yes", "yes", "overloaded"]
    compared = document(*asked)
    assert compared["varied"] == {"rate": [1.0, 8.0, 1000.0]}
    slowest = compared["rows"][1]["server"]["simulated"]["first_token"]["p99"]
    assert table(out)[1][3] == f"{slowest * 1e3:.4g}"


def test_no_server_answers_what_comes(run):
    """If it fails, the message is about memory, of which there is enough."""
    code, _, err = run(*SERVER, "--dp", "1", "--rate", "1000/s,2000/s")
    assert (code, err) == (3, "llmplan: overloaded: none of 2 plans fits and answers all that comes\n")


# What does not go


def test_a_plan_that_does_not_fit_is_a_row_that_says_so(run):
    """If it fails, it is hidden, or makes the whole comparison a failure."""
    code, out, err = run(*BIG, "--compare", "gpu=a100-sxm-80gb,b200-sxm")
    assert (code, err) == (0, "")
    assert [row[-1] for row in table(out)] == ["over", "yes"]
    assert "no, 51.7 GiB over" in out


def test_no_plan_fits(run):
    """If it fails, a script takes a table of impossible plans for an answer."""
    code, out, err = run(*BIG, "--gpu", "a100-sxm-80gb", "--batch", "1,2")
    assert code == 3
    assert len(table(out)) == 2
    assert re.fullmatch(
        r"llmplan: does not fit: none of 2 plans; batch 1 comes nearest, [\d,]+ bytes \([\d.]+ GiB\) more than the "
        r"80\.0 GiB of a100-sxm-80gb\n",
        err,
    )


def test_a_plan_that_cannot_be_priced_is_a_row_with_the_reason(run, document):
    """If it fails, one GPU without FP8 keeps the others from being compared, or just disappears."""
    asked = (*INFER[:3], "--compare", "gpu=a100-sxm-80gb,h100-sxm-80gb", "--dtype", "fp8-inference")
    code, out, err = run(*asked)
    assert (code, err) == (0, "")
    assert [row[-1] for row in table(out)] == ["priced", "yes"]
    assert "Not priced\n  - gpu a100-sxm-80gb: dtype: fp8-inference multiplies in fp8; a100-sxm-80gb has" in out
    refused, priced = document(*asked)["rows"]
    assert refused["refused"].startswith("dtype: fp8-inference multiplies in fp8")
    assert refused.keys() == priced.keys()
    assert {refused[name] for name in refused if name not in ("varied", "refused")} == {None}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--compare", "dtpye=a,b"), "compare: 'dtpye' is not an option; did you mean dtype?"),
        (("--compare", "zero=1,2"), "compare: 'zero' is not an option"),
        (("--compare", "dtype"), "compare: 'dtype' is not OPTION=VALUES"),
        (("--compare", "gpu=l4"), "compare: gpu is given by --gpu too"),
        (("--compare", "tp=1,2", "--compare", "tp=4"), "compare: tp is given twice"),
        (("--compare", "tp=1,2", "--compare", "tp+pp=4+1"), "compare: tp is given twice"),
        (("--compare", "tp+pp=4+1,2"), "compare: tp+pp: '2' is not 2 values joined by +"),
        (("--compare", "dtype=bf16,fpx"), "dtype: 'fpx' is unknown; did you mean"),
        (("--compare", "dtype=bf16,,fp16"), "dtype: 'bf16,,fp16' has an empty item"),
        (("--compare", "batch="), "batch: '' is not a whole number of at least 1"),
        (("--batch", "0..4"), "batch: 0 is not a whole number of at least 1"),
        (("--batch", "1,000"), "batch: '1,000' is a list; 1_000 is one number"),
        (("--batch", "4..1"), "batch: '4..1' ends below its beginning; 1..4 would be a range"),
        (("--batch", "1..200+1", "--prompt-tokens", "1..200+1"), "compare: 40,000 plans are more than the 10,000"),
        (("--prompt-tokens", "200K,300K"), "compare: none of 2 plans can be priced; prompt-tokens 200000: "),
        (("--batch", "1,2", "--output", "plans.jpg"), "output: 'plans.jpg' does not end in .json"),
        (("--batch", "1,2", "--picture", "plans.jpg"), "picture: 'plans.jpg' does not end in .png, .svg, .pdf"),
        (("--batch", "1,2", "--picture", "no-such-folder/a.svg"), "picture: no-such-folder/a.svg: No such file"),
        (("--compare", TIED, "--picture", "plans.svg"), "picture: 201 bars are more than the 200"),
    ],
)
def test_bad_comparisons_cost_one_line_and_exit_code_2(run, tmp_path, monkeypatch, given, message):
    """If it fails, a slip is priced, or ends in a traceback."""
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*INFER, *given)
    assert (code, out) == (2, "")
    assert err.startswith(f"llmplan: {message}")
    assert err.partition("hint: ")[0].count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_reason_that_all_plans_share_is_said_once(run):
    """If it fails, one mistake fills the terminal."""
    code, _, err = run("infer", "--gpu", "l40s", "--batch", "1..64")
    assert code == 2
    assert err == run("infer", "--gpu", "l40s")[2]


def test_one_plan_is_explained_not_a_comparison(run):
    """If it fails, --explain is dropped without a word."""
    code, _, err = run(*TRAIN, "--gpu", "l40s", "--gpus", "8,16", "--explain")
    assert (code, err) == (2, "llmplan: explain: explains one plan, not a comparison\n")


def test_a_range_in_a_plan_file_is_refused_with_its_line(run, tmp_path):
    """If it fails, a slip in a file is searched for by hand."""
    plan = tmp_path / "plan.toml"
    plan.write_text('tp = 1\nbatch = "1..x"\n')
    code, _, err = run(*INFER, "--plan", str(plan))
    assert code == 2
    assert "plan.toml: line 2: batch: '1..x' is not a range" in err


# Ways out


def test_a_narrow_terminal_goes_without_the_spare_columns_and_says_so(run, monkeypatch):
    """If it fails, columns are broken in the middle of words, or vanish without a word."""
    monkeypatch.setenv("COLUMNS", "55")
    _, out, _ = run(*INFER, "--batch", "1..4")
    lines = out.split("\n\n")[1].split("\n")
    assert max(map(len, lines)) <= 55
    assert "No room for tokens/s" in lines[-2]
    assert [row[0] for row in table(out)][:3] == ["1", "2", "4"]


def test_every_kind_of_file_has_a_line_for_each_plan(run, document, tmp_path):
    """If it fails, a spreadsheet or a page of notes gets another table than the terminal."""
    asked = (*INFER[:3], "--compare", "gpu=a100-sxm-80gb,h100-sxm-80gb", "--dtype", "fp8-inference", "--batch", "1,2")
    expected = document(*asked)
    files = {suffix: tmp_path / f"plans.{suffix}" for suffix in ("json", "csv", "md", "txt")}
    for path in files.values():
        assert run(*asked, "--output", str(path))[0] == 0
    assert json.loads(files["json"].read_text()) == expected
    rows = list(csv.DictReader(io.StringIO(files["csv"].read_text())))
    assert [(row["varied.gpu"], row["varied.batch"]) for row in rows] == [
        ("a100-sxm-80gb", "1"), ("a100-sxm-80gb", "2"), ("h100-sxm-80gb", "1"), ("h100-sxm-80gb", "2"),
    ]  # fmt: skip
    assert rows[0]["refused"] == expected["rows"][0]["refused"]
    assert float(rows[3]["layout.tp"]) == expected["rows"][3]["layout"]["tp"]
    assert float(rows[3]["tokens_per_second"]) == expected["rows"][3]["tokens_per_second"]
    lines = files["md"].read_text().strip().split("\n")
    assert len(lines) == 2 + 4
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "\x1b" not in files["txt"].read_text()
    assert len(table(files["txt"].read_text())) == 4


def test_a_reporter_without_words_for_comparisons_says_so(run, monkeypatch):
    """If it fails, a plugin's reporter is called with something that it does not know."""
    reporters = {**registry().reporters, "terse": Reporter(name="terse", render=str)}
    monkeypatch.setitem(vars(registry()), "reporters", reporters)
    code, _, err = run(*INFER, "--batch", "1,2", "--reporter", "terse")
    assert (code, err) == (2, "llmplan: reporter: terse has no form for comparisons\n")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--batch", "1..64", "--compare", "dtype=bf16,w4a16e16"), {"batch", "64", "first token, ms", "w4a16e16"}),
        (("--compare", "dtype=bf16,nvfp4"), {"nvfp4 · not priced", "bf16", "GiB", "capacity"}),
        (("--model", "llama-3.1-70b", "--batch", "1,2", "--tp", "1", "--pp", "1"), {"does not fit"}),
        (("--compare", "tp+pp=1+2,2+1"), {"1 · 2", "2 · 1"}),
        (
            ("--dp", "1", "--rate", "1/s,1000/s", "--requests", "20", "--cost-model", "megatron"),
            {"overloaded", "p99 first token, ms", "load, %"},
        ),
        (("--model", "llama-3.1-70b", "--dtype", "bf16,w4a16e16", "--tp", "1", "--pp", "1"), {"does not fit"}),
    ],
    ids=["lines", "bars", "hollow points", "what is tied", "a server", "hatched bars"],
)
def test_a_picture_shows_what_the_table_says(run, tmp_path, given, words):
    """If it fails, a figure, a plan or its not fitting is missing from the picture."""
    path = tmp_path / "plans.svg"
    model = () if "--model" in given else ("--model", "llama-3.1-8b")
    assert run("infer", *model, "--gpu", "l40s", "--cost-model", "roofline", *given, "--picture", str(path))[0] in (
        0,
        3,
    )
    drawn = set(re.findall(r"<!-- (.*?) -->", path.read_text()))  # letters are shapes, their words stand beside them
    assert all(any(word in text for text in drawn) for word in words)


def test_a_picture_is_the_same_each_time(run, tmp_path):
    """If it fails, a picture in a repository changes with every run."""
    path, compared = tmp_path / "plans.svg", (*INFER, "--batch", "1,2", "--compare", "dtype=bf16,w4a16e16")
    drawn = [(run(*compared, "--picture", str(path)), path.read_bytes()) for _ in range(2)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_other_pictures(run, tmp_path, suffix, start):
    """If it fails, a picture is of another kind than its name says."""
    path = tmp_path / f"plans.{suffix}"
    assert run(*TRAIN, "--gpu", "a100-sxm-80gb", "--gpus", "8..32", "--picture", str(path))[0] == 0
    assert path.read_bytes().startswith(start)


def test_a_missing_library_is_one_line_before_anything_is_priced(run, tmp_path, monkeypatch):
    """If it fails, a plain installation gets a traceback for --picture."""
    monkeypatch.setattr("llmplan_report.drawing.find_spec", lambda _: None)
    code, out, err = run(*INFER, "--batch", "1,2", "--picture", str(tmp_path / "a.png"))
    assert (code, out) == (2, "")
    line, hint = err.splitlines()
    assert line == "llmplan: picture: matplotlib is not installed; python3 -m pip install matplotlib brings it"
    assert hint == "hint: python3 -m pip install matplotlib"


# Python


def test_python_and_the_command_line_agree(document):
    """If it fails, a script compares other plans than the command."""
    gpus = [registry().gpus[name] for name in ("l4", "l40s")]
    compared = compare(infer, {"tp+pp": [(1, 1), (2, 1)]}, model="llama-3.1-8b", gpu=gpus, batch=range(1, 3))
    asked = ("--compare", "tp+pp=1+1,2+1", "--compare", "gpu=l4,l40s", "--batch", "1,2")
    assert contract.document(compared) == document("infer", "--model", "llama-3.1-8b", *asked)
    assert compared.feasible
    assert [variant.label for variant in compared.variants][:2] == [
        "tp 1, pp 1, gpu l4, batch 1",
        "tp 1, pp 1, gpu l4, batch 2",
    ]
    assert len(compared.priced) == 8


def test_python_says_what_it_does_not_take():
    """If it fails, a slip in a script is priced."""
    with pytest.raises(TypeError, match="compare prices with train or infer"):
        compare(print, **NAMES)
    with pytest.raises(TypeError, match=r"'bach' is no option of inference; did you mean batch\?"):
        compare(infer, bach=[1, 2], **NAMES)
    with pytest.raises(LlmplanError, match="batch: no value to compare"):
        compare(infer, batch=[], **NAMES)
    with pytest.raises(LlmplanError, match=r"compare: tp\+pp: no value to compare"):
        compare(infer, {"tp+pp": []}, **NAMES)


def test_one_of_one():
    """If it fails, a script that varies nothing, for once, gets no row."""
    compared = compare(train, model="llama-7b", gpu="a100-sxm-80gb", gpus=8, mfu=0.5)
    assert len(compared.variants) == 1
    assert compared.varied == {}


# Cost models that fail


@pytest.fixture
def failing(monkeypatch):
    """A plugin's cost model that divides by zero where a batch is odd, or more than one GPU trains."""
    roofline = registry().cost_models["roofline"]

    class Failing:
        name, description, default = "failing", "fails", False

        def __getattr__(self, name):
            return getattr(roofline, name)

        def infer(self, plan):
            assert 1 / (1 - plan.batch % 2)
            return roofline.infer(plan)

        def train(self, plan):
            raise KeyError(plan.seq_len)

    manager = pluggy.PluginManager("llmplan")
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    module = ModuleType("acme")
    module.llmplan_parallelism_models = hookimpl(lambda: [Failing()])
    plugins.add("llmplan-acme", "1.0", "acme", lambda: module)
    monkeypatch.setitem(vars(registry()), "cost_models", Catalogue(COST_MODELS, plugins))


@pytest.mark.usefixtures("failing")
def test_a_cost_model_that_fails_costs_one_line_that_names_it(run):
    """If it fails, a bug of a plugin ends in a traceback that looks like a bug of llmplan."""
    named = ("--cost-model", "failing")
    wanted = "llmplan: cost-model: failing of llmplan-acme failed: "
    code, out, err = run(*INFER[:5], *named)
    assert (code, out) == (1, "")
    assert re.fullmatch(rf"{wanted}ZeroDivisionError: division by zero \(test_compare\.py, line \d+\)\n", err)
    code, _, err = run("train", "--model", "llama-7b", "--gpu", "l40s", "--gpus", "8", *named)
    assert code == 1
    assert err.startswith(f"{wanted}KeyError: 2048 (test_compare.py, line ")
    assert run(*INFER[:5], *named, "--batch", "1,3")[0] == 1


@pytest.mark.usefixtures("failing")
def test_a_cost_model_that_fails_for_one_plan_leaves_the_others(run):
    """If it fails, one bad plan takes the whole comparison down."""
    code, out, err = run(*INFER[:5], "--cost-model", "failing", "--batch", "1,2")
    assert (code, err) == (0, "")
    assert [row[-1] for row in table(out)] == ["priced", "yes"]
    assert "batch 1: cost-model: failing of llmplan-acme failed: ZeroDivisionError" in out


def test_what_is_extrapolated_is_said_of_its_plan(run):
    """If it fails, the range of a card that nobody has trained on stands beside that of one that thousands have."""
    options = ("--model", "llama-7b", "--gpus", "8", "--tp", "1", "--pp", "1", "--zero", "1")
    _, out, _ = run("train", *options, "--compare", "gpu=h100-sxm-80gb,l40s")
    lines = out.split("\n")
    below = lines[lines.index("EXTRAPOLATED: no published run of this kind, or too few") + 1 :]
    assert "  - gpu l40s: the range of time" in below[: below.index("")]
