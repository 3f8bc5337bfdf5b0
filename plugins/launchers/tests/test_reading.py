"""Launch files as people write them: variables, defaults, short flags, words that no plan has."""

from __future__ import annotations

import contextlib
import re

import pytest

from llmplan import registry
from llmplan.errors import BadInputError

MEGATRON = """#!/bin/bash
#SBATCH --nodes=4
#SBATCH --gpus-per-node=8
export CUDA_DEVICE_MAX_CONNECTIONS=1
TP_SIZE=${TP_SIZE:-2}
PP_SIZE=4   # stages
NUM_LAYERS=32
SEQ="4096"
SAMPLES=$((1000 * 64))

GPT_ARGS="
    --num-layers $NUM_LAYERS --hidden-size 4096 \\
    --num-attention-heads 32 --group-query-attention --num-query-groups 8 \\
    --ffn-hidden-size 14336 --swiglu --normalization RMSNorm --disable-bias-linear \\
    --untie-embeddings-and-output-weights --position-embedding-type rope \\
    --vocab-size 128256 --seq-length ${SEQ} --max-position-embeddings ${SEQ}
"
MODEL_PARALLEL_ARGS=(
    --tensor-model-parallel-size ${TP_SIZE}
    --pipeline-model-parallel-size $PP_SIZE
    --sequence-parallel
)
TRAINING_ARGS=(
    --micro-batch-size 1
    --global-batch-size 64
    --train-samples $SAMPLES
    --lr 3.0e-4 --min-lr 3.0e-5
    --bf16
    --recompute-activations
    --use-distributed-optimizer
    --attention-dropout 0.0
    --brand-new-flag
)
srun torchrun --rdzv_backend c10d pretrain_gpt.py $GPT_ARGS "${MODEL_PARALLEL_ARGS[@]}" "${TRAINING_ARGS[@]}"
"""


def test_a_script_with_variables():
    """People's scripts would have to be rewritten before they are read."""
    found = registry().launchers["megatron"].read(MEGATRON)
    model = found.options["model"]
    assert {name: model[name] for name in ("layers", "hidden", "kv_heads", "vocab", "norm", "tied_embeddings")} == {
        "layers": 32, "hidden": 4096, "kv_heads": 8, "vocab": 128256, "norm": "rms", "tied_embeddings": False,
    }  # fmt: skip
    expected = {
        "gpus": 32, "tp": 2, "pp": 4, "sequence_parallel": True, "micro_batch": 1, "global_batch": 64,
        "seq_len": 4096, "tokens": 64_000 * 4096, "recompute": "attention-compute", "zero": 1, "dtype": "bf16",
    }  # fmt: skip
    assert {name: found.options[name] for name in expected} == expected
    assert found.remarks == ("not understood, and left out: --brand-new-flag",)


def test_arguments_in_yaml():
    """Megatron's own tests write their arguments as YAML."""
    text = "MODEL_ARGS:\n  --tensor-model-parallel-size: 2\n  --micro-batch-size: 4\n  --bf16: true\n"
    found = registry().launchers["megatron"].read(text)
    assert (found.options["tp"], found.options["micro_batch"], found.options["dtype"]) == (2, 4, "bf16")


def test_a_model_without_vocabulary_has_to_be_named():
    """A vocabulary would be guessed."""
    text = (
        "--num-layers 32 --hidden-size 4096 --num-attention-heads 32 --micro-batch-size 1 --tokenizer-type TikTokenizer"
    )
    found = registry().launchers["megatron"].read(text)
    assert "model" not in found.options
    assert found.remarks == ("its model has no layers, hidden size, heads or vocabulary: give --model",)


def test_stages_that_are_counted_in_layers():
    """Older scripts say how many layers a chunk has, not how many chunks."""
    text = MEGATRON.replace("--sequence-parallel", "--num-layers-per-virtual-pipeline-stage 2")
    assert registry().launchers["megatron"].read(text).options["vpp"] == 4


def test_variables_that_stand_for_variables_stay_short():
    """If it fails, forty lines that double one another fill memory."""
    lines = ["A0=--tensor-model-parallel-size", *(f'A{at}="$A{at - 1} $A{at - 1}"' for at in range(1, 41)), "run $A40"]
    assert len(str(registry().launchers["megatron"].read("\n".join(lines)))) < 100_000


TORCHTITAN = """
[model]
name = "llama3"
flavor = "70B"

[training]
local_batch_size = 8
seq_len = 8192
steps = 1000
dataset = "c4"

[parallelism]
data_parallel_shard_degree = -1
tensor_parallel_degree = 8

[activation_checkpoint]
mode = "full"

[optimizer]
name = "AdamW"
lr = 1.5e-4
"""


