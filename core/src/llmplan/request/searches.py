"""Requests for the best plan: what a search looks for."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.estimate.figures import TRAIN, objectives
from llmplan.request.latencies import answer_option, each_token_option, first_token_option, percentile_option
from llmplan.request.options import Options, option, word_option
from llmplan.request.values import (
    as_flag,
    as_money,
    as_positive_like,
    as_positive_seconds,
    as_whole,
    as_word,
    option_name,
)

_OBJECTIVES = {word: word for word in objectives(TRAIN)}
_SERVING_OBJECTIVES = {word: word for word in ("throughput", "cost", "gpus")}


def _figures(value: Any, name: str) -> tuple[str, ...]:
    """Two or more objectives, as a list or with commas between them."""
    words = [word.strip() for word in value.split(",")] if isinstance(value, str) else list(value)
    chosen = tuple(dict.fromkeys(as_word(_OBJECTIVES)(word, name) for word in words))
    if len(chosen) == 1:
        raise BadInputError(f"{option_name(name)}: {chosen[0]} alone has no frontier; give two, like time,gpus")
    return chosen


@frozen(kw_only=True, eq=False, repr=False)
class SearchRequest(Options):
    """What a search looks for; None is what was not given."""

    objective: str | None = word_option(f"What is to be least: {', '.join(_OBJECTIVES)}.", _OBJECTIVES)
    pareto: Any = option(
        "Figures of which the frontier is shown, like time,gpus.", _figures, metavar="NAME,NAME", listed=True
    )
    finish_within: float | None = option(
        "Longest that the run may take: 30d, 12h or seconds.", as_positive_seconds("30d, 12h or 3600"), metavar="TIME"
    )
    budget: float | None = option(
        "Most that the run may cost: 2M.", as_money(as_positive_like("2M or 50000")), metavar="MONEY"
    )
    top: int | None = option("How many of the best plans are shown; 10 by default.", as_whole(1, 1_000))
    prune: bool | None = option("Leave out what bounds show cannot fit or win; by default.", as_flag)


NOT_OF_SERVERS = ("batch", "max_batch", "max_context")
"""Options of ``llmplan infer`` that mean nothing to a search for a server, which makes batches of its own."""


@frozen(kw_only=True, eq=False, repr=False)
class InferSearchRequest(Options):
    """What a search for a server looks for; None is what was not given."""

    objective: str | None = word_option(
        f"{', '.join(_SERVING_OBJECTIVES)}: most tokens/s a GPU, least price of a token, fewest GPUs for --rate.",
        _SERVING_OBJECTIVES,
    )
    ttft: float | None = first_token_option()
    tpot: float | None = each_token_option()
    latency: float | None = answer_option()
    percentile: int | str | None = percentile_option()
    top: int | None = option("How many of the best plans are shown; 5 by default.", as_whole(1, 100))
    prune: bool | None = option("Leave out what one user alone shows to be too slow; by default.", as_flag)
