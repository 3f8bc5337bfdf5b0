"""--export and --from: what they print where, with which exit code, and what they say to bad input."""

from __future__ import annotations

import json

import pytest

from llmplan.cli.main import main

TRAIN = (
    "train", "--model", "llama-3.1-8b", "--gpu", "h100-sxm-80gb", "--gpus", "8", "--tp", "2", "--pp", "1", "--cp", "1",
    "--zero", "1", "--micro-batch", "1", "--recompute", "full",
)  # fmt: skip
INFER = ("infer", "--model", "llama-3.1-8b", "--gpu", "h100-sxm-80gb", "--tp", "1", "--pp", "1", "--dp", "1")


@pytest.fixture
def run(capsys):
    """Runs a command: exit code, standard output, standard error."""

    def ran(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return ran


@pytest.fixture
def refused(run):
    """Runs a command that has to be refused with nothing printed: the message."""

    def asked(*arguments):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert err.partition("hint: ")[0].count("\n") == 1
        return err.removeprefix("llmplan: ").partition("\nhint: ")[0].rstrip("\n")

    return asked


def test_without_a_file_it_is_printed_in_place_of_the_report(run):
    """``llmplan train ... --export megatron > run.sh`` would hold a report too."""
    code, out, err = run(*TRAIN, "--export", "megatron")
    assert (code, err) == (0, "")
    assert out.startswith("#!/bin/bash\n")
    assert "Figures" not in out


def test_files_are_written_beside_the_report(run, tmp_path):
    """Several programs could not be asked for at once, or the report would go missing."""
    script, config = tmp_path / "run.sh", tmp_path / "ds.json"
    code, out, err = run(*TRAIN, "--export", f"megatron:{script}", "--export", f"deepspeed:{config}")
    assert code == 0
    assert "Figures" in out
    assert "--tensor-model-parallel-size 2" in script.read_text()
    assert json.loads(config.read_text())["zero_optimization"] == {"stage": 1}
    assert "llmplan: deepspeed: recompute full: the training script checkpoints its layers\n" in err


def test_json_stays_one_object(run, tmp_path):
    """A program that reads --json would find a script behind it."""
    code, out, _ = run(*TRAIN, "--json", "--export", f"megatron:{tmp_path / 'run.sh'}")
    assert code == 0
    assert json.loads(out)["layout"]["tp"] == 2
    assert (tmp_path / "run.sh").exists()


OTHERS = "megatron, megatron-bridge, torchtitan, deepspeed, accelerate, axolotl, trl"
MISTAKES = {
    "export: megatron would be printed beside --json; write megatron:FILE": ("--export", "megatron", "--json"),
    "export: megatron and deepspeed would both be printed; write deepspeed:FILE": (
        *("--export", "megatron"),
        *("--export", "deepspeed"),
    ),
    "export: 'megatron:' is not NAME or NAME:FILE": ("--export", "megatron:"),
    "launcher: 'megatrom' is unknown; did you mean megatron, megatron-bridge?": ("--export", "megatrom"),
    f"export: vllm takes the plans of llmplan infer; those of train are {OTHERS}": ("--export", "vllm"),
    "export: megatron writes one plan, and these are several": (
        *("--export", "megatron"),
        *("--compare", "seq-len=2048,4096"),
    ),
    "axolotl: pp 2: Axolotl has none": ("--export", "axolotl", "--pp", "2"),
    "megatron: tuning lora: Megatron-LM trains all weights; axolotl and trl do not": (
        *("--export", "megatron"),
        *("--tuning", "lora"),
    ),
}


@pytest.mark.parametrize(("message", "arguments"), MISTAKES.items())
def test_what_is_refused(refused, arguments, message):
    """A mistake would cost a traceback, or a file that does something else."""
    assert refused(*TRAIN, *arguments) == message


def test_a_file_that_cannot_be_written(refused, tmp_path):
    """The user would not learn which file it was."""
    path = tmp_path / "missing" / "run.sh"
    assert refused(*TRAIN, "--export", f"megatron:{path}") == f"export: {path}: No such file or directory"


def test_a_distribution_may_be_named(run, tmp_path):
    """Where two plugins offer a launcher, none of them could be used."""
    code, out, _ = run(*TRAIN, "--export", "llmplan-launchers:megatron")
    assert code == 0
    assert out.startswith("#!/bin/bash\n")
    assert run(*TRAIN, "--export", f"llmplan-launchers:megatron:{tmp_path / 'a.sh'}")[0] == 0
    assert (tmp_path / "a.sh").read_text() == out


def test_a_plan_that_does_not_fit_is_not_launched(run, tmp_path):
    """A script would run out of memory, after hours in a queue."""
    path = tmp_path / "run.sh"
    code, out, err = run(*TRAIN, "--model", "llama-65b", "--export", f"megatron:{path}")
    assert code == 3
    assert "Figures" in out
    assert "llmplan: megatron: no launch file for a plan that is not feasible\n" in err
    assert not path.exists()


def test_the_winner_of_a_search(run, tmp_path):
    """The best plan would have to be typed again."""
    path = tmp_path / "run.sh"
    search = ("search", *TRAIN[:7], "--gpus", "8", "--micro-batch", "1", "--recompute", "full", "--seq-len", "4096")
    code, out, _ = run(*search, "--json", "--export", f"megatron:{path}")
    assert code == 0
    layout = json.loads(out)["best"][0]["layout"]
    assert f"--tensor-model-parallel-size {layout['tp']}\n" in path.read_text()
    assert f"--pipeline-model-parallel-size {layout['pp']}\n" in path.read_text()


def test_the_winner_of_a_search_for_servers(run):
    """The best server would have to be typed again."""
    search = ("search", *INFER[:5], "--gpus", "2", "--concurrency", "8", "--requests", "0")
    best = json.loads(run(*search, "--json")[1])["best"][0]["layout"]
    code, out, _ = run(*search, "--export", "vllm")
    assert code == 0
    assert f"--tensor-parallel-size {best['tp']} " in out
    assert out.startswith("#!/bin/bash\n")


def test_a_search_that_finds_nothing_writes_nothing(run, tmp_path):
    """A file would be there that no plan stands behind."""
    path = tmp_path / "run.sh"
    sizes = ("--tp", "1", "--pp", "1", "--cp", "1", "--micro-batch", "1", "--recompute", "full")
    search = ("search", "train", "--model", "llama-65b", "--gpu", "l4", "--gpus", "1", "--seq-len", "2048")
    code, _, err = run(*search, *sizes, "--export", f"megatron:{path}")
    assert code == 3
    assert "llmplan: megatron: no launch file for a plan that is not feasible\n" in err
    assert not path.exists()


@pytest.fixture
def script(run, tmp_path):
    """A file of Megatron's."""
    path = tmp_path / "run.sh"
    assert run(*TRAIN, "--export", f"megatron:{path}")[0] == 0
    return path


def test_a_file_is_priced_like_its_plan(run, script):
    """What was planned, launched and read again would take another time."""
    given = json.loads(run(*TRAIN, "--dtype", "bf16", "--json")[1])
    code, out, err = run("train", "--from", script, "--gpu", "h100-sxm-80gb", "--json")
    read = json.loads(out)
    assert (code, err) == (0, "")
    assert read["layout"] == given["layout"]
    assert read["memory_bytes_per_gpu"] == given["memory_bytes_per_gpu"]
    assert read["iteration_seconds"] == given["iteration_seconds"]


def test_the_command_line_wins(run, script, tmp_path):
    """A setting of a running job could not be tried otherwise."""
    plan = tmp_path / "plan.toml"
    plan.write_text('gpu = "a100-sxm-80gb"\nmicro_batch = 2\nglobal_batch_tokens = 1048576\n')
    out = run("train", "--from", script, "--plan", plan, "--tp", "4", "--gpus", "16", "--json")[1]
    read = json.loads(out)
    assert read["gpu"] == "a100-sxm-80gb"
    assert (read["layout"]["tp"], read["layout"]["gpus"], read["layout"]["micro_batch"]) == (4, 16, 2)
    assert read["global_batch"] * read["seq_len"] == 1048576


def test_what_is_not_understood_is_one_line(run, tmp_path):
    """A user would take the answer for one about all of the file."""
    path = tmp_path / "run.sh"
    path.write_text("torchrun --nproc-per-node 8 pretrain_gpt.py --tensor-model-parallel-size 2 --new-a 1 --new-b\n")
    code, _, err = run("train", "--from", path, "--model", "llama-3.2-1b", "--gpu", "h100-sxm-80gb", "--pp", "1")
    assert code == 0
    assert err == f"llmplan: {path}: as megatron reads it: not understood, and left out: --new-a, --new-b\n"


def test_the_load_of_a_server_is_not_in_its_file(run, tmp_path):
    """If it fails, ``--max-num-seqs`` of a launch file is lost, or refused as an option of a load that nobody gave."""
    path = tmp_path / "serve.sh"
    path.write_text("vllm serve meta-llama/Llama-3.1-8B --max-num-seqs 64 --tensor-parallel-size 2\n")
    code, out, err = run("infer", "--from", path, "--gpu", "h100-sxm-80gb", "--json")
    assert (code, err, json.loads(out)["layout"]["tp"]) == (0, "", 2)
    assert json.loads(out)["request"]["max_sequences"] == 64
    code, out, err = run(
        "infer", "--from", path, "--gpu", "h100-sxm-80gb", "--rate", "1/s", "--requests", "0", "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["server"]["batching"]["max_sequences"] == 64


READERS = "files of megatron, torchtitan, deepspeed can be read"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "hello", f"from: {{}}: no launcher knows this file; {READERS}"),
        ("accelerate:a.yaml", "a: 1", f"from: accelerate reads no plan of llmplan train; {READERS}"),
        ("torchtitan:a.toml", "a = ", "torchtitan: the file is no TOML"),
        ("deepspeed:a.json", "[]", "deepspeed: the file is no JSON object"),
        ("megatron:a.sh", "--micro-batch-size 0", "{}: micro-batch: 0 is not a whole number of at least 1"),
    ],
)
def test_files_that_cannot_be_read(refused, tmp_path, monkeypatch, name, text, message):
    """A user would have to guess what is wrong with the file."""
    monkeypatch.chdir(tmp_path)
    path = name.rpartition(":")[2]
    (tmp_path / path).write_text(text)
    assert refused("train", "--from", name, "--gpu", "h100-sxm-80gb", "--model", "llama-7b") == message.format(path)


def test_a_file_that_is_not_there(refused):
    """The message would not say which file."""
    assert refused("train", "--from", "no.sh", "--gpu", "h100-sxm-80gb") == "from: no.sh: No such file or directory"


@pytest.mark.parametrize("command", ["train", "infer"])
def test_a_search_betters_the_layout_of_a_launch_file(run, tmp_path, command):
    """A layout would have to be taken out of the file by hand, or the search would look at that layout alone."""
    name, given = ("megatron", TRAIN) if command == "train" else ("vllm", INFER)
    script = tmp_path / "run.sh"
    assert run(*given, "--export", f"{name}:{script}")[0] == 0
    limits = () if command == "train" else ("--ttft", "500ms", "--top", "2")
    code, out, _ = run("search", command, "--from", script, "--gpu", "h100-sxm-80gb", *limits, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["plans"]["legal"] > 1
    assert len({json.dumps(plan["layout"]) for plan in found["best"]}) > 1
