"""What a phase of inference waits for most, and what would relieve it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

_WORDS: Mapping[str, tuple[str, str]] = {
    "compute": ("multiplications", "a --dtype that multiplies in fewer bits, more --tp or a faster GPU"),
    "weights": ("reading weights", "a larger --batch, which shares them; weights of fewer bits (--dtype); more --tp"),
    "kv_cache": ("reading the KV cache", "fewer --kv-bits, shorter sequences, a smaller --batch or more --tp"),
    "activations": ("moving activations", "fewer bits of activations (--dtype), more --tp or more bandwidth"),
    "communication": ("communication", "less --tp and more --dp, or GPUs with a faster link"),
    "launch": ("launching kernels", "a larger --batch or less --tp; another --engine"),
    "host": ("the host between steps", "a larger --batch or another --engine"),
}


@frozen
class Bottleneck:
    """The resource that takes most of a phase."""

    resource: str
    """As the cost model calls it."""
    share: float
    """Of the seconds of the phase."""
    one_by_one: bool = False
    """Kernels are launched so, and could be launched whole."""

    @property
    def words(self) -> str:
        """``reading weights``."""
        return _WORDS.get(self.resource, (self.resource, ""))[0]

    @property
    def relief(self) -> str:
        """Options that would shorten it; empty where none is known."""
        graphs = "--cuda-graphs, " if self.one_by_one and self.resource == "launch" else ""
        return graphs + _WORDS.get(self.resource, ("", ""))[1]


def bottleneck(bounds: Mapping[str, float] | None, *, one_by_one: bool = False) -> Bottleneck | None:
    """Of seconds by what was waited for; None where the cost model does not say."""
    if not bounds or sum(bounds.values()) <= 0:
        return None
    resource = max(bounds, key=lambda name: bounds[name])
    return Bottleneck(resource, float(bounds[resource] / sum(bounds.values())), one_by_one)
