"""The frontier of throughput and latency as a picture: a line a layout, the limits, the best plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate.figures import SERVER, limits, objectives
from llmplan.search.result import SearchResult
from llmplan_report.drawing import BLACK, PALE, as_file, labelled, legend, titled
from llmplan_report.subject import search_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_WIDE, _HIGH = 7.5, 5.5
_MOST_NAMED = 8
"""Layouts that have a colour of their own: those with the most points of the frontier."""
_CHOSEN = (
    "model", "gpu", "dtype", "engine", "kv_bits", "tp", "pp", "ep", "dp", "prefill_gpus", "step_tokens",
    "max_sequences", "speculative_tokens",
)  # fmt: skip
_AXES = {"ttft": "time to the first token, ms", "tpot": "time per output token, ms"}
_Row = Mapping[str, Any]


def draw(result: SearchResult, suffix: str) -> bytes:
    """All priced points by latency and tokens/s of a GPU."""
    if result.command != "infer":
        raise BadInputError("picture: a frontier is of a search for servers")

    def drawn(sheet: Sheet) -> None:
        panel = sheet.subplots()
        titled(sheet, search_title(result))
        _lines(panel, result)
        _limits(panel, result)
        _best(panel, result)
        panel.set(xlabel=_AXES[result.pareto_of[1]], ylabel="output tokens/s a GPU")
        panel.set_xlim(left=0)
        panel.set_ylim(bottom=0)
        panel.grid()
        legend(sheet, labelled([panel]))

    return as_file(suffix, _WIDE, _HIGH, drawn)


def _lines(panel: Axes, result: SearchResult) -> None:
    """Each layout over its loads, the frontier on top of them."""
    latency, speed = _axes(result)
    rows = [dict(zip(result.columns, row, strict=True)) for row in zip(*result.columns.values(), strict=True)]
    fixed = [name for name in _CHOSEN if name != "dp" or not _at_a_rate(result)]
    differing = [name for name in fixed if len({row[name] for row in rows}) > 1]
    series: dict[str, list[_Row]] = {}
    for row in rows:
        series.setdefault(" ".join(_word(name, row[name]) for name in differing), []).append(row)
    leading = [(point[latency], point[speed]) for point in result.pareto]
    places = {label: [(row[latency], row[speed]) for row in members] for label, members in series.items()}
    on_it = set(leading)

    def shares(label: str) -> int:
        return -sum(place in on_it for place in places[label])

    for place, label in enumerate(sorted(series, key=shares)):
        named = place < _MOST_NAMED and shares(label) < 0
        _line(panel, sorted(places[label]), label if named else "")
    panel.plot(
        [1e3 * x for x, _ in leading],
        [y for _, y in leading],
        color=BLACK,
        linewidth=2.5,
        alpha=0.5,
        label="frontier",
    )


def _axes(result: SearchResult) -> tuple[str, str]:
    """The figures: the latency of the frontier, and what is compared by."""
    return limits(SERVER)[result.pareto_of[1]].key, objectives(SERVER)[result.pareto_of[0]].key


def _line(panel: Axes, places: Sequence[tuple[float, float]], label: str) -> None:
    look = {"label": label} if label else {"color": PALE, "linewidth": 1, "zorder": 1}
    marker = "." if len(places) == 1 else None
    panel.plot([1e3 * x for x, _ in places], [y for _, y in places], marker=marker, **look)


def _limits(panel: Axes, result: SearchResult) -> None:
    limit = result.constraints.get(result.pareto_of[1])
    if limit is not None:
        panel.axvline(1e3 * limit, color=BLACK, linestyle="--", linewidth=1, label=f"{result.pareto_of[1]} asked for")


def _best(panel: Axes, result: SearchResult) -> None:
    if not result.best:
        return
    best = result.best[0]
    latency, layout = limits(SERVER)[result.pareto_of[1]].value(best), best.plan.layout
    sizes = [(name, int(getattr(layout, name))) for name in ("tp", "pp", "ep", "dp")]
    words = " ".join(f"{name} {size}" for name, size in sizes if name == "tp" or size > 1)
    users = best.server.workload.concurrency
    load = f", {users:,} users" if users else ""
    how = "" if best.simulated is None else ", simulated"
    speed = best.tokens_per_second_per_gpu
    panel.plot([1e3 * latency], [speed], "*", color=BLACK, markersize=14, label=f"best: {words}{load}{how}")


def _at_a_rate(result: SearchResult) -> bool:
    return "concurrency" not in result.space


def _word(name: str, value: Any) -> str:
    plain = value.item() if hasattr(value, "item") else value
    return plain if isinstance(plain, str) else f"{name.replace('_', '-')} {plain:g}"
