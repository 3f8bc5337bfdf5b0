"""Launch files against what their launchers document, and against a shell."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import tomli
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st
from launched_plans import named_models, serving, training

import llmplan_launchers.plugin
from llmplan import infer, registry, train
from llmplan.errors import BadInputError
from llmplan.records import Recompute, Tuning
from llmplan.testing import check_launcher, check_plugin
from llmplan_launchers.formats.shell import flags

DOCUMENTED = tomli.loads((Path(__file__).parent / "documented.toml").read_text("utf-8"))
LAUNCHERS = registry().launchers
TRAINING = [name for name, launcher in LAUNCHERS.items() if launcher.command == "train"]
SERVING = [name for name, launcher in LAUNCHERS.items() if launcher.command == "infer" and name != "kubernetes"]
MODELS = named_models("llama-3.1-8b", "qwen3-32b", "mixtral-8x7b", "deepseek-v3", "gpt-oss-120b", "gpt3-175b")
NOT_OF_THE_PROGRAM = {"--suffix", "--nodes", "--ntasks-per-node", "--nnodes", "--nproc-per-node", "--rdzv-backend"}
NOT_OF_THE_PROGRAM |= {"--rdzv-id", "--rdzv-endpoint", "--launcher"}


def written(name, estimate):
    """The file, or None where the launcher refuses the plan in a line of its own."""
    try:
        return LAUNCHERS[name].text(LAUNCHERS[name].write(estimate))
    except BadInputError as error:
        refusal = str(error)
    assert refusal.startswith(f"{name}: ")
    return None


def paths(values, above=""):
    """Every key of nested tables with its value: ``zero_optimization.stage``."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from paths(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def said(name, text):
    """The launcher's own words that stand in a file, with their values."""
    if name == "deepspeed":
        return dict(paths(json.loads(text)))
    if name == "torchtitan":
        return dict(paths(tomli.loads(text)))
    if name in ("accelerate", "axolotl"):
        return dict(paths(yaml.safe_load(text)))
    if name == "megatron-bridge":
        return dict(re.findall(r"^cfg\.([\w.]+) = (.*)$", text, re.MULTILINE))
    return {word: value for word, value in flags(text).items() if word not in NOT_OF_THE_PROGRAM}


def misunderstood(name, text):
    """Words that the program does not have, or not with such a value."""
    documented = DOCUMENTED[name]
    kinds = {word: kind for kind in _KINDS for word in documented.get(kind, ())}
    for word, wrote in said(name, text).items():
        value = ast.literal_eval(wrote) if name == "megatron-bridge" and kinds.get(word) != "object" else wrote
        choices = documented.get("choices", {}).get(word)
        if choices is not None:
            right = value is None or str(value) in choices
        else:
            right = word in kinds and _KINDS[kinds[word]](value)
        if not right:
            yield word, value


def is_whole(value):
    """A whole number, or a text of one; none where the launcher's default is meant."""
    return value is None or (not isinstance(value, bool) and str(value).lstrip("-").isdigit())


def is_number(value):
    """Also with digits behind a point."""
    return not isinstance(value, bool) and re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?", str(value)) is not None


_KINDS = {
    "int": is_whole,
    "float": is_number,
    "bool": lambda value: value in (True, False, "true", "false"),
    "flag": lambda value: value is True,
    "text": lambda value: isinstance(value, str) and value != "",
    "list": lambda value: isinstance(value, (list, tuple)),
    "object": bool,
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(TRAINING), st.sampled_from(list(Tuning)).flatmap(lambda how: training(MODELS, tuning=how)))
def test_training_files_use_documented_words(name, estimate):
    """A launcher would refuse the file for a word or its value, or pass over a word in silence."""
    text = written(name, estimate)
    assert text is None or list(misunderstood(name, text)) == []


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SERVING), serving())
def test_serving_files_use_documented_words(name, estimate):
    """A server would not start."""
    text = written(name, estimate)
    assert text is None or list(misunderstood(name, text)) == []


def test_every_launcher_is_documented():
    """A launcher would write words that nobody has looked up."""
    assert set(DOCUMENTED) == set(LAUNCHERS) - {"kubernetes"}