def test_defaults_of_torchtitan():
    """What a file leaves to torchtitan would be left to llmplan, which decides otherwise."""
    found = registry().launchers["torchtitan"].read(TORCHTITAN)
    expected = {
        "model": "llama-3.1-70b", "tp": 8, "pp": 1, "cp": 1, "zero": 3, "micro_batch": 8, "gradient_accumulation": 1,
        "seq_len": 8192, "recompute": "full", "dtype": "bf16", "sequence_parallel": True,
    }  # fmt: skip
    assert {name: found.options[name] for name in expected} == expected
    assert "gpus" not in found.options
    assert found.remarks == ()


def test_a_flavor_that_has_no_name_here():
    """The wrong model would be priced."""
    found = registry().launchers["torchtitan"].read(TORCHTITAN.replace("70B", "debugmodel"))
    assert "model" not in found.options
    assert found.remarks == ("model llama3 debugmodel has no name here: give --model",)


def test_deepspeed_leaves_to_others_what_is_auto():
    """``auto`` would be taken for a number, or end in a traceback."""
    text = """{
      "bf16": {"enabled": "auto"}, "fp16": {"enabled": false},
      "zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}, "offload_param": {"device": "cpu"}},
      "train_batch_size": "auto", "train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": "auto",
      "gradient_clipping": 1.0
    }"""
    found = registry().launchers["deepspeed"].read(text)
    assert found.options["zero"] == 3
    assert found.options["offload"] == "parameters"
    assert found.options["micro_batch"] == 4
    assert "global_batch" not in found.options
    left = "train_batch_size, gradient_accumulation_steps"
    assert found.remarks == (f"not understood, and left out: {left}",)


@pytest.mark.parametrize(
    "line",
    [
        "vllm serve Qwen/Qwen3-32B -tp 4 -dp 2 --max-num-seqs=128 --kv-cache-dtype fp8 --enforce-eager --port 8001",
        """CUDA_VISIBLE_DEVICES=0 vllm serve Qwen/Qwen3-32B --tensor-parallel-size 4 --data-parallel-size 2 \\
             --max-num-seqs 128 --kv-cache-dtype fp8_e4m3 --enforce-eager # and so on""",
        """python -m vllm.entrypoints.openai.api_server --model Qwen/Qwen3-32B --tensor-parallel-size=4 -dp=2 \\
             --max-num-seqs 128 --kv-cache-dtype fp8 --enforce-eager""",
    ],
)
def test_lines_of_vllm(line):
    """A line that works would have to be spelt anew."""
    launcher = registry().launchers["vllm"]
    assert launcher.recognises(line)
    found = launcher.read(line)
    expected = {
        "model": "qwen3-32b", "tp": 4, "dp": 2, "gpus": 8, "max_sequences": 128, "kv_bits": 8, "cuda_graphs": False,
        "engine": "vllm",
    }  # fmt: skip
    assert {name: found.options[name] for name in expected} == expected
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            """python -m vllm.entrypoints.openai.api_server --model meta-llama/Llama-3.1-405B-Instruct-FP8 \\
                 --gpu-memory-utilization 0.9 --tensor-parallel-size 8 --dtype bfloat16""",
            {"model": "llama-3.1-405b", "dtype": "fp8", "kv_bits": 16, "tp": 8, "memory_utilization": 0.9},
        ),
        (
            """HF_MODEL=models/models--amd--Llama-3.1-70B-Instruct-FP8-KV
               vllm serve $HF_MODEL --max_model_len=64k --tensor_parallel_size 2 --kv_cache_dtype fp8 \\
                 --disable-log-requests --enable-prefix-caching""",
            {"model": "llama-3.1-70b", "dtype": "fp8", "kv_bits": 8, "tp": 2, "max_model_len": 64_000},
        ),
        (
            """docker run --gpus all -p 8000:8000 --ipc=host vllm/vllm-openai:latest \\
                 --model mistralai/Mistral-7B-v0.3 --max-num-batched-tokens 8K""",
            {"model": "mistral-7b-v0.3", "step_tokens": 8192, "gpus": 1},
        ),
    ],
)
def test_lines_as_they_are_published(line, expected):
    """Lines of READMEs would have to be spelt anew: underscores, thousands, containers, checkpoints in FP8."""
    launcher = registry().launchers["vllm"]
    assert launcher.recognises(line)
    found = launcher.read(line)
    assert {name: found.options[name] for name in expected} == expected
    assert found.remarks == ()


def test_layers_that_are_no_plain_transformer_have_to_be_named():
    """Half of the layers of a hybrid would be priced as attention."""
    found = registry().launchers["megatron"].read(MEGATRON.replace("--swiglu", "--hybrid-layer-pattern M-M*M-"))
    assert "model" not in found.options
    assert found.remarks[0] == "its model has layers of its own, --hybrid-layer-pattern: give --model"


def test_switches_in_yaml():
    """A layout would lose its sequence parallelism, or get what was switched off."""
    text = (
        "MODEL_ARGS:\n  --tensor-model-parallel-size: 2\n  --sequence-parallel: true\n  --fp16: false\n  --bf16: True\n"
    )
    options = registry().launchers["megatron"].read(text).options
    assert (options["sequence_parallel"], options["dtype"]) == (True, "bf16")


