"""Files that llmplan reads, sound and after accidents: how each is asked about, and what happens to them."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st

from llmplan.cli.main import main

SMALL = ("--model", "llama-7b", "--gpu", "h100-sxm-80gb")
SIZES = ("--gpus", "8", "--tp", "1", "--pp", "1", "--cp", "1", "--zero", "1", "--offload", "none")
TRAIN = ("train", *SMALL, *SIZES)
LATER = ("train", "--model", "llama-3.1-8b", "--gpu", "h100-sxm-80gb")
"""Of a model that every program has."""
ONE = ("--tp", "1", "--dp", "1")
INFER = ("infer", *SMALL, *ONE)
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 256,
    "vocab_size": 1000,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "intermediate_size": 512,
    "max_position_embeddings": 2048,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "torch_dtype": "bfloat16",
}
EXPERTS = {
    **CONFIG,
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "n_routed_experts": 16,
    "n_shared_experts": 1,
    "num_experts_per_tok": 4,
    "moe_intermediate_size": 128,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "q_lora_rank": 96,
    "kv_lora_rank": 64,
    "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 16,
    "v_head_dim": 32,
    "num_nextn_predict_layers": 1,
    "rope_scaling": {"type": "yarn", "factor": 4},
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}
VLLM_RUN = {
    "endpoint_type": "vllm",
    "model_id": "llama-7b",
    "num_prompts": 640,
    "request_rate": "inf",
    "max_concurrency": 32,
    "duration": 71.2,
    "completed": 640,
    "total_input_tokens": 655_360,
    "total_output_tokens": 163_840,
    "request_throughput": 8.98,
    "output_throughput": 2301.1,
    "mean_ttft_ms": 310.2,
    "mean_tpot_ms": 12.9,
    "mean_itl_ms": 12.9,
}
SGLANG_RUN = {
    "backend": "sglang",
    "request_rate": 4.0,
    "duration": 75.0,
    "completed": 300,
    "total_input_tokens": 307_200,
    "total_output_tokens": 76_800,
    "output_throughput": 960.0,
    "mean_e2e_latency_ms": 2900.0,
    "mean_ttft_ms": 90.0,
    "mean_tpot_ms": 11.2,
}
_STEP = (
    " [2025-08-01 07:19:37] iteration {0:8d}/    5000 | consumed samples: {0:12d} | elapsed time per iteration (ms): "
    "70{0:02d}.0 | throughput per GPU (TFLOP/s/GPU): 80.2 | global batch size:   128 | lm loss: 1.043863E+01 |\n"
)
_NCCL = "{size:12d} {count:12d} float sum -1 {us} {alg} {bus} 0 {us} {alg} {bus} 0\n"
_GEMMS = "m,n,k,tflops,gpu,dtype\n4096,4096,4096,600,h100-sxm-80gb,bf16\n8192,4096,4096,620,h100-sxm-80gb,bf16\n"
_RANKS = "\n".join(
    f"#  Rank {rank:2d} Group  0 Pid 147195 on     dgx-0{rank // 8} device {rank % 8:2d} [0x1b] NVIDIA H100 80GB HBM3"
    for rank in range(16)
)
_WRITTEN: Mapping[str, str] = {
    "plan.toml": 'model = "llama-7b"\ngpu = "h100-sxm-80gb"\ngpus = 8\ntp = 1\npp = 1\nzero = 1\nglobal_batch = 64\n',
    "trace.csv": "arrival,prompt,output\n0,100,10\n0.5,200,20\n1,300,30\n2,100,10\n",
    "config.json": json.dumps(CONFIG, indent=1),
    "experts.json": json.dumps(EXPERTS, indent=1),
    "cluster.toml": 'name = "hall"\ngpus_per_node = 8\nhost_bandwidth_gb_per_s = 55\nprice_per_gpu_hour = 2.5\n'
    '[[levels]]\nname = "nvlink"\nsize = 8\nbandwidth_gb_per_s = 450\nlatency_us = 3\n'
    '[[levels]]\nname = "network"\nbandwidth_gb_per_s = 50\nlatency_us = 6\noversubscription = 2.0\n',
    "site.toml": 'name = "hall"\n[gpus.h100-sxm-80gb.train]\nruns = 4\nshared = 0.5\nscatter = 0.8\n'
    "compute = { factor = 0.9, uncertainty = 0.05, prior = 0.1 }\n"
    "[gpus.h100-sxm-80gb.infer]\nruns = 2\nshared = 0.4\nmemory = { factor = 0.9, uncertainty = 0.1, prior = 0.2 }\n",
    "prices.csv": "gpu,provider,market,usd_per_gpu_hour,region,date,source\n"
    "h100-sxm-80gb,acme,on-demand,2.5,eu,2026-01-01,https://example.com\n"
    'h100,other,spot,1.25,,2026-02-01,"a, b"\nh100,third,on-demand,$3,us,2026-02-01,\n',
    "own.toml": "years = 4\nutilisation = 0.5\nelectricity_per_kwh = 0.2\ncapital = 8_760.0\n"
    "[gpus.h100-sxm-80gb]\ncapital = 35_040.0\nupkeep = 0.1\nresidual = 0.25\npower_watts = 1_000\npue = 1.5\n",
    "samples.txt": "tokens\n100\n2000\n350\n4096\n",
    "megatron.log": "-- arguments --\n  tensor_model_parallel_size ........ 4\n  world_size ........ 16\n"
    "  seq_length ........ 2048\n  sequence_parallel ........ True\n" + "".join(map(_STEP.format, range(1, 12))),
    "titan.log": "[titan] root - INFO - Building 2-D device mesh with ['dp_shard', 'tp'], [4, 2]\n"
    "[titan] root - INFO - Trainer is initialized with local batch size 2, global batch size 8, gradient accumulation "
    "steps 1, sequence length 2048, total steps 1000 (warmup 200)\n"
    + "".join(
        f"[titan] root - INFO - step: {at}  loss:  8.1  memory: 62.01GiB(78.30%)  tps: 6,90{at}\n" for at in range(9)
    ),
    "nemo.log": "".join(
        f"Training epoch 0, iteration {at}/249 | global_batch_size: 128 | train_step_timing in s: 7.12{at}\n"
        for at in range(9)
    ),
    "trainer.log": "{'train_runtime': 3244.7, 'train_samples_per_second': 4.9, 'train_steps_per_second': 0.308}\n"
    "100%|###| 998/998 [54:04<00:00,  3.25s/it]\n",
    "vllm.json": json.dumps(VLLM_RUN),
    "sglang.jsonl": json.dumps(SGLANG_RUN) + "\n" + json.dumps({**SGLANG_RUN, "request_rate": 2.0}) + "\n",
    "nccl.log": f"# nThread 1 nGpus 8 minBytes 8 maxBytes 17179869184 step: 2(factor)\n# Using devices\n{_RANKS}\n#\n"
    "#       size         count      type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw\n"
    + _NCCL.format(size=134217728, count=33554432, us=1300.8, alg=103.18, bus=193.46)
    + _NCCL.format(size=1073741824, count=268435456, us=8687.1, alg=123.60, bus=231.75),
    "gemms.csv": _GEMMS,
    "rows.csv": "id,layers,hidden,heads,ffn_hidden,seq_len,accelerator,measured_metric,measured_value\n"
    "a,32,4096,32,11008,2048,H100-SXM5-80GB,iteration_time_s,1\n",
}
_SHOWN = {"gpu.toml": "h100-sxm-80gb", "model.toml": "llama-7b", "experts.toml": "deepseek-v3"}
"""Files of records, as ``llmplan show --toml`` writes them."""
_ANSWERS = {
    "result.json": (*TRAIN, "--json"),
    "served.json": (*INFER, "--json"),
    "megatron.sh": (*TRAIN, "--export", "megatron"),
    "titan.toml": (*LATER, *SIZES, "--zero", "3", "--export", "torchtitan"),
    "deepspeed.json": (*TRAIN, "--export", "deepspeed"),
    "vllm.sh": (*INFER, "--export", "vllm"),
}
"""Files of results, and launch files, as commands print them."""
_LOGS = (
    "megatron.log",
    "titan.log",
    "nemo.log",
    "trainer.log",
    "vllm.json",
    "sglang.jsonl",
    "nccl.log",
    "gemms.csv",
    "rows.csv",
)
ASKED: Mapping[str, tuple[str, ...]] = {
    "plan.toml": ("train", "--plan", "plan.toml"),
    "gpu.toml": ("train", "--model", "llama-7b", "--gpu", "gpu.toml", *SIZES),
    "model.toml": ("train", "--model", "model.toml", "--gpu", "h100-sxm-80gb", *SIZES),
    "experts.toml": ("infer", "--model", "experts.toml", "--gpu", "h100-sxm-80gb", "--tp", "8", "--dp", "2"),
    "trace.csv": (*INFER, "--trace", "trace.csv"),
    "config.json": ("infer", "--model", "./config.json", "--gpu", "h100-sxm-80gb", "--tp", "1", "--dp", "1"),
    "experts.json": ("train", "--model", "./experts.json", "--gpu", "h100-sxm-80gb", *SIZES),
    "cluster.toml": (*TRAIN, "--cluster", "cluster.toml"),
    "site.toml": (*TRAIN, "--site", "site.toml"),
    "prices.csv": (*TRAIN, "--price-file", "prices.csv"),
    "own.toml": (*TRAIN, "--price", "own.toml"),
    "samples.txt": (*TRAIN, "--samples", "50M", "--sample-tokens", "samples.txt"),
    "result.json": ("train", "--plan", "result.json"),
    "served.json": ("infer", "--plan", "served.json"),
    "titan.toml": (*LATER, "--gpus", "8", "--from", "titan.toml"),
    **{name: ("train", *SMALL, "--gpus", "8", "--from", name) for name in ("megatron.sh", "deepspeed.json")},
    "vllm.sh": (*INFER[:5], "--from", "vllm.sh"),
    **{name: ("calibrate", name, *SMALL, *ONE) for name in _LOGS},
}
"""By file: the command that reads it."""
NAMES = tuple(ASKED)


def write_all(folder: Path) -> dict[str, str]:
    """The text of every file as it is when nothing has happened to it yet, written into the folder, which is here."""
    found = dict(_WRITTEN)
    found |= {name: _printed("show", record, "--toml") for name, record in _SHOWN.items()}
    found |= {name: _printed(*command) for name, command in _ANSWERS.items()}
    for name, text in found.items():
        (folder / name).write_text(text, "utf-8")
    return found


def _printed(*command: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main(command) in (0, 3), err.getvalue()
    return out.getvalue()


_STRANGE = """
0 -1 1e308 1e-308 nan inf -inf "" [] {} true 'x' [[1]] 0.1 1 null 1e18 1000000000000 = , # ${HOME} $(id)
1979-05-27T07:32:00Z 0x7f 1_0 é : | !!python
"""
VALUES = (
    *(*_STRANGE.split(), '"', "'''", "\x00", "\ufeff", "\udcff", "\r", "- a", "&a *a", "\x1b[31m"),
    *("9" * 30, "9" * 5000, "[" * 500, "x" * 70_000),
)
ACCIDENTS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 10**6), st.sampled_from(VALUES)), max_size=4)


def spoil(text: str, kind: int, where: int, value: str) -> str:
    """One accident: a line lost, doubled or moved, letters lost, a number or any value replaced."""
    lines = text.split("\n")
    at, other = where % len(lines), (where // 7) % len(lines)
    numbers = list(re.finditer(r"-?\d[\d.e+_-]*", text))
    words = list(re.finditer(r"[A-Za-z_][\w.-]*", text))
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[at])
    elif kind == 2:
        lines[at] = lines[at][: where % (len(lines[at]) + 1)]
    elif kind in (3, 8) and numbers:
        return _put(text, numbers[where % len(numbers)], value)
    elif kind == 4:
        key, sign, _ = lines[at].partition("=" if "=" in lines[at] else ":")
        lines[at] = f"{key}{sign} {value}" if sign else value
    elif kind == 5 and words:
        return _put(text, words[where % len(words)], value if where % 2 else words[(where // 3) % len(words)][0])
    elif kind == 6:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        place = where % (len(text) + 1)
        return text[:place] + value + text[place:]
    return "\n".join(lines)


def _put(text: str, found: re.Match[str], value: str) -> str:
    return text[: found.start()] + value + text[found.end() :]
