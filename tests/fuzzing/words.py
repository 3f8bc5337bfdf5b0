"""Command lines with some of their options, well or badly given, in any order."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from fuzzing.files import NAMES
from llmplan.catalogues import registry
from llmplan.request import (
    InferRequest,
    InferSearchRequest,
    SearchRequest,
    TrainRequest,
    option_name,
    options_of,
)

SMALL = ("--model", "llama-7b", "--gpu", "h100-sxm-80gb")
GIVEN = {
    "train": ("--gpus", "8", "--tp", "1", "--pp", "1", "--cp", "1", "--zero", "1", "--offload", "none"),
    "infer": ("--tp", "1", "--dp", "1"),
}
"""Sizes that leave little to decide, so that an answer takes milliseconds."""
COMMANDS = (
    (("train",), (TrainRequest,)),
    (("train",), (TrainRequest,)),
    (("infer",), (InferRequest,)),
    (("infer",), (InferRequest,)),
    (("search", "train"), (TrainRequest, SearchRequest)),
    (("search", "infer"), (InferRequest, InferSearchRequest)),
    (("calibrate",), (TrainRequest, InferRequest)),
)
OTHERS = (
    *(("list",), ("show",), ("plugins",), ("validate",), ("explain",), ("prices",), ("nothing",), ()),
    *(("report",), ("search",), ("plugins", "new"), ("plugins", "check", "llmplan-dtypes-int")),
)
"""Without options of a request."""
_DRAWN = 300
"""Answers of which one is a page of pictures, which take a second."""

_STRANGE = """
0 -1 1e-300 1e300 nan inf -inf 0x10 1_000 \u0661 \u00bd 1,,2 2..1 .. 1.. 1..1e18 0..8 8..64 1,2 1..16+1 50% 1T 0.5 1/3
1e3 true none null auto * ü =1+1 -- - @ ../.. /dev/null . ~ %s {} ${X} = : tp= tp=1,2 tp+tp=1+1 gpus+tp=8+1,16+2 model=*
gpu=t4,h100 megatron: json:x x:y:z gantt:p.svg a.toml ./x.json p.svg p.html all.csv t.md
"""
HOSTILE = (
    *_STRANGE.split(),
    *("", " ", "\x00", "\x1b[31m", "a\nb", "\ud800", "9" * 40, "9" * 5000, "x" * 9000),
    *NAMES,
)
WHOLE = ("1", "2", "4", "8", "16", "64", "1024", "4096", "1,2", "1..8", "2..16")
TYPICAL = {
    "FRACTION": ("0.5", "1", "0.95", "50%", "0.9", "1e-9"),
    "TIME": ("500ms", "10s", "30d", "0.05", "1h"),
    "SECONDS": ("45", "1.5m", "30m", "0"),
    "SHAPE": ("fixed", "uniform:0.3", "lognormal:0.7", "geometric", "lognormal:9"),
    "TIMES": ("1", "1.5", "8"),
    "RATE": ("2/s", "90/min", "0.001", "1e-4"),
    "MONEY": ("2M", "$50000", "1"),
    "PRICE": ("2.5", "$3/h", "0", "1..8"),
    "WHOSE": ("median", "p25", "runpod", "2.5", "aws"),
    "MARKET": ("on-demand", "spot", "reserved"),
    "REGION": ("us-east-1", "eu"),
    "GRAMS|REGION": ("369", "france", "us-east-1"),
    "FACTOR": ("1", "1.3"),
    "IN/OUT": ("3/15", "2", "$1/$2"),
    "GB/S": ("10", "50GB/s"),
    "GBIT/S": ("400", "3200Gb/s"),
    "GIB": ("512", "2000GiB"),
    "NAME,NAME": ("time,gpus", "cost,time,energy"),
    "PERCENT|mean": ("50", "99", "mean"),
    "WORDS": ("q+v", "attention"),
    "WORD": ("plain", "fused", "cut"),
    "N|auto": ("auto", "4"),
    "N|FILE": ("512", "samples.txt"),
}
"""By metavar: what people write there."""
FLAGS = {
    "--json": None,
    "--sources": None,
    "--explain": None,
    "--ideal": None,
    "--no-prune": None,
    "--output": ("o.json", "o.csv", "o.md", "o.txt", "o.parquet"),
    "--compare": ("tp=1,2", "gpu=h100-sxm-80gb,a100-sxm-80gb", "gpus+tp=8+1,16+2", "micro-batch=1..4"),
    "--plan": NAMES,
    "--from": NAMES,
    "--export": ("megatron", "vllm", "torchtitan:t.toml", "deepspeed", "axolotl", "trl", "kubernetes", "llama-cpp"),
    "--reporter": ("table", "json"),
    "--time-limit": ("1", "5s"),
    "--executor": ("threads",),
    "--workers": ("1", "2"),
    "--plugin": ("plugin.py",),
    "--without-plugin": ("llmplan-prices", "llmplan-report"),
    "--format": ("megatron", "csv", "trainer"),
    "--price-file": ("prices.csv",),
    "--rows": ("rows.csv",),
}


@cache
def _typical(kind: str | None, metavar: str) -> tuple[str, ...]:
    if kind is None:
        return TYPICAL.get(metavar, WHOLE)
    return tuple(getattr(registry(), kind.replace("-", "_"))) or NAMES


def words_for(metadata) -> tuple[str, ...]:
    """What somebody would give who has read the help."""
    names = metadata["names"]
    if callable(names):
        return (*names(), *TYPICAL.get(metadata["metavar"], ()))
    return _typical(names, metadata["metavar"])


@st.composite
def command_lines(draw):
    """A command, its options for the greater part such as make sense alone, and some that never do."""
    if draw(st.integers(0, 9)) == 0:
        words = st.sampled_from((*HOSTILE, *FLAGS, "gpus", "models", "h100-sxm-80gb", "mfu", "--gpu", "llama"))
        return [*draw(st.sampled_from(OTHERS)), *draw(st.lists(words, max_size=4))]
    command, requests = draw(st.sampled_from(COMMANDS))
    options = {name: of for request in requests for name, of in options_of(request).items()}
    words = [*command, *SMALL, *GIVEN["infer" if "infer" in command else "train"]]
    if command == ("calibrate",):
        words = [*command, draw(st.sampled_from(NAMES)), *SMALL]
    if command[0] in ("train", "infer") and draw(st.integers(0, _DRAWN)) == 0:
        words.insert(0, "report")
    for _ in range(draw(st.integers(0, 5))):
        words += draw(_option(options))
    if draw(st.integers(0, 9)) == 0:
        del words[draw(st.integers(0, len(words) - 1))]
    return words


@st.composite
def _option(draw, options):
    name = draw(st.sampled_from((*options, *FLAGS)))
    if draw(st.integers(0, 2)) == 0:
        return [name if name in FLAGS else f"--{option_name(name)}", draw(st.sampled_from(HOSTILE))]
    if name in FLAGS:
        usual = FLAGS[name]
        return [name] if usual is None else [name, draw(st.sampled_from(usual))]
    if options[name]["flag"]:
        return [f"--{'no-' * draw(st.booleans())}{option_name(name)}"]
    return [f"--{option_name(name)}", draw(st.sampled_from(words_for(options[name])))]
