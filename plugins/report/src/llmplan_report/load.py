"""Latency of a server over its load: as it fills up, to where the queue grows for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from llmplan import infer
from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate
from llmplan.estimate.figure import Figure
from llmplan.estimate.figures import SERVER, limits
from llmplan.output.words import digits
from llmplan_report.drawing import BLACK, GREY, HUES, as_file, labelled, legend, titled, unit_of_seconds
from llmplan_report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_WIDE, _HIGH = 10.0, 4.2
_SHARES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.94, 0.97)
"""Of the capacity, at which latencies are worked out."""
_LATENCIES = {"ttft": "time to first token", "tpot": "time per output token"}
"""By the option that limits them."""
_MOST_DOUBLINGS = 16


def draw(subject: Subject, suffix: str) -> bytes:
    """A panel for each latency, over requests a second, or over users where these wait for their answers."""
    estimate = _only(subject)
    loads = sorted(_loads(estimate), key=lambda point: point[0])
    if len(loads) < 2:  # noqa: PLR2004 - a line has two ends
        raise BadInputError("picture: not one sequence fits, so there is no load to draw latencies over")

    def drawn(sheet: Sheet) -> None:
        titled(sheet, subject.title)
        for panel, (limit, name) in zip(sheet.subplots(1, 2), _LATENCIES.items(), strict=True):
            _latency(panel, estimate, limits(SERVER)[limit], name, loads)
        legend(sheet, labelled(sheet.axes))

    return as_file(suffix, _WIDE, _HIGH, drawn)


def _only(subject: Subject) -> ServerEstimate:
    found = [estimate for _, estimate in subject.priced]
    if len(found) != 1 or not isinstance(found[0], ServerEstimate) or found[0].server.workload.trace:
        raise BadInputError("picture: latency over load is of one server with a rate or with users")
    return found[0]


def _loads(estimate: ServerEstimate) -> Iterator[tuple[float, ServerEstimate]]:
    """The same server at other loads, in closed form; the one that was asked for as it was priced."""
    request, layout = estimate.request, estimate.plan.layout
    fixed = evolve(request, tp=int(layout.tp), pp=int(layout.pp), dp=int(layout.dp), ep=int(layout.ep), gpus=None,
                   requests=0)  # fmt: skip
    workload, capacity = estimate.server.workload, estimate.capacity
    if capacity is None:
        return
    if workload.rate is not None:
        for share in _SHARES:
            rate = share * capacity.requests_per_second
            yield rate, infer(evolve(fixed, rate=f"{rate!r}/s"))  # type: ignore[misc]
        if estimate.means is not None:
            yield workload.rate, estimate
        return
    most = 2 * max(int(workload.concurrency or 1), capacity.sequences * int(layout.dp))
    users = {min(most, 2**power) for power in range(_MOST_DOUBLINGS)} - {workload.concurrency}
    for number in users:
        yield number, infer(evolve(fixed, concurrency=number))  # type: ignore[misc]
    yield workload.concurrency or 0, estimate


def _latency(
    panel: Axes, estimate: ServerEstimate, figure: Figure, name: str, loads: Sequence[tuple[float, ServerEstimate]]
) -> None:
    workload, capacity = estimate.server.workload, estimate.capacity
    points = [(load, float(value)) for load, of in loads if (value := figure.value(of)) is not None]
    unit, unit_name = unit_of_seconds(max((seconds for _, seconds in points), default=0.0))
    xs, ys = [load for load, _ in points], [seconds / unit for _, seconds in points]
    panel.plot(xs, ys, color=HUES[0], marker=".", label="in closed form")
    asked: Any = workload.rate if workload.rate is not None else workload.concurrency
    at_it = [seconds / unit for load, seconds in points if load == asked]
    if at_it:
        how = "as asked" if estimate.simulated is None else "as asked, simulated"
        panel.plot([asked], at_it, "*", color=BLACK, markersize=13, label=how)
    if workload.rate is not None and capacity is not None:
        most = capacity.requests_per_second
        panel.axvline(most, color=GREY, linestyle="--", label=f"capacity, {digits(most)} requests/s")
    else:
        panel.set_xscale("log", base=2)
    panel.set(xlabel="requests a second" if workload.rate is not None else "users", ylabel=f"{name}, {unit_name}")
    panel.set_ylim(bottom=0)
    panel.grid()
