"""The decoder-only transformer, the shape of most language models, lowered to operators."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen
from attrs.validators import optional

from llmplan.arrays.quantities import Number
from llmplan.records.checks import count, lookup_name, one_of, positive, whole
from llmplan.records.model import LoweredModel, Phase, Tensor
from llmplan_layers import transformer_checks as check
from llmplan_layers.attention import AttentionLayer
from llmplan_layers.grouped_attention import GroupedAttention
from llmplan_layers.layer import Layer
from llmplan_layers.layered_model import LayeredModel
from llmplan_layers.mlp import DenseMlp, MlpLayer

if TYPE_CHECKING:
    from llmplan.records.stored_weights import StoredWeights
    from llmplan_layers.latent_attention import LatentAttention
    from llmplan_layers.mixture_of_experts import MixtureOfExperts


@frozen(kw_only=True, eq=False, slots=False, repr=False)
class Transformer:
    """A decoder-only transformer: L layers of attention and MLP between an embedding and an output head.

    In the formulas b is sequences, s tokens of each, h hidden, n heads, g KV heads, d head_dim, f ffn_hidden, V vocab.
    """

    name: str = field(validator=lookup_name)
    family: str = ""
    layers: int = field(validator=[whole, check.few_enough])
    hidden: int = field(validator=whole)
    heads: int = field(validator=whole)
    kv_heads: int = field(validator=[whole, check.divides_heads])
    head_dim: int = field(validator=whole)
    ffn_hidden: int = field(validator=whole)
    gated_mlp: bool
    """Three matrices (gate, up, down) as in SwiGLU, else two."""
    vocab: int = field(validator=whole)
    tied_embeddings: bool = False
    """The output head is the input embedding's table."""
    norm: str = field(default="rms", validator=one_of("rms", "layer"))
    """``rms`` has a scale, ``layer`` a scale and, unless norm_bias says otherwise, a bias."""
    norm_bias: bool | None = None
    """None: ``layer`` has one, ``rms`` has none."""
    norms_per_layer: int = field(default=2, validator=[one_of(1, 2, 4), check.one_norm_feeds_both])
    """Before attention and MLP; 1 before both at once, 4 before and after each."""
    qk_norm: str = field(default="none", validator=one_of("none", "head", "full"))
    """Of queries and keys: ``head`` with a scale of head_dim, ``full`` with one of all heads."""
    embedding_norm: bool = False
    """Between the embedding and the first layer."""
    final_norm: bool = True
    """Between the last layer and the output head."""
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    """In every expert too, where there are experts."""
    lm_head_bias: bool = False
    attention_sinks: bool = False
    """A learned logit a head that takes attention away from all tokens."""
    parallel_attn_mlp: bool = False
    """Attention and MLP read the same states and are added, not one after the other."""
    position: str = field(default="rope", validator=one_of("rope", "alibi", "learned", "none"))
    """``learned`` adds a table of learned_pos_rows, or else of max_seq_len rows."""
    max_seq_len: int | None = field(default=None, validator=[optional(whole), check.learned_needs_rows])
    learned_pos_rows: int | None = field(default=None, validator=[optional(whole), check.only_learned_has_rows])
    sliding_window: int | None = field(default=None, validator=optional(whole))
    """Tokens that attention looks back on."""
    full_attention_step: int | None = field(default=None, validator=[optional(whole), check.needs_window])
    """Every so many-th layer attends to all tokens in spite of the window; None where no layer does."""
    moe: MixtureOfExperts | None = field(default=None, validator=check.some_layer_has_experts)
    mla: LatentAttention | None = field(default=None, validator=check.latents_fit)
    mtp_layers: int = field(default=0, validator=count)
    """Layers that predict further tokens: run in training, and as the draft of speculation; none of `layers`."""
    beside: Mapping[str, int] = field(factory=dict)
    """Parameters that text does not pass through: encoders of images or sound, by name. They are held, not run."""
    training_seq_len: int | None = field(default=None, validator=optional(whole))
    training_tokens: float | None = field(default=None, validator=optional(positive))
    aliases: tuple[str, ...] = ()
    """Other names that people know it by: its repository on a hub."""
    sources: Mapping[str, str] = field(factory=dict)
    note: str = ""
    stored: StoredWeights | None = None
    """How its checkpoint lies in files, where it was read from one."""
    assumed: tuple[str, ...] = ()
    """What its reader took for granted, in words."""

    @cached_property
    def _attention(self) -> AttentionLayer:
        if self.mla is not None:
            from llmplan_layers.latent_attention import LatentAttentionLayer

            return LatentAttentionLayer(hidden=self.hidden, heads=self.heads, mla=self.mla, o_bias=self.o_bias)
        return GroupedAttention(
            hidden=self.hidden,
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            qkv_bias=self.qkv_bias,
            o_bias=self.o_bias,
            qk_norm=self.qk_norm,
            sinks=self.attention_sinks,
            rotary=self.position == "rope",
        )

    @cached_property
    def _layered(self) -> LayeredModel:
        """The same as layers; those of one MLP and one window are alike."""
        dense = DenseMlp(hidden=self.hidden, ffn_hidden=self.ffn_hidden, gated=self.gated_mlp, bias=self.mlp_bias)
        sparse: MlpLayer = dense
        if self.moe is not None:
            from llmplan_layers.mixture_of_experts import SparseMlp

            sparse = SparseMlp(moe=self.moe, dense=dense)
        kinds: dict[tuple[MlpLayer, int | None], Layer] = {}
        order = []
        for number in range(self.layers):
            kind = (sparse if self.moe is not None and self.moe.has_experts(number) else dense, self._window(number))
            if kind not in kinds:
                kinds[kind] = self._layer(*kind)
            order.append(kinds[kind])
        return LayeredModel(
            name=self.name,
            hidden=self.hidden,
            vocab=self.vocab,
            order=tuple(order),
            tied_embeddings=self.tied_embeddings,
            norm_bias=self.norm == "layer" if self.norm_bias is None else self.norm_bias,
            embedding_norm=self.embedding_norm,
            final_norm=self.final_norm,
            position_rows=(self.learned_pos_rows or self.max_seq_len or 0) if self.position == "learned" else 0,
            lm_head_bias=self.lm_head_bias,
            beside=self.beside,
            mtp_layers=self.mtp_layers,
        )

    def _layer(self, mlp: MlpLayer, window: int | None) -> Layer:
        return Layer(
            mixer=self._attention,
            mlp=mlp,
            window=window,
            norms=self.norms_per_layer,
            parallel=self.parallel_attn_mlp,
        )

    def without_windows(self) -> Transformer:
        """As a program runs it that caches and reads all that came before, in every layer."""
        return evolve(self, sliding_window=None, full_attention_step=None)

    def _window(self, layer: int) -> int | None:
        """The last of every `full_attention_step` layers has none."""
        step = self.full_attention_step
        return None if step is not None and (layer + 1) % step == 0 else self.sliding_window

    @property
    def draft(self) -> LayeredModel | None:
        """What proposes a token where it speculates by itself; None where it was not trained to."""
        return self._layered.draft

    def parameters_by_part(self) -> Mapping[str, int]:
        """Vh + L (2hnd + 2hgd + 3hf (2hf without gate) + 2h) + h + Vh (0 where tied), and biases, experts, latents.

        `GroupedAttention`, `LatentAttentionLayer`, `DenseMlp` and `SparseMlp` say what each adds.
        """
        return self._layered.parameters_by_part()

    def active_parameters(self) -> int:
        """Those that one token passes through: of the routed experts only those that it goes to."""
        return self._layered.active_parameters()

    def kv_cache(self, batch: Number, tokens: Number) -> Tensor:
        """Of every token in every layer K and V, 2gd elements, or a latent; of windowed layers the window's tokens."""
        return self._layered.kv_cache(batch, tokens)

    def lower(
        self, batch: Number, seq_len: Number, context: Number | None = None, phase: Phase = Phase.TRAINING
    ) -> LoweredModel:
        """The operators of one forward pass; attention is counted over the full s x s square, or s x window."""
        return self._layered.lower(batch, seq_len, context, phase)
