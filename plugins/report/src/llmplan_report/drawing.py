"""Pictures as files, in one style: the same bytes for the same picture."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from textwrap import wrap
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

from llmplan.errors import BadInputError
from llmplan.estimate.line import Kind, kind_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_UNDATED: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Metadata that would make the same picture another file each time."""
_CANVASES: Mapping[str, tuple[str, str]] = {
    ".png": ("backend_agg", "FigureCanvasAgg"),
    ".svg": ("backend_svg", "FigureCanvasSVG"),
    ".pdf": ("backend_pdf", "FigureCanvasPdf"),
}
"""Of matplotlib, by ending: module and class."""
BLACK, GREY, PALE = "#000000", "#7f7f7f", "#d0d0d0"
HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""Okabe and Ito's colours, which the colour-blind tell apart (jfly.uni-koeln.de/color, 2008)."""
_HUES_OF: Mapping[Kind | None, tuple[str, ...]] = {
    Kind.COMPUTE: (HUES[0], HUES[4], "#00395c", "#b3dcf5"),
    Kind.MEMORY: (HUES[1], HUES[6]),
    Kind.COMMUNICATION: (HUES[5], HUES[3]),
    Kind.WAITING: (GREY, PALE),
}
"""Blues, yellows, reds and greys: what a line counts shows in its colour."""
_OF_SYSTEM = (PALE, GREY)
_UNDER_AXIS, _LEGEND_LINE, _HANDLE = -0.42, 0.165, 0.55
"""Inches from an axis to the legend under it, of one of its lines, and of what stands before a label."""
_LETTERS_AN_INCH, _SMALL_LETTERS_AN_INCH = 13.0, 15.0
_FULL, _FEW_POWERS = "{x:,.10g}", 100.0
_HATCHES = ("", "////", "....", "xxxx")
"""Which tell lines apart where their kind has no further colour."""
_CONTROL = rb"[\x00-\x08\x0b-\x1f]"
"""Letters that no XML may hold, though words of plugins do."""
_STYLE: Any = {
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
    "text.parse_math": False,  # a dollar in a name is no formula
}


def check() -> None:
    """BadInputError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise BadInputError("picture: matplotlib is not installed; python3 -m pip install matplotlib brings it")


def as_file(suffix: str, wide: float, high: float, draw: Callable[[Sheet], None]) -> bytes:
    """A sheet of so many inches with what is drawn on it."""
    from cycler import cycler
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Sheet

    contents = io.BytesIO()
    with rc_context({**_STYLE, "axes.prop_cycle": cycler(color=HUES)}), catch_warnings():
        filterwarnings("ignore", "Glyph")  # a box stands for what the font has no shape of
        sheet = Sheet(figsize=(wide, high), layout="constrained")
        draw(sheet)
        _print(sheet, suffix, contents)
    return _renamed(contents.getvalue()) if suffix == ".svg" else contents.getvalue()


def _print(sheet: Sheet, suffix: str, contents: io.BytesIO) -> None:
    """As `Sheet.savefig` does, which draws twice: once to lay panels out, though a canvas does so as it draws."""
    backend, canvas = _CANVASES[suffix]
    sheet.dpi = _STYLE["savefig.dpi"]
    printing = getattr(import_module(f"matplotlib.backends.{backend}"), canvas)(sheet)
    getattr(printing, f"print_{suffix[1:]}")(contents, metadata=_UNDATED[suffix])


def _renamed(svg: bytes) -> bytes:
    """Clips numbered in their order: matplotlib names them by their place to the last bit, which no layout repeats."""
    names: dict[bytes, bytes] = {}
    plain = re.sub(_CONTROL, b"?", svg)
    return re.sub(rb"\bp[0-9a-f]{10}\b", lambda found: names.setdefault(found[0], b"clip%d" % len(names)), plain)


def looks(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How the bar of each line of a breakdown is drawn: seconds in the colours of their kind, bytes one hue after the
    other, what is no tensor in greys.
    """
    used: dict[tuple[str, ...], int] = {}
    found: dict[str, dict[str, Any]] = {}
    for line in dict.fromkeys(lines):
        kind = kind_of(line)
        hues = _OF_SYSTEM if kind in (Kind.SLACK, Kind.SYSTEM, Kind.RESERVE) else _HUES_OF.get(kind, HUES)
        turn, place = divmod(used.get(hues, 0), len(hues))
        used[hues] = used.get(hues, 0) + 1
        hatch = _HATCHES[turn % len(_HATCHES)]
        found[line] = {"facecolor": hues[place], "edgecolor": "white", "linewidth": 0.5, "hatch": hatch}
    return found


def kind_colour(line: str) -> str | None:
    """The first colour of a line's kind; None of bytes, and where its cost model does not say."""
    hues = _HUES_OF.get(kind_of(line))
    return hues[0] if hues else None


def words_of(line: str) -> str:
    """A line for a reader: ``tensor parallel communication``, or its own name."""
    return str(getattr(line, "words", line.replace("_", " ")))


def unit_of_seconds(most: float) -> tuple[float, str]:
    """In which seconds are drawn, and its name: so that the largest has few digits."""
    for unit, name, enough in ((86_400.0, "days", 172_800.0), (3_600.0, "hours", 7_200.0), (1.0, "s", 1.0)):
        if most >= enough:
            return unit, name
    return 1e-3, "ms"


def titled(sheet: Sheet, title: str) -> None:
    """A title at the left, in as many lines as it takes."""
    across = int(sheet.get_figwidth() * _LETTERS_AN_INCH)
    sheet.suptitle("\n".join(wrap(title, across)), x=0.01, ha="left", fontsize="medium")


def legend(sheet: Sheet, handles: Mapping[str, Any]) -> None:
    """Each label once, below the panels, as many side by side as there is room for."""
    if handles:
        sheet.legend(handles.values(), handles.keys(), loc="outside lower center", fontsize="small",
                     ncols=_side_by_side(handles, sheet.get_figwidth()))  # fmt: skip


def below(panel: Axes, handles: Mapping[str, Any], wide: float) -> None:
    """A legend of its own under a panel so many inches wide, beneath the axis and its name."""
    from matplotlib.transforms import ScaledTranslation

    if handles:
        down = ScaledTranslation(0, _UNDER_AXIS, panel.figure.dpi_scale_trans)
        made = panel.legend(handles.values(), handles.keys(), loc="upper left", bbox_to_anchor=(0, 0),
                            ncols=_side_by_side(handles, wide), bbox_transform=panel.transAxes + down,
                            fontsize="small", borderaxespad=0)  # fmt: skip
        made.set_in_layout(False)


def legend_inches(labels: Collection[str], wide: float) -> float:
    """How high a legend under a panel is."""
    return _LEGEND_LINE * (1 - -len(labels) // _side_by_side(labels, wide))


def _side_by_side(labels: Collection[str], wide: float) -> int:
    """Entries of a legend in a line: its columns are as wide as their longest label."""
    longest = max(map(len, labels)) / _SMALL_LETTERS_AN_INCH + _HANDLE
    return max(1, min(len(labels), int(wide / longest)))


def labelled(panels: Iterable[Axes]) -> dict[str, Any]:
    """What the panels give a label, each once."""
    found: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found


def plain_powers(axis: Any) -> None:
    """Full numbers at the powers of a logarithmic axis; at 2 and 5 between them too, where these are few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_major_formatter(_FULL)
    axis.set_minor_formatter(NullFormatter())
    if high < _FEW_POWERS * low:
        axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
        axis.set_minor_formatter(FuncFormatter(lambda value, _: _FULL.format(x=value)))
