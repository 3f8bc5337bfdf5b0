"""Pictures as files, in one style: the same bytes for the same picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.estimate.line import SECONDS, Kind, kind_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_UNDATED: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Metadata that would make the same picture another file each time."""
BLACK, GREY, PALE = "#000000", "#7f7f7f", "#d0d0d0"
HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""Okabe and Ito's colours, which the colour-blind tell apart (jfly.uni-koeln.de/color, 2008)."""
_OF_SECONDS = {Kind.COMPUTE: HUES[0], Kind.MEMORY: HUES[1], Kind.COMMUNICATION: HUES[5], Kind.WAITING: GREY}
_UNDER_AXIS = -0.42
"""Inches from an axis to the legend under it."""
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++")
"""Which tell lines of one colour apart, in print too."""
_STYLE = {
    "svg.hashsalt": "llmplan",
    # shapes, not letters: a viewer without the font would clip what does not fit
    "svg.fonttype": "path",
    "font.size": 9.0,
    "axes.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.dpi": 150.0,
}


def check() -> None:
    """BadInputError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise BadInputError("picture: matplotlib is not installed; pip install 'llmplan-report[picture]' brings it")


def as_file(suffix: str, wide: float, high: float, draw: Callable[[Sheet], None]) -> bytes:
    """A sheet of so many inches with what is drawn on it."""
    from cycler import cycler
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Sheet

    contents = io.BytesIO()
    with rc_context({**_STYLE, "axes.prop_cycle": cycler(color=HUES)}):
        sheet = Sheet(figsize=(wide, high), layout="constrained")
        draw(sheet)
        sheet.savefig(contents, format=suffix[1:], metadata=_UNDATED[suffix])
    return contents.getvalue()


def looks(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How the bar of each line of a breakdown is drawn: seconds by their kind, bytes one hue after the other."""
    found: dict[str, dict[str, Any]] = {}
    used: dict[str, int] = {}
    hues = iter(HUES)
    for line in dict.fromkeys(lines):
        kind = kind_of(line)
        if kind in SECONDS:
            colour = _OF_SECONDS[kind]
        elif kind in (Kind.SLACK, Kind.SYSTEM, Kind.RESERVE):
            colour = PALE
        else:
            colour = next(hues, GREY)
        used[colour] = used.get(colour, -1) + 1
        found[line] = {
            "facecolor": colour,
            "edgecolor": "white",
            "linewidth": 0.5,
            "hatch": _HATCHES[used[colour] % len(_HATCHES)],
        }
    return found


def words_of(line: str) -> str:
    """A line for a reader: ``tensor parallel communication``, or its own name."""
    return str(getattr(line, "words", line.replace("_", " ")))


def unit_of_seconds(most: float) -> tuple[float, str]:
    """In which seconds are drawn, and its name: so that the largest has few digits."""
    for unit, name, enough in ((86_400.0, "days", 172_800.0), (3_600.0, "hours", 7_200.0), (1.0, "s", 1.0)):
        if most >= enough:
            return unit, name
    return 1e-3, "ms"


def legend(sheet: Sheet, handles: Mapping[str, Any], across: int = 5) -> None:
    """Each label once, below the panels."""
    if handles:
        sheet.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), across),
                     fontsize="small")  # fmt: skip


def below(panel: Axes, handles: Mapping[str, Any], across: int) -> None:
    """A legend of its own under a panel, beneath the axis and its name."""
    from matplotlib.transforms import ScaledTranslation

    if handles:
        down = ScaledTranslation(0, _UNDER_AXIS, panel.figure.dpi_scale_trans)  # type: ignore[union-attr]
        panel.legend(handles.values(), handles.keys(), loc="upper left", bbox_to_anchor=(0, 0), ncols=across,
                     bbox_transform=panel.transAxes + down, fontsize="small", borderaxespad=0)  # fmt: skip


def labelled(panels: Iterable[Axes]) -> dict[str, Any]:
    """What the panels give a label, each once."""
    found: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found
