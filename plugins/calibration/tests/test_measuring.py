"""Timing kernels: what is called, how long it is said to take, and what is said where it cannot be."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from llmplan.errors import BadInputError
from llmplan_calibration import measuring
from llmplan_calibration.calibrating import calibrate
from llmplan_calibration.kernel import Bench
from llmplan_calibration.measuring import TorchTimer, jobs, measure, torch_timer

H100 = {"gpu": "h100-sxm-80gb"}


class Clock:
    """A device that takes as long as its kernels say, by a clock of its own."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def work(self, name, seconds):
        """A kernel runs."""
        self.calls.append(name)
        self.now += seconds


def fake_torch(clock, devices=8):
    """What `TorchTimer` uses of PyTorch: tensors that are shapes, kernels that take what they would at round rates."""

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.at = clock.now

        def elapsed_time(self, end):
            return 1e3 * (end.at - self.at)

    class Tensor:
        def __init__(self, *shape, device, dtype):
            assert int(device.removeprefix("cuda:")) < devices
            self.shape, self.dtype = shape, dtype

        def copy_(self, source):
            assert source.shape == self.shape
            clock.work("copy", 2 * 4 * self.shape[0] / 2e12)

    def mm(a, b, out):
        (m, k), (k_too, n) = a.shape, b.shape
        assert (k, out.shape) == (k_too, (m, n))
        clock.work("mm", 2 * m * n * k / 5e14)

    def attention(q, _k, _v, is_causal):
        assert is_causal
        batch, heads, tokens, width = q.shape
        clock.work("attention", 2 * batch * heads * tokens**2 * width / 4e14)

    def collective(name, elements):
        def run(*tensors):
            clock.work(name, 2 * elements(*tensors) / 1e11)

        return run

    nccl = SimpleNamespace(
        all_reduce=collective("all_reduce", lambda whole: 2 * whole[0].shape[0]),
        all_gather=collective("all_gather", lambda _parts, whole: whole[0].shape[0]),
        reduce_scatter=collective("reduce_scatter", lambda whole, _parts: whole[0].shape[0]),
    )
    cuda = SimpleNamespace(
        Event=Event,
        nccl=nccl,
        is_available=lambda: devices > 0,
        device_count=lambda: devices,
        synchronize=lambda _device: None,
        empty_cache=lambda: None,
        get_device_name=lambda _device: "NVIDIA H100-SXM5-80GB",
    )
    functional = SimpleNamespace(scaled_dot_product_attention=attention)
    return SimpleNamespace(
        cuda=cuda,
        nn=SimpleNamespace(functional=functional),
        mm=mm,
        __version__="2.9.0",
        randn=Tensor,
        empty=Tensor,
        float16="float16",
        bfloat16="bfloat16",
        float32="float32",
    )


def test_every_kernel_is_timed_by_the_clock_of_the_device():
    """By hand: 2 x 4096^3 FLOPs at 500 TFLOP/s, 512 MiB at 2 TB/s, an all-gather of 64 MiB at 100 GB/s."""
    clock = Clock()
    samples = measure(TorchTimer(fake_torch(clock)), {}, lambda _state: None)
    found = {one.id: one.measured for one in samples}
    assert found["4,096 x 4,096 x 4,096"] == pytest.approx(2 * 4096**3 / 5e14 * 1e6)
    assert found["copy 512 MiB"] == pytest.approx(2**29 / 2e12 * 1e6)
    assert found["all_gather 64 MiB x 8"] == pytest.approx(2**26 / 1e11 * 1e6)
    assert {"mm", "copy", "attention", "all_reduce", "all_gather", "reduce_scatter"} == set(clock.calls)
    assert samples[0].gpu == "h100-sxm-80gb"


def test_one_device_has_no_links_to_time():
    """If it fails, a single GPU waits for others for ever."""
    assert {job.kernel for job in jobs(1)} == {"gemm", "copy", "attention"}


def test_the_bar_is_told_of_each_kernel():
    """If it fails, the bar stands still."""
    states = []
    measure(TorchTimer(fake_torch(Clock(), devices=1)), H100, states.append)
    assert [state.done for state in states] == list(range(len(list(jobs(1))) + 1))
    assert {state.roots for state in states} == {len(list(jobs(1)))}


class AsPredicted:
    """A machine that is what its record says, but for its memory, which has three quarters of the bandwidth."""

    device, devices = "NVIDIA H100-SXM5-80GB", 8

    def seconds(self, kernel, sizes, _number_format):
        """As priced."""
        return Bench.of(H100).seconds(kernel, sizes, (1.0, 0.75, 1.0, 1.0, 1.0))


def test_a_slow_memory_is_found_and_nothing_else_is_changed():
    """If it fails, what was measured is put to the wrong rate."""
    samples = measure(AsPredicted(), {}, lambda _state: None)
    phases = calibrate(samples, "here").site.gpus["h100-sxm-80gb"]
    assert phases.train == phases.infer or phases.train.memory == phases.infer.memory
    assert 0.75 <= phases.train.memory.factor < 0.9
    assert phases.train.compute.factor == pytest.approx(1.0, abs=0.01)
    assert phases.train.scale_up.factor == pytest.approx(1.0, abs=0.01)
    assert (phases.train.runs, phases.train.kernels > 3) == (0, True)


def test_what_is_missing_is_said(monkeypatch):
    """If it fails, a laptop answers with a traceback."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BadInputError, match="measure: PyTorch is not installed"):
        torch_timer()
    monkeypatch.setitem(sys.modules, "torch", fake_torch(Clock(), devices=0))
    with pytest.raises(BadInputError, match=r"measure: PyTorch 2\.9\.0 sees no GPU here"):
        torch_timer()


def test_a_format_that_is_not_timed_is_refused():
    """If it fails, bf16 is timed and taken for FP8."""
    with pytest.raises(BadInputError, match=r"measure: times bf16 and fp16, and this dtype multiplies in int8"):
        measure(AsPredicted(), {**H100, "dtype": "w8a8e16"}, lambda _state: None)
    assert measuring.HERE == "measured here"
