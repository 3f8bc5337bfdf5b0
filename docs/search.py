"""Makes docs/search.md, how a search works and what it makes of published runs: `tools/regenerate.py search`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from llmplan import train
from llmplan.estimate import TrainingEstimate
from llmplan.output.words import seconds
from llmplan.records import Recompute
from llmplan.search import SearchResult, TrainingSpace, search
from llmplan_report.words import dotted

PAGE = Path(__file__).with_name("search.md")
TERAFLOPS = 1e12


@frozen
class Run:
    """A published run: what it was asked for, the plan that was chosen, and how long an iteration took."""

    title: str
    source: str
    asked: dict[str, Any]
    plan: dict[str, Any] | None
    """None where its authors do not say how they laid it out."""
    published_seconds: float
    lacking: str = ""
    """What its authors' own trainer saves of memory and no framework here does: the plan is priced, but does not fit."""

    def priced(self) -> TrainingEstimate | None:
        """The published plan."""
        return None if self.plan is None else train(**self.asked, **self.plan)

    def searched(self, confidence: float = 0.9) -> SearchResult:
        """All plans of the same model, accelerators, batch, framework and optimizer."""
        return search(TrainingSpace(**self.asked, confidence=confidence), top=2)


def megatron_flops(batch: int, layers: int, hidden: int) -> float:
    """F = 96 B s l h^2 (1 + s/6h + V/16lh), of an iteration with full recomputation; s 2,048, V 51,200 (Narayanan et al.
    2021, arXiv:2104.04473, equation 3).
    """
    s, vocab = 2048, 51_200
    return 96 * batch * s * layers * hidden**2 * (1 + s / (6 * hidden) + vocab / (16 * layers * hidden))


def palm_flops(batch: int, seq_len: int, parameters: float, layers: int, hidden: int) -> float:
    """6 N + 12 l h s a token (Chowdhery et al. 2022, arXiv:2204.02311, appendix B)."""
    return batch * seq_len * (6 * parameters + 12 * layers * hidden * seq_len)


