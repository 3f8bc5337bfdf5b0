"""The sizes of a server, where all are given, and the layout that they make."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from llmplan.records import Layout
from llmplan.request import InferRequest
from llmplan.space.choice import Choice
from llmplan.space.sizes import check_sizes


@frozen(eq=False, repr=False)
class Sizes:
    """How many ways each kind of parallelism divides the work."""

    tp: int
    pp: int
    dp: int

    @property
    def gpus(self) -> int:
        """The product tp x pp x dp."""
        return self.tp * self.pp * self.dp


def fixed_sizes(request: InferRequest, choice: Choice) -> Sizes | None:
    """The sizes where the request leaves nothing open, checked; else None."""
    tp, pp, dp, gpus = request.tp, request.pp, request.dp, request.gpus
    named = {"gpus": gpus, "tp": tp, "pp": pp, "dp": dp, "cp": 1}
    check_sizes({name: (size,) for name, size in named.items() if size is not None}, choice.model)
    if tp is None or pp is None or (dp is None and gpus is None):
        return None
    return Sizes(tp, pp, dp if dp is not None else (gpus or 1) // (tp * pp))


def make_layout(sizes: Sizes, **others: Any) -> Layout:
    """The record of a choice of sizes, with the fields of `Layout` that are no sizes."""
    return Layout(gpus=sizes.gpus, tp=sizes.tp, pp=sizes.pp, dp=sizes.dp, **others)
