"""The frontier of throughput and latency as a picture: a line a layout, the limits, the best plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from llmplan.output.drawing import as_file, suffix_of
from llmplan.search.result import SearchResult
from llmplan.search.serving.limits import LATENCIES
from llmplan.search.serving.why import described

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


def serving_artist(path: str) -> Callable[[SearchResult], bytes]:
    """What draws a file of this ending; BadInputError where there is none, or matplotlib is not installed."""
    return partial(draw, suffix=suffix_of(path))


def draw(result: SearchResult, suffix: str) -> bytes:
    """All priced points by latency and tokens/s of a GPU."""

    def drawn(sheet: Sheet) -> None:
        panel = sheet.subplots()
        names = (", ".join(result.space[name]) for name in ("model", "gpu", "dtype") if name in result.space)
        panel.set_title(" · ".join(names), fontsize="medium")
        _lines(panel, result)
        _limits(panel, result)
        _best(panel, result)
        panel.set(xlabel=_AXES[result.pareto_of[1]], ylabel="output tokens/s a GPU")
        panel.set_xlim(left=0)
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
        sheet.legend(loc="outside lower center", ncols=2, fontsize="small")

    return as_file(suffix, _WIDE, _HIGH, drawn)


def _lines(panel: Axes, result: SearchResult) -> None:
    """Each layout over its loads, the frontier on top of them."""
    figure = LATENCIES[result.pareto_of[1]]
    rows = [dict(zip(result.columns, row, strict=True)) for row in zip(*result.columns.values(), strict=True)]
    fixed = [name for name in _CHOSEN if name != "dp" or not _at_a_rate(result)]
    differing = [name for name in fixed if len({row[name] for row in rows}) > 1]
    series: dict[str, list[_Row]] = {}
    for row in rows:
        series.setdefault(" ".join(_word(name, row[name]) for name in differing), []).append(row)
    leading = [(point.latencies[result.pareto_of[1]], point.tokens_per_second_per_gpu) for point in result.pareto]
    on_it = set(leading)

    def shares(label: str) -> int:
        return -sum((row[figure], row["tokens_per_second_per_gpu"]) in on_it for row in series[label])

    for place, label in enumerate(sorted(series, key=shares)):
        named = place < _MOST_NAMED and shares(label) < 0
        _line(panel, series[label], figure, label if named else "")
    panel.plot(
        [1e3 * x for x, _ in leading],
        [y for _, y in leading],
        color="black",
        linewidth=2.5,
        alpha=0.5,
        label="frontier",
    )


def _line(panel: Axes, rows: Sequence[_Row], figure: str, label: str) -> None:
    ordered = sorted(rows, key=lambda row: row[figure])
    look = {"label": label} if label else {"color": "0.8", "linewidth": 1, "zorder": 1}
    marker = "." if len(ordered) == 1 else None
    panel.plot(
        [1e3 * row[figure] for row in ordered], [row["tokens_per_second_per_gpu"] for row in ordered],
        marker=marker, **look,
    )  # fmt: skip


def _limits(panel: Axes, result: SearchResult) -> None:
    limit = result.constraints.get(result.pareto_of[1])
    if limit is not None:
        panel.axvline(1e3 * limit, color="black", linestyle="--", linewidth=1, label=f"{result.pareto_of[1]} asked for")


def _best(panel: Axes, result: SearchResult) -> None:
    if not result.best:
        return
    best = result.best[0]
    latency = best.next_token_seconds if result.pareto_of[1] == "tpot" else best.first_token_seconds
    plan = described(best)
    sizes = " ".join(f"{name} {plan[name]}" for name in ("tp", "pp", "ep", "dp") if name == "tp" or plan[name] > 1)
    users = best.server.workload.concurrency
    load = f", {users:,} users" if users else ""
    how = "" if best.simulated is None else ", simulated"
    speed = best.tokens_per_second_per_gpu
    panel.plot([1e3 * latency], [speed], "*", color="black", markersize=14, label=f"best: {sizes}{load}{how}")


def _at_a_rate(result: SearchResult) -> bool:
    return "concurrency" not in result.space


def _word(name: str, value: Any) -> str:
    plain = value.item() if hasattr(value, "item") else value
    return plain if isinstance(plain, str) else f"{name.replace('_', '-')} {plain:g}"
