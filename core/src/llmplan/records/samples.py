"""The data set of a run: how many samples it has, how long they are, and what becomes of them in sequences."""

from __future__ import annotations

from itertools import pairwise

from attrs import frozen

from llmplan.arrays.quantities import Number, total


@frozen(kw_only=True, eq=False, repr=False)
class Samples:
    """Samples that a run goes over, each a sequence of its own or packed into full ones."""

    number: int
    epochs: float
    lengths: tuple[float, ...]
    """Tokens, equally likely and in order, cut at the sequence."""
    packed: bool

    @property
    def mean(self) -> float:
        """How many tokens a sample has on average."""
        return total(self.lengths) / len(self.lengths)

    @property
    def tokens(self) -> float:
        """Of all samples in all epochs."""
        return self.number * self.epochs * self.mean

    def longest_of(self, samples: Number) -> Number:
        """Tokens of the longest of so many on average: the sum over lengths of their steps, each as likely as that not
        all samples are shorter.
        """
        many = len(self.lengths)
        higher = (
            (more - less) * (1.0 - (place / many) ** samples)
            for place, (less, more) in enumerate(pairwise(self.lengths), start=1)
            if more > less
        )
        return self.lengths[0] + total(higher)
