"""``llmplan calibrate --measure``: kernels and collectives timed here and now, with PyTorch.

What is timed and how it is judged is apart from the clock: `TorchTimer` is given the module, so that anything that
looks like it will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from statistics import median
from typing import Any, Protocol

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan_calibration.formats.nccl import gpu_called
from llmplan_calibration.kernel import Bench
from llmplan_calibration.sample import Sample

_MIB = 1 << 20
_WARM_UP, _LEAST_CALLS, _MOST_CALLS = 3, 5, 200
_LEAST_SECONDS = 0.05
"""Of all calls of a kernel that are timed."""
HERE = "measured here"
_FORMATS = {"bf16": "bfloat16", "fp16": "float16"}


class Timer(Protocol):
    """Seconds of kernels, each called until the clock is sure."""

    @property
    def device(self) -> str:
        """What the driver calls the accelerator."""

    @property
    def devices(self) -> int:
        """How many there are in this host."""

    def seconds(self, kernel: str, sizes: Mapping[str, float], number_format: str) -> float:
        """Of ``gemm`` (m, n, k), ``copy`` (bytes that are read and written), ``attention`` forward under a causal mask
        (batch, heads, tokens, head_dim), or a collective like ``all_reduce`` (bytes of the message, ranks), as a cost
        model's `kernel_seconds` names them.
        """


@frozen(eq=False)
class Job:
    """One kernel that is going to be timed."""

    kernel: str
    sizes: Mapping[str, float]

    @property
    def name(self) -> str:
        """The name of the kernel, as the printed table has it."""
        sizes = self.sizes
        if self.kernel == "gemm":
            return f"{sizes['m']:,.0f} x {sizes['n']:,.0f} x {sizes['k']:,.0f}"
        if self.kernel == "attention":
            return f"attention, {sizes['heads']:.0f} heads x {sizes['tokens']:,.0f} tokens"
        of = f" x {sizes['ranks']:.0f}" if "ranks" in sizes else ""
        return f"{self.kernel} {sizes['bytes'] / _MIB:,.0f} MiB{of}"


def jobs(devices: int) -> Iterator[Job]:
    """Shapes of layers of 8 and 70 billion parameters, memory from end to end, and links where there are any."""
    for m, n, k in ((4096, 4096, 4096), (8192, 14_336, 4096), (8192, 8192, 8192), (8192, 28_672, 8192)):
        yield Job("gemm", {"m": m, "n": n, "k": k})
    for mib in (512, 1024, 2048):
        yield Job("copy", {"bytes": float(mib * _MIB)})
    for tokens in (4096, 8192, 16_384):
        yield Job("attention", {"batch": 1, "heads": 32, "tokens": tokens, "head_dim": 128})
    if devices > 1:
        for kernel in ("all_reduce", "all_gather", "reduce_scatter"):
            for mib in (64, 256, 1024):
                yield Job(kernel, {"bytes": float(mib * _MIB), "ranks": devices})


@frozen
class State:
    """How far it is, for a progress bar."""

    done: int
    roots: int
    name: str


def measure(timer: Timer, options: Mapping[str, Any], watch: Callable[[State], None]) -> list[Sample]:
    """All jobs, one after the other."""
    facts = {} if "gpu" in options else {"gpu": gpu_called(timer.device, "measure")}
    bench = Bench.of(options, **facts)
    if bench.gemm.name not in _FORMATS:
        raise BadInputError(f"measure: times {' and '.join(_FORMATS)}, and this dtype multiplies in {bench.gemm.name}")
    todo = list(jobs(timer.devices))
    samples = []
    for at, job in enumerate(todo):
        watch(State(at, len(todo), job.name))
        seconds = timer.seconds(job.kernel, job.sizes, bench.gemm.name)
        samples.append(bench.sample(job.name, HERE, job.kernel, job.sizes, seconds))
    watch(State(len(todo), len(todo), "done"))
    return samples


def torch_timer() -> Timer:
    """The one of this machine; BadInputError says what is missing."""
    try:
        torch = import_module("torch")
    except ImportError:
        raise BadInputError(
            "measure: PyTorch is not installed in this environment; install it where the GPU is, beside llmplan"
        ) from None
    if not torch.cuda.is_available():
        raise BadInputError(
            f"measure: PyTorch {torch.__version__} sees no GPU here; it times GPUs, not CPUs: run it where one is"
        )
    return TorchTimer(torch)


@frozen(eq=False)
class TorchTimer:
    """By events on the device's own clock; also of AMD's accelerators, which PyTorch calls ``cuda`` too."""

    torch: Any

    @property
    def device(self) -> str:
        """The name of the first device that PyTorch sees."""
        return str(self.torch.cuda.get_device_name(0))

    @property
    def devices(self) -> int:
        """The number of devices that this process sees."""
        return int(self.torch.cuda.device_count())

    def seconds(self, kernel: str, sizes: Mapping[str, float], number_format: str) -> float:
        """The median of its calls; what it works on is let go before the next."""
        dtype = getattr(self.torch, _FORMATS[number_format])
        call = getattr(self, f"_{kernel}")({name: int(size) for name, size in sizes.items()}, dtype)
        found = self._timed(call)
        del call
        self.torch.cuda.empty_cache()
        return found

    def _timed(self, call: Callable[[], Any]) -> float:
        for _ in range(_WARM_UP):
            call()
        self._synchronize()
        times: list[float] = []
        while len(times) < _LEAST_CALLS or (sum(times) < _LEAST_SECONDS and len(times) < _MOST_CALLS):
            begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            call()
            end.record()
            self._synchronize()
            times.append(begin.elapsed_time(end) / 1e3)
        return median(times)

    def _synchronize(self) -> None:
        for device in range(self.devices):
            self.torch.cuda.synchronize(device)

    def _random(self, *shape: int, dtype: Any, device: int = 0) -> Any:
        return self.torch.randn(*shape, device=f"cuda:{device}", dtype=dtype)

    def _gemm(self, sizes: Mapping[str, int], dtype: Any) -> Callable[[], Any]:
        a = self._random(sizes["m"], sizes["k"], dtype=dtype)
        b = self._random(sizes["k"], sizes["n"], dtype=dtype)
        out = self.torch.empty(sizes["m"], sizes["n"], device="cuda:0", dtype=dtype)
        return lambda: self.torch.mm(a, b, out=out)

    def _copy(self, sizes: Mapping[str, int], _dtype: Any) -> Callable[[], Any]:
        """Half of the bytes are read, half are written."""
        elements = sizes["bytes"] // 2 // 4
        source, target = (self.torch.empty(elements, device="cuda:0", dtype=self.torch.float32) for _ in range(2))
        return lambda: target.copy_(source)

    def _attention(self, sizes: Mapping[str, int], dtype: Any) -> Callable[[], Any]:
        shape = (sizes["batch"], sizes["heads"], sizes["tokens"], sizes["head_dim"])
        q, k, v = (self._random(*shape, dtype=dtype) for _ in range(3))
        fused = self.torch.nn.functional.scaled_dot_product_attention
        return lambda: fused(q, k, v, is_causal=True)

    def _all_reduce(self, sizes: Mapping[str, int], dtype: Any) -> Callable[[], Any]:
        whole = self._on_each(sizes["bytes"] // 2, sizes["ranks"], dtype)
        return lambda: self.torch.cuda.nccl.all_reduce(whole)

    def _all_gather(self, sizes: Mapping[str, int], dtype: Any) -> Callable[[], Any]:
        elements, ranks = sizes["bytes"] // 2, sizes["ranks"]
        each = elements // ranks
        parts, whole = self._on_each(each, ranks, dtype), self._on_each(each * ranks, ranks, dtype)
        return lambda: self.torch.cuda.nccl.all_gather(parts, whole)

    def _reduce_scatter(self, sizes: Mapping[str, int], dtype: Any) -> Callable[[], Any]:
        elements, ranks = sizes["bytes"] // 2, sizes["ranks"]
        each = elements // ranks
        parts, whole = self._on_each(each, ranks, dtype), self._on_each(each * ranks, ranks, dtype)
        return lambda: self.torch.cuda.nccl.reduce_scatter(whole, parts)

    def _on_each(self, elements: int, ranks: int, dtype: Any) -> Sequence[Any]:
        """A tensor on each device."""
        return [self._random(elements, dtype=dtype, device=rank) for rank in range(ranks)]