@settings(max_examples=60, deadline=None)
@given(training(MODELS, pp=1, cp=1, ep=1, tp=1), serving(pp=1, dp=1))
def test_the_contract(trained, served):
    """What the core relies on would not hold: text, remarks, options that are options."""
    for name, launcher in LAUNCHERS.items():
        assert launcher.name == name
        check_launcher(launcher, [trained if launcher.command == "train" else served])


def test_the_plugin_keeps_the_contract():
    """The package would be no plugin that llmplan accepts."""
    check_plugin(llmplan_launchers.plugin)


@pytest.fixture
def recorded(tmp_path):
    """Runs a script where programs only write down how they are called: their words, one a line."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("torchrun", "srun", "vllm", "python3", "trtllm-serve", "llama-server", "trl", "scontrol"):
        path = programs / program
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" {program} "$@" >> "$CALLS"\n')
        path.chmod(0o755)

    def run(text, *arguments, **environment):
        script, calls = tmp_path / "run.sh", tmp_path / "calls"
        script.write_text(text)
        calls.unlink(missing_ok=True)
        names = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "CALLS": str(calls), "MASTER_ADDR": "first"}
        done = subprocess.run(
            ["bash", script, *arguments], env={**names, **environment}, capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        assert done.returncode == 0
        return calls.read_text().split("\n")[:-1]

    return run


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(training(named_models("llama-3.1-70b"), recompute=Recompute.FULL, zero=1, dtype="bf16"))
def test_megatron_is_started_as_the_plan_has_it(recorded, estimate):
    """The script would start something else than it shows, or lose what is given behind its name."""
    called = recorded(LAUNCHERS["megatron"].text(LAUNCHERS["megatron"].write(estimate)), "--lr", "1e-4")
    layout = estimate.plan.layout
    start = called.index("torchrun") if layout.gpus <= 8 else called.index("srun")
    several = called[start : called.index("pretrain_gpt.py")]
    nodes, each = (int(several[several.index(flag) + 1]) for flag in ("--nnodes", "--nproc-per-node"))
    assert nodes * each == layout.gpus
    program = called[called.index("pretrain_gpt.py") :]
    for flag, value in (
        ("--tensor-model-parallel-size", layout.tp),
        ("--pipeline-model-parallel-size", layout.pp),
        ("--global-batch-size", estimate.plan.global_batch),
        ("--lr", "1e-4"),
    ):
        assert program[program.index(flag) + 1] == str(value)
    assert ("--sequence-parallel" in program) == layout.sequence_parallel


@pytest.mark.parametrize(("name", "start"), [
    ("vllm", ["vllm", "serve", "meta-llama/Llama-3.1-8B"]),
    ("sglang", ["python3", "-m", "sglang.launch_server", "--model-path", "meta-llama/Llama-3.1-8B"]),
    ("tensorrt-llm", ["trtllm-serve", "meta-llama/Llama-3.1-8B"]),
    ("llama-cpp", ["llama-server", "--model", "meta-llama/Llama-3.1-8B"]),
])  # fmt: skip
def test_servers_are_started_as_the_plan_has_it(recorded, name, start):
    """The script would serve another model, or on another number of GPUs."""
    estimate = infer(model="llama-3.1-8b", gpu="h100-sxm-80gb", tp=2, pp=1, dp=1, concurrency=8, requests=0, kv_bits=8)
    called = recorded(LAUNCHERS[name].text(LAUNCHERS[name].write(estimate)))
    assert called[: len(start)] == start
    sizes = {"vllm": "--tensor-parallel-size", "sglang": "--tp-size", "tensorrt-llm": "--tp_size"}
    if name in sizes:
        assert called[called.index(sizes[name]) + 1] == "2"
    else:
        assert called[called.index("--tensor-split") + 1] == "1,1"
    if name == "tensorrt-llm":
        config = Path(called[called.index("--extra_llm_api_options") + 1])
        assert yaml.safe_load(config.read_text()) == {"kv_cache_config": {"dtype": "fp8"}}
        config.unlink()


def test_kubernetes_runs_a_server_a_replica():
    """The manifest would ask for other GPUs, or start another command, than the plan has."""
    estimate = infer(model="llama-3.1-70b", gpu="h100-sxm-80gb", tp=4, pp=1, dp=2, concurrency=8, requests=0)
    deployment, service = yaml.safe_load_all(written("kubernetes", estimate))
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert deployment["spec"]["replicas"] == 2
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 4}
    assert container["command"][:3] == ["vllm", "serve", "meta-llama/Llama-3.1-70B"]
    assert all(isinstance(word, str) for word in container["command"])
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["containerPort"]
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]


def test_kubernetes_mounts_what_trtllm_serve_reads():
    """The server would look for its configuration where nothing lies."""
    estimate = infer(
        model="llama-3.1-8b", gpu="h100-sxm-80gb", tp=1, pp=1, dp=1, engine="tensorrt-llm", kv_bits=8, batch=4
    )
    config, deployment, _ = yaml.safe_load_all(written("kubernetes", estimate))
    pod = deployment["spec"]["template"]["spec"]
    mounted = {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
    assert mounted == {config["metadata"]["name"]}
    command = pod["containers"][0]["command"]
    path = Path(command[command.index("--extra_llm_api_options") + 1])
    assert {str(path.parent)} < {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert yaml.safe_load(config["data"][path.name]) == {"kv_cache_config": {"dtype": "fp8"}}


REFUSED = {
    "megatron": (
        {"tuning": Tuning.LORA},
        "megatron: tuning lora: Megatron-LM trains all weights; axolotl and trl do not",
    ),
    "torchtitan": ({"tuning": Tuning.QLORA}, "torchtitan: tuning qlora: torchtitan has none"),
    "accelerate": ({"pp": 2}, "accelerate: pp 2: Accelerate's FSDP has none"),
    "axolotl": ({"pp": 2}, "axolotl: pp 2: Axolotl has none"),
    "trl": ({"pp": 4}, "trl: pp 4: Accelerate's FSDP has none"),
    "megatron-bridge": (
        {"tuning": Tuning.QLORA},
        "megatron-bridge: tuning qlora: Megatron-Bridge keeps frozen weights in 16 bits; lora would do",
    ),
    "deepspeed": ({"dtype": "fp8"}, "deepspeed: dtype: multiplies in fp8; DeepSpeed trains in bf16, fp16, fp32"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_is_impossible_is_refused(name, data):
    """A file would be written for a plan that the program cannot run."""
    fixed, message = REFUSED[name]
    estimate = data.draw(training(named_models("llama-3.1-8b"), **{"dtype": "bf16", "cp": 1, **fixed}))
    with pytest.raises(BadInputError) as refused:
        LAUNCHERS[name].write(estimate)
    assert str(refused.value) == message


LIMITS = {
    "tp 2 without sequence-parallel: Megatron-Core trains experts on tensor parallel ranks with it alone": {
        "tp": 2,
        "sequence_parallel": False,
        "dtype": "bf16",
        "ep": 1,
        "offload_optimizer": False,
    },
    "ep 8 with dtype fp16: Megatron-Core shares experts in bf16 alone": {
        "dtype": "fp16",
        "ep": 8,
        "dp": 8,
        "sequence_parallel": True,
        "offload_optimizer": False,
    },
    "offload optimizer with zero 0: Megatron-Core has it with zero 1 and above": {
        "dtype": "bf16",
        "zero": 0,
        "sequence_parallel": True,
        "offload_optimizer": True,
        "offload_parameters": False,
    },
    "offload optimizer with optimizer sgd: Megatron-Core has it for adam": {
        "dtype": "bf16",
        "zero": 1,
        "sequence_parallel": True,
        "offload_optimizer": True,
        "offload_parameters": False,
        "optimizer": "sgd",
    },
}


@pytest.mark.parametrize(("message", "fixed"), LIMITS.items())
@pytest.mark.parametrize("name", ["megatron", "megatron-bridge"])
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_megatron_stops_at_is_refused(name, message, fixed, data):
    """The run would stop at an assertion of Megatron's, after hours in a queue."""
    estimate = data.draw(training(named_models("mixtral-8x7b"), **fixed))
    with pytest.raises(BadInputError) as refused:
        LAUNCHERS[name].write(estimate)
    assert str(refused.value) == f"{name}: {message}"


