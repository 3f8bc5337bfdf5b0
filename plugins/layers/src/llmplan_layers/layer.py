"""One kind of layer: what mixes tokens, what works on each of them, and norms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from llmplan.arrays.quantities import Number, minimum
from llmplan.records.model import ALWAYS_KEPT, NEVER_KEPT, Operator, Phase, Recompute, Split, Tensor, Works
from llmplan_layers.attention import AttentionLayer, Mask, Seen
from llmplan_layers.mlp import MlpLayer
from llmplan_layers.norms import norm_operator

if TYPE_CHECKING:
    from llmplan_layers.residual import Residual

_BEFORE_AND_AFTER = 4


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class Layer:
    """One kind of layer: what mixes tokens, what works on each of them, and norms; either part may be missing."""

    mixer: AttentionLayer | None = None
    mlp: MlpLayer | None = None
    window: int | None = None
    """Tokens that the mixer looks back on, and that its cache keeps."""
    mask: Mask = Mask.CAUSAL
    norms: int = 2
    """Before the mixer and the MLP; 1 before both at once, or before the only part; from 4 on after each, too."""
    again: bool = False
    """Its weights are those of a layer before (ALBERT)."""
    works: Works = Works.ALL
    """On which tokens of a sequence it works while serving."""
    parallel: bool = False
    """Mixer and MLP read the same states and are added, not one after the other."""
    residual: Residual | None = None
    """What makes their states of more than one stream."""

    def parameters(self, norm: int) -> int:
        """Of one such layer, where a norm has so many."""
        own = self._mixer_parameters + self._mlp_parameters + self.residual_parameters
        return 0 if self.again else own + self.norms * norm

    def active_parameters(self, norm: int) -> int:
        """Those that one token passes through."""
        active = 0 if self.mlp is None else self.mlp.active_parameters
        return self._mixer_parameters + active + self.norms * norm

    @property
    def _mixer_parameters(self) -> int:
        return 0 if self.mixer is None else self.mixer.parameters

    @property
    def _mlp_parameters(self) -> int:
        return 0 if self.mlp is None else self.mlp.parameters

    @property
    def residual_parameters(self) -> int:
        """Before the mixer and before the MLP."""
        places = (self.mixer is not None) + (self.mlp is not None)
        return 0 if self.residual is None else places * self.residual.parameters

    @property
    def routed_parameters(self) -> int:
        """Parameters that lie in routed experts."""
        return 0 if self.mlp is None else self.mlp.routed_parameters

    def cached(self, tokens: Number) -> Number:
        """Elements that are kept of so many tokens of a sequence; an encoder keeps none."""
        if self.mixer is None or self.works is Works.PROMPT:
            return 0.0 * tokens
        own = getattr(self.mixer, "cached", None)
        if own is not None:
            kept: Number = own(tokens)
            return kept
        return self.mixer.cache_width * (tokens if self.window is None else minimum(tokens, self.window))

    def operators(self, hidden: int, tokens: Number, look: Seen, phase: Phase) -> tuple[Operator, ...]:
        """Norms, mixer and MLP, as far as they run in a phase."""
        operators = self._operators(hidden, tokens, look)
        if self.works is Works.ALL:
            return operators
        here = tuple(operator for operator in operators if self._runs(operator, phase))
        for operator in here:
            operator.works = Works.ALL
        return here

    def _runs(self, operator: Operator, phase: Phase) -> bool:
        """A mixer may say that some of its operators work on the prompt in a layer that works on answers."""
        works = self.works if operator.works is Works.ALL else operator.works
        return works is not (Works.ANSWER if phase is Phase.PREFILL else Works.PROMPT) or phase is Phase.TRAINING

    def _operators(self, hidden: int, tokens: Number, look: Seen) -> tuple[Operator, ...]:
        """States that two of them read are kept once."""
        width = tokens * hidden
        if self.mixer is None or self.mlp is None:
            return self._one_part(width, tokens, look)
        one_norm = self.norms == 1
        kept = NEVER_KEPT if one_norm else Recompute.NORM_ATTENTION_NORM
        attention = self.mixer.operators(tokens, look, Tensor(width, Split.SEQUENCE, "activation", kept))
        mlp = self.mlp.operators(tokens, Tensor(width, Split.SEQUENCE))
        if self.residual is not None:
            into_attention, into_mlp = (self.residual.operators(tokens, place) for place in ("attention", "mlp"))
            return (
                norm_operator("norm before attention", width, ALWAYS_KEPT),
                *attention,
                *into_attention,
                norm_operator("norm before mlp", width, Recompute.NORM_ATTENTION_NORM),
                *mlp,
                *into_mlp,
            )
        if one_norm:
            return (norm_operator("norm before attention and mlp", width, ALWAYS_KEPT), *attention, *mlp)
        first = norm_operator("norm before attention", width, ALWAYS_KEPT)
        between = NEVER_KEPT if self.parallel else Recompute.NORM_ATTENTION_NORM
        second = norm_operator("norm before mlp", width, between)
        if self.norms < _BEFORE_AND_AFTER:
            return (first, *attention, second, *mlp)
        after_attention = norm_operator("norm after attention", width, Recompute.NORM_ATTENTION_NORM)
        further = [norm_operator("norm inside mlp", width) for _ in range(self.norms - _BEFORE_AND_AFTER)]
        return (first, *attention, after_attention, second, *further, *mlp, norm_operator("norm after mlp", width))

    def _one_part(self, width: Number, tokens: Number, look: Seen) -> tuple[Operator, ...]:
        if self.mixer is not None:
            states = Tensor(width, Split.SEQUENCE, "activation", Recompute.NORM_ATTENTION_NORM)
            return (
                norm_operator("norm before attention", width, ALWAYS_KEPT),
                *self.mixer.operators(tokens, look, states),
            )
        operators = () if self.mlp is None else self.mlp.operators(tokens, Tensor(width, Split.SEQUENCE))
        return (norm_operator("norm before mlp", width, ALWAYS_KEPT), *operators)
