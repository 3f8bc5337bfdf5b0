"""Models as cost models see them: operators with their FLOPs, bytes and ways of being sharded."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from enum import Enum, IntEnum
from math import inf
from typing import Protocol

from attrs import define

from llmplan.arrays.quantities import Number, power, total, where


class Recompute(IntEnum):
    """What the backward pass computes again instead of keeping, each mode holding less than the one before."""

    NONE = 0
    ATTENTION_COMPUTE = 1
    """QK^T, softmax and attention over V (selective recomputation, Korthikanti et al. 2022, section 5)."""
    ATTENTION = 2
    """The attention block, from its input projection to its output projection."""
    NORM_ATTENTION_NORM = 3
    """The attention block and the normalisations before and after it."""
    FULL = 4
    """Whole layers: only their inputs are kept."""

    @property
    def label(self) -> str:
        """The mode as options and files write it."""
        return self.name.lower().replace("_", "-")


ALWAYS_KEPT = len(Recompute)
"""`Tensor.dropped_from` of what every recompute mode keeps: the input of a layer."""
NEVER_KEPT = Recompute.NONE
"""`Tensor.dropped_from` of what the backward pass does not need."""


class Split(Enum):
    """Over which ranks of a tensor-parallel group a tensor or an operator is divided."""

    TENSOR = "tensor"
    """Over all of them: heads, columns, rows."""
    SEQUENCE = "sequence"
    """Over all of them under sequence parallelism, else held by each."""


class Phase(Enum):
    """What a forward pass is part of."""

    TRAINING = "training"
    """With what only training runs: layers that predict further tokens."""
    PREFILL = "prefill"
    """Prompts are read: an encoder, and what a decoder makes of its output once."""
    DECODE = "decode"
    """Answers are generated, a token at a time: all of a decoder, and nothing of an encoder."""


class Works(Enum):
    """What the figures of an operator are in proportion to.

    A model claims `ALL` or `SEQUENCE`; that an operator works on prompts or on answers alone follows from the phases in
    which the model has it.
    """

    ALL = "all"
    """Tokens: all those of a pass."""
    SEQUENCE = "sequence"
    """Sequences, however many tokens they have: an encoder of images, which runs once when a prompt is read."""
    PROMPT = "prompt"
    """Tokens that are read."""
    ANSWER = "answer"
    """Tokens that are generated."""


# These are made anew, 28 at a time, for every estimate, and are not frozen: attrs' frozen __init__ takes three
# times as long, a quarter of the whole estimate.


@define(eq=False, repr=False)
class Tensor:
    """A tensor that an operator reads."""

    elements: Number
    split: Split = Split.TENSOR
    width: str = "activation"
    """Whose bits of the dtype rule apply: ``weight``, ``activation``, ``embedding`` or ``norm``."""
    dropped_from: int = Recompute.FULL
    """The first recompute mode in which the forward pass does not keep it for the backward pass."""
    fusible: bool = False
    """A fused kernel never writes it to memory (attention scores under FlashAttention)."""
    max_ways: float = inf
    """Over how many ranks it can be divided before ranks hold copies (KV heads)."""


@define(eq=False, repr=False)
class Gemm:
    """A matrix multiplication: m x k times k x n, and so many of them side by side."""

    m: Number
    """Rows of the activations: tokens."""
    n: Number
    k: Number
    groups: Number = 1.0
    """Multiplications of this shape, each with weights of its own."""
    routed: bool = False
    """The groups are experts, which expert parallelism divides."""
    splits_sum: bool = False
    """Tensor parallelism divides k, and the partial results are summed; else it divides n."""
    matrices: int = 1
    """Weight matrices of a layer that stand side by side in it: K and V, the gate and the up projection."""
    joins: bool = False
    """It reads what the operator before it reads, and runs as further columns of that one's multiplication."""


@define(eq=False, repr=False)
class Cache:
    """What attention of a layer reads of every token that it looks back on while it decodes."""

    elements: Number
    """Kept of a token: K and V of all KV heads, or a latent."""
    ways: float
    """Over how many ranks they can be divided before ranks hold copies (KV heads)."""
    pair_flops: Number
    """Of one query token and one cached token, over all heads."""
    window: Number = inf
    """Tokens that it looks back on."""
    heads_per_key: int = 1
    """Query heads that look at the same keys and values."""


@define(eq=False, repr=False)
class State:
    """What a recurrent operator keeps of each sequence, however long it is."""

    elements: Number
    """Of one sequence."""
    bits: float | None = None
    """Its own width; None where it has that of activations."""
    ways: float = inf
    """Over how many ranks it can be divided."""


@define(eq=False, repr=False)
class Scores:
    """What an attention kernel works on, for the operators from QK^T to attention over V."""

    tokens: Number
    """Keys of one kernel's sequence, as if the mask were causal: 2 x share x keys."""
    head_dim: Number
    """Mean of the widths of keys and of values."""
    share: Number
    """Part of the queries x keys rectangle that the mask leaves."""
    cache: Cache | None = None
    """None where decoding works on keys and values as they stand in the operators."""


