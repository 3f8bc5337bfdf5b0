"""What each mechanism is worth: the score of training rows with it and without it.

``python plugins/parallelism_megatron/calibration/mechanisms.py`` prices all published training rows once as they are
and once without each mechanism, and writes mechanisms.csv beside this file, which the accuracy page shows. It takes
some minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from attrs import evolve, frozen

if not __package__:  # run by its path: the folder stands in sys.path, not the one that it lies in
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from llmplan import registry
from llmplan.errors import BadInputError
from llmplan.records import FrameworkProfile
from llmplan_parallelism_megatron.kernels import attention
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.ranges.csv_files import in_csv
from llmplan_parallelism_megatron.training import data_parallel, in_flight, pipeline
from llmplan_validation.row import READERS
from llmplan_validation.run import priced
from llmplan_validation.score import group_of
from llmplan_validation.table import read_table

FILE = Path(__file__).with_suffix(".csv")
COLUMNS = ("mechanism", "source", "time", "memory")
SETS = ("training", "training-unfitted")
Options = Mapping[str, Any]


@frozen
class Mechanism:
    """One thing that programs do, where it was read, and how it is left out."""

    name: str
    source: str
    without: Callable[[Options], Options] = dict
    blank: str = ""
    """The column of the tables that says it."""
    words: tuple[str, ...] = ()
    """Of notes, that stand in for it."""
    patched: Callable[[], Any] = nullcontext


def framework(changes: Mapping[str, Any], options: Options) -> Options:
    """With another profile of the same program."""
    profile = options.get("framework")
    if not isinstance(profile, FrameworkProfile) or all(getattr(profile, name) == changes[name] for name in changes):
        return options
    return {**options, "framework": evolve(profile, **changes)}


@contextmanager
def replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    """A constant of a module, for as long as rows are priced."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def profile(name: str, source: str, **changes: Any) -> Mechanism:
    """One that fields of a profile stand for."""
    return Mechanism(name, source, partial(framework, changes))


def of_programs(names: Sequence[str], change: Callable[[Options], Options], options: Options) -> Options:
    """Of the rows of some programs alone."""
    name = getattr(options.get("framework"), "name", "")
    return change(options) if name in names else options


def _left_open(options: Options) -> Options:
    return {name: value for name, value in options.items() if name != "recompute"}


_BRIDGE, _NEMO = "megatron-core-bridge", "megatron-core-nemo"

