"""What timings say of an accelerator, written into its file below a line that says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmplan.catalogues.forms import plain
from llmplan.records import CalibratedEfficiency, KernelCurves, ServingCurves, WholeRunEfficiency
from llmplan_listing.toml_text import toml_text

FOLDER = Path(__file__).resolve().parents[1] / "src" / "llmplan_hardware_nvidia" / "accelerators"
MARK = "# From here on generated from timings by calibration/, beside src: run it, edit nothing."
_AS_BF16 = ("fp16", "tf32", "fp32")
STAND_INS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "a100-sxm-80gb": {"bf16": _AS_BF16, "int8": ("int4",)},
    "h100-sxm-80gb": {"bf16": _AS_BF16, "fp8": ("int8",)},
    "h200-sxm-141gb": {"bf16": _AS_BF16, "fp8": ("int8",)},
    "b200-sxm": {"bf16": _AS_BF16, "fp8": ("int8",)},
    "l40s": {"bf16": _AS_BF16, "fp8": ("int8", "int4")},
}
"""By accelerator and timed format, the formats without timings that take its fraction: 16 bits for the same or a wider
one, else the same or twice the width.
"""
ENGINES_KERNELS = "a100-sxm-80gb"
"""Whose fractions an accelerator takes of which no engine's kernels were timed."""
WIDENING = "a100-sxm-80gb"
"""The only one of which multiplications by weights of fewer bits were timed."""


def efficiency(name: str, reached: CalibratedEfficiency) -> dict[str, Any]:
    """The table [efficiency]."""
    values = plain(reached)
    return {**values, "flops": _with_stand_ins(name, values["flops"]), "source": f"{reached.source}; {_said(name)}"}


def kernels(name: str, curves: KernelCurves, engines: Mapping[str, ServingCurves]) -> dict[str, Any]:
    """The table [kernels], with the curves of engines' kernels that were timed, by accelerator."""
    values = plain(curves)
    return {
        **values,
        "gemm": _with_stand_ins(name, values["gemm"]),
        "attention": _once(values["attention"]),
        "serving": _serving(name, engines),
        "source": f"{curves.source}; GEMMs in {_said(name)}",
    }


def _serving(name: str, engines: Mapping[str, ServingCurves]) -> dict[str, Any]:
    """What was not timed on this accelerator is another's; links of its own."""
    if name not in engines:
        values = plain(engines[ENGINES_KERNELS])
        del values["all_reduce"]
        said = f"no engine's kernels timed: the fractions of {ENGINES_KERNELS}"
        return {**values, "source": f"{said}; {values['source']}"}
    values = plain(engines[name])
    if engines[name].widening_seconds:
        return values
    said = f"{values['source']}; narrow weights widened as on {WIDENING}"
    return {**values, "widening_seconds": engines[WIDENING].widening_seconds, "source": said}


def _with_stand_ins(name: str, timed: Mapping[str, Any]) -> dict[str, Any]:
    """Formats without timings by the name of the one whose value they have."""
    taken = {untimed: by for by, formats in STAND_INS[name].items() for untimed in formats}
    return {**timed, **taken}


def _said(name: str) -> str:
    return "; ".join(f"{', '.join(formats)} as {timed}" for timed, formats in STAND_INS[name].items())


def _once(values: Mapping[str, Any]) -> dict[str, Any]:
    """Each value once, then the name of the first that has it."""
    first: dict[str, Any] = {}
    for name, value in values.items():
        first[name] = next((other for other, known in first.items() if known == value), value)
    return first


def run(whole: WholeRunEfficiency) -> dict[str, Any]:
    """The table [efficiency] of an accelerator of which training runs alone are known."""
    return {"training_run": plain(whole)}


def write(name: str, tables: Mapping[str, Any]) -> None:
    """Put these tables in the place of those in the file, whole or not at all: beside it, then renamed over it."""
    path = FOLDER / f"{name}.toml"
    own = path.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
    new = path.with_suffix(".new")
    new.write_text(f"{own}\n\n{MARK}\n\n{toml_text(tables)}", encoding="utf-8")
    new.replace(path)