@define(eq=False, repr=False)
class Operator:
    """One step of a layer, for the whole tensor-parallel group and one micro-batch."""

    name: str
    part: str
    """The line of the breakdown that it belongs to: ``attention``, ``mlp``, ``layernorm``, or the model's own word."""
    flops: Number = 0.0
    weights: Number = 0.0
    """Elements of its weight matrix."""
    inputs: tuple[Tensor, ...] = ()
    reduced_elements: Number | None = None
    """Elements of the partial result that tensor parallelism sums over its ranks afterwards, if there is one."""
    recomputed_from: int = Recompute.FULL
    """The first recompute mode that runs it a second time."""
    max_ways: float = inf
    """Over how many ranks it can be divided before ranks repeat the work (attention heads)."""
    parts: str = "parts"
    """What it is divided into, for messages: ``heads``."""
    weights_read: Number | None = None
    """Elements of its weights that it reads, None where all: the experts that no token goes to stay in memory."""
    gemm: Gemm | None = None
    """Its shape, where it multiplies by weights."""
    scores: Scores | None = None
    """On QK^T: the shape of the attention that starts here."""
    state: State | None = None
    """What it carries from token to token: read and written by each step of decoding, once by a prompt."""
    moved: Number | None = None
    """Elements that kernels beside multiplication read and write: norms, residuals, activation functions, rotations."""
    moved_split: Split = Split.TENSOR
    """Over which ranks `moved` is divided."""
    works: Works = Works.ALL
    exchanged: Number | None = None
    """Elements that expert parallelism sends to, or fetches from, the ranks of the experts."""


def touched_share(of_one: Number, tokens: Number) -> Number:
    """Of weights of which each token reads a share p, chosen evenly: 1 - (1 - p)^T that T tokens read together."""
    return 1.0 - power(1.0 - of_one, tokens)


@define(eq=False, repr=False)
class Block:
    """So many equal layers, or the ends of the model."""

    operators: tuple[Operator, ...]
    parameters: Number
    """Of one layer, all of them: matrices, biases, norms."""
    count: int = 1
    shared_parameters: Number = 0
    """Weights of its operators that belong to another block, like the table of a tied output head."""
    expert_parameters: Number = 0
    """Of the routed experts among `parameters`, which expert parallelism divides."""
    leading: bool = False
    """All before the other layers, so that they lie on the first pipeline stages; else spread among them evenly."""

    @property
    def weights(self) -> Number:
        """Elements of its operators' weight matrices."""
        return total(operator.weights for operator in self.operators)

    @property
    def flops(self) -> Number:
        """FLOPs of one layer's forward pass."""
        return total(operator.flops for operator in self.operators)


@define(eq=False, repr=False)
class LoweredModel:
    """A model as operators, for `batch` sequences of `seq_len` tokens."""

    embedding: Block
    layers: tuple[Block, ...]
    head: Block

    @property
    def flops(self) -> Number:
        """FLOPs of the whole model's forward pass."""
        return self.embedding.flops + total(block.count * block.flops for block in self.layers) + self.head.flops

    def recomputed_flops(self, recompute: Number) -> Number:
        """Of the operators that a recompute mode runs a second time: 4bs^2h a layer for attention compute."""
        return total(
            block.count * operator.flops * where(recompute >= operator.recomputed_from, 1.0, 0.0)
            for block in self.layers
            for operator in block.operators
        )


class ModelArchitecture(Hashable, Protocol):
    """What a model plugin provides: it lowers itself to operators, which every cost model can price."""

    @property
    def name(self) -> str:
        """The name to look it up by."""

    @property
    def layers(self) -> int:
        """How many layers pipeline parallelism can deal out."""

    @property
    def max_seq_len(self) -> int | None:
        """The context length, None where there is no limit."""

    @property
    def training_seq_len(self) -> int | None:
        """The sequence length of its pre-training, where published."""

    @property
    def training_tokens(self) -> float | None:
        """The tokens that it was trained on, where published."""

    def parameters_by_part(self) -> Mapping[str, int]:
        """Exact parameter counts; the sum is the model's."""

    def lower(
        self, batch: Number, seq_len: Number, context: Number | None = None, phase: Phase = Phase.TRAINING
    ) -> LoweredModel:
        """The operators of one forward pass of a phase over `seq_len` tokens of each of `batch` sequences.

        They attend to `context` tokens, where that is more than their own: those of other context parallel ranks, or
        those that were read before. All of an operator is in proportion to `batch`, and to `seq_len` in the same
        context, where it does not claim otherwise (`Operator.works`); but for `weights_read`, whose share of the
        weights follows from that of one token by `touched_share`. So cost models lower a model for one token of one
        sequence and price any number of them. The blocks are the same in prefill and decode, whose operators may
        differ; in training there may be more.
        """

    def kv_cache(self, batch: Number, tokens: Number) -> Tensor:
        """What decoding keeps of `tokens` tokens of each of `batch` sequences, in all layers."""
