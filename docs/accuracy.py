"""Makes accuracy.md and accuracy_inference.md, llmplan beside published figures: `tools/regenerate.py accuracy`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from llmplan import registry, train
from llmplan.estimate.line import Kind, of_kinds
from llmplan.units import GIB, GIGA
from llmplan_parallelism_megatron.ranges.coverage import LEFT_OUT, Covered, left_out, share_by_source, share_inside
from llmplan_parallelism_megatron.ranges.csv_files import read_rows
from llmplan_parallelism_megatron.ranges.residuals import read_residuals
from llmplan_parallelism_megatron.ranges.training import VALIDATION
from llmplan_parallelism_megatron.validation.engine_memory import FITS, printed
from llmplan_validation import Checked, Validation, validate
from llmplan_validation.score import GROUPS, Summary, by_source, group_of, score

sys.path.insert(0, str(Path(__file__).parent))
import accuracy_text

sys.path.pop(0)

CALIBRATION = Path(__file__).resolve().parents[1] / "plugins/parallelism_megatron/calibration"
FAR_OFF = 0.1
WORDS = {
    "room": "room, GiB",
    "tokens": "tokens of cache",
    "weights": "weights, GiB",
    "cache": "cache, GiB",
    "beside": "neither weights, activations nor cache, GiB",
    FITS: "starts and runs",
}
PINNED = {"tokens": 1e9, "offload": "none", "confidence": 0.5}
TUNED = {**PINNED, "gpu": "a100-sxm-80gb", "gpus": 1, "micro_batch": 4, "global_batch": 4, "seq_len": 4096,
         "dtype": "bf16", "framework": "hugging-face-trainer", "recompute": "full", "lora_rank": 16}  # fmt: skip
CASES: Sequence[tuple[str, str, str, Mapping[str, Any], tuple[Kind, ...]]] = (
    (
        "NVIDIA/Megatron-LM#525", "gpt2-large, V100, unfused attention, micro-batch 4", "out of memory at 31.7 GiB",
        {**PINNED, "model": "gpt2-large", "gpu": "v100-sxm2-32gb", "gpus": 1, "micro_batch": 4, "global_batch": 4,
         "seq_len": 1024, "dtype": "fp16", "recompute": "none", "framework": "megatron-lm-2022"}, (),
    ),
    (
        "NVIDIA/Megatron-LM PR#482", "llama-2-7b, 8 H800, micro-batch 2, dp 4, pp 2 (2,048 tokens inferred)", "49.8 GB",
        {**PINNED, "model": "llama-2-7b", "gpu": "h800-sxm-80gb", "gpus": 8, "pp": 2, "dp": 4, "tp": 1, "vpp": 1,
         "micro_batch": 2, "global_batch": 64, "seq_len": 2048, "dtype": "bf16", "recompute": "none", "zero": 1,
         "schedule": "1f1b"}, (),
    ),
    (
        "foundation-model-stack/fms-acceleration#12", "llama-2-70b QLoRA, A100, batch 4 (4,096 tokens assumed)",
        "65.0 GB", {**TUNED, "model": "llama-2-70b", "tuning": "qlora"}, (Kind.SYSTEM,),
    ),
    (
        "fms-acceleration PR#14", "mistral-7b LoRA, batch 4 (4,096 tokens assumed)", "29.0 GB reserved",
        {**TUNED, "model": "mistral-7b-v0.1", "tuning": "lora"}, (Kind.SYSTEM,),
    ),
    (
        "the same", "QLoRA", "19.5 GB reserved", {**TUNED, "model": "mistral-7b-v0.1", "tuning": "qlora"},
        (Kind.SYSTEM,),
    ),
)  # fmt: skip
"""Thread, run, what was found, the run as options, and kinds of lines that were not counted."""
KINDS = {
    "fine-tuning": ("Qwen-finetune", "LitGPT", "torchtune", "NeMo-Launcher-finetune"),
    "PyTorch": (
        "LLaMA-1", "Meta-model-cards", "llm-foundry", "torchtitan", "TinyLlama", "nanotron-best", "llm.c",
    ),
}  # fmt: skip
"""Sources of a kind; all others pretrain with Megatron and its relatives."""
PAGES = {
    "training": (Path(__file__).with_name("accuracy.md"), accuracy_text.TRAINING),
    "inference": (Path(__file__).with_name("accuracy_inference.md"), accuracy_text.INFERENCE),
}
"""By validation set: the file, and what it begins with."""


def page(result: Validation, unfitted: Validation) -> str:
    """The whole of it."""
    introduction = PAGES[result.name][1]
    counted = [checked for checked in result.checked if checked.row.counts]
    unseen = [checked for checked in unfitted.checked if checked.row.counts]
    aside = [checked for of in (result, unfitted) for checked in of.checked if not checked.row.counts]
    parts = [introduction, scores(counted), "## By source\n", sources(counted)]
    parts += [accuracy_text.UNFITTED, scores(unseen), sources(unseen)]
    if result.name == "inference":
        parts += [*by_record((*counted, *unseen)), accuracy_text.ENGINES_LEFT_OUT, engines_left_out()]
        parts += [accuracy_text.SERVING_MECHANISMS, *engine_memory()]
    if result.name == "training":
        parts += ["## Both together, by kind of source\n", kinds([*counted, *unseen])]
        parts += [accuracy_text.MECHANISMS, mechanisms(), accuracy_text.LEFT_OVER, accuracy_text.FITTED, found_to_fit()]
    parts += [*ranges(result.name)]
    parts += [
        "## Row by row\n",
        rows(counted),
        "## Row by row, of sources that no constant was fitted to\n",
        rows(unseen),
    ]
    if aside:
        parts += ["## Figures that do not count\n", rows(aside)]
    if skipped := (*result.skipped, *unfitted.skipped):
        parts += ["## Skipped\n", table(("row", "reason"), skipped)]
    return "\n".join(parts)


def kinds(counted: Sequence[Checked]) -> str:
    """Scores of pretraining, of PyTorch, of fine-tuning, and of all."""
    of_kind = {source: kind for kind, sources in KINDS.items() for source in sources}
    by_kind: dict[str, list[Checked]] = {"all": list(counted)}
    for checked in counted:
        by_kind.setdefault(of_kind.get(checked.row.source, "pretraining"), []).append(checked)
    lines = []
    for kind, of in by_kind.items():
        means, found = score(of), by_source(of).values()
        cells = [(f"{sum(one[group] is not None for one in found)}", percent(means[group])) for group in GROUPS]
        lines.append((kind, *cells[0], *cells[1]))
    return table(("kind", "sources", "time", "sources", "memory"), lines)


def percent(share: float | None) -> str:
    """Empty where there is none."""
    return "" if share is None else f"{share:.1%}"


def mechanisms() -> str:
    """As mechanisms.py found them."""
    head = ("without", "read in", "time", "memory")
    lines = [
        (row["mechanism"], row["source"], f"{float(row['time']):.2%}", f"{float(row['memory']):.2%}")
        for row in read_rows(CALIBRATION / "mechanisms.csv")
    ]
    return table(head, lines)


def found_to_fit() -> str:
    """What llmplan says of what users reported."""
    lines = []
    for thread, run, found, options, left_out_kinds in CASES:
        estimate = train(**options)
        held = float(estimate.memory_bytes_per_gpu - of_kinds(estimate.memory_breakdown, left_out_kinds))
        lines.append((thread, run, found, f"{held / GIB:.1f} GiB, {held / GIGA:.1f} GB"))
    return table(("thread", "run", "found", "llmplan"), lines)


def ranges(name: str) -> Iterator[str]:
    """How many left-out figures lie inside their ranges."""
    yield accuracy_text.RANGES
    head = ("figure", "left out", "figures", "inside", "below", "above", "inside, mean of sources")
    residuals = read_residuals(VALIDATION / f"{name}_residuals.csv")
    lines: list[Sequence[str]] = []
    for figure in dict.fromkeys(one.figure for one in residuals):
        of_figure = [one for one in residuals if one.figure == figure]
        lines += [(figure, what, *shares(left_out(of_figure, what))) for what in LEFT_OUT]
    yield table(head, lines)


def shares(covered: Sequence[Covered]) -> Sequence[str]:
    """Figures; inside, below and above their ranges; the mean of the sources' shares inside."""
    below, above = (fmean(ends) for ends in zip(*((c.ratio < c.low, c.ratio > c.high) for c in covered), strict=True))
    by_name = fmean(share_by_source(covered).values())
    return (f"{len(covered)}", *(f"{share:.0%}" for share in (share_inside(covered), below, above, by_name)))


