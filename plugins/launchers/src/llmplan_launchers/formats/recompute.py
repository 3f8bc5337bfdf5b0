"""Recomputation where a program knows fewer modes than plans do."""

from __future__ import annotations

from collections.abc import Mapping

_MODES = ("none", "attention-compute", "attention", "norm-attention-norm", "full")


def nearest(program: str, mode: str, has: Mapping[str, str]) -> tuple[str, list[str]]:
    """The program's word for a mode, or for the next that keeps no more, with a remark."""
    for candidate in _MODES[_MODES.index(mode) :]:
        if candidate in has:
            remark = f"recompute {mode}: {program} has {', '.join(has)}; {candidate} keeps no more"
            return has[candidate], [] if candidate == mode else [remark]
    raise ValueError(mode)
