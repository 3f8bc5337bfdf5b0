"""Plans of training, and what all plans have: everything that a cost model needs to price a run.

Numbers and flags of the layout and the batch may be arrays of equal length, one element a plan: formulas price them all
at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from llmplan.arrays.quantities import where
from llmplan.records.framework import FrameworkProfile
from llmplan.records.optimizer import Optimizer
from llmplan.records.schedule import PLAIN

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number, Truth
    from llmplan.records.dtype import DTypeRule, NumberFormat
    from llmplan.records.efficiency import Efficiency
    from llmplan.records.goodput import Failures
    from llmplan.records.hardware import HardwareProfile
    from llmplan.records.model import ModelArchitecture
    from llmplan.records.samples import Samples
    from llmplan.records.schedule import Schedule, Schedules
    from llmplan.records.site import Site

CONFIDENCE = 0.9
"""With which plans are ranked, and limits hold, where nobody says otherwise: the upper end of a range."""
HEADROOM = 0.05
"""Share of memory that a plan leaves free where nobody says otherwise, for the driver's context and allocators' slack.

NVIDIA aiconfigurator counts 0.55 to 3.5 GB of memory that is not the model's.
"""

OFFLOADS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "optimizer": ("optimizer",),
    "activations": ("activations",),
    "all": ("optimizer", "activations"),
    "parameters": ("optimizer", "parameters"),
    "everything": ("optimizer", "activations", "parameters"),
}
"""What waits in host memory by the word of the option: parameters take along the optimizer, which steps where they are.
"""


class Tuning(Enum):
    """Which weights a training run changes: all of them, or those of LoRA adapters."""

    FULL = "full"
    LORA = "lora"
    """Two thin matrices beside each frozen matrix (Hu et al. 2021, arXiv:2106.09685)."""
    QLORA = "qlora"
    """The same, and the frozen matrices in 4 bits (Dettmers et al. 2023, arXiv:2305.14314)."""


@frozen(kw_only=True, eq=False, repr=False)
class Layout:
    """How the work is divided over the accelerators: gpus = tp x cp x pp x dp.

    Ranks are numbered in the order tp, cp, ep, dp, pp: neighbours share a tensor parallel group first.
    """

    gpus: Number
    tp: Number = 1
    pp: Number = 1
    dp: Number = 1
    cp: Number = 1
    """Context parallel: ranks that share each sequence."""
    ep: Number = 1
    """Expert parallel: data and context parallel ranks that share the experts."""
    vpp: Number = 1
    """Virtual pipeline: chunks of layers that each stage holds, for the interleaved schedule."""
    sequence_parallel: bool = False
    zero: Number = 0
    """ZeRO stage: 1 shards optimizer states over dp x cp, 2 gradients too, 3 weights too."""
    zero_group: Number | None = None
    """Ranks over which ZeRO divides, where these are not all: hybrid sharding. Infinity is all, as None is."""

    @property
    def shards_optimizer(self) -> Truth:
        """Whether ZeRO divides optimizer states: in all its stages (Rajbhandari et al. 2020, arXiv:1910.02054, 5)."""
        return self.zero >= 1

    @property
    def shards_gradients(self) -> Truth:
        """Whether ZeRO divides gradients: from stage 2."""
        return self.zero >= 2  # noqa: PLR2004 - stages have numbers for names

    @property
    def shards_weights(self) -> Truth:
        """Whether ZeRO divides weights: in stage 3."""
        return self.zero >= 3  # noqa: PLR2004 - stages have numbers for names


@frozen(kw_only=True, eq=False, repr=False)
class Plan:
    """What plans of training and of inference have in common."""

    model: ModelArchitecture
    hardware: HardwareProfile
    dtype: DTypeRule
    gemm: NumberFormat
    layout: Layout
    efficiency: Efficiency
    cost_model: str
    price_per_gpu_hour: float | None = None
    pue: float = 1.0
    """Power usage effectiveness: energy of the data center / energy of the accelerators."""
    assumptions: tuple[str, ...] = ()
    """What was filled in, in words."""
    warnings: tuple[str, ...] = ()
    layout_warnings: tuple[str, ...] = ()
    """What the cost model says against the layout."""
    site: Site | None = None
    """Own measurements that it is priced by."""
    settings: Mapping[str, Any] = field(factory=dict)
    """Options that were given and that formulas alone read: the core hands them on."""

    parts: Mapping[str, Any] = field(factory=dict)
    """What options of plugins came to: where a price is from, for one."""

    def concerns(self, estimate: Any) -> Iterator[str]:
        """What these have to say of an estimate of this plan."""
        for part in self.parts.values():
            if hasattr(part, "concerns"):
                yield from part.concerns(estimate)

    def setting(self, name: str, usual: Any) -> Any:
        """That option as it was given, else what is usual."""
        return self.settings.get(name, usual)


@frozen(kw_only=True, eq=False, repr=False)
class TrainingPlan(Plan):
    """A training run with everything filled in."""

    micro_batch: Number
    """Sequences that one pipeline takes in at once."""
    gradient_accumulation: Number
    """Micro-batches of one pipeline in one iteration."""
    seq_len: Number
    tokens: float
    recompute: int
    """A `Recompute` mode."""
    framework: FrameworkProfile = field(factory=lambda: FrameworkProfile(name="ideal"))
    optimizer: Optimizer = field(factory=lambda: Optimizer(name="none", state_bytes=0.0))
    master_weights: bool = True
    """The optimizer works on a copy in 32 bits."""
    gradient_bits: Number = 32.0
    reduction_bits: Number = 32.0
    """Of gradients between data parallel ranks."""
    schedule: Schedule | Schedules = PLAIN
    tuning: Tuning = Tuning.FULL
    lora_rank: int = 0
    lora_targets: tuple[str, ...] = ()
    """Words of the matrices that have adapters; all where empty."""
    offload_optimizer: bool = False
    """Optimizer states live in host memory."""
    offload_activations: bool = False
    """What layers keep for the backward pass waits in host memory."""
    offload_parameters: bool = False
    """Weights wait in host memory until a layer is at work, and gradients go there."""
    data: Samples | None = None
    """What it trains on; None where only its tokens are known."""
    failures: Failures | None = None
    """None where the run is taken not to fail."""
    confidence: float = CONFIDENCE
    """With which it was ranked and limits hold: 0.5 is the point estimate."""
    memory_headroom: float = HEADROOM
    """Share of the memory that has to stay free, beside the doubt that the confidence leaves."""

    @property
    def schedule_name(self) -> str:
        """The name of the pipeline schedule; only a plan of numbers has one."""
        return self.schedule.among[0].name

    @property
    def offloaded(self) -> str:
        """What waits in host memory of a plan of numbers, as the option says it; empty where nothing does."""
        words = {parts: word for word, parts in OFFLOADS.items()}
        return words.get(self.on_host, " and ".join(self.on_host)) if self.on_host else ""

    @property
    def on_host(self) -> tuple[str, ...]:
        """The parts that wait in host memory of a plan of numbers."""
        return tuple(part for part in OFFLOADS["everything"] if getattr(self, f"offload_{part}"))

    @property
    def waits_on_host(self) -> Truth:
        """Whether any part of the training state waits in host memory."""
        return self.offload_optimizer | self.offload_activations | self.offload_parameters

    @property
    def sequence_tokens(self) -> Number:
        """Tokens of a sequence that are no padding."""
        return self.seq_len if self.data is None or self.data.packed else self.data.mean

    @property
    def worked_tokens(self) -> Number:
        """Of a sequence with its padding: to the longest beside it, on all replicas where these wait for each other in
        every micro-batch.
        """
        if self.data is None or self.data.packed:
            return self.seq_len
        together = self.layout.shards_gradients | (self.gradient_accumulation == 1)
        return self.data.longest_of(self.micro_batch * where(together, self.layout.dp, 1.0))

    @property
    def global_batch(self) -> Number:
        """Sequences of one iteration: micro-batch x gradient accumulation x dp."""
        return self.micro_batch * self.gradient_accumulation * self.layout.dp