def scores(counted: Sequence[Checked]) -> str:
    """The mean of the sources' means."""
    means = score(counted)
    said = ", ".join(f"**{mean:.1%}** for {group}" for group in GROUPS if (mean := means[group]) is not None)
    return f"Score, the mean of the sources' mean absolute errors: {said}.\n"


def sources(counted: Sequence[Checked]) -> str:
    """Rows, mean absolute and worst error of each."""
    head = ("source", *(f"{group} {column}" for group in GROUPS for column in ("rows", "mean", "worst")))
    lines = [
        (source, *(cell for group in GROUPS for cell in summary_cells(groups[group])))
        for source, groups in by_source(counted).items()
    ]
    return table(head, lines)


def summary_cells(found: Summary | None) -> tuple[str, str, str]:
    """Empty where a source measured none of it."""
    if found is None:
        return ("", "", "")
    return (f"{found['rows']}", f"{found['mean_absolute_error']:.1%}", f"{found['worst_error']:+.1%}")


def by_record(counted: Sequence[Checked]) -> Iterator[str]:
    """Errors in time by engine and by accelerator, of rows that constants were fitted to and others."""
    for option, words in (("engine", "engine"), ("gpu", "accelerator")):
        errors: dict[str, list[float]] = {}
        for one in counted:
            record = one.row.options.get(option)
            if group_of(one.row.metric) == "time" and record is not None:
                errors.setdefault(record.name, []).append(one.error)
        yield f"## By {words}\n"
        yield table(
            (words, "time rows", "time mean", "time worst"),
            (
                (name, str(len(found)), f"{fmean(map(abs, found)):.1%}", f"{max(found, key=abs):+.1%}")
                for name, found in sorted(errors.items())
            ),
        )


