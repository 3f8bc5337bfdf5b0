"""Plans that laws are tried on: any layout of any model on any accelerator, every dimension given."""

from __future__ import annotations

import os
from math import log2

from attrs import evolve
from fuzzing.record import counted
from hypothesis import HealthCheck, settings, strategies as st

from llmplan.catalogues import registry

EXAMPLES = int(os.environ.get("LLMPLAN_EXAMPLES", "1"))
"""How many times as many examples as every day: `.ci/nightly` tries thousands."""
MODELS = ("llama-7b", "llama-2-70b", "llama-3.1-8b", "mixtral-8x7b", "deepseek-v3", "gemma-2-9b")


def tried(many):
    """So many examples, every day the same and others each night, each as long as it takes on a busy machine."""
    unhurried = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    wanted = settings(max_examples=many * EXAMPLES, derandomize=EXAMPLES == 1, **unhurried)
    return lambda test: wanted(counted(test))


def gpus():
    """Every accelerator that is known."""
    return st.sampled_from(sorted(registry().gpus.names()))


@st.composite
def training(draw):
    """Options of `llmplan train` with nothing left open."""
    tp, pp = draw(st.sampled_from((1, 2, 4, 8, 16))), draw(st.sampled_from((1, 1, 2, 4)))
    cp, dp = draw(st.sampled_from((1, 1, 2))), draw(st.sampled_from((1, 2, 3, 8, 64)))
    options = {
        "model": draw(st.sampled_from(MODELS)),
        "gpu": draw(gpus()),
        "gpus": tp * pp * cp * dp,
        "tp": tp,
        "pp": pp,
        "cp": cp,
        "dp": dp,
        "ep": 1,
        "vpp": draw(st.sampled_from((1, 1, 2))),
        "zero": draw(st.sampled_from((0, 1, 2, 3))),
        "sequence_parallel": draw(st.booleans()),
        "schedule": "1f1b",
        "offload": "none",
        "recompute": draw(st.sampled_from(("none", "selective", "full"))),
        "micro_batch": draw(st.sampled_from((1, 2, 4))),
        "gradient_accumulation": draw(st.sampled_from((1, 4, 16))),
        "seq_len": draw(st.sampled_from((512, 2048))),
        "tokens": 1e12,
        "dtype": draw(st.sampled_from(("bf16", "fp16", "fp32"))),
    }
    if draw(st.booleans()):
        options["framework"] = draw(st.sampled_from(sorted(registry().frameworks)))
    return options


@st.composite
def serving(draw):
    """Options of `llmplan infer` for a batch."""
    options = {
        "model": draw(st.sampled_from(MODELS)),
        "gpu": draw(gpus()),
        "tp": draw(st.sampled_from((1, 2, 4, 8, 16))),
        "pp": draw(st.sampled_from((1, 1, 2))),
        "dp": 1,
        "ep": 1,
        "batch": draw(st.sampled_from((1, 8, 64, 256))),
        "prompt_tokens": draw(st.sampled_from((16, 512, 1500))),
        "output_tokens": draw(st.sampled_from((16, 256))),
        "dtype": draw(st.sampled_from(("bf16", "fp16"))),
    }
    if draw(st.booleans()):
        options["engine"] = draw(st.sampled_from(sorted(registry().engines)))
    return options


RATES = ("memory_bytes_per_second", "scale_up_bytes_per_second", "scale_out_bytes_per_second", "host_bytes_per_second")


_TIMED = 8
"""Accelerators of the domains in which collectives were timed: in smaller ones the timings count, whatever they say."""
_FASTER = 4
"""Times the rate outside of a domain at which its link is faster whatever protocols leave of either."""


def better():
    """One thing of an accelerator that is better, and by how much."""
    return st.tuples(st.sampled_from((*RATES, "peak_flops", "scale_up_domain")), st.floats(1.0, 100.0))


def improved(name, what, factor):
    """The accelerator with that; a domain grows by a power of two, where its link is faster than what is outside."""
    gpu = registry().gpus[name]
    if what == "peak_flops":
        return evolve(gpu, peak_flops={form: peak * factor for form, peak in gpu.peak_flops.items()})
    if what == "scale_up_domain":
        outside = gpu.beyond_domain_bytes_per_second or 0.0
        fast = gpu.scale_up_bytes_per_second > _FASTER * outside
        grows = fast and gpu.scale_up_domain >= _TIMED and gpu.cluster.levels[0].topology == "switch"
        return evolve(gpu, scale_up_domain=gpu.scale_up_domain * 2 ** int(log2(factor))) if grows else gpu
    rate = getattr(gpu, what)
    return gpu if rate is None else evolve(gpu, **{what: rate * factor})
