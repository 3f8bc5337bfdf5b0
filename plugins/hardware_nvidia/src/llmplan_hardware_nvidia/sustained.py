"""What training runs keep of GEMMs timed one by one: clocks fall under load, collectives take some of the cores.

One fraction an accelerator and number format, calibrated over all published runs of it together (``llmplan validate
training``), never over one; 1 where nothing is known. Formats of 16 bits and more share theirs.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen
class Sustained:
    """Fractions by number format, and the runs behind them."""

    fractions: Mapping[str, float]
    runs: str


def _kept(wide: float, fp8: float | None, runs: str) -> Sustained:
    fractions = dict.fromkeys(("bf16", "fp16", "tf32"), wide)
    return Sustained(fractions if fp8 is None else {**fractions, "fp8": fp8}, runs)


_HOPPER = _kept(0.76, 0.95, "llm-foundry, Megatron-LM README, NeMo, Megatron-Bridge")
_B200 = 0.75
_MORE_POWER = "the B200's at a higher power limit, assuming that power grows with the clock's cube"
SUSTAINED: Mapping[str, Sustained] = {
    "v100-sxm2-16gb": _kept(0.87, None, "BigScience tr3m"),
    "v100-sxm2-32gb": _kept(0.87, None, "BigScience tr3m"),
    "a100-sxm-80gb": _kept(0.86, None, "Korthikanti et al. 2022, Narayanan et al. 2021"),
    "h100-sxm-80gb": _HOPPER,
    "h200-sxm-141gb": _HOPPER,
    "b200-sxm": _kept(_B200, 1.0, "SimuMax, Megatron-Bridge"),
    "gb200": _kept(round(_B200 * (1200 / 1000) ** (1 / 3), 2), 1.0, _MORE_POWER),
    "gb300": _kept(round(_B200 * (1400 / 1000) ** (1 / 3), 2), 1.0, _MORE_POWER),
}
"""By profile name; relatives take those of the nearest."""