def test_a_schedule_without_a_pipeline():
    """Every file of torchtitan names one: a remark about it would say nothing."""
    text = TORCHTITAN.replace("[parallelism]", '[parallelism]\npipeline_parallel_schedule = "Interleaved1F1B"')
    assert registry().launchers["torchtitan"].read(text).remarks == ()


def test_experts_and_reductions_of_deepspeed():
    """A mixture would be priced with all experts on each GPU, gradients as 32 bits on their way."""
    text = """{"zero_optimization": {"stage": 1}, "expert_parallel": {"enabled": true, "autoep_size": 8},
      "communication_data_type": "fp16", "train_micro_batch_size_per_gpu": 2}"""
    found = registry().launchers["deepspeed"].read(text)
    assert (found.options["ep"], found.options["reduction_bits"], found.remarks) == (8, 16, ())


def test_drives_are_refused():
    """Parameters on an NVMe drive would be priced as if they waited in host memory."""
    text = '{"zero_optimization": {"stage": 3, "offload_param": {"device": "nvme"}}}'
    with pytest.raises(BadInputError, match=r"^deepspeed: zero_optimization\.offload_param: waits on drives, nvme"):
        registry().launchers["deepspeed"].read(text)


def test_drafts_of_vllm():
    """Speculation would be lost between vLLM and llmplan."""
    line = """vllm serve meta-llama/Llama-3.1-70B-Instruct \\
      --speculative-config '{"model": "meta-llama/Llama-3.2-1B", "num_speculative_tokens": 5}' --quantization fp8"""
    found = registry().launchers["vllm"].read(line)
    expected = {"model": "llama-3.1-70b", "speculative_tokens": 5, "draft_model": "llama-3.2-1b", "dtype": "fp8"}
    assert {name: found.options[name] for name in expected} == expected


def test_files_are_told_apart():
    """One launcher would take the file of another."""
    texts = {
        "megatron": MEGATRON,
        "torchtitan": TORCHTITAN,
        "deepspeed": '{"train_micro_batch_size_per_gpu": 1}',
        "vllm": "vllm serve Qwen/Qwen3-32B",
    }
    for name, text in texts.items():
        for other, launcher in registry().launchers.items():
            if launcher.recognises is not None:
                assert launcher.recognises(text) == (name == other)
    odd = ("", "hello", "[model]\nlayers = 2\n", "{]", "[1, 2]", "---\nkey: value\n")
    assert not [
        name for name, one in registry().launchers.items() if one.recognises for text in odd if one.recognises(text)
    ]


WRITTEN = {
    "megatron": MEGATRON.replace(
        "--bf16", "--num-layers-per-virtual-pipeline-stage 2 --num-experts 8 --fp8-format hybrid"
    ),
    "torchtitan": TORCHTITAN.replace(
        "steps = 1000", "steps = 1000\nglobal_batch_size = 64\nmixed_precision_param = 'bfloat16'"
    ).replace("[parallelism]", "[parallelism]\npipeline_parallel_degree = 2\npipeline_parallel_layers_per_stage = 4"),
    "deepspeed": """{"bf16": {"enabled": true}, "zero_optimization": {"stage": 3, "mics_shard_size": 8,
      "offload_optimizer": {"device": "cpu"}}, "optimizer": {"type": "AdamW"}, "communication_data_type": "fp16",
      "tensor_parallel": {"autotp_size": 2}, "pipeline": {"stages": 2}, "data_types": {"grad_accum_dtype": "fp32"},
      "train_batch_size": 64, "train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 2}""",
    "vllm": "vllm serve Qwen/Qwen3-32B --tensor-parallel-size 4 --data-parallel-size 2 --max-num-seqs 128 "
    """--max-model-len 32k --speculative-config '{"method": "mtp", "num_speculative_tokens": 2}'""",
}
STRANGE = ("0", "-1", "1.5", "nan", "1e400", "9" * 5_000, '""', "[]", "{}", "true", "[[1]]", "x")


@pytest.mark.parametrize("name", ["megatron", "torchtitan", "deepspeed", "vllm"])
def test_a_value_that_is_none_is_left_out_or_refused(name):
    """If it fails, a launch file that was edited in haste is said to be the fault of the plugin that reads it."""
    launcher, text = registry().launchers[name], WRITTEN[name]
    for value in re.finditer(r"(?<=[ =:])[^ =:\n]+(?=,?$)|\{[^{}]*\}|\d+", text, re.MULTILINE):
        for strange in STRANGE:
            spoilt = text[: value.start()] + strange + text[value.end() :]
            with contextlib.suppress(BadInputError):
                launcher.recognises(spoilt)
                assert launcher.read(spoilt).options is not None
