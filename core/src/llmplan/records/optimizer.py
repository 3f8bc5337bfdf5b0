"""Optimizers: what they keep of every parameter, and what their step costs."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import optional

from llmplan.records.checks import count, lookup_name, not_negative, positive


@frozen(kw_only=True, eq=False, repr=False)
class Optimizer:
    """One rule of updating weights from gradients."""

    name: str = field(validator=lookup_name)
    description: str = ""
    default: bool = False
    """Whether it is meant where the user names none."""
    state_bytes: float = field(validator=not_negative)
    """Of one parameter, beside the master weights: moments, momentum."""
    state_bits: float = field(default=32.0, validator=positive)
    """In which it keeps a state, at most: a program may keep it in fewer."""
    ends_state_bytes: float | None = field(default=None, validator=optional(not_negative))
    """The same of the embedding and the output head, where another rule updates these."""
    paged: bool = False
    """States that the device has no room for wait in host memory, and come for the step."""
    moved_bytes: float = field(default=0.0, validator=not_negative)
    """Of one parameter, that kernels of a step move beside reading and writing states, gradient and weight."""
    newton_schulz_steps: int = field(default=0, validator=count)
    """Iterations that make each gradient matrix orthogonal before it is applied."""
    source: str = ""

    def state_bytes_in(self, bits: float, *, at_ends: bool = False) -> float:
        """Of one parameter, in a layer or at the ends, where the program keeps states in so many bits."""
        other = at_ends and self.ends_state_bytes is not None
        return (
            ((self.ends_state_bytes if other else None) or self.state_bytes)
            * min(bits, self.state_bits)
            / self.state_bits
        )