PTD_P = {
    "tp": 8, "cp": 1, "ep": 1, "vpp": 1, "micro_batch": 1, "recompute": "full", "sequence_parallel": False, "zero": 0,
    "schedule": "1f1b", "offload": "none",
}  # fmt: skip
"""What the Megatron papers have in common; interleaving is not stated."""
SELENE = {"gpu": "a100-sxm-80gb", "seq_len": 2048, "optimizer": "adam"}
RUNS = (
    Run(
        "GPT-3 175B on 1,024 A100, 1,536 sequences",
        "Narayanan et al. 2021, arXiv:2104.04473, section 5.1: 140 TFLOP/s a GPU; tp x pp is that of the 145.6B of table 1",
        {**SELENE, "model": "megatron-175b", "dtype": "fp16", "framework": "megatron-lm-2022", "gpus": 1024,
         "global_batch": 1536},
        {**PTD_P, "pp": 8},
        megatron_flops(1536, 96, 12_288) / (1024 * 140 * TERAFLOPS),
    ),
    Run(
        "Megatron-Turing 530B on 2,240 A100, 1,920 sequences",
        "Smith et al. 2022, arXiv:2201.11990, section 2.4",
        {**SELENE, "model": "mt-nlg-530b", "dtype": "bf16", "framework": "megatron-deepspeed", "gpus": 2240,
         "global_batch": 1920},
        {**PTD_P, "pp": 35, "zero": 1},
        60.1,
    ),
    Run(
        "Megatron 1T on 3,072 A100, 3,072 sequences",
        "Narayanan et al. 2021, arXiv:2104.04473, table 1: 163 TFLOP/s a GPU",
        {**SELENE, "model": "megatron-1t", "dtype": "fp16", "framework": "megatron-lm-2022", "gpus": 3072,
         "global_batch": 3072},
        {**PTD_P, "pp": 64},
        megatron_flops(3072, 128, 25_600) / (3072 * 163 * TERAFLOPS),
    ),
    Run(
        "Llama 3 405B on 8,192 H100, 2,048 sequences of 8,192",
        "Dubey et al. 2024, arXiv:2407.21783, table 4: 430 TFLOP/s a GPU; interleaving is not stated, 4 chunks taken",
        {"gpu": "h100-sxm-80gb", "seq_len": 8192, "optimizer": "adam", "model": "llama-3.1-405b", "dtype": "bf16",
         "framework": "megatron-core", "gpus": 8192, "global_batch": 2048},
        {"tp": 8, "cp": 1, "ep": 1, "pp": 16, "vpp": 4, "micro_batch": 1, "recompute": "none", "sequence_parallel": True,
         "zero": 1, "schedule": "1f1b", "offload": "none"},
        palm_flops(2048, 8192, 405.85e9, 126, 16_384) / (8192 * 430 * TERAFLOPS),
        "Its authors free tensors early, and their first and last stages have a layer less (section 3.3.2). Megatron-Core "
        "does neither by itself: the plan is priced, but does not fit; the winners do",
    ),
    Run(
        "LLaMA 65B on 2,048 A100, 2,048 sequences",
        "Touvron et al. 2023, arXiv:2302.13971, section 2.4: around 380 tokens/s a GPU. Its authors name model and sequence "
        "parallelism, and recomputation of what is cheap, but no sizes",
        {**SELENE, "model": "llama-65b", "dtype": "bf16", "framework": "fsdp", "gpus": 2048, "global_batch": 2048},
        None,
        2048 * 2048 / (380 * 2048),
    ),
    Run(
        "Nemotron-4 340B on 128 H100, 32 sequences of 4,096",
        "NVIDIA, NeMo 24.09, performance summary: 326 tokens/s a GPU in FP8; sequence parallelism, gradients in 16 bits and "
        "no recomputation are those of NVIDIA/NeMo-Framework-Launcher, conf/training/nemotron/nemotron_340b.yaml",
        {"gpu": "h100-sxm-80gb", "seq_len": 4096, "optimizer": "adam", "model": "nemotron-4-340b", "dtype": "fp8",
         "framework": "megatron-core", "gpus": 128, "global_batch": 32, "gradient_bits": 16, "reduction_bits": 16},
        {"tp": 8, "cp": 1, "ep": 1, "pp": 8, "vpp": 12, "micro_batch": 1, "recompute": "none",
         "sequence_parallel": True, "zero": 1, "schedule": "1f1b", "offload": "none"},
        32 * 4096 / (326 * 128),
    ),
)  # fmt: skip