def engines_left_out() -> str:
    """As engines.py found them."""
    head = ("engine", "left out", "rows", "fitted with them", "without them")
    found = read_rows(CALIBRATION / "engines_left_out.csv")
    lines = [
        (row["engine"], row["value"], row["rows"], *(f"{float(row[name]):.1%}" for name in ("fitted", "refitted")))
        for row in found
    ]
    means = (f"{fmean(float(row[name]) for row in found):.1%}" for name in ("fitted", "refitted"))
    return table(head, [*lines, ("mean", "", "", *means)])


def engine_memory() -> Iterator[str]:
    """What engines print about their memory, and what people found to fit."""
    yield accuracy_text.MEMORY
    yield table(
        ("reference", "case", "figure", "engine", "llmplan", "error"),
        (
            (one.reference, one.case, WORDS[one.figure], *_printed(one.figure, one.value, one.predicted()))
            for one in printed()
        ),
    )


def _printed(figure: str, value: float, predicted: float) -> tuple[str, str, str]:
    if figure == FITS:
        words = ("refused", "runs")
        return words[int(value)], words[int(predicted)], "" if value == predicted else "**wrong**"
    error = predicted / value - 1.0
    shown = f"{error:+.1%}" if value > 0 else f"{predicted - value:+.2f} GiB"
    each = ",.0f" if figure == "tokens" else ".2f"
    return format(value, each), format(predicted, each), f"**{shown}**" if abs(error) > FAR_OFF else shown


def rows(checked: Iterable[Checked]) -> str:
    """One line each; what is far off stands in bold."""
    return table(("row", "source", "metric", "measured", "predicted", "error"), [row_cells(row) for row in checked])


def row_cells(checked: Checked) -> tuple[str, ...]:
    """Measured as published, predicted to four digits."""
    row, error = checked.row, f"{checked.error:+.1%}"
    shown = f"**{error}**" if abs(checked.error) > FAR_OFF else error
    return (row.id, row.source, row.metric, f"{row.measured:.10g}", digits(checked.predicted), shown)


def digits(value: float) -> str:
    """Four of them, or all before the point."""
    return f"{value:.0f}" if value >= 1e4 else f"{value:.4g}"  # noqa: PLR2004 - from here on five


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines)) + "\n"


def generated(name: str) -> str:
    """As the page of a validation set should be now."""
    sets = registry().validation_sets
    return page(validate(sets[name]), validate(sets[f"{name}-unfitted"]))


def files() -> dict[Path, str]:
    """The pages."""
    return {path: generated(name) for name, (path, _) in PAGES.items()}
