"""Models as layers between an embedding and an output head, whatever the layers are, lowered to operators."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen
from attrs.validators import optional

from llmplan.arrays.quantities import Number, total
from llmplan.records import checks
from llmplan.records.checks import lookup_name, positive, whole
from llmplan.records.model import (
    ALWAYS_KEPT,
    Block,
    Gemm,
    LoweredModel,
    Operator,
    Phase,
    Split,
    Tensor,
)
from llmplan_layers.attention import seen
from llmplan_layers.layer import Layer
from llmplan_layers.norms import end_matrix, end_norm

if TYPE_CHECKING:
    from llmplan.records.stored_weights import StoredWeights


@frozen(kw_only=True, eq=False, slots=False, repr=False)
class LayeredModel:
    """Layers of any kinds, in order, between an embedding and an output head.

    In the formulas b is sequences, s tokens of each, h hidden, V vocab.
    """

    name: str = field(validator=lookup_name)
    family: str = ""
    hidden: int = field(validator=whole)
    vocab: int = field(validator=whole)
    order: tuple[Layer, ...] = field(repr=False)
    """The layers; equal ones are the same object."""
    tied_embeddings: bool = False
    """The output head is the input embedding's table."""
    norm_bias: bool = False
    embedding_norm: bool = False
    final_norm: bool = True
    positions_are_wide: bool = False
    """Positions are as wide as h where the tables are not."""
    position_rows: int = 0
    """Of learned tables that are added to the embedding: positions, types of tokens."""
    embedding_width: int | None = field(default=None, validator=optional(whole))
    """Of the tables, where a matrix leads from them to h, and one from h back to them (ALBERT, OPT-350M)."""
    head_parameters: int = 0
    """Of the ends beside tables: biases, a transformation before the head, the norm at the end of an encoder."""
    lm_head_bias: bool = False
    beside: Mapping[str, int] = field(factory=dict)
    """Parameters that text does not pass through: encoders of images or sound, by name. They are held, not run."""
    mtp_layers: int = field(default=0, validator=checks.count)
    """Layers that predict further tokens: run in training, and as the draft of speculation; none of `layers`."""
    drafts: bool = False
    """It is such a layer of another model, whose tables it shares."""
    generates: bool = True
    """Whether it predicts the next token; an encoder does not."""
    max_seq_len: int | None = field(default=None, validator=optional(whole))
    training_seq_len: int | None = field(default=None, validator=optional(whole))
    training_tokens: float | None = field(default=None, validator=optional(positive))
    aliases: tuple[str, ...] = ()
    """Other names that it is looked up by."""
    sources: Mapping[str, str] = field(factory=dict)
    note: str = ""
    stored: StoredWeights | None = None
    """How its checkpoint lies in files, where it was read from one."""
    assumed: tuple[str, ...] = ()
    """What its reader took for granted, in words."""

    @property
    def layers(self) -> int:
        """How many layers the model has."""
        return len(self.order)

    @cached_property
    def draft(self) -> LayeredModel | None:
        """What proposes a token where it speculates by itself; None where it was not trained to."""
        if not self.mtp_layers:
            return None
        name = f"{self.name}-mtp"
        return evolve(self, name=name, order=self.order[-1:], mtp_layers=0, drafts=True, beside={}, aliases=())

    @cached_property
    def kinds(self) -> Mapping[Layer, int]:
        """How many layers of each kind, in the order in which each kind first appears."""
        counts: dict[Layer, int] = {}
        for layer in self.order:
            counts[layer] = counts.get(layer, 0) + 1
        return counts

    @cached_property
    def _leading(self) -> frozenset[Layer]:
        """Kinds without experts that lie before all layers with them."""
        first = next((number for number, layer in enumerate(self.order) if layer.routed_parameters), 0)
        return frozenset(self.order[:first]) - frozenset(self.order[first:])

    @property
    def norm_parameters(self) -> int:
        """Of one norm: h, and as many of a bias."""
        return self.hidden * (1 + self.norm_bias)

    @cached_property
    def _embedding_parameters(self) -> int:
        if self.drafts:
            from llmplan_layers.multi_token import joining_parameters

            return joining_parameters(self.hidden, self.norm_parameters)
        wide, narrow = self.hidden, self._table_width
        led = 0 if self.embedding_width is None else narrow * wide
        positions = self.position_rows * (wide if self.positions_are_wide else narrow)
        return self.vocab * narrow + positions + led + self.embedding_norm * self.norm_parameters

    @property
    def _table_width(self) -> int:
        return self.hidden if self.embedding_width is None else self.embedding_width

    @property
    def _head_parameters(self) -> int:
        """Of the head alone: no table where it is that of the embedding."""
        if self.drafts:
            return 0
        table = 0 if self.tied_embeddings else self.vocab * self._table_width
        table += 0 if self.embedding_width is None else self.hidden * self._table_width
        return table + self.lm_head_bias * self.vocab + self.head_parameters

    def parameters_by_part(self) -> Mapping[str, int]:
        """Vh + the layers' + h + Vh (0 where tied); each kind of mixer and MLP says what it holds."""
        return self._by_part(active=False)

    def active_parameters(self) -> int:
        """Those that one token passes through: of the routed experts only those that it goes to."""
        return sum(self._by_part(active=True).values()) - sum(self.beside.values())

    def _by_part(self, *, active: bool) -> dict[str, int]:
        parts = {"input_embedding": self._embedding_parameters, **self.beside, "attention": 0, "mlp": 0, "layernorm": 0}
        for layer, count in self.kinds.items():
            if layer.again and not active:
                continue
            if layer.mixer is not None:
                part = layer.mixer.part
                parts[part] = parts.get(part, 0) + count * layer.mixer.parameters
            if layer.mlp is not None:
                parts["mlp"] += count * (layer.mlp.active_parameters if active else layer.mlp.parameters)
            parts["layernorm"] += count * layer.norms * self.norm_parameters
            if layer.residual_parameters:
                parts["residual"] = parts.get("residual", 0) + count * layer.residual_parameters
        parts["final_norm"] = self.final_norm * self.norm_parameters
        parts["output_embedding"] = self._head_parameters
        return parts

    def kv_cache(self, batch: Number, tokens: Number) -> Tensor:
        """What each kind of layer keeps of the tokens that it looks back on; states of recurrent layers not counted."""
        kept = total(count * layer.cached(tokens) for layer, count in self.kinds.items())
        ways = [layer.mixer.cache_ways for layer in self.kinds if layer.mixer is not None and layer.mixer.cache_width]
        return Tensor(1.0 * batch * kept, max_ways=min(ways, default=inf))

    def lower(
        self, batch: Number, seq_len: Number, context: Number | None = None, phase: Phase = Phase.TRAINING
    ) -> LoweredModel:
        """The operators of one forward pass; attention is counted over the full s x s square, or s x window."""
        tokens = 1.0 * batch * seq_len
        context = seq_len if context is None else context
        layers = [
            self._block(layer, count, layer.operators(self.hidden, tokens, look, phase))
            for layer, count in self.kinds.items()
            if (look := seen(seq_len, context, layer.window, layer.mask))
        ]
        if self.mtp_layers and phase is Phase.TRAINING:
            from llmplan_layers.multi_token import predicting_block

            last = self.order[-1]
            look = seen(seq_len, context, last.window, last.mask)
            layers.append(predicting_block(self, last, last.operators(self.hidden, tokens, look, phase), tokens))
        return LoweredModel(embedding=self._embedding(tokens), layers=tuple(layers), head=self._head(tokens))

    def _block(self, layer: Layer, count: int, operators: tuple[Operator, ...]) -> Block:
        return Block(
            operators,
            layer.parameters(self.norm_parameters),
            count,
            shared_parameters=total(operator.weights for operator in operators) if layer.again else 0,
            expert_parameters=0 if layer.again else layer.routed_parameters,
            leading=layer in self._leading,
        )

    def _embedding(self, tokens: Number) -> Block:
        width, part = tokens * self.hidden, "input_embedding"
        lookup = Operator(
            "token embedding",
            part,
            0.0,
            float(self.vocab * self._table_width),
            reduced_elements=width,
            moved=2.0 * width,
            moved_split=Split.SEQUENCE,
        )
        beside = [Operator(name.replace("_", " "), part, weights=float(size)) for name, size in self.beside.items()]
        norm = (end_norm("embedding norm", part, width),) if self.embedding_norm else ()
        led: tuple[Operator, ...] = ()
        if self.embedding_width is not None:
            led = (end_matrix("embedding projection", part, tokens, (self.embedding_width, self.hidden)),)
        if self.drafts:
            from llmplan_layers.multi_token import joining

            joined = (lookup, *joining(tokens, self.hidden, part))
            return Block(joined, self._embedding_parameters, shared_parameters=self.vocab * self.hidden)
        return Block((lookup, *beside, *led, *norm), self._embedding_parameters + sum(self.beside.values()))

    def _head(self, tokens: Number) -> Block:
        """Logits 2bsVh, and the loss over them in FP32."""
        table = self.vocab * self._table_width
        states = Tensor(tokens * self.hidden, Split.SEQUENCE, dropped_from=ALWAYS_KEPT)
        logits = Tensor(tokens * self.vocab, width="loss", dropped_from=ALWAYS_KEPT)
        part = "output_embedding_loss"
        led: tuple[Operator, ...] = ()
        if self.embedding_width is not None:
            led = (end_matrix("head projection", part, tokens, (self.hidden, self.embedding_width)),)
        operators = (
            *((end_norm("final norm", part, states.elements),) if self.final_norm else ()),
            *led,
            Operator(
                "output embedding",
                part,
                2.0 * tokens * table,
                float(table),
                (states,),
                gemm=Gemm(tokens, self.vocab, self._table_width),
            ),
            Operator("loss", part, inputs=(logits,), moved=2.0 * logits.elements),
        )
        own = self._head_parameters + self.final_norm * self.norm_parameters
        return Block(operators, own, shared_parameters=table if self.tied_embeddings or self.drafts else 0)
