"""What people read of a calibration: figures before and after, the rates, what the site is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llmplan.cli.tables import print_table
from llmplan_calibration.calibrating import Calibration, figure_of, mean_error, range_of, rate_of
from llmplan_calibration.fit import Fit
from llmplan_calibration.site import RATES, WORDS

_DOING = {"train": "training", "infer": "serving"}
_MANY = 10_000.0
_FEW = 3
"""Runs of fewer than these are few: the next line says what more would do."""


def print_calibration(found: Calibration, skipped: Sequence[tuple[str, str]]) -> None:
    """Tables of each accelerator and phase, and what was left out."""
    for gpu, phases, one in _once(found):
        _print_figures(one, f"{gpu}, {' and '.join(map(_DOING.__getitem__, phases))}: {_runs(one)}")
        print()
        _print_rates(one)
        print()
        for line in _verdict(one):
            print(line)
        print()
    for where, why in skipped:
        print(f"skipped {where}: {why}")


def _once(found: Calibration) -> Iterator[tuple[str, tuple[str, ...], Fit]]:
    """Phases together that rest on the same figures: those of kernels alone."""
    for (gpu, phase), one in found.fits.items():
        other = found.fits.get((gpu, "train"))
        if phase == "infer" and other is not None and list(other.samples) == list(one.samples):
            continue
        same = found.fits.get((gpu, "infer"))
        both = phase == "train" and same is not None and list(same.samples) == list(one.samples)
        yield gpu, ("train", "infer") if both else (phase,), one


def _runs(one: Fit) -> str:
    counted, figures = one.fitted.counted, len(one.samples)
    return counted if figures == one.fitted.runs + one.fitted.kernels else f"{counted}, {figures:,} figures"


def _print_figures(one: Fit, title: str) -> None:
    head = ("", "", ">measured", ">published", ">error", ">at the site", ">error")
    rows = [figure_of(one, at) for at in range(len(one.samples))]
    print_table(
        head,
        [
            (
                *(row["id"], row["metric"], _digits(row["measured"])),
                *(_digits(row["predicted"]), f"{row['error']:+.1%}"),
                *(_digits(row["predicted_at_site"]), f"{row['error_at_site']:+.1%}"),
            )
            for row in rows
        ],
        title,
    )


def _print_rates(one: Fit) -> None:
    """Each rate over the published one; what no run depends on stays as it is published."""
    rows = []
    for name in RATES:
        rate = rate_of(one, name)
        known = rate["informed"] > 0
        between = f"{rate['low']:.2f} to {rate['high']:.2f}" if known else "as published: no run depends on it"
        rows.append((WORDS[name], f"{rate['factor']:.3f}" if known else "", between, f"{rate['informed']:,}"))
    print_table(("rate", ">times published", "four cases of five", ">figures that tell"), rows)


def _verdict(one: Fit) -> Iterator[str]:
    before, after = mean_error(one.before), mean_error(one.after)
    left = (
        f"; {mean_error(one.left_out):.1%} where each is predicted by the others"
        if one.fitted.runs + one.fitted.kernels > 1
        else ""
    )
    yield f"mean absolute error: {before:.1%} at published rates, {after:.1%} at the site{left}"
    if not one.fitted.runs:
        yield "ranges stay as published: kernels tell of rates, whole runs of what else may differ"
        return
    wide, narrow = range_of(one)
    yield f"range of such runs: up to {wide:+.0%} at published rates, {narrow:+.0%} at the site"
    if one.fitted.runs < _FEW:
        yield f"{one.fitted.counted}: each further one, of another plan, moves the site closer to what is measured"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= _MANY else f"{value:.4g}"
