"""Optimizers: what they keep of every parameter, and what their step costs."""

from __future__ import annotations

from attrs import field, frozen

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
    newton_schulz_steps: int = field(default=0, validator=count)
    """Iterations that make each gradient matrix orthogonal before it is applied."""
    source: str = ""

    def state_bytes_in(self, bits: float) -> float:
        """Of one parameter, where the program keeps states in so many bits."""
        return self.state_bytes * min(bits, self.state_bits) / self.state_bits