@settings(max_examples=30, deadline=None)
@given(training(named_models("llama-3.1-8b"), schedule=registry().schedules["zero-bubble"], pp=4, dtype="bf16", zero=1))
def test_a_schedule_that_megatron_lacks_is_said(estimate):
    """A user would wait for a bubble that never closes."""
    launch = LAUNCHERS["megatron"].write(estimate)
    words = "schedule zero-bubble: Megatron-LM runs 1F1B, whose bubble is longer than expected"
    assert words in launch.remarks
    assert f"# note: {words}\n" in LAUNCHERS["megatron"].text(launch)
    assert LAUNCHERS["megatron"].text(launch).startswith("#!/bin/bash\n# note: ")


@settings(max_examples=30, deadline=None)
@given(training(named_models("llama-3.1-8b"), cp=4, dtype="bf16"))
def test_deepspeed_says_what_json_has_no_place_for(estimate):
    """JSON has no comments: only the remarks would tell that the script has to divide sequences."""
    launch = LAUNCHERS["deepspeed"].write(estimate)
    assert "cp 4: the training script divides sequences" in launch.remarks
    assert LAUNCHERS["deepspeed"].text(launch) == launch.text


def test_whose_figures_they_are_is_said():
    """Times of vLLM would be taken for those of SGLang, times of Megatron-Core for those of torchtitan."""
    estimate = infer(model="llama-3.1-8b", gpu="h100-sxm-80gb", tp=1, pp=1, dp=1, batch=1)
    assert LAUNCHERS["vllm"].write(estimate).remarks == ()
    words = "the figures of the plan are those of engine vllm"
    assert words in LAUNCHERS["sglang"].write(estimate).remarks
    assert f"{words}; --engine llama.cpp prices this one" in LAUNCHERS["llama-cpp"].write(estimate).remarks