MECHANISMS: Sequence[Mechanism] = (
    Mechanism("as it is", ""),
    Mechanism(
        "hiding costs 18.9 %", "arXiv:2507.03114", patched=partial(replaced, data_parallel, "HIDDEN_COST", 0.0)
    ),
    Mechanism(
        "an all-to-all over nodes sends all that it sends",
        "NVIDIA/nccl: grouped sends and receives",
        patched=partial(replaced, collectives.Ways, "crossing", lambda _ways, volume, _group, below: volume / below),
    ),
    Mechanism(
        "rings over nodes go through all ranks of each",
        "NVIDIA/nccl, src/device/all_gather.h; NVIDIA/nccl#1411",
        patched=partial(replaced, collectives, "ring_volume", lambda volume, _n, _inside: volume),
    ),
    profile(
        "a token is sent once to all experts of a rank or node",
        "deepseek-ai/DeepEP; NVIDIA-NeMo/Megatron-Bridge, scripts/performance/configs",
        sends_tokens_once=False,
    ),
    Mechanism(
        "what Megatron-Bridge's recipes recompute",
        "NVIDIA-NeMo/Megatron-Bridge v0.2.0 and v0.4.0, scripts/performance/configs",
        partial(of_programs, (_BRIDGE,), _left_open),
    ),
    Mechanism(
        "gradients in 16 bits of NeMo's and Megatron-Bridge's recipes",
        "NVIDIA/NeMo v2.3.0, scripts/performance/utils.py",
        partial(of_programs, (_BRIDGE, _NEMO), partial(framework, {"gradient_bits": 32.0, "reduction_bits": 32.0})),
    ),
    profile(
        "kernels of their own cast to 8 bits",
        "NVIDIA/TransformerEngine, common/transpose/cast_transpose.cu; pytorch/ao, torchao/float8",
        casts_apart=False,
    ),
    Mechanism(
        "Meta's runs of 2022 and 2023 had the first FlashAttention",
        "arXiv:2302.13971, section 2.4; arXiv:2307.08691",
        partial(of_programs, ("meta-2023",), partial(framework, {"attention": "flash-2"})),
    ),
    profile(
        "torchtitan keeps what attention and every second multiplication make",
        "pytorch/torchtitan, parallelisms/parallelize_llama.py",
        alternates=False,
    ),
    profile(
        "FSDP2 copies weights and gradients between parameters and buffers",
        "pytorch/pytorch, distributed/fsdp/_fully_shard/_fsdp_collectives.py",
        copies_shards=False,
    ),
    profile(
        "FSDP keeps the outermost unit whole between the passes",
        "pytorch/pytorch, distributed/fsdp/_runtime_utils.py",
        keeps_ends=False,
    ),
    profile(
        "hooks of DeepSpeed's ZeRO 3 take host time",
        "deepspeedai/DeepSpeed, runtime/zero/parameter_offload.py; timed",
        host_seconds_per_gathered_layer=0.0, host_seconds_per_gathered_adapter=0.0,
    ),
    profile(
        "attention over latents was unfused on Blackwell before cuDNN 9.11",
        "NVIDIA/TransformerEngine, common/fused_attn/fused_attn.cpp",
        latents_unfused_on=(),
    ),
    Mechanism(
        "NeMo hides no all-to-all",
        "NVIDIA/NeMo v2.3.0, collections/llm/gpt/model",
        partial(of_programs, (_NEMO,), partial(framework, {"expert_overlap": 0.5})),
    ),
    profile(
        "no deterministic fused attention on Blackwell",
        "NVIDIA/TransformerEngine, common/fused_attn/fused_attn.cpp",
        attention_by_architecture={},
    ),
    Mechanism(
        "torchtitan with and without torch.compile, with asynchronous tensor parallelism",
        "the tables' words; pytorch/torchtitan",
        words=("no torch.compile", "async TP"),
    ),
    Mechanism(
        "vTrain's Megatron-DeepSpeed runs Megatron-LM's kernels", "the tables' words", words=("vTrain config",)
    ),
    profile(
        "AutoGPTQ unpacks 4-bit weights by kernels of PyTorch",
        "AutoGPTQ/AutoGPTQ, nn_modules/qlinear/qlinear_cuda_old.py",
        widening_bytes=0.0, keeps_widened=False,
    ),
    profile(
        "Transformer Engine's dummy gradients",
        "NVIDIA/TransformerEngine, pytorch/module/base.py",
        keeps_dummy_gradients=False,
    ),
    Mechanism(
        "micro-batches of an interleaved last stage",
        "Megatron-LM, core/pipeline_parallel/schedules.py",
        patched=partial(replaced, in_flight, "last_in_flight", lambda _m, _p, _v: 1.0),
    ),
    profile(
        "bitsandbytes keeps the inputs of 4-bit multiplications",
        "bitsandbytes, autograd/_functions.py, MatMul4Bit",
        keeps_frozen_inputs=False,
    ),
    profile(
        "4-bit weights by program: scales, the head, copies that are widened",
        "lightning/fabric, plugins/precision/bitsandbytes.py",
        frozen_bits=4.127, freezes_head=False, widened_copies=1.0, unties_head=False,
    ),
    profile(
        "views of fused projections, copies of keys for every head",
        "litgpt, model.py; torchtune, modules/attention.py",
        fused_qkv=False, repeats_kv=False,
    ),
    profile("logits in 32 bits, and their gradients beside them", "torch, nn/functional.py", logit_bytes_kept=6.0),
    Mechanism(
        "which matrices have adapters",
        "the tables' words",
        blank="lora_targets",
        words=("on q and v", "on attention"),
    ),
    Mechanism(
        "the stage whose memory was read", "the tables' words", blank="memory_stage", words=("nvidia-smi style",)
    ),
    Mechanism(
        "what memory was read with",
        "the tables' words",
        blank="memory_read",
        words=("How memory was read is not stated",),
    ),
    Mechanism(
        "the network of the cluster",
        "the tables' words; huggingface.co/blog/bloom-megatron-deepspeed",
        blank="nic_gbits",
        words=("inter-node per node",),
    ),
    Mechanism("DualPipe", "arXiv:2412.19437, section 3.2.1", blank="schedule"),
    profile(
        "nanotron gathers after the step, deals stages out by cost",
        "nanotron, optim/zero.py, parallel/pipeline_parallel/utils.py",
        gathers_after_step=False, balances_stages=False,
    ),
    Mechanism(
        "ends of a pipeline hold a layer fewer",
        "arXiv:2407.21783, section 3.3.2; arXiv:2211.05100",
        patched=partial(replaced, pipeline, "ends_as_layers", lambda _layers, _layout: 0.0),
    ),
    Mechanism(
        "no fused attention on Volta",
        "Dao-AILab/flash-attention, README",
        patched=partial(replaced, attention, "_WITHOUT_FUSED", ()),
    ),
)  # fmt: skip
"""The first changes nothing."""