INTRODUCTION = """\
# How a search works, and what it finds

<!-- Generated by `python tools/regenerate.py search`: edit nothing here. -->

`llmplan search train` lists every legal plan, prices those that could be the best, and prints the best of them with the
reason why they are.

```sh
llmplan search train --model llama-65b --gpu a100-sxm-80gb --gpus 2048 --global-batch-tokens 4M
llmplan search train --model llama-65b --gpu a100-sxm-80gb,h100-sxm-80gb --price-per-gpu-hour 1.5,2.5 \\
    --gpus 256..4096 --objective cost --finish-within 30d --pareto time,cost --output best.toml --output all.parquet
```

## The space

Any option of a layout is fixed (`--tp 8`), has several values (`--tp 1,2,4`, `--pp 1..16`, `--gpus 256..4096`,
`--gpus 64..512+8`) or is left open. Left open are

| option | values |
| --- | --- |
| `tp`, `pp`, `cp`, `ep` | all that divide the GPUs and that the cost model takes: `tp` divides the heads, `cp` the sequence, `ep` the experts |
| `dp` | what is left of the GPUs |
| `vpp` | all that cut the layers of a stage evenly |
| `sequence_parallel`, `zero`, `schedule`, `recompute`, `offload` | all |
| `micro_batch` | the divisors of a batch that is given in sequences; of one in tokens, powers of two and three times those, with as many accumulated as come within 5 % of it, in rounds of `pp` where stages are interleaved |

Of values that say the same (sequence parallelism of one rank, ZeRO of one, a schedule without a pipeline) the first is
counted. What the framework has not (`offload`) is not tried unless it is asked for. `gpus` may be left open beside
`--objective gpus` or `--pareto time,gpus`: powers of two to 65,536; for the former also 16 numbers, in whole scale-up domains,
between the fewest of these that do and their half.
Several `--gpu`, `--model` or `--dtype` are compared in every combination; `--price-per-gpu-hour` has one price, or one
for each `--gpu`. `llmplan train` asks the same of the same plans for what it is not given, so that its plan is the first of
`llmplan search train`; where `tp`, `pp` and `dp` are given, their product is the number of GPUs, times
`cp` if that is given. Where the number is open, `train` asks for powers of two, until one is done in 30 days.

## What is asked

`--objective` is `time` (with failures, where `--failures-per-gpu-day` is given), `cost`, `gpu-hours`, `energy`,
`memory`, or `gpus`: the fewest that meet `--finish-within` or `--budget`. Both may limit any objective. `--pareto` prints the
plans that none beats in all of the figures named. Equal plans come in this order: without words of the cost model against
the layout, of the record named first, on fewer GPUs, with less model parallelism (`tp` x `pp` x `cp`), smaller `pp`, `cp`,
`ep`, `vpp`, 1F1B before zero-bubble, lower ZeRO stage, nothing offloaded, less recomputation, smaller micro-batch.

## What one can count on

The best of millions is likely to be one whose price is too low. So plans are ranked by the upper end of their range, which
they stay below with `--confidence 0.9`: a range is wide where few have run what a plan does, and narrow where many have. A
plan of a kind that nobody has run has to be better by more than its doubt. 0.5 ranks by the estimates as they are, 0.99 is
the most; between, errors of a factor are taken as log-normal. Deadlines, budgets and memory hold with the same confidence:
`--finish-within 21d` takes no plan of 20.6 days that may as well take 24. Beside that, `--memory-headroom`, 0.05 by
default, stays free of the memory as it is estimated, for what no cost model counts. The report says which plan the estimates
alone would have chosen, of those that fit. With `--mfu` the layout is that of the cost model, and limits hold at the time that
the MFU says.

## How

Plans are listed and priced in chunks of arrays, so memory stays flat. First the usual plans are looked at; how good
the best of them are tells which of all plans cannot be better, by bounds that the cost model states at a tenth of its
price, times the range of their kind. Those are pruned, and so is what cannot fit; `--no-prune` prices all. Where no more than
32,768 plans are legal, all are priced, which is as quick.
`legal` = `pruned` + `priced`; `infeasible` counts plans that break a limit, whether their bound or their price says so. What a
search finds and counts depends on neither the executor nor the size of a chunk.

On one core of a shared server, process start included, the 2.2 million legal plans of the first command took 0.85 to
1.0 s, and 119 million plans of two models on three GPUs 17 s and 108 MB; `python -m tests.benchmarks.search` measures
the former, and how many plans a second are priced in full.

Plans that differ by less than their ranges are as good: prefer the one like what you have run before.

`--executor threads` and `processes` use the cores of a machine, `--executor dask --scheduler tcp://host:8786` a Dask
cluster (`pip install 'llmplan-executors[dask]'`). A worker that dies loses no plan; where the scheduler or its network dies, or no
worker is left for 10 s, the best so far is printed, and the exit code is 1. Ctrl-C prints the best so far and exits with 130,
SIGTERM with 143; neither leaves an unfinished file. A search that lasts says so after 10 s. Where no plan is feasible, the report names the constraint that rules out the last one, the plan that
comes nearest and the smallest changes that would do, and the exit code is 3. `--output` writes the best plan to a
`.toml` file, which `llmplan train --plan` prices to the same figures, or all priced plans to `.csv`, `.json` or
`.parquet`.

A cluster of several machines has the same version of llmplan, and of its plugins, on each:

```sh
dask scheduler --host 10.0.0.1 --port 8786        # on one of them
dask worker tcp://10.0.0.1:8786 --nworkers auto   # on every one
llmplan search train … --executor dask --scheduler tcp://10.0.0.1:8786
```

`.ci/namespaces` tries such a cluster every night, each machine in a network namespace of its own, and cuts one off.

Whoever reaches a Dask scheduler runs code on it and on its workers: its messages are pickles, and so are the answers that
llmplan reads. Use one in a network that you trust, or with TLS: `tls://` takes the certificates that
[Dask's configuration](https://distributed.dask.org/en/stable/tls.html) names under `distributed.comm.tls`.

```python
from llmplan.search import TrainingSpace, search

space = TrainingSpace(model="llama-65b", gpu="a100-sxm-80gb", gpus=2048, tp=[1, 2, 4, 8], zero=[0, 1])
result = search(space, "energy", finish_within="30d", top=5)
print(result.best[0].energy_kwh, result.best[0].plan.layout.tp, result.counts.legal)
print(result.columns["tp"], result.columns["training_seconds"])  # of every priced plan; to_pandas(), to_parquet(path)
```

## Published runs

Each run was laid out by its authors for the accelerators and the batch that they had. The search sees the same, and the
framework of the time, before FlashAttention. The published plan is one of its plans; the last column is how far the price
of that plan is off the published time, and winners are held against that price, or against the published time where its
authors do not say how they laid it out. "Counted on" is what `--confidence 0.9` finds, "estimated" what 0.5 finds.
"""
OUTRO = """\
The search is free to do what the authors' programs could not do yet, and trusts the cost model where nobody has measured:
a winner that is a few percent ahead of the runner-up is as good as that one.
"""


