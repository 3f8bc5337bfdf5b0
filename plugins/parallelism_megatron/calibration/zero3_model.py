"""A narrow model with layers as Hugging Face's have them: two norms, attention of two matrices, a gated MLP of three.

It needs torch; zero3_hooks.py beside this file times it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

WIDTH, INNER, VOCABULARY, HEADS, RANK = 64, 128, 128, 4, 8
torch: Any = import_module("torch")
checkpoint: Any = import_module("torch.utils.checkpoint").checkpoint
nn: Any = torch.nn


class Adapted(nn.Module):  # type: ignore[misc]
    """A frozen matrix with an adapter beside it, as PEFT has it."""

    def __init__(self, base: Any) -> None:
        super().__init__()
        self.base, self.dropout = base.requires_grad_(requires_grad=False), nn.Dropout(0.05)
        self.a = nn.Linear(base.in_features, RANK, bias=False)
        self.b = nn.Linear(RANK, base.out_features, bias=False)

    def forward(self, x: Any) -> Any:
        """W x + B A x."""
        return self.base(x) + self.b(self.a(self.dropout(x))) * 2.0


def linear(inputs: int, outputs: int, *, adapters: bool) -> Any:
    """A matrix, frozen where it has an adapter."""
    base = nn.Linear(inputs, outputs, bias=False)
    return Adapted(base) if adapters else base


class Norm(nn.Module):  # type: ignore[misc]
    """RMSNorm, in 32 bits."""

    def __init__(self, *, adapters: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH), requires_grad=not adapters)

    def forward(self, x: Any) -> Any:
        """Kernel by kernel."""
        wide = x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).type_as(x) * self.weight


class Attention(nn.Module):  # type: ignore[misc]
    """Unfused, on few tokens."""

    def __init__(self, *, adapters: bool) -> None:
        super().__init__()
        self.joined = linear(WIDTH, 3 * WIDTH, adapters=adapters)
        self.output, self.dropout = linear(WIDTH, WIDTH, adapters=adapters), nn.Dropout(0.0)

    def forward(self, x: Any) -> Any:
        """Of all heads."""
        shape = (*x.shape[:2], HEADS, WIDTH // HEADS)
        q, k, v = (one.view(shape).transpose(1, 2) for one in self.joined(x).chunk(3, -1))
        scores = self.dropout((q @ k.transpose(-1, -2)).softmax(-1))
        return self.output((scores @ v).transpose(1, 2).reshape(x.shape))


class Mlp(nn.Module):  # type: ignore[misc]
    """SwiGLU."""

    def __init__(self, *, adapters: bool) -> None:
        super().__init__()
        self.gate, self.up = (linear(WIDTH, INNER, adapters=adapters) for _ in range(2))
        self.down = linear(INNER, WIDTH, adapters=adapters)

    def forward(self, x: Any) -> Any:
        """Three matrices."""
        return self.down(nn.functional.silu(self.gate(x)) * self.up(x))


class Layer(nn.Module):  # type: ignore[misc]
    """Eleven modules."""

    def __init__(self, *, adapters: bool) -> None:
        super().__init__()
        self.before, self.attention = Norm(adapters=adapters), Attention(adapters=adapters)
        self.after, self.mlp = Norm(adapters=adapters), Mlp(adapters=adapters)

    def forward(self, x: Any) -> Any:
        """Both halves with their residuals."""
        x = x + self.attention(self.before(x))
        return x + self.mlp(self.after(x))


class Model(nn.Module):  # type: ignore[misc]
    """So many layers, each computed again in the backward pass, and something to go backwards from."""

    def __init__(self, layers: int, *, adapters: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(VOCABULARY, WIDTH)
        self.layers = nn.ModuleList(Layer(adapters=adapters) for _ in range(layers))
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False).requires_grad_(not adapters)

    def forward(self, tokens: Any) -> Any:
        """A number."""
        x = self.table(tokens)
        for layer in self.layers:
            x = checkpoint(layer, x, use_reentrant=True)
        return self.head(x).float().logsumexp(-1).mean()
