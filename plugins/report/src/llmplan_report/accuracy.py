"""Predicted against measured figures of a validation set, with the range that each prediction has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan_report.drawing import BLACK, GREY, HUES, PALE, as_file, labelled, legend, plain_powers, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_PANEL, _HEAD, _LEGEND_LINE = 4.6, 0.9, 0.2
_ACROSS, _MOST_NAMED = 2, 12
"""Panels side by side; sources that have a colour of their own, those with the most rows."""
_DECADE = 10.0
_MARKERS = ("o", "s", "^")


def draw(result: Mapping[str, Any], suffix: str) -> bytes:
    """A panel for each metric, of what ``llmplan validate --json`` prints: dots on the diagonal are exact."""
    rows = [row for row in result["rows"] if row["measured"] > 0 and row["predicted"] > 0]
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    if not metrics:
        raise BadInputError(f"picture: {result['set']} has no row that could be priced")
    across = min(_ACROSS, len(metrics))
    down = -(-len(metrics) // across)
    sources = _sources(rows)
    high = _HEAD + _PANEL * down + _LEGEND_LINE * (2 + len(sources))

    def drawn(sheet: Sheet) -> None:
        titled(sheet, f"{result['set']}: {len(rows):,} published figures and what llmplan says")
        panels = list(sheet.subplots(down, across, squeeze=False).flat)
        for panel, metric in zip(panels, metrics, strict=False):
            _metric(panel, metric, [row for row in rows if row["metric"] == metric], sources)
        for spare in panels[len(metrics) :]:
            spare.remove()
        legend(sheet, labelled(panels))

    return as_file(suffix, _PANEL * across, high, drawn)


def _sources(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """How the dots of each source look; of a set without sources all alike."""
    counted: dict[str, int] = {}
    for row in rows:
        counted[row.get("source", "")] = counted.get(row.get("source", ""), 0) + 1
    named = sorted(filter(None, counted), key=lambda source: -counted[source])[:_MOST_NAMED]
    return {
        source: {"color": HUES[place % len(HUES)], "marker": _MARKERS[place // len(HUES)]}
        for place, source in enumerate(named)
    }


def _metric(
    panel: Axes, metric: str, rows: Sequence[Mapping[str, Any]], sources: Mapping[str, Mapping[str, Any]]
) -> None:
    both = [value for row in rows for value in (row["measured"], row["predicted"])]
    least, most = min(both) / 1.3, max(both) * 1.3
    panel.plot([least, most], [least, most], color=BLACK, linewidth=1, label="as measured")
    panel.fill_between([least, most], [least / 1.1, most / 1.1], [least * 1.1, most * 1.1], color=PALE, alpha=0.5,
                       linewidth=0, label="within 10 %")  # fmt: skip
    for row in rows:
        look = sources.get(row.get("source", ""), {"color": GREY, "marker": "."})
        name = row.get("source") if row.get("source") in sources else "other sources" if sources else "llmplan"
        if row.get("low") is not None:
            panel.plot([row["measured"]] * 2, [row["low"], row["high"]], color=look["color"], alpha=0.35, linewidth=1)
        panel.plot(row["measured"], row["predicted"], linestyle="none", markersize=4, label=name, **look)
    panel.set(xlim=(least, most), ylim=(least, most), xlabel="measured", ylabel="predicted")
    panel.set_title(f"{metric}, {len(rows)} rows", loc="left")
    panel.set_aspect("equal")
    if most > _DECADE * least:
        panel.set(xscale="log", yscale="log", xlim=(least, most), ylim=(least, most))
        for axis in (panel.xaxis, panel.yaxis):
            plain_powers(axis)
    panel.grid()