Errors = Mapping[str, tuple[str, str, float]]
"""By row: its figure, its source, and how far off it is."""


def errors(mechanism: Mechanism, as_they_are: Errors) -> Errors:
    """Of both sets without a mechanism; rows that it changes nothing of are as they are."""
    found: dict[str, tuple[str, str, float]] = {}
    with mechanism.patched():
        for cells, without in _cells(mechanism):
            try:
                row = READERS["train"](without)
                options = mechanism.without(row.options)
                same = cells == without and options == row.options and mechanism.patched is nullcontext
                if same and as_they_are:
                    found |= {row.id: as_they_are[row.id]} if row.id in as_they_are else {}
                    continue
                checked = priced(evolve(row, options=options), SETS[0])
            except BadInputError:
                continue
            if row.counts:
                found[row.id] = group_of(row.metric), row.source, abs(checked.error)
    return found


def scores(found: Errors) -> tuple[float, float]:
    """Of time and memory: the mean of the sources' mean absolute errors."""

    def of(wanted: str) -> float:
        sources: dict[str, list[float]] = {}
        for group, source, error in found.values():
            if group == wanted:
                sources.setdefault(source, []).append(error)
        return fmean(fmean(values) for values in sources.values())

    return of("time"), of("memory")


def _cells(mechanism: Mechanism) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Of each row, as it is and without what the mechanism says of it."""
    for name in SETS:
        table = registry().validation_sets[name].table
        assert table is not None  # noqa: S101 - ours have tables
        for cells in read_table(table, "train"):
            notes = cells.get("notes", "")
            for words in mechanism.words:
                notes = notes.replace(words, "")
            blank = {mechanism.blank: ""} if cells.get(mechanism.blank) else {}
            yield cells, {**cells, **blank, "notes": notes}


def main() -> None:
    """Write the file."""
    rows, as_they_are = [], errors(MECHANISMS[0], {})
    for mechanism in MECHANISMS:
        time, memory = scores(errors(mechanism, as_they_are))
        rows.append(dict(zip(COLUMNS, (mechanism.name, mechanism.source, f"{time:.4f}", f"{memory:.4f}"), strict=True)))
        print(f"{mechanism.name}: {time:.2%} {memory:.2%}", flush=True)
    FILE.write_text(in_csv(COLUMNS, rows), encoding="utf-8")


if __name__ == "__main__":
    main()
