"""The curves of engines' kernels as a module of Python, formatted as ruff would."""

from __future__ import annotations

import json
from collections.abc import Mapping

from calibration.curves_module import expression
from llmplan.records import ServingCurves

NAME = "measured_serving.py"

TEXT = '''\
"""What inference engines' kernels reach on NVIDIA accelerators, by shape.

Generated from timings by ``python -m calibration FOLDER`` beside src: run it, edit nothing. Accelerators without
timings take those of a relative (curves.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from llmplan.records import AttentionCurve, CollectiveCurve, DecodeCurve, ServingCurves

MEASURED_SERVING: Mapping[str, ServingCurves] = {
@MEASURED@}
"""By profile name."""
'''


def source(measured: Mapping[str, ServingCurves]) -> str:
    """The module measured_serving.py."""
    entries = (f"    {json.dumps(name)}: {expression(curves, 4, {})},\n" for name, curves in measured.items())
    return TEXT.replace("@MEASURED@", "".join(entries))
