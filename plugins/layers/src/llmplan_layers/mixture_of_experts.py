"""Mixture of experts: a router sends each token to a few of many MLPs; some experts see every token.

Jiang et al. 2024, arXiv:2401.04088, section 2.1; shared experts: Dai et al. 2024, arXiv:2401.06066, section 3.2.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from attrs import evolve, field, frozen
from attrs.validators import optional

from llmplan.arrays.quantities import Number
from llmplan.errors import BadInputError
from llmplan.records.checks import count, whole
from llmplan.records.model import NEVER_KEPT, Gemm, Operator, Split, Tensor, touched_share
from llmplan_layers.mlp import DenseMlp, residual


def _some_of_all(moe: MixtureOfExperts, _field: object, top_k: int) -> None:
    if top_k > moe.n_routed_experts:
        raise BadInputError(f"top_k: {top_k} is more than n_routed_experts = {moe.n_routed_experts}")


def _needs_shared(moe: MixtureOfExperts, attribute: Any, value: object) -> None:
    if value and not moe.n_shared_experts:
        raise BadInputError(f"{attribute.name}: {value!r}, and n_shared_experts = 0")


@frozen(kw_only=True, repr=False)
class MixtureOfExperts:
    """Which layers hold experts, how many, and how wide."""

    n_routed_experts: int = field(validator=whole)
    n_shared_experts: int = field(default=0, validator=count)
    top_k: int = field(validator=[whole, _some_of_all])
    """Routed experts that a token goes to."""
    moe_ffn_hidden: int = field(validator=whole)
    """Width of one expert."""
    shared_ffn_hidden: int | None = field(default=None, validator=[optional(whole), _needs_shared])
    """Width of all shared experts together; None is n_shared_experts x moe_ffn_hidden."""
    first_dense_layers: int = field(default=0, validator=count)
    """So many layers at the start have the model's own dense MLP."""
    moe_layer_step: int = field(default=1, validator=whole)
    """Every so many-th layer has experts, the others a dense MLP."""
    router_bias: bool = False
    """One number an expert, added to its score."""
    router_scale: bool = False
    """A vector of width h that scales the states before the router reads them."""
    shared_expert_gate: bool = field(default=False, validator=_needs_shared)
    """A vector of width h that weighs the shared experts' output."""
    latent_hidden: int | None = field(default=None, validator=optional(whole))
    """Width of the states that routed experts work on, between a matrix down to it and one back (LatentMoE)."""
    latent_norm: bool = False
    """Of that width, before the matrix back."""

    @property
    def shared_width(self) -> int:
        """Of all shared experts together, 0 where there are none."""
        return self.shared_ffn_hidden or self.n_shared_experts * self.moe_ffn_hidden

    def has_experts(self, layer: int) -> bool:
        """Whether this layer does, counted from 0."""
        return layer >= self.first_dense_layers and (layer + 1) % self.moe_layer_step == 0

    def experts_touched(self, tokens: Number) -> Number:
        """Distinct experts that T tokens go to: E (1 - (1 - k/E)^T), expected where each token chooses evenly."""
        experts = self.n_routed_experts
        return experts * touched_share(self.top_k / experts, tokens)


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class SparseMlp:
    """A router, E routed experts of which a token uses k, and shared ones; `dense` is the layer's MLP without them."""

    moe: MixtureOfExperts
    dense: DenseMlp

    @cached_property
    def _expert(self) -> DenseMlp:
        return evolve(self.dense, ffn_hidden=self.moe.moe_ffn_hidden, hidden=self._routed_width)

    @property
    def _routed_width(self) -> int:
        return self.moe.latent_hidden or self.dense.hidden

    @property
    def _latent_parameters(self) -> int:
        """Both matrices, and the norm."""
        latent = self.moe.latent_hidden or 0
        return 2 * self.dense.hidden * latent + self.moe.latent_norm * latent

    @cached_property
    def _shared(self) -> DenseMlp:
        return evolve(self.dense, ffn_hidden=self.moe.shared_width)

    @property
    def parameters(self) -> int:
        """Router hE, E experts of 3hf, shared experts."""
        return self._with_experts(self.moe.n_routed_experts)

    @property
    def active_parameters(self) -> int:
        """Router hE, k experts of 3hf, shared experts."""
        return self._with_experts(self.moe.top_k)

    def _with_experts(self, experts: int) -> int:
        moe, h = self.moe, self.dense.hidden
        shared = self._shared.parameters + moe.shared_expert_gate * h if moe.n_shared_experts else 0
        router = (h + moe.router_bias) * moe.n_routed_experts + moe.router_scale * h
        return router + experts * self._expert.parameters + shared + self._latent_parameters

    @property
    def routed_parameters(self) -> int:
        """Parameters that lie in routed experts."""
        return self.moe.n_routed_experts * self._expert.parameters

    def operators(self, tokens: Number, states: Tensor) -> tuple[Operator, ...]:
        """Router 2bshE, routed experts k x 6bshf, shared experts as a dense MLP; one all-reduce for their sum."""
        h, moe = self.dense.hidden, self.moe
        scores = float(h * moe.n_routed_experts)
        router = Operator(
            "router",
            "mlp",
            2.0 * tokens * scores,
            scores,
            (states,),
            max_ways=1,
            parts="routers",
            gemm=Gemm(tokens, moe.n_routed_experts, h),
        )
        shared = self._shared_operators(tokens) if moe.n_shared_experts else ()
        # every rank has its part of each expert's output; the gates are applied before it, so none is kept
        copies = tokens * moe.top_k * self._routed_width
        outputs = Tensor(copies, dropped_from=NEVER_KEPT, max_ways=1)
        # the copies are ordered by rank for the exchange, then by token, weighed and added
        combine = Operator(
            "sum over experts",
            "mlp",
            inputs=(outputs,),
            reduced_elements=tokens * self._routed_width if moe.latent_hidden is None else None,
            moved=5.0 * copies,
            moved_split=Split.SEQUENCE,
            exchanged=copies,
        )
        down, up = self._latent(tokens)
        return (router, *shared, *down, *self._routed_operators(tokens), combine, *up)

    def _latent(self, tokens: Number) -> tuple[tuple[Operator, ...], tuple[Operator, ...]]:
        """Down to the width of the experts and back, on every tensor parallel rank; sums over these follow, of routed
        and shared experts together (NVIDIA/TensorRT-LLM, _torch/models/modeling_nemotron_h.py).
        """
        latent, h = self.moe.latent_hidden, self.dense.hidden
        if latent is None:
            return (), ()
        held = float(h * latent)
        matrices = [
            Operator(
                f"latent {way} projection",
                "mlp",
                2.0 * tokens * held,
                held,
                (Tensor(tokens * k, Split.SEQUENCE),),
                max_ways=1,
                parts="latents",
                gemm=Gemm(tokens, n, k),
            )
            for way, k, n in (("down", h, latent), ("up", latent, h))
        ]
        matrices[1].moved, matrices[1].moved_split = residual(tokens * h), Split.SEQUENCE
        matrices[1].reduced_elements = tokens * h
        return (matrices[0],), (matrices[1],)

    def _routed_operators(self, tokens: Number) -> tuple[Operator, ...]:
        """A dense MLP over k copies of each token, with the weights of E experts, of which it reads those touched."""
        moe = self.moe
        copies = tokens * moe.top_k
        touched = moe.experts_touched(tokens)
        operators = self._expert.operators(copies, Tensor(copies * self._routed_width, Split.SEQUENCE))
        up, down = operators[0], operators[-1]
        # the tokens are copied in the order of ranks for the exchange, then put into the order of experts
        sent = copies * self._routed_width
        up.moved, up.moved_split, up.exchanged = 4.0 * sent, Split.SEQUENCE, sent
        down.moved = None
        for operator in operators:
            operator.name = f"routed experts: {operator.name}"
            operator.reduced_elements = None
            if operator.gemm is not None:
                operator.gemm.m = copies / moe.n_routed_experts
                operator.gemm.groups, operator.gemm.routed = moe.n_routed_experts, True
            if operator.weights:
                operator.weights_read = touched * operator.weights
                operator.weights = moe.n_routed_experts * operator.weights
        return operators

    def _shared_operators(self, tokens: Number) -> tuple[Operator, ...]:
        """Reads the states that the router read."""
        h = self.dense.hidden
        read_again = Tensor(tokens * h, Split.SEQUENCE, dropped_from=NEVER_KEPT)
        operators = self._shared.operators(tokens, read_again)
        for operator in operators:
            operator.name = f"shared experts: {operator.name}"
            operator.reduced_elements = None
        operators[-1].moved = None
        gate = Operator("shared experts: gate", "mlp", 2.0 * tokens * h, float(h), max_ways=1, parts="gates")
        return (*operators, gate) if self.moe.shared_expert_gate else operators