def page(runs: Sequence[Run] = RUNS) -> str:
    """The whole of it."""
    return "\n".join([INTRODUCTION, *(line for run in runs for line in section(run)), OUTRO])


def section(run: Run) -> Iterator[str]:
    """A run: the published plan beside the winner."""
    published, sure, even = run.priced(), run.searched(), run.searched(0.5)
    yield f"### {run.title}\n"
    yield f"{run.source}. {sure.counts.legal:,} legal plans.{f' {run.lacking}.' if run.lacking else ''}\n"
    whole = run.published_seconds if published is None else published.iteration_seconds

    def shorter(winner: TrainingEstimate) -> tuple[str, str, str]:
        return laid_out(winner), seconds(winner.iteration_seconds), _against(1 - winner.iteration_seconds / whole)

    price = (
        ()
        if published is None
        else (("its price", "the same", seconds(whole), f"{whole / run.published_seconds - 1:+.1%}"),)
    )

    yield table(
        ("", "plan", "iteration", ""),
        (
            (
                "published",
                "not stated" if published is None else laid_out(published),
                seconds(run.published_seconds),
                "",
            ),
            *price,
            ("counted on", *shorter(sure.best[0])),
            ("estimated", *shorter(even.best[0])),
        ),
    )

    if published is not None and published.fits and sure.best[0].iteration_seconds > whole:
        yield "The published plan fits by its estimate, not with headroom and the upper end of its memory's range.\n"


def _against(share: float) -> str:
    return f"{share:.1%} shorter" if share >= 0 else f"{-share:.1%} longer"


def laid_out(estimate: TrainingEstimate) -> str:
    """Sizes and modes, those of 1 only where they always stand."""
    plan, layout = estimate.plan, estimate.plan.layout
    sizes = (f"{name} {getattr(layout, name)}" for name in ("tp", "cp", "pp", "vpp", "dp") if getattr(layout, name) > 1)
    return dotted(
        (
            *sizes,
            "sequence parallel" if layout.sequence_parallel else "",
            f"ZeRO {layout.zero}",
            f"micro-batch {plan.micro_batch}",
            f"recompute {Recompute(plan.recompute).label}",
            plan.schedule_name,
            *(f"{what} offloaded" for what in plan.on_host),
        )
    )


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines)) + "\n"


def files() -> dict[Path, str]:
    """The page."""
    return {PAGE: page()}
