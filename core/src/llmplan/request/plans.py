"""Requests for a plan of training, and what requests for serving share with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from attrs import field, fields_dict, frozen

from llmplan.records import OFFLOADS, Recompute, Tuning
from llmplan.request.options import Options, joined_options, option, record_option, word_option
from llmplan.request.values import (
    as_at_least_one,
    as_auto_or_whole,
    as_bits,
    as_confidence,
    as_flag,
    as_fraction,
    as_money,
    as_not_negative,
    as_positive,
    as_positive_in,
    as_positive_like,
    as_positive_seconds,
    as_seconds,
    as_share,
    as_size,
    as_text,
    as_whole,
    as_whole_or_file,
)
from llmplan.request.variation import FAMILY_WORDS, as_variation

if TYPE_CHECKING:
    from llmplan.records import Variation

_MODES = {mode.label: mode for mode in Recompute}
_TUNINGS = {tuning.value: tuning for tuning in Tuning}
_OFFLOADS = {word: word for word in OFFLOADS}


Request = TypeVar("Request", bound=type[Any])


def joining(request: Request) -> Request:
    """A class of requests that takes options of plugins beside its own."""
    own, make = fields_dict(request), request.__init__

    @wraps(make)
    def init(self: Any, **given: Any) -> None:
        added = {**given.pop("joined", {}), **{name: given.pop(name) for name in [*given] if name not in own}}
        known = joined_options(request) if added else {}
        if unknown := next((name for name in added if name not in known), None):
            raise TypeError(f"{request.__name__} got an unexpected option {unknown!r}")
        added = {name: known[name]["convert"](value, name) for name, value in added.items() if value is not None}
        make(self, joined=added, **given)

    request.__init__ = init
    return request


@joining
@frozen(kw_only=True, eq=False, repr=False)
class PlanRequest(Options):
    """What training and inference have in common."""

    command: ClassVar[str] = ""
    joined: Mapping[str, Any] = field(factory=dict)
    """Options of plugins that were given."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """An option that a plugin adds; None where it was not given."""
            if name.startswith("_") or name not in joined_options(type(self)):
                raise AttributeError(f"{type(self).__name__} has no option {name!r}")
            return self.joined.get(name)

    model: Any = record_option("Model, by name, as a file or folder, or by an id of a hub.", "models")
    assume_transformer: bool | None = option(
        "Take what the reader of a model does not know as a plain transformer's.", as_flag
    )
    gpu: Any = record_option("Accelerator, by name or as a TOML file.", "gpus")
    cluster: Any = record_option(
        "What joins accelerators, by name or as a TOML file; as each is usually sold by default.", "clusters"
    )
    nic_gbits: float | None = option(
        "Network of a node, Gbit/s, which its accelerators share.",
        as_positive_in("Gbit/s", "Gb/s", "Gbps", "G"),
        metavar="GBIT/S",
    )
    gpus_per_node: int | None = option("Accelerators of a node.", as_whole(1))
    oversubscription: float | None = option(
        "Of the outermost network: links below it / links of it.", as_at_least_one, metavar="TIMES"
    )
    host_memory: float | None = option(
        "Memory of a node's host, GiB, which its accelerators share.", as_positive_in("GiB"), metavar="GIB"
    )
    site: Any = record_option("Own measurements to go by, by name or as a TOML file of llmplan calibrate.", "sites")
    dtype: Any = record_option("Bits of weights, activations, embeddings.", "dtypes")
    gpus: int | None = option("Accelerators in all: tp x cp x pp x dp.", as_size)
    tp: int | None = option("Tensor parallel size.", as_size)
    pp: int | None = option("Pipeline parallel size.", as_whole(1), every=True)
    dp: int | None = option("Data parallel size.", as_size)
    sequence_parallel: bool | None = option("Split norms and residuals over tp too.", as_flag)
    flops_efficiency: float | None = option("FLOP/s that kernels reach, of the peak.", as_fraction, metavar="FRACTION")
    hbm_efficiency: float | None = option("Memory bandwidth reached, of the peak.", as_fraction, metavar="FRACTION")
    scale_up_efficiency: float | None = option("Scale-up bandwidth reached.", as_fraction, metavar="FRACTION")
    scale_out_efficiency: float | None = option("Scale-out bandwidth reached.", as_fraction, metavar="FRACTION")
    ideal: bool | None = option("Efficiencies that are not given are 1; else they are calibrated.", as_flag)
    cost_model: Any = record_option("Cost model.", "cost-models")
    price_per_gpu_hour: float | None = option(
        "Price of one accelerator-hour, as a number: 2.5 or $2.5; in a search one for each accelerator, too.",
        as_money(as_not_negative),
        metavar="PRICE",
    )
    pue: float | None = option(
        "Energy of the data center / energy of the GPUs; 1 by default.", as_at_least_one, metavar="FACTOR"
    )


@joining
@frozen(kw_only=True, eq=False, repr=False)
class TrainRequest(PlanRequest):
    """Options of a training plan; None is what was not given."""

    command: ClassVar[str] = "train"
    cp: int | None = option("Context parallel size: ranks that share each sequence.", as_size)
    ep: int | None = option("Expert parallel size, inside dp x cp.", as_whole(1))
    vpp: int | None = option("Chunks of layers on each pipeline stage (interleaved schedule).", as_whole(1), every=True)
    schedule: Any = record_option("Pipeline schedule.", "schedules")
    zero: int | None = option("ZeRO stage: 0, 1, 2 or 3.", as_whole(0, 3), every=True)
    zero_group: int | None = option("Ranks that ZeRO divides over; all of dp x cp by default.", as_whole(1))
    micro_batch: int | None = option("Sequences that one pipeline takes in at once.", as_size)
    max_micro_batch: int | str | None = option(
        "The largest micro-batch that is tried; auto tries any.", as_auto_or_whole, metavar="N|auto"
    )
    gradient_accumulation: int | None = option("Micro-batches of one pipeline in one iteration.", as_size)
    global_batch: int | None = option("Sequences of one iteration.", as_whole(1))
    global_batch_tokens: float | None = option("Tokens of one iteration, instead of --global-batch.", as_positive)
    seq_len: int | None = option("Tokens of one sequence: 4096, 32k (32,000) or 32Ki (32,768).", as_whole(1))
    max_context: bool | None = option("The longest sequences that fit into memory, instead of --seq-len.", as_flag)
    tokens: float | None = option("Training tokens in all: 1.4e12 or 1.4T.", as_positive)
    samples: int | None = option("Samples of the data set, instead of --tokens.", as_whole(1))
    epochs: float | None = option("Times that the samples are gone over.", as_positive_like("3"))
    sample_tokens: int | str | None = option(
        "Tokens of a sample on average, or a file with those of each on a line; --seq-len by default.",
        as_whole_or_file,
        metavar="N|FILE",
        word=True,
    )
    sample_lengths: Variation | None = option(
        f"How samples vary around --sample-tokens: {FAMILY_WORDS}.", as_variation, metavar="SHAPE", word=True
    )
    packing: bool | None = option("Samples fill sequences; else each is one, padded to the longest beside it.", as_flag)
    recompute: Recompute | None = word_option(f"What backward computes again: {', '.join(_MODES)}.", _MODES, "MODE")
    framework: Any = record_option("Program that trains: kernels, overlap, host time.", "frameworks")
    optimizer: Any = record_option("Optimizer.", "optimizers")
    master_weights: bool | None = option("The optimizer keeps weights in 32 bits too.", as_flag)
    gradient_bits: float | None = option("Bits of gradients as they accumulate.", as_bits)
    reduction_bits: float | None = option("Bits of gradients between data parallel ranks.", as_bits)
    tuning: Tuning | None = word_option(f"Which weights are trained: {', '.join(_TUNINGS)}.", _TUNINGS)
    lora_rank: int | None = option("Rank of the LoRA matrices.", as_whole(1))
    lora_targets: str | None = option(
        "Matrices with adapters, by words of the cost model: q+v or attention; all by default.",
        as_text,
        metavar="WORDS",
    )
    offload: str | None = word_option(
        "What waits in host memory: none, optimizer, activations, all of these two, parameters (with the optimizer), "
        "everything.",
        _OFFLOADS,
        "WHAT",
    )
    mfu: float | None = option(
        "Model FLOPs utilisation of the whole run, instead of the efficiencies.", as_fraction, metavar="FRACTION"
    )
    failures_per_gpu_day: float | None = option(
        "Failures of the run, for each GPU and day: the wall clock with them. Llama 3 405B had 419 unexpected "
        "interruptions in 54 days on 16,384 GPUs = 4.7e-4 (arXiv:2407.21783, table 5).",
        as_positive,
        metavar="RATE",
    )
    checkpoint_seconds: float | None = option(
        "Time that saving a checkpoint stops the run: 45 or 1.5m.", as_positive_seconds("45 or 1.5m"), metavar="SECONDS"
    )
    checkpoint_gb_per_s: float | None = option(
        "Storage bandwidth of the whole run, instead of --checkpoint-seconds.",
        as_positive_in("GB/s", "GB"),
        metavar="GB/S",
    )
    checkpoint_interval: float | None = option(
        "Training between checkpoints: 1800, 30m or 0.5h; the Young/Daly optimum by default.",
        as_positive_seconds("30m or 1800"),
        metavar="SECONDS",
    )
    restart_seconds: float | None = option(
        "From a failure until training goes on: 600 or 10m.",
        as_seconds(as_not_negative, "a time of at least 0, like 600 or 10m"),
        metavar="SECONDS",
    )
    confidence: float | None = option(
        "With which plans are ranked, and fit: 0.9 by default, 0.5 is the point estimate.",
        as_confidence,
        metavar="FRACTION",
    )
    memory_headroom: float | None = option(
        "Share of memory that has to stay free; 0.05 by default.", as_share, metavar="FRACTION"
    )
