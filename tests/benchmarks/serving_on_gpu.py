"""Llama 3.1 8B's shape in compiled PyTorch under CUDA graphs, timed on the GPU at hand, beside what llmplan predicts.

``python -m tests.benchmarks.serving_on_gpu h100-sxm-80gb`` where PyTorch and that GPU are; weights are random. With
``--timings FILE`` it compares what another machine has written with ``--write FILE``, which needs no GPU.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

LAYERS, HIDDEN, HEADS, GROUPS, WIDTH, FFN, VOCAB = 32, 4096, 32, 8, 128, 14_336, 128_256
DECODES = ((1, 1024), (8, 1024), (32, 1024), (128, 1024), (1, 8192), (16, 8192))
"""Sequences, and tokens that each looks back on."""
PREFILLS = ((1, 128), (1, 512), (1, 2048), (4, 2048))
"""Prompts, and the tokens of each."""
ENGINE = "gpt-fast"
"""The profile of compiled PyTorch, calibrated on A100s alone."""


def timed() -> list[dict[str, Any]]:
    """Milliseconds of each pass, replayed as a CUDA graph."""
    import torch

    weights = _weights(torch)
    rows = []
    with torch.no_grad():
        for batch, context in DECODES:
            rows.append(
                {"phase": "decode", "batch": batch, "tokens": context, "ms": _decode(torch, weights, batch, context)}
            )
        for batch, tokens in PREFILLS:
            rows.append(
                {"phase": "prefill", "batch": batch, "tokens": tokens, "ms": _prefill(torch, weights, batch, tokens)}
            )
    return rows


def _weights(torch: Any) -> dict[str, Any]:
    def random(*shape: int) -> Any:
        return torch.randn(*shape, device="cuda", dtype=torch.bfloat16) * 0.02

    layers = [
        (
            random((HEADS + 2 * GROUPS) * WIDTH, HIDDEN),
            random(HIDDEN, HEADS * WIDTH),
            random(2 * FFN, HIDDEN),
            random(HIDDEN, FFN),
            random(HIDDEN),
        )
        for _ in range(LAYERS)
    ]
    return {"layers": layers, "table": random(VOCAB, HIDDEN), "head": random(VOCAB, HIDDEN)}


def _layer(torch: Any, states: Any, weights: Any, cache: Any, turn: Any) -> Any:
    """Norm, rotated queries and keys, attention over the cache or the prompt, gated MLP."""
    of = torch.nn.functional
    projection, output, ups, down, scale = weights
    batch, tokens, _ = states.shape
    normed = of.rms_norm(states, (HIDDEN,), scale)
    split = of.linear(normed, projection).split([HEADS * WIDTH, GROUPS * WIDTH, GROUPS * WIDTH], -1)
    q, k, v = (part.view(batch, tokens, -1, WIDTH).transpose(1, 2) for part in split)
    q, k = (torch.cat([-x[..., WIDTH // 2 :], x[..., : WIDTH // 2]], -1) * turn + x for x in (q, k))
    if cache is None:
        looked = of.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    else:
        cache[0][:, :, -1:], cache[1][:, :, -1:] = k, v
        looked = of.scaled_dot_product_attention(q, *cache, enable_gqa=True)
    states = states + of.linear(looked.transpose(1, 2).reshape(batch, tokens, HEADS * WIDTH), output)
    gate, up = of.linear(of.rms_norm(states, (HIDDEN,), scale), ups).chunk(2, -1)
    return states + of.linear(of.silu(gate) * up, down)


def _pass(torch: Any, weights: dict[str, Any], tokens: Any, caches: Any, turn: Any) -> Any:
    states = weights["table"][tokens]
    for number, layer in enumerate(weights["layers"]):
        states = _layer(torch, states, layer, None if caches is None else caches[number], turn)
    return torch.nn.functional.linear(states[:, -1], weights["head"]).float().argmax(-1)


def _decode(torch: Any, weights: dict[str, Any], batch: int, context: int) -> float:
    def cache() -> Any:
        return torch.randn(batch, GROUPS, context, WIDTH, device="cuda", dtype=torch.bfloat16)

    caches = [(cache(), cache()) for _ in range(LAYERS)]
    return _milliseconds(torch, weights, torch.zeros(batch, 1, dtype=torch.long, device="cuda"), caches)


def _prefill(torch: Any, weights: dict[str, Any], batch: int, tokens: int) -> float:
    return _milliseconds(torch, weights, torch.zeros(batch, tokens, dtype=torch.long, device="cuda"), None)


def _milliseconds(torch: Any, weights: dict[str, Any], tokens: Any, caches: Any, times: int = 20) -> float:
    """Of one replay, after warming up."""
    torch._dynamo.reset()  # noqa: SLF001 - a new shape is compiled anew, not widened
    turn = torch.ones(1, 1, tokens.shape[1], WIDTH, device="cuda", dtype=torch.bfloat16)
    compiled = torch.compile(lambda: _pass(torch, weights, tokens, caches, turn), dynamic=False)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            compiled()
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        compiled()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    graph.replay()
    begin.record()
    for _ in range(times):
        graph.replay()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / times


def predicted(row: dict[str, Any], gpu: str) -> float:
    """Milliseconds of the same pass."""
    from llmplan import infer

    decodes = row["phase"] == "decode"
    estimate = infer(
        model="llama-3.1-8b", gpu=gpu, dtype="bf16", engine=ENGINE, tp=1, pp=1, dp=1, batch=row["batch"],
        prompt_tokens=row["tokens"] - decodes, output_tokens=1 + decodes,
    )  # fmt: skip
    return 1e3 * float(estimate.next_token_seconds if decodes else estimate.first_token_seconds)


def main(
    gpu: Annotated[str, typer.Argument(help="Which one it is.")],
    write: Annotated[Path | None, typer.Option(help="Write the timings and stop.")] = None,
    timings: Annotated[Path | None, typer.Option(help="Timings instead of a GPU.")] = None,
) -> None:
    """Print both, row by row, and the mean absolute error."""
    rows = json.loads(timings.read_text("utf-8")) if timings else timed()
    if write:
        write.write_text(json.dumps(rows), encoding="utf-8")
        return
    errors: list[float] = []
    for row in rows:
        found = predicted(row, gpu)
        errors.append(found / row["ms"] - 1.0)
        shape = f"{row['phase']:8}{row['batch']:4} x {row['tokens']:5}"
        print(f"{shape}  {row['ms']:8.2f} ms  {found:8.2f}  {errors[-1]:+.1%}")
    print(f"mean absolute error {sum(map(abs, errors)) / len(errors):.1%}, by {ENGINE} on {gpu}")


if __name__ == "__main__":
    typer.run(main)
