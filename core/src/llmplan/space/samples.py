"""The data set that a request gives in samples: their lengths, and the tokens that a run goes over."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from llmplan.errors import BadInputError, shown
from llmplan.request import option_name

if TYPE_CHECKING:
    from llmplan.records import Samples, Variation
    from llmplan.request import TrainRequest

_OF_SAMPLES = ("epochs", "sample_tokens", "sample_lengths", "packing")
_FINE = 256
"""Lengths that stand for all, equally likely."""
_USUAL = "lognormal:0.7"
"""Assumed of samples of which the mean alone is given: many short ones and a few long ones, as of instructions."""


def samples_of(request: TrainRequest, seq_len: int, said: list[str]) -> Samples | None:
    """As given, cut at the sequence; None where a run is given in tokens."""
    if request.samples is None:
        for name in _OF_SAMPLES:
            if (given := getattr(request, name)) is not None:
                word = getattr(given, "label", str(given).lower())
                raise BadInputError(f"{option_name(name)}: {word} needs samples, which is not given")
        return None
    if request.tokens is not None:
        raise BadInputError(f"tokens: {request.tokens:,.10g} contradicts samples {request.samples:,}; give one of them")
    found = _lengths(request, seq_len, said)
    longer = sum(length > seq_len for length in found) / len(found)
    cut = tuple(min(length, float(seq_len)) for length in found)
    from llmplan.records import Samples  # most runs are given in tokens

    data = Samples(number=request.samples, epochs=request.epochs or 1.0, lengths=cut, packed=bool(request.packing))
    each = f"{data.mean:,.0f} tokens on average" + (f", {longer:.1%} cut at seq-len {seq_len:,}" if longer else "")
    said.append(f"tokens {data.tokens:.4g}: {data.number:,} samples x {data.epochs:g} epochs x {each}")
    if not data.packed and found[0] < found[-1]:
        said.append("each sample is a sequence, padded to the longest beside it; --packing fills sequences")
    return data


def _lengths(request: TrainRequest, seq_len: int, said: list[str]) -> Sequence[float]:
    given, shape = request.sample_tokens, request.sample_lengths
    if isinstance(given, str):
        if shape is not None:
            raise BadInputError(f"sample-lengths: {shape.label} contradicts sample-tokens {given}, which has lengths")
        return _thinned(_read(given))
    if given is None:
        if shape is not None:
            raise BadInputError(f"sample-lengths: {shape.label} needs sample-tokens, which is not given")
        return (float(seq_len),)
    if shape is None:
        from llmplan.request.variation import as_variation

        shape = as_variation(_USUAL, "sample_lengths")
        said.append(f"sample-lengths {_USUAL} (assumed)")
    return _drawn(given, shape)


def _drawn(mean: int, shape: Variation) -> Sequence[float]:
    """Evenly over the probabilities, with the mean that was asked for."""
    found = [shape.family.quantile(mean, shape.cv, (place + 0.5) / _FINE) for place in range(_FINE)]
    return tuple(length * mean * _FINE / sum(found) for length in found)


def _thinned(lengths: Sequence[int]) -> Sequence[float]:
    """As many means of neighbours, or all where there are fewer."""
    many = len(lengths)
    if many <= _FINE:
        return tuple(map(float, lengths))
    edges = [place * many // _FINE for place in range(_FINE + 1)]
    return tuple(sum(lengths[a:b]) / (b - a) for a, b in pairwise(edges))


def _read(path: str) -> Sequence[int]:
    """A whole number on each line, in order; a first line of words is a heading."""
    from llmplan.text_file import read_text

    found = []
    for number, line in enumerate(read_text(path, "sample-tokens").splitlines(), 1):
        cell = line.strip().rstrip(",")
        if not cell or (number == 1 and not any(letter.isdigit() for letter in cell)):
            continue
        if not cell.isdecimal() or not int(cell[:12]):
            raise BadInputError(
                f"sample-tokens: {path}: line {number}: {shown(cell)} is not a whole number of at least 1"
            )
        found.append(int(cell[:12]))
    if not found:
        raise BadInputError(f"sample-tokens: {path}: no lengths; wanted is a whole number on each line")
    return sorted(found)
