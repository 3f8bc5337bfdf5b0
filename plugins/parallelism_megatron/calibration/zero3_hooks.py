"""Processor time of a layer in eager PyTorch, and of the hooks that DeepSpeed's ZeRO 3 puts around its modules.

``python plugins/parallelism_megatron/calibration/zero3_hooks.py STAGE [--adapters]`` trains twelve narrow layers of
eleven modules for some micro-batches on one processor, each layer computed again in the backward pass, and prints what
one pass over a layer takes. It needs torch and deepspeed, as llmplan does not. Stage 0 says `host_seconds_per_layer`
of eager programs, stages 3 and 0 apart `host_seconds_per_gathered_layer`, with and without `--adapters`
`host_seconds_per_gathered_adapter`; no kernel of an accelerator is launched, so all are the least that a run pays.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

if not __package__:  # run by its path: the folder stands in sys.path, not the one that it lies in
    sys.path[0] = str(Path(__file__).resolve().parents[1])

TOKENS, LAYERS, MICRO_BATCHES, WARMING, STEPS = 8, 12, 8, 2, 12
PASSES = 3
"""Forward, once more, and backward."""
_ALONE = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511", "RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
ENVIRONMENT = {**_ALONE, "DS_ACCELERATOR": "cpu"}


def configuration(stage: int, width: int) -> dict[str, Any]:
    """Of DeepSpeed: small parameters stay whole, as the Trainer asks of ZeRO 3."""
    return {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": MICRO_BATCHES,
        "bf16": {"enabled": True},
        "zero_optimization": {"stage": stage, "stage3_param_persistence_threshold": 10 * width},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
    }


def seconds_per_pass(stage: int, *, adapters: bool) -> float:
    """Of one layer: the mean of its three passes in one micro-batch."""
    os.environ |= ENVIRONMENT
    torch, deepspeed = import_module("torch"), import_module("deepspeed")
    narrow = import_module("calibration.zero3_model")
    torch.set_num_threads(1)
    model = narrow.Model(LAYERS, adapters=adapters)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad])
    config = configuration(stage, narrow.WIDTH)
    engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=config)
    tokens, spent = torch.randint(0, narrow.VOCABULARY, (1, TOKENS)), 0.0
    for number in range(MICRO_BATCHES * STEPS):
        begun = time.process_time()
        engine.backward(engine(tokens))
        if number >= MICRO_BATCHES * WARMING:
            spent += time.process_time() - begun
        engine.step()
    return spent / (MICRO_BATCHES * (STEPS - WARMING)) / LAYERS / PASSES


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("stage", type=int, choices=range(4))
    parser.add_argument("--adapters", action="store_true", help="beside all five matrices of a layer")
    given = parser.parse_args()
    seconds = seconds_per_pass(given.stage, adapters=given.adapters)
    print(f"ZeRO {given.stage}: {1e3 * seconds:.2f} ms a layer and pass")


if __name__ == "__main__":
    main()
