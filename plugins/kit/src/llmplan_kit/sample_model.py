"""A small model for checks of what is no model: as many kinds of operators as cost models have to price."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from llmplan.arrays.quantities import Number
from llmplan.records import (
    Block,
    Cache,
    Gemm,
    LoweredModel,
    Operator,
    Phase,
    Recompute,
    Scores,
    Split,
    State,
    Tensor,
)
from llmplan.records.checks import lookup_name
from llmplan.records.model import ALWAYS_KEPT, touched_share


@frozen(kw_only=True, eq=False, repr=False)
class SampleModel:
    """Layers of a norm, attention whose heads share keys and values by twos, and two matrices; a table at each end."""

    name: str = field(default="sample", validator=lookup_name)
    layers: int = 4
    hidden: int = 256
    heads: int = 4
    vocab: int = 999
    tied_embeddings: bool = False
    experts: int = 1
    """MLPs of a layer, between which tokens are routed where there are several."""
    met: int = 1
    """That a token goes to."""
    recurrent: bool = False
    """A state of each sequence in place of keys and values."""
    max_seq_len: int | None = None
    training_seq_len: int | None = None
    training_tokens: float | None = None

    @property
    def _table(self) -> int:
        return self.vocab * self.hidden

    def parameters_by_part(self) -> Mapping[str, int]:
        """Queries and output h^2 each, keys and values h^2 / 2 each, an MLP of 4h, a norm, two tables."""
        h, of_layers = self.hidden, self.layers
        table = 0 if self.tied_embeddings else self._table
        mlp = 8 * h * h * self.experts * of_layers
        parts = {"attention": 3 * h * h * of_layers, "mlp": mlp, "norm": h * of_layers}
        return {"input_embedding": self._table, **parts, "output_embedding": table}

    def lower(
        self, batch: Number, seq_len: Number, context: Number | None = None, phase: Phase = Phase.TRAINING
    ) -> LoweredModel:
        """The operators of one forward pass, the same in each phase."""
        del phase
        tokens, h, table = 1.0 * batch * seq_len, self.hidden, float(self._table)
        states = Tensor(tokens * h, Split.SEQUENCE, dropped_from=ALWAYS_KEPT)
        lookup = Operator("lookup", "input_embedding", weights=table, reduced_elements=tokens * h, moved=2 * tokens * h)
        guess = Operator(
            "guess", "output_embedding_loss", 2 * tokens * table, table, (states,), gemm=Gemm(tokens, self.vocab, h)
        )
        loss = Operator("loss", guess.part, inputs=(Tensor(tokens * self.vocab, width="loss"),))
        shared = self._table if self.tied_embeddings else 0
        operators = self._operators(tokens, seq_len, seq_len if context is None else context)
        return LoweredModel(
            Block((lookup,), self._table),
            (self._block(operators),),
            Block((guess, loss), self._table - shared, shared_parameters=shared),
        )

    def _block(self, operators: tuple[Operator, ...]) -> Block:
        h, mlp = self.hidden, 8 * self.hidden**2
        routed = self.experts * mlp if self.experts > 1 else 0
        return Block(operators, 3 * h * h + h + self.experts * mlp, self.layers, expert_parameters=routed)

    def _operators(self, tokens: Number, seq_len: Number, keys: Number) -> tuple[Operator, ...]:
        h, n = self.hidden, self.heads
        states = Tensor(tokens * h, Split.SEQUENCE, dropped_from=ALWAYS_KEPT)
        norm = Operator("norm", "norm", inputs=(states,), moved=2 * tokens * h, moved_split=Split.SEQUENCE)
        made = self._matrix("projection", "attention", tokens, (h, 2 * h), n // 2)
        heads = Tensor(tokens * h, dropped_from=Recompute.ATTENTION, max_ways=n)
        flops, again = 2 * tokens * keys * h, Recompute.ATTENTION_COMPUTE
        mask = Tensor(tokens * keys * n, dropped_from=again, fusible=True, max_ways=n)
        cache = Cache(h, n // 2, 4 * h, heads_per_key=2)
        scores = Scores(seq_len, h / n, 0.5, cache)
        look = Operator("scores", "attention", flops, 0, (heads, heads), None, again, n, "heads", scores=scores)
        mixed = Operator("mix", "attention", flops, 0, (mask, heads), None, again, n, "heads")
        out = self._matrix("output", "attention", tokens, (h, h), n)
        shapes = (("up", (h, 4 * h)), ("down", (4 * h, h)))
        up, down = (self._matrix(name, "mlp", self.met * tokens, shape) for name, shape in shapes)
        for last in (out, down):
            last.reduced_elements, last.moved, last.moved_split = tokens * h, 3 * tokens * h, Split.SEQUENCE
            assert last.gemm is not None  # noqa: S101 - made so
            last.gemm.splits_sum = True
        if self.experts > 1:
            self._route(up, down, tokens)
        if self.recurrent:
            state = State(h * h / n, bits=32, ways=n)
            look = Operator("state", "attention", 4 * tokens * h * h / n, max_ways=n, state=state)
        return (norm, made, look, *(() if self.recurrent else (mixed,)), out, up, down)

    def _route(self, up: Operator, down: Operator, tokens: Number) -> None:
        """Tokens to some of the experts and back, whose weights are read where any goes to them."""
        copies, touched = tokens * self.met, self.experts * touched_share(self.met / self.experts, tokens)
        up.exchanged = down.exchanged = copies * self.hidden
        for matrix in (up, down):
            assert matrix.gemm is not None  # noqa: S101 - made so
            matrix.gemm.m, matrix.gemm.groups, matrix.gemm.routed = copies / self.experts, self.experts, True
            matrix.weights_read, matrix.weights = touched * matrix.weights, self.experts * matrix.weights

    @staticmethod
    def _matrix(name: str, part: str, tokens: Number, shape: tuple[int, int], ways: float = float("inf")) -> Operator:
        k, n = shape
        read = Tensor(tokens * k)
        return Operator(
            name, part, 2 * tokens * k * n, float(k * n), (read,), max_ways=ways, parts="heads", gemm=Gemm(tokens, n, k)
        )

    def kv_cache(self, batch: Number, tokens: Number) -> Tensor:
        """Keys and values, h elements of each token in each layer; none of a model that is recurrent."""
        kept = 0 if self.recurrent else self.layers * self.hidden
        return Tensor(1.0 * batch * tokens * kept, max_ways=self.heads // 2)