def test_experts_that_an_engine_cannot_share_so():
    """vLLM would share experts over other ranks than the plan has."""
    estimate = infer(model="mixtral-8x7b", gpu="h100-sxm-80gb", tp=4, pp=1, dp=1, ep=2, batch=1)
    with pytest.raises(BadInputError) as refused:
        LAUNCHERS["vllm"].write(estimate)
    assert str(refused.value) == "vllm: ep 2 with tp 4: experts are shared by all ranks of a server or by none"


def test_replicas_with_experts_are_servers_of_their_own():
    """vLLM would divide the experts of two replicas over both, where the plan has all of them on each."""
    estimate = infer(model="mixtral-8x7b", gpu="h100-sxm-80gb", tp=4, pp=1, dp=2, batch=1)
    launch = LAUNCHERS["vllm"].write(estimate)
    assert "--data-parallel-size" not in launch.text
    assert launch.remarks == (
        "dp: the plan runs 2 servers like this one, each on 4 GPUs, with requests spread over them",
    )


def test_weights_of_few_bits_are_a_checkpoint():
    """vLLM would load 16-bit weights into the room of 4-bit ones."""
    estimate = infer(model="llama-3.1-8b", gpu="h100-sxm-80gb", tp=1, pp=1, dp=1, batch=1, dtype="w4a16e16")
    words = "weights of 4 bits, activations of 16: MODEL has to be a checkpoint of that kind"
    assert words in LAUNCHERS["vllm"].write(estimate).remarks


def test_layers_that_stages_do_not_divide_are_laid_out():
    """Megatron would refuse 61 layers on 8 stages."""
    estimate = train(model="deepseek-v3", gpu="h100-sxm-80gb", tp=1, pp=8, vpp=1, dp=64, cp=1, ep=64, recompute="full")
    layout = flags(written("megatron", estimate))["--pipeline-model-parallel-layout"]
    assert layout.count("t") == 61
    assert (layout[0], layout[-1], layout.count("|")) == ("E", "L", 7)
