"""Kernels of serving in round numbers, and what one of them waits for."""

import pytest
from attrs import evolve
from megatron_plans import PLAIN, flat
from serving_plans import IDEAL, serving

from llmplan.records import AttentionCurve, DecodeCurve, GemmCurve, ServingCurves
from llmplan_parallelism_megatron.serving.reached import Multiplier, serving_kernels

CURVES = flat(
    serving=ServingCurves(
        prefill=AttentionCurve(plateau=0.5, launch_seconds=3.0),
        decode=DecodeCurve(plateau=0.5, launch_seconds=5.0),
        source="made up",
    )
)
KERNELS = evolve(
    serving_kernels(serving(PLAIN, curves=CURVES)),
    bytes_per_second=8.0,
    cache_bytes_per_second=4.0,
    attention_flops=100.0,
    launch_seconds=7.0,
    stream_bytes=2.0,
    cache_bytes=2.0,
)
"""Round numbers, in bytes and FLOPs a second."""
NARROW = Multiplier(
    curve=GemmCurve(plateau=1.0, launch_seconds=11.0),
    flops=100.0,
    weight_bytes=0.5,
    operand_bytes=1.0,
    bytes_per_second=4.0,
)


def waited(waits):
    """The seconds of each thing that was waited for, which are all that there are."""
    assert sum(waits.by.values()) == pytest.approx(waits.seconds)
    return {name: seconds for name, seconds in waits.by.items() if seconds}


def engine(**changes):
    """Kernels of such an engine."""
    return evolve(KERNELS, engine=evolve(IDEAL, **changes))
