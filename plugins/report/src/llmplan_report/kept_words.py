"""Latencies that were asked for, in words: whether they hold."""

from __future__ import annotations

from math import isinf
from typing import TYPE_CHECKING

from llmplan.output.words import seconds
from llmplan.records.plan import CONFIDENCE
from llmplan.space.kept import Kept, kept

if TYPE_CHECKING:
    from llmplan.estimate import InferenceEstimate, ServerEstimate


def kept_facts(estimate: InferenceEstimate | ServerEstimate) -> dict[str, str]:
    """One line of a report for all of them; none where nothing was asked for."""
    found = () if estimate.request is None else kept(estimate, estimate.request)
    said = [f"{one.option} {'holds' if one.holds else 'is BROKEN'}: {kept_words(one, estimate)}" for one in found]
    return {"limits": "; ".join(said)} if said else {}


def kept_briefly(estimate: InferenceEstimate | ServerEstimate) -> str:
    """``BREAKS --tpot, keeps to --ttft``: for the first lines of a report, which are cut at the end."""
    found = () if estimate.request is None else kept(estimate, estimate.request)
    says = (("BREAKS", [one.option for one in found if not one.holds]),
            ("keeps to", [one.option for one in found if one.holds]))  # fmt: skip
    return ", ".join(f"{words} --{' and --'.join(names)}" for words, names in says if names)


def kept_words(one: Kept, estimate: InferenceEstimate | ServerEstimate) -> str:
    """What it takes, by how many requests, with which confidence, of what was asked for."""
    of = f" for {one.percentile} % of requests" if one.percentile else ""
    asked = estimate.request.confidence
    sure = f"{CONFIDENCE if asked is None else asked:.0%} confidence"
    counted = "" if one.at_confidence == one.seconds else f", {_seconds(one.at_confidence)} with {sure}"
    return f"{_seconds(one.seconds)}{of}{counted}, of {seconds(one.limit)}"


def _seconds(value: float) -> str:
    return "without end" if isinf(value) else seconds(value)
