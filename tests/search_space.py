"""A space that is small enough to price plan by plan, and what that comes to."""

from __future__ import annotations

from itertools import product

from attrs import evolve

from llmplan import train
from llmplan.errors import BadInputError
from llmplan.records import DTypeRule, HardwareProfile
from llmplan_layers import Transformer

MODEL = Transformer(
    name="mini", layers=12, hidden=1024, heads=16, kv_heads=16, head_dim=64, ffn_hidden=4096, gated_mlp=False,
    vocab=32_000, max_seq_len=4096, training_seq_len=1024, training_tokens=2e9,
)  # fmt: skip
GPU = HardwareProfile(
    name="mini-gpu",
    memory_bytes=3e9,
    memory_bytes_per_second=1e12,
    peak_flops={"fp16": 1e14},
    scale_up_bytes_per_second=1e11,
    scale_up_domain=4,
    scale_out_bytes_per_second=1e10,
    host_bytes_per_second=2e10,
    tdp_watts=300.0,
)
DTYPE = DTypeRule(name="half", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16",),))
FIXED = {
    "model": MODEL, "gpu": GPU, "dtype": DTYPE, "cost_model": "megatron", "global_batch": 48, "tokens": 1e9,
    "framework": "megatron-core", "optimizer": "adam", "price_per_gpu_hour": 2.0,
}  # fmt: skip
SPACE = {
    "gpus": [8, 16],
    "tp": [1, 2, 3],
    "pp": [1, 2, 3],
    "cp": [1, 2],
    "vpp": [1, 2],
    "sequence_parallel": [False, True],
    "zero": [0, 1, 3],
    "micro_batch": [1, 2],
    "recompute": ["none", "full"],
    "schedule": ["1f1b", "zero-bubble"],
    "offload": ["none", "all"],
}
"""10,368 combinations, most of them not legal."""
PLAINEST = {"sequence_parallel": False, "zero": 0, "schedule": "1f1b"}
"""What stands where one rank is alone, so that another value changes nothing."""


def brute_force(fixed=FIXED, space=SPACE):
    """The estimate of every legal plan in its plainest words, priced one by one by the scalar path."""
    found = []
    for values in product(*space.values()):
        options = dict(zip(space, values, strict=True))
        ranks = options["tp"] * options["pp"] * options["cp"]
        if options["gpus"] % ranks:
            continue
        dp = options["gpus"] // ranks
        alone = {"sequence_parallel": options["tp"], "zero": dp * options["cp"], "schedule": options["pp"]}
        if any(ranks == 1 and options[name] != PLAINEST[name] for name, ranks in alone.items()):
            continue
        try:
            found.append(train(**fixed, **options, dp=dp, ep=1))
        except BadInputError:
            continue
    return found


def with_gpu(**changes):
    """The options with another accelerator."""
    return {**FIXED, "gpu": evolve(GPU, **changes)}
